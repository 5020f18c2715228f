#include "access_control.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/file.h"
#include "oidc/provider.h"
#include "options.h"

namespace resmon::server {
namespace {

constexpr const char* kOpen = "an-open-token-0123456789";
constexpr const char* kBound = "a-bound-token-0123456789";

class AccessControlTest : public ::testing::Test {
 protected:
  AccessControlTest() {
    std::filesystem::create_directories(folder_);
    options_.token_file = folder_ + "/token";
    options_.accounts_file = folder_ + "/accounts";
  }
  ~AccessControlTest() override { std::filesystem::remove_all(folder_); }
  void write_tokens(const std::string& text) { ASSERT_TRUE(write_file_atomically(options_.token_file, text, 0600)); }

  const std::string folder_ = ::testing::TempDir() + "/access." + std::to_string(::getpid());
  Options options_;
};

TEST_F(AccessControlTest, MakesATokenWhereThereIsNone) {
  AccessControl access(options_);
  const auto made = access.open_tokens();
  ASSERT_TRUE(made);
  EXPECT_EQ(made->size(), 1U);
  struct stat info {};
  ASSERT_EQ(::stat(options_.token_file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  AccessControl again(options_);
  ASSERT_TRUE(again.open_tokens());
  EXPECT_FALSE(again.read_changes().tokens);
}

TEST_F(AccessControlTest, ATokenFileThatCannotBeUsedIsTheConfigurationsFault) {
  write_tokens("short\n");
  AccessControl access(options_);
  const auto opened = access.open_tokens();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::kInvalid);
}

TEST_F(AccessControlTest, AnInputKnowsWhoseTokenItIs) {
  write_tokens(std::string(kOpen) + "\n" + kBound + " mail\n");
  AccessControl access(options_);
  ASSERT_TRUE(access.open_tokens());
  EXPECT_EQ(access.input_access(kOpen), "");
  EXPECT_EQ(access.input_access(kBound), "mail");
  EXPECT_EQ(access.input_access("another-token-0123456789"), std::nullopt);
}

TEST_F(AccessControlTest, OtherTokensCountFromTheNextLookOn) {
  write_tokens(std::string(kOpen) + "\n");
  AccessControl access(options_);
  ASSERT_TRUE(access.open_tokens());
  EXPECT_FALSE(access.read_changes().tokens);
  write_tokens(std::string(kBound) + " mail\n");
  const AccessControl::Changes changes = access.read_changes();
  ASSERT_TRUE(changes.tokens);
  EXPECT_EQ(changes.tokens->size(), 1U);
  EXPECT_FALSE(changes.accounts);
  EXPECT_EQ(access.input_access(kOpen), std::nullopt);
  EXPECT_EQ(access.input_access(kBound), "mail");
  // A file that is damaged changes nothing.
  write_tokens("short\n");
  EXPECT_FALSE(access.read_changes().tokens);
  EXPECT_EQ(access.input_access(kBound), "mail");
}

}  // namespace
}  // namespace resmon::server
