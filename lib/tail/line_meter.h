#pragma once

// Numbers out of lines: how many there were, and what a number in them was, by a few tags. A client that counts sends a
// row where it would send a thousand lines. No I/O; not thread-safe.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "logline/line.h"

namespace re2 {
class RE2;
}

namespace resmon::tail {

struct MeterOptions {
  std::string pattern;                           // RE2; only lines that match it count; empty: all do
  logline::Level least = logline::Level::kNone;  // less severe lines do not count; kNone: all do, without a level too
  // Names of groups of the pattern, of fields that the line has, or "level", "unit", "source".
  std::vector<std::string> tags;
  std::vector<std::string> numbers;  // names of groups or of fields
  std::size_t max_series = 100;      // different values of the tags; lines of further ones are refused, and counted
};

class LineMeter {
 public:
  struct Number {
    std::uint64_t count = 0;
    double sum = 0;
    double least = 0;
    double most = 0;
  };
  struct Series {
    std::uint64_t lines = 0;
    std::vector<Number> numbers;  // as in the options
    unsigned silent = 0;          // intervals without a line
  };
  // By the values of the tags, in the options' order; one that a line does not have is empty.
  using AllSeries = std::map<std::vector<std::string>, Series>;

  // kInvalid: the pattern is none.
  static Result<std::unique_ptr<LineMeter>> make(const MeterOptions& options);
  ~LineMeter();

  // `text` is the line as it was written, `line` what was read of it.
  void see(std::string_view source, const logline::Line& line, std::string_view text);

  // Of the interval under way. One that was silent for kKeptIntervals is forgotten.
  const AllSeries& series() const { return series_; }
  void begin_interval();
  std::uint64_t refused_lines() const { return refused_lines_; }
  const MeterOptions& options() const { return options_; }

  static constexpr unsigned kKeptIntervals = 720;  // an hour of 5 s
  static constexpr std::size_t kMostTagBytes = 128;

 private:
  struct Source;  // where a tag or number is taken from
  explicit LineMeter(const MeterOptions& options);
  std::string_view value_of(const Source& source, std::string_view source_name, const logline::Line& line) const;

  const MeterOptions options_;
  std::unique_ptr<re2::RE2> pattern_;
  struct Groups;
  std::unique_ptr<Groups> groups_;  // of the last match
  std::vector<Source> tags_;
  std::vector<Source> numbers_;
  std::vector<std::string> key_;
  AllSeries series_;
  std::uint64_t refused_lines_ = 0;
};

}  // namespace resmon::tail
