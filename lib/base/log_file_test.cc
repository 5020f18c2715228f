#include "base/log_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/file.h"

namespace resmon {
namespace {

namespace fs = std::filesystem;

class LogFileTest : public testing::Test {
 protected:
  LogFileTest() : folder_(fs::path(testing::TempDir()) / ("resmon_log_file_" + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
  }
  ~LogFileTest() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string content(const std::string& name) const {
    const auto read = read_file(path(name));
    return read ? *read : "nothing";
  }

  const fs::path folder_;
};

TEST_F(LogFileTest, RotatesBeforeTheBoundAndKeepsTheNewest) {
  LogFile file = LogFile::open(path("deep/server.log"), 8, 2).value();
  for (const char* line : {"one\n", "two\n", "three\n", "four\n", "five\n"}) file.write(line);
  EXPECT_EQ(content("deep/server.log"), "five\n");
  EXPECT_EQ(content("deep/server.1.log"), "four\n");
  EXPECT_EQ(content("deep/server.2.log"), "three\n");
  EXPECT_FALSE(fs::exists(path("deep/server.3.log")));
}

TEST_F(LogFileTest, AFileThatIsExactlyFullIsNotRotatedYet) {
  LogFile file = LogFile::open(path("server.log"), 8, 1).value();
  file.write("one\n");
  file.write("two\n");
  EXPECT_EQ(content("server.log"), "one\ntwo\n");
  EXPECT_FALSE(fs::exists(path("server.1.log")));
}

TEST_F(LogFileTest, GoesOnBehindWhatIsThere) {
  LogFile::open(path("server.log"), 12, 1).value().write("earlier\n");
  LogFile file = LogFile::open(path("server.log"), 12, 1).value();
  file.write("now\n");
  EXPECT_EQ(content("server.log"), "earlier\nnow\n");
  file.write("later\n");
  EXPECT_EQ(content("server.log"), "later\n");
  EXPECT_EQ(content("server.1.log"), "earlier\nnow\n");
}

TEST_F(LogFileTest, ALineLongerThanTheBoundIsWrittenAsAWhole) {
  LogFile file = LogFile::open(path("server.log"), 4, 1).value();
  file.write("longer than the bound\n");
  EXPECT_EQ(content("server.log"), "longer than the bound\n");
  EXPECT_FALSE(fs::exists(path("server.1.log")));
}

TEST_F(LogFileTest, TheBoundHoldsWhereFilesCannotBeRenamed) {
  LogFile file = LogFile::open(path("server.log"), 8, 1).value();
  fs::create_directories(folder_ / "server.1.log" / "in the way");
  for (const char* line : {"one\n", "two\n", "three\n", "four\n"}) {
    file.write(line);
    EXPECT_LE(fs::file_size(folder_ / "server.log"), 8U);
  }
  EXPECT_EQ(content("server.log"), "four\n");
}

TEST_F(LogFileTest, SaysWhatCannotBeOpened) {
  fs::create_directories(folder_ / "server.log");
  const auto file = LogFile::open(path("server.log"), 8, 1);
  ASSERT_FALSE(file.has_value());
  EXPECT_NE(file.error().message.find("server.log"), std::string::npos);
}

}  // namespace
}  // namespace resmon
