#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/clock.h"
#include "metric/batch.h"
#include "metric/schema.h"

namespace resmon::ingest {

// Those rows of a batch, in that order, with their text.
metric::Batch copy_rows(const metric::SchemaTable& schemas, const metric::Batch& from,
                        std::span<const std::size_t> rows);
// first, first + 1, … last - 1.
std::vector<std::size_t> row_range(std::size_t first, std::size_t last);

// Which times are believed: what is later would be the newest for good and hide all that comes.
struct TimeBounds {
  UnixNanos earliest = INT64_MIN;
  UnixNanos latest = INT64_MAX;
  bool has(UnixNanos time) const { return time >= earliest && time <= latest; }
  // Around `now`; 0 leaves that side open.
  static TimeBounds around(UnixNanos now, std::chrono::nanoseconds past, std::chrono::nanoseconds future);
};

}  // namespace resmon::ingest
