#include "store/rows.h"

#include <algorithm>

namespace resmon::store {

namespace {

RowColumn empty_column(ColumnId id, metric::FieldType type, std::size_t rows) {
  RowColumn column;
  column.id = id;
  column.type = type;
  column.cells.resize(rows);
  column.presence.resize((rows + 63) / 64);
  return column;
}

// `count` bits behind the first `at`, which are all that `bits` has.
void append_bits(std::vector<std::uint64_t>& bits, std::size_t at, const std::vector<std::uint64_t>& more,
                 std::size_t count) {
  bits.resize((at + count + 63) / 64);
  const std::size_t shift = at % 64;
  for (std::size_t word = 0; word < (count + 63) / 64; ++word) {
    const std::size_t left = count - word * 64;
    const std::uint64_t some = left < 64 ? more[word] & ((std::uint64_t{1} << left) - 1) : more[word];
    const std::size_t to = at / 64 + word;
    bits[to] |= some << shift;
    if (shift != 0 && to + 1 < bits.size()) bits[to + 1] |= some >> (64 - shift);
  }
}

// Behind the column's `before` rows come `count` rows of `more`.
void append_column(RowColumn& column, std::size_t before, const RowColumn& more, std::size_t count) {
  append_bits(column.presence, before, more.presence, count);
  column.cells.insert(column.cells.end(), more.cells.begin(), more.cells.end());
  if (more.text.empty()) return;
  const metric::Cell moved = metric::string_cell(column.text.size(), 0);
  column.text += more.text;
  for (std::size_t row = 0; row < count; ++row)
    if (bit(more.presence, row)) column.cells[before + row] += moved;
}

// All of `newer` comes behind all of `older`: no row has to be looked at.
Rows append(Rows older, const Rows& newer) {
  const std::size_t before = older.size();
  const std::size_t count = newer.size();
  std::vector<RowColumn> columns;
  columns.reserve(std::max(older.columns.size(), newer.columns.size()));
  auto old = older.columns.begin();
  const auto keep = [&](RowColumn& column) {
    column.cells.resize(before + count);
    column.presence.resize((before + count + 63) / 64);
    columns.push_back(std::move(column));
  };
  for (const RowColumn& more : newer.columns) {
    for (; old != older.columns.end() && old->id < more.id; ++old) keep(*old);
    const bool known = old != older.columns.end() && old->id == more.id;
    columns.push_back(known && old->type == more.type ? std::move(*old) : empty_column(more.id, more.type, before));
    if (known) ++old;
    append_column(columns.back(), before, more, count);
  }
  for (; old != older.columns.end(); ++old) keep(*old);
  older.columns = std::move(columns);
  older.times.insert(older.times.end(), newer.times.begin(), newer.times.end());
  return older;
}

// Both have the same rows, as those of a head have that were sealed and then replayed after a start.
Rows overwrite(Rows older, const Rows& newer) {
  for (const RowColumn& column : newer.columns) {
    const auto at = std::lower_bound(older.columns.begin(), older.columns.end(), column.id,
                                     [](const RowColumn& one, ColumnId id) { return one.id < id; });
    if (at == older.columns.end() || at->id != column.id) {
      older.columns.insert(at, column);
      continue;
    }
    const auto covers = [](std::uint64_t old_bits, std::uint64_t new_bits) { return (old_bits & ~new_bits) == 0; };
    if (at->type != column.type ||
        std::equal(at->presence.begin(), at->presence.end(), column.presence.begin(), covers)) {
      *at = column;
      continue;
    }
    for (std::size_t row = 0; row < newer.size(); ++row)
      if (bit(column.presence, row)) at->take(row, column, row);
  }
  return older;
}

}  // namespace

std::uint64_t bits_from(const std::vector<std::uint64_t>& bits, std::size_t i, std::size_t end) {
  const std::size_t word = i / 64;
  std::uint64_t some = bits[word] >> (i % 64);
  if (i % 64 != 0 && word + 1 < bits.size()) some |= bits[word + 1] << (64 - i % 64);
  return end - i < 64 ? some & ((std::uint64_t{1} << (end - i)) - 1) : some;
}

void RowColumn::take(std::size_t row, const RowColumn& from, std::size_t from_row) {
  set_bit(presence, row);
  if (type != metric::FieldType::kString) {
    cells[row] = from.cells[from_row];
    return;
  }
  // Strings repeat: the one before is tried first.
  const std::string_view value = from.string(from_row);
  if (row > 0 && bit(presence, row - 1) && string(row - 1) == value) {
    cells[row] = cells[row - 1];
    return;
  }
  cells[row] = metric::string_cell(text.size(), value.size());
  text.append(value);
}

const RowColumn* Rows::find(ColumnId id) const {
  const auto it = std::lower_bound(columns.begin(), columns.end(), id,
                                   [](const RowColumn& column, ColumnId wanted) { return column.id < wanted; });
  return it != columns.end() && it->id == id ? &*it : nullptr;
}

std::size_t Rows::text_bytes() const {
  std::size_t bytes = 0;
  for (const RowColumn& column : columns) bytes += column.text.size();
  return bytes;
}

Rows merge(Rows older, const Rows& newer) {
  if (older.times.empty() || newer.times.empty() || older.times.back() < newer.times.front())
    return append(std::move(older), newer);
  if (older.times == newer.times) return overwrite(std::move(older), newer);
  constexpr std::size_t kNone = SIZE_MAX;
  struct Source {
    std::size_t older;
    std::size_t newer;
  };
  Rows merged;
  std::vector<Source> sources;
  sources.reserve(older.size() + newer.size());
  for (std::size_t a = 0, b = 0; a < older.size() || b < newer.size();) {
    const bool from_a = b == newer.size() || (a < older.size() && older.times[a] <= newer.times[b]);
    const bool from_b = a == older.size() || (b < newer.size() && newer.times[b] <= older.times[a]);
    merged.times.push_back(from_a ? older.times[a] : newer.times[b]);
    sources.push_back({from_a ? a : kNone, from_b ? b : kNone});
    a += from_a;
    b += from_b;
  }
  const auto add = [&](ColumnId id, const RowColumn* a, const RowColumn* b) {
    const metric::FieldType type = b != nullptr ? b->type : a->type;
    if (a != nullptr && a->type != type) a = nullptr;
    RowColumn column = empty_column(id, type, sources.size());
    for (std::size_t row = 0; row < sources.size(); ++row) {
      if (b != nullptr && sources[row].newer != kNone && bit(b->presence, sources[row].newer))
        column.take(row, *b, sources[row].newer);
      else if (a != nullptr && sources[row].older != kNone && bit(a->presence, sources[row].older))
        column.take(row, *a, sources[row].older);
    }
    merged.columns.push_back(std::move(column));
  };
  for (std::size_t a = 0, b = 0; a < older.columns.size() || b < newer.columns.size();) {
    const bool from_a =
        b == newer.columns.size() || (a < older.columns.size() && older.columns[a].id <= newer.columns[b].id);
    const bool from_b =
        a == older.columns.size() || (b < newer.columns.size() && newer.columns[b].id <= older.columns[a].id);
    add(from_a ? older.columns[a].id : newer.columns[b].id, from_a ? &older.columns[a] : nullptr,
        from_b ? &newer.columns[b] : nullptr);
    a += from_a;
    b += from_b;
  }
  return merged;
}

Rows slice(const Rows& rows, std::size_t first, std::size_t last) {
  Rows part;
  part.times.assign(rows.times.begin() + static_cast<std::ptrdiff_t>(first),
                    rows.times.begin() + static_cast<std::ptrdiff_t>(last));
  for (const RowColumn& from : rows.columns) {
    RowColumn column;
    column.id = from.id;
    column.type = from.type;
    std::uint64_t any = 0;
    for (std::size_t row = first; row < last; row += 64) {
      column.presence.push_back(bits_from(from.presence, row, last));
      any |= column.presence.back();
    }
    if (any == 0) continue;
    if (from.type == metric::FieldType::kString) {
      column.cells.resize(last - first);
      for (std::size_t row = first; row < last; ++row)
        if (bit(from.presence, row)) column.take(row - first, from, row);
    } else {
      column.cells.assign(from.cells.begin() + static_cast<std::ptrdiff_t>(first),
                          from.cells.begin() + static_cast<std::ptrdiff_t>(last));
    }
    part.columns.push_back(std::move(column));
  }
  return part;
}

}  // namespace resmon::store
