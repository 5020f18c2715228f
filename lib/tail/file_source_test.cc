#include "tail/file_source.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "tail/test_support.h"

namespace resmon::tail {
namespace {

class FileSourceTest : public FileTest {};

TEST_F(FileSourceTest, ReadsWhatIsThereAndWhatComes) {
  write("a.log", "one\ntwo\r\n");
  EXPECT_EQ(poll(), (Texts{"one", "two"}));
  write("a.log", "three\nhal");
  write("b.log", "other\n");
  const Texts both = poll();
  EXPECT_EQ(both.size(), 2U);
  EXPECT_EQ(source_->stats().files, 2U);
  write("a.log", "f\n");
  EXPECT_EQ(poll(), (Texts{"half"}));
  EXPECT_EQ(poll(), Texts{});
}

// A file that grew long ago is read on as fast as there is room.
TEST_F(FileSourceTest, AnOldFileWithMuchToReadIsReadAtOnce) {
  std::string lines;
  for (int i = 0; i < 40; ++i) lines += std::to_string(i) + "\n";
  write("a.log", lines);
  for (int turn = 0; turn < 4; ++turn) {
    recorder_.room = 10;
    EXPECT_EQ(poll(std::chrono::seconds(0)).size(), 10U) << turn;
    if (turn == 0) now_ += std::chrono::hours(1);
  }
  recorder_.room = 10;
  EXPECT_EQ(poll(), Texts{});
}

TEST_F(FileSourceTest, AnUnfinishedLineIsTakenAfterAWhile) {
  write("a.log", "no end");
  EXPECT_EQ(poll(), Texts{});
  EXPECT_EQ(poll(std::chrono::seconds(6)), (Texts{"no end"}));
  write("a.log", "\nnext\n");
  EXPECT_EQ(poll(), (Texts{"next"}));
}

TEST_F(FileSourceTest, LongLinesAreCutAndTheFileGoesOn) {
  options_.split.max_bytes = 10;
  begin();
  write("a.log", "0123456789abcdef\nshort\n");
  poll(std::chrono::seconds(0));
  write("b.log", std::string(700'000, 'x'));
  now_ += std::chrono::seconds(3);
  while (source_->poll(now_, false, recorder_)) {
  }
  write("b.log", std::string(10, 'y') + "\nend\n");
  poll();
  EXPECT_GE(source_->stats().skipped_bytes, 700'000U);
  write("b.log", "after\n");
  EXPECT_EQ(poll(), (Texts{"after"}));
}

TEST_F(FileSourceTest, ARestartGoesOnWhereTheMarksAre) {
  write("a.log", "1\n2\n");
  EXPECT_EQ(poll().size(), 2U);
  write("a.log", "3\n");
  begin();
  EXPECT_EQ(poll(), (Texts{"3"}));
  // Renamed meanwhile to a name that does not match.
  write("a.log", "4\n");
  fs::rename(path("a.log"), path("a.log.1"));
  write("a.log", "5\n");
  begin();
  EXPECT_EQ(poll(), (Texts{"4", "5"}));
  // Copied and truncated meanwhile.
  write("a.log", "6\n");
  fs::copy_file(path("a.log"), path("a.log.2"));
  fs::resize_file(path("a.log"), 0);
  write("a.log", "7\n");
  begin();
  EXPECT_EQ(poll(), (Texts{"6", "7"}));
  // Deleted, and the inode used again.
  fs::remove(path("a.log"));
  write("a.log", "x\ny\nz\n");
  begin();
  EXPECT_EQ(poll(), (Texts{"x", "y", "z"}));
  // Rewritten by an editor: another inode with the same beginning.
  fs::copy_file(path("a.log"), path("new"));
  fs::rename(path("new"), path("a.log"));
  write("a.log", "added\n");
  begin();
  EXPECT_EQ(poll(), (Texts{"added"}));
}

TEST_F(FileSourceTest, StoppedAnywhereEachLineComesOnce) {
  std::string text;
  for (int i = 0; i < 500; ++i) text += "line " + std::to_string(i) + "\n";
  write("a.log", text);
  Texts all;
  for (int life = 0; life < 600 && all.size() < 500; ++life) {
    begin();
    recorder_.room = static_cast<std::size_t>(life % 7);
    now_ += std::chrono::seconds(3);
    source_->poll(now_, false, recorder_);
    for (std::string& one : recorder_.texts()) all.push_back(std::move(one));
  }
  ASSERT_EQ(all.size(), 500U);
  for (int i = 0; i < 500; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)], "line " + std::to_string(i));
}

TEST_F(FileSourceTest, LeavesOutWhatCannotBeRead) {
  write("a.log.gz", "x");
  write("a.log", "a\n");
  options_.globs = {path("*"), path("none*")};
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  ASSERT_EQ(::symlink(path("nowhere").c_str(), path("dangling").c_str()), 0);
  begin();
  EXPECT_EQ(poll(), (Texts{"a"}));
  EXPECT_EQ(source_->stats().compressed, 1U);
}

TEST_F(FileSourceTest, ASymlinkThatMovesAndADirectoryThatGoes) {
  fs::create_directories(path("d"));
  write("d/1", "old 1\n");
  write("d/2", "new 1\n");
  fs::create_symlink(path("d/1"), path("current.log"));
  EXPECT_EQ(poll(), (Texts{"old 1"}));
  write("d/1", "old 2\n");
  fs::remove(path("current.log"));
  fs::create_symlink(path("d/2"), path("current.log"));
  EXPECT_EQ(poll(), (Texts{"old 2", "new 1"}));
  write("d/2", "new 2\n");
  fs::remove_all(path("d"));
  EXPECT_EQ(poll(), (Texts{"new 2"}));
}

TEST_F(FileSourceTest, FromTheEndPassesOverWhatIsThere) {
  options_.from_end = true;
  begin();
  write("a.log", "old\nunfinish");
  EXPECT_EQ(poll(), Texts{});
  write("a.log", "ed\nnew\n");
  write("b.log", "first\n");
  Texts came = poll();
  std::sort(came.begin(), came.end());
  EXPECT_EQ(came, (Texts{"first", "new"}));
}

TEST_F(FileSourceTest, WhatWasPassedOverIsNotReadAfterARestart) {
  options_.from_end = true;
  begin();
  write("a.log", "old\n");
  write("b.log", "old, too\n");
  EXPECT_EQ(poll(), Texts{});
  write("a.log", "new\n");
  EXPECT_EQ(poll(), (Texts{"new"}));
  begin();
  EXPECT_EQ(poll(), Texts{});
  write("b.log", "newer\n");
  EXPECT_EQ(poll(), (Texts{"newer"}));
}

}  // namespace
}  // namespace resmon::tail
