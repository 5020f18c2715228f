// Log files that are renamed, copied, truncated and deleted: each line is read once and in order, or counted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "tail/test_support.h"

namespace resmon::tail {
namespace {

class FileRotationTest : public FileTest {};

TEST_F(FileRotationTest, RenamedAndCreatedAnew) {
  write("a.log", "1\n2\n");
  EXPECT_EQ(poll(), (Texts{"1", "2"}));
  write("a.log", "3\n");
  fs::rename(path("a.log"), path("a.log.1"));
  write("a.log", "4\n");
  write("a.log.1", "late\n");
  EXPECT_EQ(poll(), (Texts{"3", "late", "4"}));
}

// Nothing of them was read before: the oldest comes first, whatever the order in which the directory has them.
TEST_F(FileRotationTest, RotatedFilesOfTheFirstLookAreReadFromTheOldestOn) {
  options_.globs = {path("*")};
  begin();
  int age = 0;
  for (const char* const name :
       {"a.log", "a.log.1", "a.log.2", "a.log.10", "b.log", "b-20261201.log", "b.log-20261130.1", "b.log.old"}) {
    write(name, std::string(name) + " 1\n" + name + " 2\n");
    fs::last_write_time(path(name), fs::file_time_type::clock::now() - std::chrono::hours(++age));
  }
  Texts a;
  Texts b;
  for (const std::string& text : one_by_one(24, std::chrono::seconds(0))) (text.front() == 'a' ? a : b).push_back(text);
  EXPECT_EQ(
      a, (Texts{"a.log.10 1", "a.log.10 2", "a.log.2 1", "a.log.2 2", "a.log.1 1", "a.log.1 2", "a.log 1", "a.log 2"}));
  EXPECT_EQ(b, (Texts{"b.log.old 1", "b.log.old 2", "b.log-20261130.1 1", "b.log-20261130.1 2", "b-20261201.log 1",
                      "b-20261201.log 2", "b.log 1", "b.log 2"}));
}

// Between two truncations nobody looked: the copy is the only one that has these lines.
TEST_F(FileRotationTest, ACopyOfWhatWasNotBegunIsReadBeforeWhatCameAfterIt) {
  options_.globs = {path("*")};
  for (const bool restarted : {false, true}) {
    const std::string name = restarted ? "r.log" : "a.log";
    begin();
    const auto rotate = [&] {
      fs::copy_file(path(name), path(name + ".new"));
      fs::rename(path(name + ".new"), path(name + ".1"));
      fs::resize_file(path(name), 0);
    };
    write(name, "1\n");
    EXPECT_EQ(poll(), (Texts{"1"}));
    rotate();
    EXPECT_EQ(poll(), Texts{});
    write(name, "2\n3\n");
    fs::rename(path(name + ".1"), path(name + ".2"));
    rotate();
    ::usleep(20'000);
    write(name, "4\n5\n");
    if (restarted) begin();
    EXPECT_EQ(one_by_one(10), (Texts{"2", "3", "4", "5"}));
    recorder_.room = 1'000'000;
  }
}

// Neither the file nor its copy is begun, because both wait for an older one.
TEST_F(FileRotationTest, ACopyOfAFileThatWaitsIsReadInItsPlace) {
  options_.globs = {path("*")};
  enum class When { kBefore, kAfter, kNever };
  for (const auto& [name, truncated] :
       {std::pair<std::string, When>("a.log", When::kBefore), {"b.log", When::kAfter}, {"c.log", When::kNever}}) {
    begin();
    write(name, "1\n2\n3\n4\n");
    recorder_.room = 1;
    EXPECT_EQ(poll(), (Texts{"1"}));
    fs::rename(path(name), path(name + ".2"));
    write(name, "5\n");
    recorder_.room = 1;
    EXPECT_EQ(poll(), (Texts{"2"}));
    fs::copy_file(path(name), path(name + ".1"));
    recorder_.room = 1;
    EXPECT_EQ(poll(), (Texts{"3"}));
    if (truncated == When::kBefore) fs::resize_file(path(name), 0);
    recorder_.room = 1;
    EXPECT_EQ(poll(), (Texts{"4"}));
    if (truncated == When::kAfter) fs::resize_file(path(name), 0);
    write(name, "6\n");
    recorder_.room = 1'000'000;
    EXPECT_EQ(poll(), (Texts{"5", "6"})) << name;
    EXPECT_EQ(poll(), Texts{}) << name;
  }
}

// The new file comes when the old one is known by its new name, and is not read to its end.
TEST_F(FileRotationTest, ANewFileWaitsForTheRestOfOneThatWasRenamedBefore) {
  for (const bool matches : {true, false}) {
    for (const bool restarted : {true, false}) {
      SCOPED_TRACE(std::string(matches ? "matches" : "does not match") + (restarted ? ", restarted" : ""));
      const std::string name = std::string(matches ? "a" : "b") + (restarted ? "r" : "");
      options_.globs = {path(name + ".log"), path(name + (matches ? ".log.*" : ".none"))};
      begin();
      write(name + ".log", "1\n");
      EXPECT_EQ(poll(), (Texts{"1"}));
      fs::rename(path(name + ".log"), path(name + ".log.1"));
      write(name + ".log.1", "2\n3\n4\n");
      if (restarted) begin();
      recorder_.room = 1;
      EXPECT_EQ(poll(), (Texts{"2"}));
      write(name + ".log", "5\n");
      recorder_.room = 1'000'000;
      EXPECT_EQ(poll(), (Texts{"3", "4", "5"}));
    }
  }
}

// Of several that had the name, each waits for the one before it.
TEST_F(FileRotationTest, FilesOfOneNameAreReadInTheirOrderAfterARestart) {
  write("a.log", "1\n");
  recorder_.room = 1;
  EXPECT_EQ(poll(), (Texts{"1"}));
  write("a.log", "2\n3\n");
  fs::rename(path("a.log"), path("a.1"));
  write("a.log", "4\n5\n");
  recorder_.room = 1;
  EXPECT_EQ(poll(), (Texts{"2"}));
  fs::rename(path("a.log"), path("a.2"));
  begin();
  recorder_.room = 2;
  EXPECT_EQ(poll(), (Texts{"3", "4"}));
  write("a.log", "6\n");
  recorder_.room = 1'000'000;
  EXPECT_EQ(poll(), (Texts{"5", "6"}));
}

TEST_F(FileRotationTest, ANewFileThatIsThereAtARestartWaitsForTheRestOfTheOldOne) {
  write("a.log", "1\n");
  EXPECT_EQ(poll(), (Texts{"1"}));
  write("a.log", "2\n3\n");
  fs::rename(path("a.log"), path("a.log.1"));
  write("a.log", "4\n");
  begin();
  recorder_.room = 1;
  EXPECT_EQ(poll(), (Texts{"2"}));
  recorder_.room = 1'000'000;
  EXPECT_EQ(poll(), (Texts{"3", "4"}));
}

// One of the renamed was last read under its new name, the other under the old one.
TEST_F(FileRotationTest, ANewFileWaitsForAllThatHadItsNameHoweverOftenItIsRestarted) {
  write("a.log", "1\n");
  EXPECT_EQ(poll(), (Texts{"1"}));
  fs::rename(path("a.log"), path("a.1"));
  write("a.log", "2\n");
  EXPECT_EQ(poll(), (Texts{"2"}));
  fs::rename(path("a.log"), path("a.2"));
  begin();
  EXPECT_EQ(poll(), Texts{});
  write("a.2", "3\n4\n5\n6\n");
  recorder_.room = 1;
  EXPECT_EQ(poll(), (Texts{"3"}));
  write("a.log", "7\n");
  recorder_.room = 1;
  EXPECT_EQ(poll(), (Texts{"4"}));
  begin();
  EXPECT_EQ(one_by_one(6), (Texts{"5", "6", "7"}));
}

// Names that only look like those of rotated files: one that is written to all the time, and mostly ends within a line,
// holds up no other.
TEST_F(FileRotationTest, AFileThatIsNeverAtItsEndHoldsUpTheNextForAWhileOnly) {
  options_.globs = {path("*")};
  begin();
  write("worker.1", "a\nunfin");
  ::usleep(20'000);
  write("worker.2", "x\n");
  Texts all;
  for (int i = 0; i < 6; ++i) {
    for (std::string& text : poll()) all.push_back(std::move(text));
    write("worker.1", "ished\nunfin");
  }
  EXPECT_THAT(all, testing::Contains("x"));
  EXPECT_EQ(all.front(), "a");
}

TEST_F(FileRotationTest, AFileThatWaitsASecondTimeWaitsAsLong) {
  options_.globs = {path("*")};
  begin();
  const auto rotate = [&](const std::string& to) {
    fs::copy_file(path("a.log"), path(to));
    fs::resize_file(path("a.log"), 0);
  };
  write("a.log", "1\n");
  EXPECT_EQ(poll(), (Texts{"1"}));
  rotate("a.log.1");
  EXPECT_EQ(poll(), Texts{});
  EXPECT_EQ(poll(std::chrono::seconds(60)), Texts{});
  write("a.log", "2\nunfinished");
  rotate("a.log.2");
  ::usleep(20'000);
  write("a.log", "3\n");
  EXPECT_EQ(poll(), (Texts{"2"}));
  EXPECT_EQ(poll(std::chrono::seconds(6)), (Texts{"unfinished", "3"}));
}

// The log that it is of goes with the file, whatever it was called first.
TEST_F(FileRotationTest, AFileThatWasWrittenUnderAnotherNameFirstIsRotatedAsOthersAre) {
  options_.globs = {path("*")};
  begin();
  write("a.new", "1\n");
  EXPECT_EQ(poll(), (Texts{"1"}));
  fs::rename(path("a.new"), path("b.log"));
  write("b.log", "2\n");
  EXPECT_EQ(poll(), (Texts{"2"}));
  write("b.log", "3\n4\n5\n");
  fs::rename(path("b.log"), path("b.log.1"));
  write("b.log", "6\n");
  begin();
  EXPECT_EQ(one_by_one(6), (Texts{"3", "4", "5", "6"}));
  // Copied under its new name, with a rest that was not read; and the copy is let go of.
  write("b.log", "7\n");
  fs::copy_file(path("b.log"), path("b.copy"));
  fs::resize_file(path("b.log"), 0);
  write("b.log", "8\n");
  recorder_.room = 1'000'000;
  EXPECT_EQ(poll(), (Texts{"7", "8"}));
  fs::remove(path("b.copy"));
  poll(std::chrono::seconds(100));
  poll(std::chrono::seconds(100));
  fs::rename(path("b.log"), path("b.log.2"));
  write("b.log", "9\n");
  EXPECT_EQ(poll(), (Texts{"9"}));
}

// Its inode is another one: it is known by its content, and has one mark.
TEST_F(FileRotationTest, AFileThatWasRestoredIsTheSame) {
  write("a.log", "1\n2\n");
  EXPECT_EQ(poll(), (Texts{"1", "2"}));
  fs::copy_file(path("a.log"), path("copy"));
  fs::rename(path("copy"), path("a.log"));
  for (int restarts = 0; restarts < 3; ++restarts) {
    begin();
    EXPECT_EQ(poll(), Texts{});
    write("a.log", "3\n");
    EXPECT_EQ(poll(), (Texts{"3"}));
    EXPECT_EQ(recorder_.marks.size(), 1U);
    EXPECT_EQ(source_->stats().unproven, 0U);
  }
}

// Only damage gives two files one place.
TEST_F(FileRotationTest, TwoMarksWithOnePlaceAreBothReadOn) {
  for (const char* const name : {"a.log", "b.log"}) {
    write(name, "1\n");
    EXPECT_EQ(poll(), (Texts{"1"}));
  }
  auto first = decode_file_mark(recorder_.marks.at("1"));
  auto second = decode_file_mark(recorder_.marks.at("2"));
  ASSERT_TRUE(first && second);
  second->log = first->log;
  second->order = first->order;
  recorder_.marks["2"] = encode(*second);
  begin();
  write("a.log", "2\n");
  write("b.log", "3\n");
  Texts both = poll();
  std::sort(both.begin(), both.end());
  EXPECT_EQ(both, (Texts{"2", "3"}));
  fs::rename(path("a.log"), path("a.log.1"));
  write("a.log", "4\n");
  EXPECT_EQ(poll(), (Texts{"4"}));
}

TEST_F(FileRotationTest, DeletedWhileItIsOpen) {
  write("a.log", "1\n");
  EXPECT_EQ(poll(), (Texts{"1"}));
  write("a.log", "2\n");
  fs::remove(path("a.log"));
  write("a.log", "3\n");
  EXPECT_EQ(poll(), (Texts{"2", "3"}));
  poll(std::chrono::seconds(100));
  poll(std::chrono::seconds(100));
  EXPECT_EQ(source_->stats().files, 1U);
  EXPECT_EQ(recorder_.marks.size(), 1U);
}

TEST_F(FileRotationTest, CopiedAndTruncated) {
  write("a.log", "1\n2\n");
  EXPECT_EQ(poll(), (Texts{"1", "2"}));
  write("a.log", "3\n4\n");
  fs::copy_file(path("a.log"), path("a.log.1"));
  fs::resize_file(path("a.log"), 0);
  write("a.log", "5\n");
  EXPECT_EQ(poll(), (Texts{"3", "4", "5"}));
  EXPECT_EQ(source_->stats().unproven, 0U);
  // Grown beyond where it was read to: only the content says what happened.
  fs::copy_file(path("a.log"), path("a.log.2"));
  fs::resize_file(path("a.log"), 0);
  write("a.log", "6\n7\n8\n9\n");
  EXPECT_EQ(poll(), (Texts{"6", "7", "8", "9"}));
}

TEST_F(FileRotationTest, CopiesThatMatchThePatternAreNotReadTwice) {
  options_.globs = {path("a*")};
  begin();
  for (int round = 0; round < 4; ++round) {
    const std::string text = "round " + std::to_string(round);
    write("a.log", text + " a\n");
    EXPECT_EQ(poll(), (Texts{text + " a"}));
    write("a.log", text + " b\n");
    fs::copy_file(path("a.log"), path("a.log." + std::to_string(round)));
    const bool seen = round % 2 == 0;  // before it is truncated
    if (seen) {
      EXPECT_EQ(poll(), (Texts{text + " b"}));
    }
    fs::resize_file(path("a.log"), 0);
    write("a.log", text + " c\n");
    EXPECT_EQ(poll(), (seen ? Texts{text + " c"} : Texts{text + " b", text + " c"}));
  }
  EXPECT_EQ(poll(), Texts{});
  EXPECT_EQ(source_->stats().unproven, 0U);
}

TEST_F(FileRotationTest, OfTwoCopiesThatWereSeenNeitherIsReadAgain) {
  options_.globs = {path("a*")};
  begin();
  write("a.log", "1\n2\n");
  EXPECT_EQ(poll(), (Texts{"1", "2"}));
  fs::copy_file(path("a.log"), path("a.log.1"));
  fs::copy_file(path("a.log"), path("a.log.2"));
  EXPECT_EQ(poll(), Texts{});
  fs::resize_file(path("a.log"), 0);
  write("a.log", "3\n");
  Texts found;
  for (int i = 0; i < 4; ++i)
    for (std::string& text : poll()) found.push_back(std::move(text));
  EXPECT_EQ(found, (Texts{"3"}));
  EXPECT_EQ(source_->stats().unproven, 0U);
}

TEST_F(FileRotationTest, FilesThatBeginAlikeAreNotCopies) {
  options_.globs = {path("*")};
  begin();
  write("a.log", "banner\n");
  EXPECT_EQ(poll(), (Texts{"banner"}));
  write("a.log.other", "banner\n");
  EXPECT_EQ(poll(), Texts{});
  write("a.log.other", "more\n");
  EXPECT_EQ(poll(), (Texts{"banner", "more"}));
  write("b.log", "banner\n");
  EXPECT_EQ(poll(), (Texts{"banner"}));
}

TEST_F(FileRotationTest, ATruncationWithoutACopyIsCounted) {
  write("a.log", "1\n2\n");
  EXPECT_EQ(poll().size(), 2U);
  fs::resize_file(path("a.log"), 0);
  write("a.log", "3\n");
  EXPECT_EQ(poll(), (Texts{"3"}));
  EXPECT_EQ(source_->stats().unproven, 1U);
  EXPECT_EQ(source_->take_findings().size(), 1U);
}

// A new file waits for an unfinished line of the one before it: what it has meanwhile is known by its content.
TEST_F(FileRotationTest, CopiedAndTruncatedBeforeAnythingWasRead) {
  for (const bool is_copied : {true, false}) {
    for (const bool grows : {false, true}) {  // beyond what it had before
      TearDown();
      recorder_.marks.clear();
      SetUp();
      write("a.log", "1\nno end");
      EXPECT_EQ(poll(), (Texts{"1"}));
      fs::rename(path("a.log"), path("a.log.1"));
      write("a.log", "2\n3\n");
      EXPECT_EQ(poll(std::chrono::seconds(1)), Texts{});
      write("a.log", "4\n");
      EXPECT_EQ(poll(std::chrono::seconds(1)), Texts{});
      if (is_copied) fs::copy_file(path("a.log"), path("a.log.2"));
      fs::resize_file(path("a.log"), 0);
      write("a.log", grows ? "55\n66\n77\n" : "55\n");
      Texts expected = {"no end"};
      if (is_copied) expected.insert(expected.end(), {"2", "3", "4"});
      expected.push_back("55");
      if (grows) expected.insert(expected.end(), {"66", "77"});
      Texts found;
      for (int i = 0; i < 6; ++i)
        for (std::string& text : poll()) found.push_back(std::move(text));
      EXPECT_EQ(found, expected);
      EXPECT_EQ(source_->stats().truncations, 1U);
      EXPECT_EQ(source_->stats().unproven, is_copied ? 0U : 1U);
      EXPECT_EQ(source_->take_findings().size(), is_copied ? 0U : 1U);
      // Begun, it is like any other.
      fs::copy_file(path("a.log"), path("a.log.3"));
      fs::resize_file(path("a.log"), 0);
      write("a.log", "88\n");
      EXPECT_EQ(poll(), (Texts{"88"}));
      EXPECT_EQ(source_->stats().truncations, 2U);
      EXPECT_EQ(source_->stats().unproven, is_copied ? 0U : 1U);
    }
  }
}

}  // namespace
}  // namespace resmon::tail
