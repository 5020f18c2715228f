#include "host_list.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "fleet/fleet.h"
#include "options.h"
#include "store/reader.h"

namespace resmon::server {
namespace {

class EmptyStore : public store::Reader {
 public:
  std::vector<std::string> measurements() const override { return {}; }
  std::shared_ptr<const store::Listing> listing(std::string_view) const override { return nullptr; }
  std::vector<store::Column> columns(std::string_view) const override { return {}; }
  Status scan(store::GroupId, std::span<const store::ColumnId>, store::TimeRange, bool,
              const store::BlockVisitor&) const override {
    return {};
  }
};

class HostListTest : public ::testing::Test {
 protected:
  HostListTest() {
    std::filesystem::create_directories(folder_);
    options_.store_directory = folder_;
  }
  ~HostListTest() override { std::filesystem::remove_all(folder_); }

  const std::string folder_ = ::testing::TempDir() + "/hosts." + std::to_string(::getpid());
  Options options_;
  metric::SchemaTable schemas_;
  const EmptyStore store_;
};

TEST_F(HostListTest, IsKeptWhenSomethingChangedAndByOneAtATime) {
  HostList hosts(options_, schemas_, store_);
  hosts.save();
  EXPECT_FALSE(hosts.begin_keeping(false));  // nothing has changed
  EXPECT_TRUE(hosts.begin_keeping(true));
  EXPECT_FALSE(hosts.begin_keeping(true));  // it is under way
  hosts.keep();
  hosts.fleet().set_thresholds(hosts.fleet().thresholds());
  EXPECT_TRUE(hosts.begin_keeping(false));
  hosts.keep();
  EXPECT_FALSE(hosts.begin_keeping(false));
}

}  // namespace
}  // namespace resmon::server
