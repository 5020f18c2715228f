#pragma once

// The query language for log lines (docs/logs.md):
//
//   error "connection refused" -debug (timeout OR refused) conn* unit:ssh* level:>=warn /port \d+/
//
// Parsing is linear and bounded, and errors name the place. Does no I/O.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "logline/line.h"
#include "logs/block.h"
#include "logs/words.h"

namespace resmon::logs {

inline constexpr std::size_t kMostQueryBytes = 16U << 10U;

// How many of a block's lines match: none, some, or all.
enum class Match : std::uint8_t { kNone, kSome, kAll };

class LineFilter;

// Immutable; thread-safe.
class Query {
 public:
  // kInvalid: "… at character N". An empty text finds everything.
  static Result<Query> parse(std::string_view text);

  // REQUIRES: the columns() of the line are filled in.
  bool matches(std::string_view host, std::string_view source, const logline::Line& line) const;
  // As far as names, levels and, where there is one, the filter tell.
  Match matches(const BlockInfo& block, const WordFilter* filter) const;
  // The same of a stream as a whole.
  Match matches(std::string_view host, std::string_view source) const;
  ColumnSet columns() const;
  // What says which messages of the block may match, where nothing else of a line can make it match. Null: all may.
  // `units`: those of the block.
  const LineFilter* message_filter(const BlockInfo& block, std::span<const std::string> units) const;
  // Of a regex for any text, with an automaton: a line whose message it leaves out matches only by its unit or a field.
  const LineFilter* regex_filter() const;
  // Whether a filter could tell more than the names and levels.
  bool has_words() const;

  // `_time:5m` and `| limit 10`, as VictoriaLogs' queries have them.
  const std::optional<std::chrono::nanoseconds>& last() const { return last_; }
  const std::optional<std::uint64_t>& limit() const { return limit_; }

  struct Node;

 private:
  friend class QueryParser;
  std::shared_ptr<const Node> root_;
  std::optional<std::chrono::nanoseconds> last_;
  std::optional<std::uint64_t> limit_;
};

// "30s", "5m", "1h", "2d", "1w", or of several such: "1h30m".
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

// A time since 1970 in seconds, milliseconds, microseconds or nanoseconds: which of them is told by its size, seconds
// up to the year 5138. Nothing where nanoseconds cannot hold it.
std::optional<UnixNanos> time_of_number(std::int64_t number);

// Whether the value is the pattern's, which may have * and ?, without regard to case.
bool matches_name(const std::string& pattern, std::string_view value);

}  // namespace resmon::logs
