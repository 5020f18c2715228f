#pragma once

#include <atomic>
#include <cstdint>

#include "http/router.h"
#include "influxql/limits.h"
#include "running_queries.h"

namespace resmon::server {

// Counters of queries and of the bounds that ended some of them. Read by /metrics.
struct QueryStats {
  std::atomic<std::uint64_t> queries{0};      // requests to /query with a text
  std::atomic<std::uint64_t> refused{0};      // that could not be parsed
  std::atomic<std::uint64_t> failed{0};       // statements that failed for another reason than those below
  std::atomic<std::uint64_t> limited{0};      // statements ended by a bound: time, memory, rows, series
  std::atomic<std::uint64_t> interrupted{0};  // statements ended because their client left, or the server stops
  std::atomic<std::uint64_t> early{0};    // that did not wait for all that was acknowledged before: the store is behind
  std::atomic<std::uint64_t> partial{0};  // answered without what a peer has
  std::atomic<std::uint64_t> turned_away{0};  // 503: too many were waiting
  std::atomic<std::uint64_t> running{0};
  std::atomic<std::uint64_t> waiting{0};

  // Counts one that waits, or, where `most` do, one that is turned away: false.
  bool begin_waiting(std::uint64_t most) {
    if (waiting.fetch_add(1) < most) return true;
    --waiting;
    ++turned_away;
    return false;
  }
};

// Shared by the handlers of /query.
struct Queries {
  explicit Queries(std::uint64_t memory_bytes) : memory(memory_bytes) {}
  influxql::MemoryPool memory;
  QueryStats stats;
  RunningQueries running;
};

// Of a query that is turned away.
http::Response too_many_queries();

}  // namespace resmon::server
