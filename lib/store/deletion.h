#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "metric/schema.h"
#include "store/reader.h"

namespace resmon::store {

// What to delete: of the series that `takes` accepts, the rows in `range`.
struct Deletion {
  std::function<bool(std::string_view measurement, const std::vector<metric::Tag>& tags)> takes;
  TimeRange range;
};

struct DeleteReport {
  std::uint64_t series = 0;  // of which something was deleted
  std::uint64_t rows = 0;    // sealed rows; one that overlapping chunks have counts for each of them
};

}  // namespace resmon::store
