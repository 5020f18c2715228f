#include "store/head.h"

#include <algorithm>

namespace resmon::store {

namespace {
constexpr std::size_t kGrowSlots =
    4;  // columns usually come all at once; a few spare places cost less than widening again
}

std::size_t Head::memory_bytes() const {
  return times_.capacity() * sizeof(UnixNanos) + cells_.capacity() * sizeof(metric::Cell) + text_.capacity();
}

std::size_t Head::row(UnixNanos time) {
  if (!times_.empty() && time <= times_.back()) {
    const auto it = std::lower_bound(times_.begin(), times_.end(), time);
    const auto at = static_cast<std::size_t>(it - times_.begin());
    if (*it == time) return at;
    times_.insert(it, time);
    cells_.insert(cells_.begin() + static_cast<std::ptrdiff_t>(at * stride_), stride_, 0);
    return at;
  }
  if (times_.empty()) tighten();
  if (times_.size() == times_.capacity()) {
    // By a quarter, not to twice as much: what is left free is a fifth of a head's memory at most.
    const std::size_t rows = times_.size() + std::max<std::size_t>(times_.size() / 4, 8);
    times_.reserve(rows);
    cells_.reserve(rows * stride_);
  }
  times_.push_back(time);
  cells_.resize(cells_.size() + stride_, 0);
  return times_.size() - 1;
}

std::size_t Head::slot(ColumnId id, metric::FieldType type) {
  // Columns are mostly asked for in the order in which they first came.
  if (next_slot_ < slots_.size() && slots_[next_slot_].id == id) return next_slot_++;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].id != id) continue;
    next_slot_ = i + 1;
    return i;
  }
  slots_.push_back({id, type});
  if ((slots_.size() + 63) / 64 > words_ || words_ + slots_.size() > stride_) widen();
  return slots_.size() - 1;
}

void Head::widen() {
  const std::size_t room = slots_.size() == 1 ? 1 : slots_.size() + std::max(kGrowSlots, slots_.size() / 4);
  const std::size_t words = (room + 63) / 64;
  const std::size_t stride = words + room;
  std::vector<metric::Cell> cells(times_.size() * stride, 0);
  for (std::size_t row = 0; row < times_.size(); ++row) {
    const metric::Cell* const from = cells_.data() + row * stride_;
    metric::Cell* const to = cells.data() + row * stride;
    std::copy(from, from + words_, to);
    std::copy(from + words_, from + stride_, to + words);
  }
  cells_ = std::move(cells);
  words_ = words;
  stride_ = stride;
}

// Columns usually come all at once, before the first row: then no room for more is needed.
void Head::tighten() {
  words_ = (slots_.size() + 63) / 64;
  stride_ = words_ + slots_.size();
}

void Head::set_string(std::size_t row, std::size_t slot, std::string_view value) {
  // Strings repeat: the row before, and the one being overwritten, are tried first.
  for (std::size_t back = 0; back <= 1 && back <= row; ++back) {
    if (!has(row - back, slot)) continue;
    const metric::Cell before = cell(row - back, slot);
    if (metric::as_string(before, text_) != value) continue;
    set(row, slot, before);
    return;
  }
  const std::size_t offset = text_.size();
  text_.append(value);
  set(row, slot, metric::string_cell(offset, value.size()));
}

Rows Head::copy(TimeRange range, const std::vector<ColumnId>* wanted) const {
  Rows rows;
  const auto first = std::lower_bound(times_.begin(), times_.end(), range.first);
  const auto last = std::lower_bound(first, times_.end(), range.last);
  if (first == last) return rows;
  rows.times.assign(first, last);
  const auto from = static_cast<std::size_t>(first - times_.begin());
  const std::size_t count = rows.times.size();
  for (std::size_t s = 0; s < slots_.size(); ++s) {
    if (wanted != nullptr && !std::binary_search(wanted->begin(), wanted->end(), slots_[s].id)) continue;
    RowColumn column;
    column.id = slots_[s].id;
    column.type = slots_[s].type;
    column.cells.resize(count);
    column.presence.resize((count + 63) / 64);
    bool any = false;
    if (column.type != metric::FieldType::kString) {
      for (std::size_t row = 0; row < count; ++row) {
        if (!has(from + row, s)) continue;
        column.cells[row] = cell(from + row, s);
        set_bit(column.presence, row);
        any = true;
      }
      if (any) rows.columns.push_back(std::move(column));
      continue;
    }
    metric::Cell stored = 0;  // the last string's cell in the head, and in the copy
    metric::Cell copied = 0;
    for (std::size_t row = 0; row < count; ++row) {
      if (!has(from + row, s)) continue;
      const metric::Cell value = cell(from + row, s);
      set_bit(column.presence, row);
      if (!any || value != stored) {
        const std::string_view text = metric::as_string(value, text_);
        copied = metric::string_cell(column.text.size(), text.size());
        column.text.append(text);
        stored = value;
      }
      column.cells[row] = copied;
      any = true;
    }
    if (any) rows.columns.push_back(std::move(column));
  }
  std::sort(rows.columns.begin(), rows.columns.end(),
            [](const RowColumn& a, const RowColumn& b) { return a.id < b.id; });
  return rows;
}

void Head::clear() {
  // The memory goes too: groups are sealed at different times, so on average half of it would lie idle.
  times_ = {};
  cells_ = {};
  text_ = {};
}

}  // namespace resmon::store
