#pragma once

// The bounds of one query, and the meter that every loop over data consults.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/mutex.h"
#include "base/result.h"
#include "influxql/helpers.h"

namespace resmon::influxql {

// The memory that all queries together use for answers and for values on their way into answers. Thread-safe.
class MemoryPool {
 public:
  explicit MemoryPool(std::uint64_t limit_bytes) : limit_bytes_(limit_bytes) {}
  bool take(std::uint64_t bytes);  // false: it is not there, nothing was taken
  void give_back(std::uint64_t bytes) { used_bytes_ -= bytes; }
  std::uint64_t used_bytes() const { return used_bytes_; }
  std::uint64_t limit_bytes() const { return limit_bytes_; }

 private:
  const std::uint64_t limit_bytes_;
  std::atomic<std::uint64_t> used_bytes_{0};
};

// One query's share of a pool; gives it back when it ends. Thread-safe.
class MemoryClaim {
 public:
  explicit MemoryClaim(MemoryPool* pool) : pool_(pool) {}  // may be null: then there is no bound
  MemoryClaim(const MemoryClaim&) = delete;
  MemoryClaim& operator=(const MemoryClaim&) = delete;
  ~MemoryClaim();
  Status take(std::uint64_t bytes);
  void give_back(std::uint64_t bytes);
  std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  Status hold(std::uint64_t bytes);

  MemoryPool* const pool_;
  std::atomic<std::uint64_t> bytes_{0};
  Mutex mutex_;                         // of those who make held_ more
  std::atomic<std::uint64_t> held_{0};  // taken from the pool: at least bytes_, in large steps
};

struct QueryLimits {
  std::uint64_t max_series = 1'000'000;            // groups read by a statement
  std::uint64_t max_points = 2'000'000;            // rows in the answer of a statement
  std::uint64_t max_buckets = 2'000'000;           // windows of GROUP BY time in one series
  std::uint64_t max_rows = 2'000'000'000;          // rows scanned by a statement
  std::uint64_t max_buffer_bytes = 512ULL << 20U;  // held at once by functions that need all of a window's values
  std::optional<std::chrono::steady_clock::time_point> deadline;
  const std::atomic<bool>* cancelled = nullptr;  // set by another thread: the client went away,
  const std::atomic<bool>* stopping = nullptr;   // or the server ends,
  const std::atomic<bool>* killed = nullptr;     // or somebody killed the query
  MemoryPool* memory = nullptr;                  // shared with other queries; must outlive the response
  const Helpers* helpers = nullptr;              // null: statements run on the caller's thread alone
};

// Counts one statement's cost. Every method fails with kLimit or kUnavailable once a bound is reached. Thread-safe.
class Budget {
 public:
  // `answer` is charged for what stays in the answer; null: only the limits of one statement count.
  explicit Budget(const QueryLimits& limits, MemoryClaim* answer = nullptr)
      : limits_(limits), answer_(answer), working_(limits.memory) {}

  Status series(std::uint64_t count);
  Status rows(std::uint64_t count);                             // also looks at the deadline and the cancel flag
  Status points(std::uint64_t count, std::uint64_t bytes = 0);  // of the answer
  Status buckets(std::uint64_t count) const;
  Status buffer(std::uint64_t bytes);
  void release(std::uint64_t bytes) { working_.give_back(bytes); }
  Status alive() const;

  std::uint64_t rows_scanned() const { return rows_; }
  const Helpers* helpers() const { return limits_.helpers; }

 private:
  const QueryLimits& limits_;
  std::atomic<std::uint64_t> series_{0};
  std::atomic<std::uint64_t> rows_{0};
  std::atomic<std::uint64_t> points_{0};
  MemoryClaim* const answer_;
  MemoryClaim working_;
};

}  // namespace resmon::influxql
