#pragma once

// Rows of one group as columns: what a chunk is made from and decoded to, and what merging works on.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "metric/value.h"
#include "store/reader.h"

namespace resmon::store {

inline bool bit(const std::vector<std::uint64_t>& bits, std::size_t i) {
  return (bits[i / 64] >> (i % 64) & 1U) != 0;
}
inline void set_bit(std::vector<std::uint64_t>& bits, std::size_t i) {
  bits[i / 64] |= std::uint64_t{1} << (i % 64);
}

// 64 bits from `i` on, none of them of `end` or beyond. REQUIRES: i < end.
std::uint64_t bits_from(const std::vector<std::uint64_t>& bits, std::size_t i, std::size_t end);

struct RowColumn {
  ColumnId id = 0;
  metric::FieldType type = metric::FieldType::kFloat;
  std::vector<metric::Cell> cells;      // one for each time; 0 where absent
  std::vector<std::uint64_t> presence;  // as in Block
  std::string text;                     // the arena of string cells

  std::string_view string(std::size_t row) const { return metric::as_string(cells[row], text); }
  // Puts a cell of `from` into row `row`, with its text.
  void take(std::size_t row, const RowColumn& from, std::size_t from_row);
};

struct Rows {
  std::vector<UnixNanos> times;    // strictly ascending
  std::vector<RowColumn> columns;  // by ascending id

  std::size_t size() const { return times.size(); }
  const RowColumn* find(ColumnId id) const;
  std::size_t text_bytes() const;
};

// Every row of both; where both have a value for a time and column, `newer` wins.
Rows merge(Rows older, const Rows& newer);

// Rows [first, last) as rows of their own. Columns without a value there are left out.
Rows slice(const Rows& rows, std::size_t first, std::size_t last);

}  // namespace resmon::store
