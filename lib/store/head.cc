#include "store/head.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace resmon::store {

namespace {

constexpr std::size_t kPieceBytes = 64U << 10U;  // a piece with more than this is full with fewer rows
constexpr std::uint32_t kFewRows = 8;
constexpr std::uint8_t kMaxAmended = 64;

bool full(const Piece& piece) {
  return piece.rows >= Head::kPieceRows || (piece.bytes.size() >= kPieceBytes && piece.rows >= kFewRows);
}

// One column of a copy, filled row by row.
class ColumnFiller {
 public:
  ColumnFiller(std::size_t slot, const Slot& column, std::size_t rows) : slot_(slot) {
    column_.id = column.id;
    column_.type = column.type;
    column_.cells.resize(rows);
    column_.presence.resize((rows + 63) / 64);
  }
  std::size_t slot() const { return slot_; }
  void put(std::size_t row, metric::Cell cell, std::string_view text) {
    set_bit(column_.presence, row);
    column_.cells[row] = column_.type == metric::FieldType::kString ? keep(metric::as_string(cell, text)) : cell;
  }
  // Rows [first, last) of a piece's column become those from `row` on.
  void put(std::size_t row, const PieceColumns::Cells& cells, std::uint64_t presence, std::size_t first,
           std::size_t last, std::string_view text) {
    presence >>= first;
    if (last - first < 64) presence &= (std::uint64_t{1} << (last - first)) - 1;
    if (column_.type == metric::FieldType::kString) {
      for (; presence != 0; presence &= presence - 1) {
        const auto at = static_cast<std::size_t>(std::countr_zero(presence));
        put(row + at, cells[first + at], text);
      }
      return;
    }
    for (std::size_t at = 0; at < last - first; ++at)
      column_.cells[row + at] = (presence >> at & 1U) != 0 ? cells[first + at] : 0;
    column_.presence[row / 64] |= presence << (row % 64);
    if (row % 64 != 0 && row / 64 + 1 < column_.presence.size())
      column_.presence[row / 64 + 1] |= presence >> (64 - row % 64);
  }
  // What there is of the first `rows`, unless that is nothing.
  void finish(std::size_t rows, Rows& out) {
    column_.cells.resize(rows);
    column_.presence.resize((rows + 63) / 64);
    if (std::any_of(column_.presence.begin(), column_.presence.end(), [](std::uint64_t word) { return word != 0; }))
      out.columns.push_back(std::move(column_));
  }

 private:
  // Strings repeat: one that does is the same place in the arena.
  metric::Cell keep(std::string_view text) {
    if (!any_ || text != metric::as_string(last_, column_.text)) {
      last_ = metric::string_cell(column_.text.size(), text.size());
      column_.text.append(text);
    }
    any_ = true;
    return last_;
  }

  std::size_t slot_;
  RowColumn column_;
  metric::Cell last_ = 0;
  bool any_ = false;
};

// A piece's rows in the range, behind `times` and what the columns have.
void copy_rows(const Piece& piece, PieceReader& reader, std::span<const Slot> slots, TimeRange range,
               const std::vector<std::uint64_t>& read, std::vector<ColumnFiller>& columns,
               std::vector<UnixNanos>& times) {
  reader.open(piece, slots, &read);
  const UnixNanos until = std::min(piece.last_time, range.last - 1);
  for (std::uint32_t rows = 0; rows < piece.rows && reader.next() && reader.time() <= until; ++rows) {
    if (reader.time() < range.first) continue;
    for (ColumnFiller& column : columns)
      if (column.slot() < piece.slots && reader.has(column.slot()))
        column.put(times.size(), reader.row().cells[column.slot()], piece.bytes);
    times.push_back(reader.time());
  }
}

void copy_columns(const Piece& piece, PieceColumns& reader, std::span<const Slot> slots, TimeRange range,
                  std::vector<ColumnFiller>& columns, std::vector<UnixNanos>& times) {
  if (!reader.open(piece, slots)) return;
  const std::span<const UnixNanos> all = reader.times();
  const auto first = static_cast<std::size_t>(std::lower_bound(all.begin(), all.end(), range.first) - all.begin());
  const auto last = static_cast<std::size_t>(std::lower_bound(all.begin(), all.end(), range.last) - all.begin());
  if (first >= last) return;
  PieceColumns::Cells cells;
  std::uint64_t presence = 0;
  for (ColumnFiller& column : columns)
    if (column.slot() < piece.slots && reader.read(column.slot(), cells, presence) && presence != 0)
      column.put(times.size(), cells, presence, first, last, piece.bytes);
  times.insert(times.end(), all.begin() + static_cast<std::ptrdiff_t>(first),
               all.begin() + static_cast<std::ptrdiff_t>(last));
}

}  // namespace

void Head::add(UnixNanos time, const SlotRow& row, Scratch& scratch) {
  if (!resumed_) resume();
  const bool late = !empty() && time < last_time();
  const bool amends = !empty() && time == last_time();
  if (late || (amends && (pieces_.back().slots < slots_.size() || ++amended_ > kMaxAmended)))
    return insert(time, row, scratch.row);
  return append(time, row, scratch);
}

void Head::append(UnixNanos time, const SlotRow& row, Scratch& scratch) {
  if (empty() || (time != last_time() && (full(pieces_.back()) || pieces_.back().slots < slots_.size()))) {
    begin_next_piece(scratch.columns);
  }
  Piece& piece = pieces_.back();
  const std::size_t room = piece.bytes.capacity();
  const std::uint32_t rows = piece.rows;
  const bool whole = append_row(time, row, slots_.items(), piece, end_, scratch.row);
  end_is_row_ = whole || (end_is_row_ && piece.rows == rows);
  memory_bytes_ += piece.bytes.capacity() - room;
  rows_ += piece.rows - rows;
}

// The last piece is full, or there is none.
void Head::begin_next_piece(ColumnsScratch& scratch) {
  std::size_t likely = 0;  // bytes that the piece will have at least: fewer times memory is moved
  if (!empty()) {
    Piece& full = pieces_.back();
    likely = full.bytes.size() / 3;
    memory_bytes_ -= full.bytes.capacity() + full.slots * sizeof(metric::Cell);
    turn_to_columns(full, slots_.items(), scratch);
    full.bytes.shrink_to_fit();
    memory_bytes_ += full.bytes.capacity();
  }
  memory_bytes_ -= pieces_.capacity() * sizeof(Piece);
  Piece& next = pieces_.emplace_back();
  begin_piece(slots_.size(), next, end_);
  next.bytes.reserve(likely);
  memory_bytes_ += pieces_.capacity() * sizeof(Piece) + next.bytes.capacity() + next.slots * sizeof(metric::Cell);
  amended_ = 0;
}

// The piece that it belongs to is written anew. It stays by rows: a late row seldom comes alone.
void Head::insert(UnixNanos time, const SlotRow& row, std::string& scratch) {
  const auto after = std::upper_bound(pieces_.begin(), pieces_.end(), time,
                                      [](UnixNanos t, const Piece& piece) { return t < piece.first_time; });
  const auto at = static_cast<std::size_t>(std::max(after - pieces_.begin() - 1, std::ptrdiff_t{0}));
  const Piece old = std::move(pieces_[at]);
  const std::vector<Slot>& slots = slots_.items();

  std::vector<Piece> written;
  PieceEnd end;
  bool whole = false;
  const auto put = [&](UnixNanos when, const SlotRow& values) {
    // A full one becomes two, so that the next late row finds room.
    const bool amends = !written.empty() && written.back().last_time == when;
    if (written.empty() || (!amends && old.rows >= kPieceRows && written.back().rows > kPieceRows / 2))
      begin_piece(slots.size(), written.emplace_back(), end);
    whole = append_row(when, values, slots, written.back(), end, scratch) || (amends && whole);
  };
  PieceRows reader;
  SlotRow wide;
  bool placed = false;
  const auto place = [&] {
    if (std::exchange(placed, true)) return;
    wide = row;
    wide.cells.resize(slots.size());
    wide.presence.resize((slots.size() + 63) / 64);
    put(time, wide);
  };
  reader.open(old, slots);
  SlotRow kept;
  while (reader.next()) {
    if (time < reader.time()) place();
    kept = reader.row();
    kept.cells.resize(slots.size());
    kept.presence.resize((slots.size() + 63) / 64);
    put(reader.time(), kept);
    if (time == reader.time()) place();
  }
  place();
  const bool last = at + 1 == pieces_.size();
  rows_ -= old.rows;
  for (Piece& piece : written) {
    rows_ += piece.rows;
    if (!last) piece.bytes.shrink_to_fit();
  }
  pieces_.erase(pieces_.begin() + static_cast<std::ptrdiff_t>(at));
  pieces_.insert(pieces_.begin() + static_cast<std::ptrdiff_t>(at), std::make_move_iterator(written.begin()),
                 std::make_move_iterator(written.end()));
  if (last) {
    end_ = std::move(end);
    end_is_row_ = whole;
    amended_ = 0;
  }
  rewritten(at);
  count_memory();
}

// A snapshot brings back bytes. The last piece is written anew from what they say, to go on from there.
void Head::resume() {
  std::string scratch;
  while (!resumed_) {
    resumed_ = true;
    if (empty()) return;
    const Piece old = std::move(pieces_.back());
    pieces_.pop_back();
    const std::vector<Slot>& slots = slots_.items();
    Piece piece;
    begin_piece(old.slots, piece, end_);
    PieceRows reader;
    reader.open(old, slots);
    while (reader.next() && reader.time() <= old.last_time)
      end_is_row_ = append_row(reader.time(), reader.row(), slots, piece, end_, scratch);
    rows_ = rows_ - old.rows + piece.rows;
    rewritten(pieces_.size());
    if (piece.rows > 0)
      pieces_.push_back(std::move(piece));
    else
      resumed_ = pieces_.empty();  // damage behind a checksum that was right
  }
  count_memory();
}

// What is from there on has another place now.
void Head::rewritten(std::size_t piece) {
  saved_ = std::min(saved_, static_cast<std::uint32_t>(piece));
}

bool Head::restore(const HeadRecord& record, std::uint32_t place, const Slots& slots) {
  const bool extends = slots.same_as(slots_) ||
                       (slots.size() >= slots_.size() && std::equal(slots_.begin(), slots_.end(), slots.begin()));
  if (place > 0 && !extends) return false;
  if (place > 0 && !record.pieces.empty() && record.pieces.front().first_time <= pieces_[place - 1].last_time)
    return false;
  slots_ = slots;
  pieces_.erase(pieces_.begin() + place, pieces_.end());
  for (const PieceView& from : record.pieces) {
    Piece& piece = pieces_.emplace_back();
    piece.slots = from.slots;
    piece.first_time = from.first_time;
    piece.last_time = from.last_time;
    piece.rows = from.rows;
    piece.bytes = from.bytes;
  }
  rows_ = 0;
  for (const Piece& piece : pieces_) rows_ += piece.rows;
  amended_ = 0;
  resumed_ = false;
  end_is_row_ = false;
  end_ = {};
  set_saved();
  count_memory();
  return true;
}

void Head::count_memory() {
  memory_bytes_ = pieces_.capacity() * sizeof(Piece);
  for (const Piece& piece : pieces_) memory_bytes_ += piece.bytes.capacity();
  if (!pieces_.empty()) memory_bytes_ += pieces_.back().slots * sizeof(metric::Cell);
}

std::size_t Head::slot(ColumnId id, metric::FieldType type) {
  // Columns are mostly asked for in the order in which they first came.
  if (next_slot_ < slots_.size() && slots_[next_slot_].id == id) return next_slot_++;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].id != id) continue;
    next_slot_ = static_cast<std::uint16_t>(i + 1);  // only where to look first
    return i;
  }
  slots_.push_back({id, type});
  return slots_.size() - 1;
}

std::optional<Head::NewestRow> Head::newest(std::span<const ColumnId> columns) const {
  if (!end_is_row_) return std::nullopt;
  NewestRow row{last_time(), std::vector<metric::Cell>(columns.size()), std::vector<std::uint64_t>(columns.size())};
  bool any = false;
  for (std::size_t slot = 0; slot < pieces_.back().slots; ++slot) {
    const Slot& has = slots_.items()[slot];
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (columns[i] != has.id) continue;
      if (has.type == metric::FieldType::kString) return std::nullopt;
      row.cells[i] = end_.cells[slot];
      row.there[i] = 1;
      any = true;
    }
  }
  if (!any) return std::nullopt;
  return row;
}

Rows Head::copy(TimeRange range, const std::vector<ColumnId>* wanted) const {
  Rows rows;
  const auto first = std::lower_bound(pieces_.begin(), pieces_.end(), range.first,
                                      [](const Piece& piece, UnixNanos time) { return piece.last_time < time; });
  const auto last = std::lower_bound(first, pieces_.end(), range.last,
                                     [](const Piece& piece, UnixNanos time) { return piece.first_time < time; });
  std::size_t most = 0;
  for (auto piece = first; piece != last; ++piece) most += piece->rows;
  if (most == 0) return rows;
  rows.times.reserve(most);
  const std::vector<Slot>& slots = slots_.items();
  std::vector<ColumnFiller> columns;
  std::vector<std::uint64_t> read((slots.size() + 63) / 64);
  for (std::size_t s = 0; s < slots.size(); ++s) {
    if (wanted != nullptr && !std::binary_search(wanted->begin(), wanted->end(), slots[s].id)) continue;
    columns.emplace_back(s, slots[s], most);
    set_bit(read, s);
  }
  PieceReader by_rows;
  PieceColumns by_columns;
  for (auto piece = first; piece != last; ++piece) {
    if (is_by_columns(*piece))
      copy_columns(*piece, by_columns, slots, range, columns, rows.times);
    else
      copy_rows(*piece, by_rows, slots, range, read, columns, rows.times);
  }
  for (ColumnFiller& column : columns) column.finish(rows.size(), rows);
  std::sort(rows.columns.begin(), rows.columns.end(),
            [](const RowColumn& a, const RowColumn& b) { return a.id < b.id; });
  return rows;
}

void Head::clear() {
  // The memory goes too: groups are sealed at different times, so on average half of it would lie idle.
  pieces_ = {};
  end_ = {};
  memory_bytes_ = 0;
  rows_ = 0;
  amended_ = 0;
  resumed_ = true;
  end_is_row_ = false;
  forget_saved();
}

}  // namespace resmon::store
