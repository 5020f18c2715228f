#pragma once

// Lines, files and times for tests of the store of lines and its parts.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "logs/contents.h"
#include "logs/options.h"
#include "logs/part_remover.h"
#include "logs/part_writer.h"
#include "logs/retention.h"
#include "logs/sealer.h"

namespace resmon::logs {

inline constexpr UnixNanos kTestSecond = 1'000'000'000;

class TestClock final : public Clock {
 public:
  UnixNanos wall() const override { return now; }
  std::chrono::steady_clock::time_point steady() const override { return std::chrono::steady_clock::now(); }
  // Yesterday's noon: hours around it are of one day.
  std::atomic<UnixNanos> now{Clock::system().wall() / kDayNanos * kDayNanos - kDayNanos / 2};
};

// A directory that goes with it.
class TestFolder {
 public:
  TestFolder() : path_(testing::TempDir() + "resmon-logs-XXXXXX") {
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no directory for a test");
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  const std::string& path() const { return path_; }
  // Of all directories in it.
  std::size_t files(const std::string& extension) const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path_))
      count += entry.path().extension() == extension ? 1U : 0U;
    return count;
  }

 private:
  std::string path_;
};

// `count` lines "FIRST", "FIRST+1" …, a second apart, padded with blanks to `bytes`.
inline std::shared_ptr<logline::Lines> numbered_lines(const std::string& source, int count, UnixNanos from,
                                                      int first = 0, std::size_t bytes = 0) {
  auto lines = std::make_shared<logline::Lines>();
  lines->clear(source);
  for (int i = 0; i < count; ++i) {
    std::string message = std::to_string(first + i);
    if (message.size() < bytes) message.resize(bytes, ' ');
    logline::Line line;
    line.time = from + i * kTestSecond;
    line.message = message;
    lines->add(line);
  }
  return lines;
}

// What the store is made of, without its journal and thread.
class TestParts {
 public:
  explicit TestParts(Options given = {}) : options(std::move(given)) {
    options.directory = folder.path();
    options.level = 1;
    options.clock = &clock;
  }

  // Of host "h" at the next position of the journal.
  void add(const std::string& source, int count, UnixNanos from, std::size_t bytes = 0) {
    contents.add("h", numbered_lines(source, count, from, next_line, bytes), clock.now, ++position);
    contents.reached(position);
    next_line += count;
  }
  // `count` lines from `from` on, as a file.
  void add_file(const std::string& source, int count, UnixNanos from) {
    add(source, count, from);
    if (!sealer.seal_all()) throw std::runtime_error("not sealed");
  }
  StreamDay key(const std::string& source, UnixNanos time) const { return {"h", source, day_of(time, clock.now)}; }
  std::uint64_t block_lines() const {
    Stats stats;
    contents.add_to(stats);
    return stats.block_lines;
  }
  // The numbers of all lines of a source in files, in order.
  std::vector<int> numbers_in_files(const std::string& source) const {
    std::vector<int> out;
    contents.each_parts([&](const StreamDay& of, const StreamParts& stream) {
      if (of.source != source) return;
      for (const auto& part : stream.parts)
        for (const BlockInfo& block : part->blocks()) {
          BlockLines lines;
          for (const Column column : {kTimes, kLevelsAndCuts, kUnits, kPids, kMessages, kFields})
            if (!lines.add(block, column, part->read(block, column).value())) throw std::runtime_error("not read");
          std::vector<logline::Field> fields;
          for (std::size_t i = 0; i < block.lines; ++i)
            out.push_back(std::stoi(std::string(lines.line(i, fields).message)));
        }
    });
    return out;
  }

  TestFolder folder;
  TestClock clock;
  Options options;
  RetentionRules retention{options};
  Counters counters;
  Contents contents;
  PartRemover remover{options, retention, contents, counters};
  PartWriter writer{options, contents, remover};
  Sealer sealer{options, contents, remover, counters};
  std::uint64_t position = 0;
  int next_line = 0;
};

}  // namespace resmon::logs
