#include "tail/file_source.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tail/multiline.h"

namespace resmon::tail {
namespace {

namespace fs = std::filesystem;

struct Taken {
  std::string text;
  std::string path;
  bool cut = false;
};

// Takes everything, and keeps the marks as a spool does.
class Recorder final : public EventTaker {
 public:
  bool has_room() const override { return room > 0; }
  void take(const Event& event, std::string_view unit) override {
    --room;
    taken.push_back({std::string(event.text), std::string(unit), event.cut});
  }
  void take_line(const logline::Line&) override {}
  void mark(const std::string& key, std::string value) override {
    if (value.empty())
      marks.erase(key);
    else
      marks[key] = std::move(value);
  }
  std::vector<std::string> texts() {
    std::vector<std::string> out;
    for (Taken& one : std::exchange(taken, {})) out.push_back(one.text);
    return out;
  }

  std::size_t room = 1'000'000;
  std::vector<Taken> taken;
  std::map<std::string, std::string> marks;
};

using Texts = std::vector<std::string>;

class FileSourceTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = fs::temp_directory_path() / ("resmon_tail_" + std::to_string(::getpid()) + "_" +
                                              testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(directory_);
    fs::create_directories(directory_);
    options_.globs = {path("*.log")};
    begin();
  }
  void TearDown() override { fs::remove_all(directory_); }

  std::string path(const std::string& name) const { return (directory_ / name).string(); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::app | std::ios::binary) << text;
  }
  void begin() {
    source_ = std::make_unique<FileSource>(options_);
    source_->restore(recorder_.marks);
  }
  // So much later, until there is nothing more at once.
  Texts poll(std::chrono::seconds later = std::chrono::seconds(3)) {
    now_ += later;
    for (int i = 0; i < 1000 && source_->poll(now_, false, recorder_); ++i) {
    }
    return recorder_.texts();
  }

  // What polls with room for one line each take.
  Texts one_by_one(int turns, std::chrono::seconds later = std::chrono::seconds(3)) {
    Texts out;
    for (int turn = 0; turn < turns; ++turn) {
      recorder_.room = 1;
      for (std::string& text : poll(later)) out.push_back(std::move(text));
    }
    recorder_.room = 1'000'000;
    return out;
  }

  fs::path directory_;
  FileOptions options_;
  Recorder recorder_;
  std::unique_ptr<FileSource> source_;
  // Looks are due by this; what they take in real time is nothing beside it.
  FileSource::TimePoint now_ = std::chrono::steady_clock::now();
};

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

TEST_F(FileSourceTest, RenamedAndCreatedAnew) {
  write("a.log", "1\n2\n");
  EXPECT_EQ(poll(), (Texts{"1", "2"}));
  write("a.log", "3\n");
  fs::rename(path("a.log"), path("a.log.1"));
  write("a.log", "4\n");
  write("a.log.1", "late\n");
  EXPECT_EQ(poll(), (Texts{"3", "late", "4"}));
}

// Nothing of them was read before: the oldest comes first, whatever the order in which the directory has them.
TEST_F(FileSourceTest, RotatedFilesOfTheFirstLookAreReadFromTheOldestOn) {
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
TEST_F(FileSourceTest, ACopyOfWhatWasNotBegunIsReadBeforeWhatCameAfterIt) {
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
TEST_F(FileSourceTest, ACopyOfAFileThatWaitsIsReadInItsPlace) {
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
TEST_F(FileSourceTest, ANewFileWaitsForTheRestOfOneThatWasRenamedBefore) {
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
TEST_F(FileSourceTest, FilesOfOneNameAreReadInTheirOrderAfterARestart) {
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

TEST_F(FileSourceTest, ANewFileThatIsThereAtARestartWaitsForTheRestOfTheOldOne) {
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
TEST_F(FileSourceTest, ANewFileWaitsForAllThatHadItsNameHoweverOftenItIsRestarted) {
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
TEST_F(FileSourceTest, AFileThatIsNeverAtItsEndHoldsUpTheNextForAWhileOnly) {
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

TEST_F(FileSourceTest, AFileThatWaitsASecondTimeWaitsAsLong) {
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
TEST_F(FileSourceTest, AFileThatWasWrittenUnderAnotherNameFirstIsRotatedAsOthersAre) {
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
TEST_F(FileSourceTest, AFileThatWasRestoredIsTheSame) {
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
TEST_F(FileSourceTest, TwoMarksWithOnePlaceAreBothReadOn) {
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

TEST_F(FileSourceTest, DeletedWhileItIsOpen) {
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

TEST_F(FileSourceTest, CopiedAndTruncated) {
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

TEST_F(FileSourceTest, CopiesThatMatchThePatternAreNotReadTwice) {
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

TEST_F(FileSourceTest, OfTwoCopiesThatWereSeenNeitherIsReadAgain) {
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

TEST_F(FileSourceTest, FilesThatBeginAlikeAreNotCopies) {
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

TEST_F(FileSourceTest, ATruncationWithoutACopyIsCounted) {
  write("a.log", "1\n2\n");
  EXPECT_EQ(poll().size(), 2U);
  fs::resize_file(path("a.log"), 0);
  write("a.log", "3\n");
  EXPECT_EQ(poll(), (Texts{"3"}));
  EXPECT_EQ(source_->stats().unproven, 1U);
  EXPECT_EQ(source_->take_findings().size(), 1U);
}

// A new file waits for an unfinished line of the one before it: what it has meanwhile is known by its content.
TEST_F(FileSourceTest, CopiedAndTruncatedBeforeAnythingWasRead) {
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

TEST(FileMark, ComesBackAndDamageIsAnError) {
  FileMark mark;
  mark.path = "/var/log/x";
  mark.device = 7;
  mark.inode = 1ULL << 40U;
  mark.handle = 99;
  mark.log = 3;
  mark.order = 5;
  mark.copy = true;
  std::string tail;
  advance(mark, tail, std::string(300, 'a'));
  advance(mark, tail, "b\n");
  const auto back = decode_file_mark(encode(mark));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->offset, 302U);
  EXPECT_EQ(back->tail_hash, mark.tail_hash);
  EXPECT_TRUE(back->copy);
  EXPECT_EQ(back->log, 3U);
  EXPECT_EQ(back->order, 5U);
  EXPECT_EQ(tail.size(), kMarkBytes);
  for (std::size_t n = 0; n < encode(mark).size(); ++n) EXPECT_FALSE(decode_file_mark(encode(mark).substr(0, n)));
}

TEST(Splitter, StackTracesAreOneEvent) {
  SplitOptions options;
  options.continues = continues_by_indentation;
  SplitState state;
  std::string_view bytes = "ERROR cannot save\njava.lang.IllegalStateException: no\r\n\tat a\na.b.C$StopError\r\n";
  const auto logged = next_event(bytes, true, options, state);
  ASSERT_TRUE(logged);
  EXPECT_EQ(logged->text, "ERROR cannot save\njava.lang.IllegalStateException: no\r\n\tat a\na.b.C$StopError");
  for (const char* other : {"Error: no", "java.lang.String: x", "a.Exceptions", "see java.lang.Exception: x",
                            "a.ExceptionHandler", "a.b.StopError=1"})
    EXPECT_FALSE(continues_by_indentation("ERROR no", other)) << other;
  bytes = "Exception: x\n\tat a\n\tat b\nCaused by: y\n\tat c\nnext\n";
  auto first = next_event(bytes, false, options, state);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->text, "Exception: x\n\tat a\n\tat b\nCaused by: y\n\tat c");
  EXPECT_FALSE(next_event(bytes, false, options, state));
  EXPECT_EQ(bytes, "next\n");
  EXPECT_EQ(next_event(bytes, true, options, state)->text, "next");
}

std::vector<std::string> events(std::string_view bytes) {
  SplitOptions options;
  options.continues = continues_by_indentation;
  SplitState state;
  std::vector<std::string> out;
  while (!bytes.empty())
    if (const auto event = next_event(bytes, true, options, state)) out.emplace_back(event->text);
  return out;
}

TEST(Splitter, PythonsTracesBelongToTheLineThatLoggedThem) {
  const std::string trace =
      "Traceback (most recent call last):\n  File \"a.py\", line 5, in f\n    raise TimeoutError(\"upstream\")\n"
      "TimeoutError: upstream";
  const std::string both =
      trace + "\n\nDuring handling of the above exception, another exception occurred:\n\n" + trace;
  for (const char* logged : {"2026-12-01T21:08:38Z ERROR payment failed", "2026-12-01 21:08:38,123 - pay - failed",
                             "[01/Dec/2026:21:08:38 +0000] failed", "Dec  1 21:08:38 vm pay: failed", "21:08:38 failed",
                             "ERROR:root:payment failed", "[ERROR] payment failed", "time=2026 level=error"}) {
    const std::string next = "2026-12-01T21:08:39Z INFO next";
    EXPECT_EQ(events(logged + ("\n" + trace) + "\n" + next + "\n"),
              (std::vector<std::string>{logged + ("\n" + trace), next}));
    EXPECT_EQ(events(logged + ("\n" + both) + "\n\n" + next + "\n"),
              (std::vector<std::string>{logged + ("\n" + both), next}))
        << "without the empty line at its end";
  }
  EXPECT_EQ(events(both + "\nINFO next\n"), (std::vector<std::string>{both, "INFO next"})) << "nobody logged it";
  EXPECT_EQ(events("started\n" + trace + "\ndone\n").front(), "started") << "no line that a logger wrote";
}

TEST(Splitter, GosTracesAreOneEvent) {
  const std::string stack =
      "goroutine 34 [running]:\nnet/http.(*conn).serve.func1()\n\t/usr/lib/go/src/net/http/server.go:1868 +0xb9\n"
      "panic({0x6b7a80?, 0xc00001}) \n\t/usr/lib/go/src/runtime/panic.go:920 "
      "+0x270\nmain.handler(...)\n\t/a/main.go:10\n"
      "created by net/http.(*Server).Serve\n\t/usr/lib/go/src/net/http/server.go:3086 +0x5cb";
  const std::string served = "2026/12/01 21:00:00 http: panic serving 127.0.0.1:5000: boom\n" + stack;
  EXPECT_EQ(events(served + "\n2026/12/01 21:00:01 next\n"),
            (std::vector<std::string>{served, "2026/12/01 21:00:01 next"}));
  const std::string ended =
      "panic: boom\n[signal SIGSEGV: segmentation violation code=0x1]\n\n" + stack + "\nexit status 2";
  EXPECT_EQ(events("started\n" + ended + "\n"), (std::vector<std::string>{"started", ended}));
}

TEST(Splitter, LinesWithoutATimeAreEventsOfTheirOwn) {
  EXPECT_EQ(events("started\nlistening\n\n21:08:38 a\nb\n c\nd\n21:08:39 e\n"),
            (std::vector<std::string>{"started", "listening", "", "21:08:38 a", "b\n c", "d", "21:08:39 e"}));
}

TEST(Splitter, AnEmptyLineWithinAnEventBelongsToIt) {
  EXPECT_EQ(events("21:08:38 INFO a\n\n  detail\n\n  more\n\n21:08:39 INFO b\n\n\nc\n"),
            (std::vector<std::string>{"21:08:38 INFO a\n\n  detail\n\n  more", "21:08:39 INFO b", "", "c"}));
  SplitOptions options;
  options.continues = multiline_rule("/^[0-9]{4}-/").value();
  SplitState state;
  std::string_view bytes = "2026-11 a\n\nb\n\n2026-12 c\n";
  EXPECT_EQ(next_event(bytes, false, options, state)->text, "2026-11 a\n\nb");
  EXPECT_EQ(bytes, "2026-12 c\n");
}

TEST(Multiline, APatternSaysWhereEventsBegin) {
  SplitOptions options;
  options.continues = multiline_rule("/^[0-9]{4}-/").value();
  SplitState state;
  std::string_view bytes = "2026-11 a\nTraceback\nValueError\n2026-12 b\n";
  EXPECT_EQ(next_event(bytes, false, options, state)->text, "2026-11 a\nTraceback\nValueError");
  EXPECT_EQ(bytes, "2026-12 b\n");
  EXPECT_FALSE(multiline_rule("/(/"));
  EXPECT_FALSE(multiline_rule("indented"));
}

}  // namespace
}  // namespace resmon::tail
