#pragma once

// A segment of the recent log: the rows of one checkpoint, as they came, so that a head lost in a crash can be made
// again. Fast to write rather than small: it is deleted as soon as its rows are sealed. Pure, no I/O.

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

class SegmentWriter {
 public:
  // Declares a shape of rows; its number is good until clear().
  std::uint32_t shape(GroupId group, std::span<const Column> columns);
  // A row of that shape. `fields` says which of the shape's columns it has, ascending; `cells` has one for each column
  // of the shape; `text` is the arena of string cells.
  void row(std::uint32_t shape, UnixNanos time, std::span<const std::size_t> fields,
           std::span<const metric::Cell> cells, std::string_view text);

  bool empty() const { return rows_ == 0; }
  std::size_t size_bytes() const { return buffer_.size(); }
  std::string finish() const;  // compressed
  void clear();

 private:
  struct Shape {
    std::size_t first = 0;  // of its columns in types_ and before_
    std::size_t columns = 0;
  };
  std::string buffer_;
  std::vector<Shape> shapes_;
  std::vector<metric::FieldType> types_;
  std::vector<metric::Cell> before_;  // each column's last value
  std::size_t rows_ = 0;
  UnixNanos last_time_ = 0;
};

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

// What reading a segment shows, in order: every shape before the rows of it.
class SegmentVisitor {
 public:
  virtual ~SegmentVisitor() = default;
  virtual Status shape(GroupId group, std::span<const SegmentColumn> columns) = 0;  // an error ends the reading
  virtual void row(const SegmentRow& row) = 0;
};

// kDamaged, perhaps after some rows, where the bytes are not a segment. Safe on any bytes.
Status read_segment(std::string_view bytes, SegmentVisitor& visitor);

}  // namespace resmon::store
