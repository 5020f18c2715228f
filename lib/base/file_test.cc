#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace resmon {
namespace {

unsigned mode_of(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 07777U : 0;
}

TEST(FileTest, FilesOfAPrivateDirectoryAreTakenFromOthers) {
  char name[] = "/tmp/resmon-file-test-XXXXXX";
  const std::string directory = ::mkdtemp(name);
  const auto ours = [](std::string_view file) { return file.starts_with("resmon."); };
  EXPECT_EQ(make_files_private(directory, ours), "");
  for (const char* file : {"/resmon.db", "/else.txt"}) {
    std::ofstream(directory + file) << "x";
    ASSERT_EQ(::chmod((directory + file).c_str(), 0644), 0);
  }
  ASSERT_EQ(::chmod(directory.c_str(), 0755), 0);
  EXPECT_EQ(make_files_private(directory, ours),
            directory + " has mode 0755, so other users may see what is in it: chmod 700 " + directory);
  EXPECT_EQ(mode_of(directory + "/resmon.db"), 0600U);
  EXPECT_EQ(mode_of(directory + "/else.txt"), 0644U);
  EXPECT_EQ(mode_of(directory), 0755U);
  EXPECT_EQ(make_files_private(directory + "/none", ours), "");
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace resmon
