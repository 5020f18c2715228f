#pragma once

// What one query may cost, and the meter that every loop over data consults.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/result.h"

namespace resmon::influxql {

struct QueryLimits {
  std::uint64_t max_series = 1'000'000;            // groups read by a statement
  std::uint64_t max_points = 2'000'000;            // rows in the answer of a statement
  std::uint64_t max_buckets = 2'000'000;           // windows of GROUP BY time in one series
  std::uint64_t max_rows = 2'000'000'000;          // rows scanned by a statement
  std::uint64_t max_buffer_bytes = 512ULL << 20U;  // held at once by functions that need all of a window's values
  std::optional<std::chrono::steady_clock::time_point> deadline;
  const std::atomic<bool>* cancelled = nullptr;  // set by another thread: the client went away
};

// Counts one statement's cost. Every method fails with kLimit or kUnavailable once a bound is reached.
class Budget {
 public:
  explicit Budget(const QueryLimits& limits) : limits_(limits) {}

  Status series(std::uint64_t count);
  Status rows(std::uint64_t count);  // also looks at the deadline and the cancel flag
  Status points(std::uint64_t count);
  Status buckets(std::uint64_t count) const;
  Status buffer(std::uint64_t bytes);
  void release(std::uint64_t bytes) { buffer_bytes_ -= bytes < buffer_bytes_ ? bytes : buffer_bytes_; }
  Status alive() const;

  std::uint64_t rows_scanned() const { return rows_; }

 private:
  const QueryLimits& limits_;
  std::uint64_t series_ = 0;
  std::uint64_t rows_ = 0;
  std::uint64_t points_ = 0;
  std::uint64_t buffer_bytes_ = 0;
};

}  // namespace resmon::influxql
