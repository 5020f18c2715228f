#pragma once

// Rows of samples on their way through the house: a client's gather, a server's decoded frame, a journal record.
//
// All rows share three arrays, so that a batch that is cleared and filled again allocates nothing:
//
//   rows   one Row each: its schema, its time, where its cells begin
//   cells  for a row of n fields: ceil(n / 64) presence words (bit f % 64 of word f / 64 set: field f is there), then n
//          values; the value of an absent field is 0
//   text   the bytes of string values (value.h)
//
// A batch of ids from a table that is swept holds a pin of it (schema.h), so that its rows' schemas stay.

#include <cassert>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "metric/schema.h"

namespace resmon::metric {

constexpr std::size_t presence_words(std::size_t fields) {
  return (fields + 63) / 64;
}

struct Row {
  SchemaId schema = 0;
  std::uint32_t fields = 0;  // how many fields the schema has
  UnixNanos time = 0;
  std::size_t first_cell = 0;
};

// Sets the cells of the row that Batch::add returned it for. Valid until the batch's next add or clear.
class RowWriter {
 public:
  RowWriter(class Batch& batch, std::size_t first_cell, std::size_t fields)
      : batch_(batch), first_cell_(first_cell), fields_(fields) {}

  void set_cell(std::size_t field, Cell cell);
  void set(std::size_t field, double v) { set_cell(field, cell_of(v)); }
  void set(std::size_t field, std::int64_t v) { set_cell(field, cell_of(v)); }
  void set(std::size_t field, std::uint64_t v) { set_cell(field, cell_of(v)); }
  void set(std::size_t field, bool v) { set_cell(field, cell_of(v)); }
  void set(std::size_t field, std::string_view v);
  void set(std::size_t field, const char*) = delete;  // would silently become a boolean

  // For decoders that set many cells at once: the row's presence as a whole (bits past the last field must be 0; the
  // row must be new), then the cells of the present fields through `values`.
  void set_presence(std::span<const std::uint64_t> presence);
  std::span<Cell> values();

 private:
  class Batch& batch_;
  std::size_t first_cell_;
  std::size_t fields_;
};

class Batch {
 public:
  RowWriter add(SchemaId schema, std::size_t fields, UnixNanos time);
  void set_times(UnixNanos time) {  // of all rows
    for (Row& row : rows_) row.time = time;
  }
  RowWriter writer(std::size_t row) { return {*this, rows_[row].first_cell, rows_[row].fields}; }

  void clear() {
    rows_.clear();
    cells_.clear();
    text_.clear();
    samples_ = 0;
    pin_ = SchemaPin();
  }

  // Before rows are added: the ids that are looked up from now on stay valid until the batch is cleared or gone. Does
  // nothing when it has a pin.
  void pin(const SchemaTable& schemas) {
    if (!pin_) pin_ = schemas.pin();
  }
  void pin(const SchemaPin& pin) {
    if (!pin_) pin_ = pin;
  }
  const SchemaPin& pin() const { return pin_; }
  // For a batch that waits long: marks its rows' schemas as used now and takes a new pin, so that others that are not
  // used can be retired.
  void renew_pin();

  // To take back rows that were added after the mark.
  struct Mark {
    std::size_t rows, cells, text, samples;
  };
  Mark mark() const { return {rows_.size(), cells_.size(), text_.size(), samples_}; }
  void rewind(const Mark& mark);
  // f(row) for each row from `first` on: may give it another schema with the same fields, and returns whether it stays.
  template <class F>
  void edit_rows(std::size_t first, const F& f) {
    std::size_t kept = first;
    for (std::size_t i = first; i < rows_.size(); ++i) {
      if (f(rows_[i]))
        rows_[kept++] = rows_[i];
      else
        uncount(rows_[i]);
    }
    rows_.resize(kept);
  }
  // For an editor of rows in place: takes the list of rows, whose cells and text stay here, and leaves `empty` for the
  // new list. Each row is then put back, or no longer counted; others may be added between them.
  std::vector<Row> take_rows(std::vector<Row> empty) {
    empty.clear();
    return std::exchange(rows_, std::move(empty));
  }
  void put_back(const Row& row) { rows_.push_back(row); }
  void uncount(const Row& row);

  bool empty() const { return rows_.empty(); }
  const std::vector<Row>& rows() const { return rows_; }
  std::string_view text() const { return text_; }
  std::span<const Cell> presence(const Row& row) const {
    return {cells_.data() + row.first_cell, presence_words(row.fields)};
  }
  std::span<const Cell> values(const Row& row) const {
    return {cells_.data() + row.first_cell + presence_words(row.fields), row.fields};
  }
  bool has(const Row& row, std::size_t field) const {
    return (cells_[row.first_cell + field / 64] >> (field % 64) & 1U) != 0;
  }
  Cell value(const Row& row, std::size_t field) const {
    assert(field < row.fields);
    return cells_[row.first_cell + presence_words(row.fields) + field];
  }
  std::string_view string(const Row& row, std::size_t field) const { return as_string(value(row, field), text_); }

  std::size_t samples() const { return samples_; }  // values present in all rows
  std::size_t memory_bytes() const;                 // what the batch holds on the heap

 private:
  friend class RowWriter;

  std::vector<Row> rows_;
  std::vector<Cell> cells_;
  std::string text_;
  std::size_t samples_ = 0;
  SchemaPin pin_;
};

}  // namespace resmon::metric
