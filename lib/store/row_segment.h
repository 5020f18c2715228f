#pragma once

// A segment of the recent log as versions 1 and 2 of the store wrote it (format 1): rows one by one, as they came. Read
// when such a store is opened after a crash; the segments that are written now are segment.h's. Pure, no I/O.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "metric/value.h"
#include "store/reader.h"

namespace resmon::store {

struct SegmentColumn {
  ColumnId id = 0;
  metric::FieldType type = metric::FieldType::kFloat;
};

// One row, while it is being visited.
struct SegmentRow {
  std::size_t shape = 0;  // number of its shape, counted from 0 as they came
  UnixNanos time = 0;
  std::span<const std::uint32_t> columns;  // which of the shape's columns have a value
  std::span<const metric::Cell> cells;     // one for each of `columns`
  std::string_view text;                   // the arena of string cells
};

// What reading one shows, in order: every shape before the rows of it.
class RowSegmentVisitor {
 public:
  virtual ~RowSegmentVisitor() = default;
  virtual Status shape(GroupId group, std::span<const SegmentColumn> columns) = 0;  // an error ends the reading
  virtual void row(const SegmentRow& row) = 0;
};

// kDamaged, perhaps after some rows, where the bytes are not a segment. Safe on any bytes.
Status read_row_segment(std::string_view bytes, RowSegmentVisitor& visitor);

}  // namespace resmon::store
