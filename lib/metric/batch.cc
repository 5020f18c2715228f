#include "metric/batch.h"

#include <algorithm>
#include <bit>

namespace resmon::metric {

RowWriter Batch::add(SchemaId schema, std::size_t fields, UnixNanos time) {
  const std::size_t first = cells_.size();
  rows_.push_back(Row{schema, static_cast<std::uint32_t>(fields), time, first});
  cells_.resize(first + presence_words(fields) + fields, 0);
  return {*this, first, fields};
}

std::size_t Batch::memory_bytes() const {
  return rows_.capacity() * sizeof(Row) + cells_.capacity() * sizeof(Cell) + text_.capacity();
}

void Batch::rewind(const Mark& mark) {
  rows_.resize(mark.rows);
  cells_.resize(mark.cells);
  text_.resize(mark.text);
  samples_ = mark.samples;
}

void Batch::uncount(const Row& row) {
  for (const Cell word : presence(row)) samples_ -= static_cast<std::size_t>(std::popcount(word));
}

void Batch::renew_pin() {
  if (!pin_ || pin_.epoch() == pin_.table()->epoch()) return;
  SchemaPin renewed = pin_.table()->pin();
  for (const Row& row : rows_) (void)pin_.table()->touch(row.schema, pin_.table()->generation(row.schema));
  pin_ = std::move(renewed);
}

void RowWriter::set_cell(std::size_t field, Cell cell) {
  assert(field < fields_);
  Cell& word = batch_.cells_[first_cell_ + field / 64];
  const Cell bit = Cell{1} << (field % 64);
  if ((word & bit) == 0) {
    word |= bit;
    ++batch_.samples_;
  }
  batch_.cells_[first_cell_ + presence_words(fields_) + field] = cell;
}

void RowWriter::set_presence(std::span<const std::uint64_t> presence) {
  assert(presence.size() == presence_words(fields_));
  std::copy(presence.begin(), presence.end(), batch_.cells_.begin() + static_cast<std::ptrdiff_t>(first_cell_));
  for (const std::uint64_t word : presence) batch_.samples_ += static_cast<std::size_t>(std::popcount(word));
}

std::span<Cell> RowWriter::values() {
  return {batch_.cells_.data() + first_cell_ + presence_words(fields_), fields_};
}

void RowWriter::set(std::size_t field, std::string_view v) {
  const std::size_t offset = batch_.text_.size();
  batch_.text_.append(v);
  set_cell(field, string_cell(offset, v.size()));
}

}  // namespace resmon::metric
