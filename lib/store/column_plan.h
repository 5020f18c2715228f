#pragma once

// How a chunk's columns are to be stored: scaled, and as what is left after columns that say nearly the same. Pure, no
// I/O. The reasons are in column_plan.cc.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "store/integer_codec.h"
#include "store/rows.h"

namespace resmon::store {

inline constexpr std::size_t kMaxReferences = 2;

// A column on its way into a chunk. References name other columns by their index in the plans.
struct ColumnPlan {
  const RowColumn* column = nullptr;
  std::vector<metric::Cell> present;      // the cells that are there
  bool whole = false;                     // none is absent
  std::size_t presence = 0;               // which plan has the same first; of those that are whole, SIZE_MAX
  std::optional<unsigned> decimals;       // of floats that are integers times 10^-decimals
  std::vector<std::int64_t> integers;     // empty for strings and for floats that are no decimals
  std::vector<std::uint32_t> references;  // index << 1 | 1 if subtracted
  std::vector<std::int64_t> residual;     // what is left after the references, or after the derivation
  std::optional<IntegerModel> model;      // of what is coded, where it was looked for
  bool derived = false;                   // from other aggregates of its column (window_derivation.h)

  const std::vector<std::int64_t>& coded() const { return references.empty() && !derived ? integers : residual; }
};

// The plans in the order in which a chunk has the columns; columns without a value have none. `rows` must outlive them.
std::vector<ColumnPlan> plan_columns(const Rows& rows, bool windows);

// a + b or a - b, modulo 2^64.
constexpr std::int64_t combine(std::int64_t a, std::int64_t b, bool subtract) {
  const auto x = static_cast<std::uint64_t>(a);
  const auto y = static_cast<std::uint64_t>(b);
  return static_cast<std::int64_t>(subtract ? x - y : x + y);
}

}  // namespace resmon::store
