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

}  // namespace

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

Rows merge(const Rows& older, const Rows& newer) {
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
    RowColumn column = empty_column(from.id, from.type, last - first);
    bool any = false;
    for (std::size_t row = first; row < last; ++row) {
      if (!bit(from.presence, row)) continue;
      column.take(row - first, from, row);
      any = true;
    }
    if (any) part.columns.push_back(std::move(column));
  }
  return part;
}

}  // namespace resmon::store
