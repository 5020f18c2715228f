// What the tests of file sources share: a folder of log files, and time that goes on when a test says so.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tail/event_taker.h"
#include "tail/file_source.h"

namespace resmon::tail {

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

class FileTest : public testing::Test {
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

}  // namespace resmon::tail
