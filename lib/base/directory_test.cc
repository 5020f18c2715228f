#include "base/directory.h"

#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

namespace resmon {
namespace {

class DirectoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string path = ::testing::TempDir() + "resmon-directory.XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    folder_ = path;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void make_file(const std::string& name) { std::ofstream(folder_ + "/" + name) << "x"; }

  std::string folder_;
};

std::set<std::string> names_of(Directory& directory) {
  std::set<std::string> names;
  while (const auto entry = directory.next()) EXPECT_TRUE(names.emplace(entry->name).second) << entry->name;
  return names;
}

// Names of 200 bytes: many more than one buffer holds.
TEST_F(DirectoryTest, ListsEachEntryOnceAcrossBuffers) {
  std::set<std::string> wanted;
  for (int i = 0; i < 100; ++i) wanted.insert(std::string(200, 'n') + std::to_string(i));
  for (const std::string& name : wanted) make_file(name);
  Directory directory(folder_.c_str());
  ASSERT_TRUE(directory.valid());
  EXPECT_EQ(names_of(directory), wanted);
  EXPECT_FALSE(directory.next());
  EXPECT_EQ(directory.error(), 0);
}

TEST_F(DirectoryTest, RewindsToWhatIsThereByThen) {
  make_file(".first");
  Directory directory(folder_.c_str());
  EXPECT_EQ(names_of(directory), std::set<std::string>{".first"});
  make_file("second");
  errno = EIO;  // of something else
  directory.rewind();
  EXPECT_EQ(directory.error(), 0);
  EXPECT_EQ(names_of(directory), (std::set<std::string>{".first", "second"}));
  directory.rewind();
  ASSERT_TRUE(directory.next());
  directory.rewind();  // in the middle of a buffer
  EXPECT_EQ(names_of(directory).size(), 2U);
}

TEST_F(DirectoryTest, TellsInodeAndType) {
  make_file("file");
  std::filesystem::create_directory(folder_ + "/folder");
  struct stat about {};
  ASSERT_EQ(::stat((folder_ + "/file").c_str(), &about), 0);
  Directory directory(folder_.c_str());
  int seen = 0;
  while (const auto entry = directory.next()) {
    ++seen;
    EXPECT_EQ(entry->inode == about.st_ino, entry->name == "file");
    EXPECT_TRUE(entry->type == DT_UNKNOWN || entry->type == (entry->name == "file" ? DT_REG : DT_DIR));
  }
  EXPECT_EQ(seen, 2);
}

TEST_F(DirectoryTest, WhatCannotBeOpenedHasNoEntriesAndAnError) {
  Directory missing((folder_ + "/none").c_str());
  EXPECT_FALSE(missing.valid());
  EXPECT_EQ(missing.error(), ENOENT);
  EXPECT_FALSE(missing.next());
  make_file("file");
  EXPECT_EQ(Directory((folder_ + "/file").c_str()).error(), ENOTDIR);
}

TEST_F(DirectoryTest, OneThatIsRemovedWhileItIsOpenEnds) {
  const std::string below = folder_ + "/below";
  std::filesystem::create_directory(below);
  Directory directory(below.c_str());
  std::filesystem::remove(below);
  EXPECT_FALSE(directory.next());
  EXPECT_EQ(directory.error(), 0);
}

}  // namespace
}  // namespace resmon
