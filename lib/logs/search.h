#pragma once

// Queries over stored lines. Each is bounded in time, in bytes read and in memory. If a bound ends a query, the answer
// states it and is exact for the part that it covers. Blocking; any thread.

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "logs/query.h"
#include "logs/store.h"

namespace resmon::logs {

struct Bounds {
  std::chrono::steady_clock::time_point until = std::chrono::steady_clock::time_point::max();
  std::uint64_t read_bytes = 4ULL << 30U;   // of columns, decompressed
  std::uint64_t memory_bytes = 64U << 20U;  // of what was found
  std::function<bool()> cancelled;          // nobody waits for the answer any more
};

struct Scope {
  UnixNanos start = INT64_MIN;       // from here on
  UnixNanos end = INT64_MAX;         // up to, not included
  std::vector<std::string> hosts;    // names, or patterns with * and ?; empty: all
  std::vector<std::string> sources;  // the same
  std::string exact_host;            // one host and no pattern; empty: as above
  std::string exact_source;
};

// The effort of a query, and the reason if its answer is incomplete.
struct Effort {
  std::uint64_t blocks = 0;          // that could have had something
  std::uint64_t blocks_read = 0;     // whose lines were looked at
  std::uint64_t blocks_damaged = 0;  // left out
  std::uint64_t lines_read = 0;
  std::uint64_t bytes_read = 0;  // of columns, decompressed
  std::string partial;           // empty: complete
};

struct FoundLine {
  UnixNanos time = 0;
  logline::Level level = logline::Level::kNone;
  bool cut = false;
  std::uint32_t pid = 0;
  std::string host;
  std::string source;
  std::string unit;
  std::string message;
  std::vector<std::pair<std::string, std::string>> fields;
};

enum class Direction : std::uint8_t { kNewestFirst, kOldestFirst };

struct SearchRequest {
  Query query;
  Scope scope;
  Direction direction = Direction::kNewestFirst;
  std::size_t limit = 100;
  std::string cursor;  // of an earlier answer to the same request
  Bounds bounds;
};

struct Found {
  std::vector<FoundLine> lines;  // in the request's direction; of one time and stream as they came
  std::string cursor;            // where it goes on; empty: there is no more
  Effort effort;
};

// kInvalid: a cursor that is none.
Result<Found> search(Store& store, const SearchRequest& request);

struct Histogram {
  UnixNanos start = 0;  // of the first bucket
  std::int64_t step = 0;
  std::vector<std::array<std::uint64_t, kLevels>> buckets;
  UnixNanos complete_from = 0;  // lines from before are not counted, where the answer is partial
  Effort effort;
};
// REQUIRES: a finite scope, step > 0, and up to 10,000 buckets.
Histogram histogram(Store& store, const Query& query, const Scope& scope, std::int64_t step, const Bounds& bounds);

struct Facet {
  std::string name;                                           // host, source, unit, level, or a field's
  std::vector<std::pair<std::string, std::uint64_t>> values;  // the most frequent first
  std::uint64_t others = 0;                                   // lines of values that are not listed
};
struct Facets {
  std::vector<Facet> facets;
  std::uint64_t lines = 0;  // counted
  Effort effort;
};
Facets facets(Store& store, const Query& query, const Scope& scope, std::size_t values, const Bounds& bounds);

struct Pattern {
  std::string text;  // with <*> for what has digits in it
  std::uint64_t lines = 0;
  std::array<std::uint64_t, kLevels> levels{};
  UnixNanos first_time = 0;
  UnixNanos last_time = 0;
  std::string example;
  bool is_new = false;  // not seen in as long a time before
};
struct Patterns {
  std::vector<Pattern> patterns;  // the most frequent first
  std::uint64_t lines = 0;        // counted
  Effort effort;
};
Patterns patterns(Store& store, const Query& query, const Scope& scope, std::size_t limit, const Bounds& bounds);

// Numbers, times, addresses and ids collapsed.
std::string pattern_of(std::string_view message);

}  // namespace resmon::logs
