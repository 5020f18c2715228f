// Rows and windows of series that several servers have, brought together block by block: no more is held than a page of
// each.

#include <algorithm>
#include <functional>
#include <utility>

#include "peer_reader_internal.h"

namespace resmon::server {

namespace {

store::Rows rows_of(const store::Block& block, std::span<const store::Column> columns) {
  store::Rows out;
  out.times.assign(block.times.begin(), block.times.end());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const store::Block::ColumnData& data = block.columns[i];
    store::RowColumn column;
    column.id = columns[i].id;
    column.type = columns[i].type;
    column.cells.assign(data.cells.begin(), data.cells.begin() + static_cast<std::ptrdiff_t>(out.times.size()));
    column.presence.assign(data.presence.begin(),
                           data.presence.begin() + static_cast<std::ptrdiff_t>((out.times.size() + 63) / 64));
    column.text = data.text;
    out.columns.push_back(std::move(column));
  }
  return out;
}

store::Rows rows_of(const store::WindowBlock& block, std::span<const store::Column> columns) {
  store::Rows out;
  const std::size_t count = block.starts.size();
  out.times.assign(block.starts.begin(), block.starts.end());
  for (std::size_t i = 0; i < columns.size(); ++i)
    for (std::size_t a = 0; a < store::kAggregateCount; ++a) {
      const store::WindowBlock::ColumnData& data = block.columns[i];
      if (data.cells[a].empty()) continue;
      const auto aggregate = static_cast<store::Aggregate>(a);
      store::RowColumn column;
      column.id = store::window_column(columns[i].id, aggregate);
      column.type = store::aggregate_type(columns[i].type, aggregate);
      column.cells.assign(data.cells[a].begin(), data.cells[a].begin() + static_cast<std::ptrdiff_t>(count));
      column.presence.assign(data.presence.begin(),
                             data.presence.begin() + static_cast<std::ptrdiff_t>((count + 63) / 64));
      if (column.type == metric::FieldType::kString) column.text = data.text;
      out.columns.push_back(std::move(column));
    }
  return out;
}

// The least range that has all windows of `starts` from `from` on which follow each other without a gap.
store::TimeRange run_of(const std::vector<UnixNanos>& starts, std::size_t from, UnixNanos width) {
  std::size_t to = from + 1;
  while (to < starts.size() && starts[to] == starts[to - 1] + width) ++to;
  return {starts[from], starts[to - 1] + width};
}

std::optional<std::size_t> row_at(const store::Rows& rows, UnixNanos time) {
  const auto at = std::lower_bound(rows.times.begin(), rows.times.end(), time);
  if (at == rows.times.end() || *at != time) return std::nullopt;
  return static_cast<std::size_t>(at - rows.times.begin());
}

// A column's aggregate in a window; null where there is none.
const store::RowColumn* value_at(const store::Rows& rows, store::ColumnId column, store::Aggregate aggregate,
                                 UnixNanos start, std::size_t& row) {
  const auto at = row_at(rows, start);
  const store::RowColumn* const found = at ? rows.find(store::window_column(column, aggregate)) : nullptr;
  if (found == nullptr || !store::bit(found->presence, *at)) return nullptr;
  row = *at;
  return found;
}

std::uint64_t count_at(const store::Rows& rows, store::ColumnId column, UnixNanos start) {
  std::size_t row = 0;
  const store::RowColumn* const found = value_at(rows, column, store::Aggregate::kCount, start, row);
  return found == nullptr ? 0 : found->cells[row];
}

bool less(metric::FieldType type, metric::Cell a, metric::Cell b) {
  if (type == metric::FieldType::kFloat) return metric::as_float(a) < metric::as_float(b);
  if (type == metric::FieldType::kInteger) return metric::as_integer(a) < metric::as_integer(b);
  return a < b;
}

metric::Cell added(metric::FieldType type, metric::Cell a, metric::Cell b) {
  return type == metric::FieldType::kFloat ? metric::cell_of(metric::as_float(a) + metric::as_float(b)) : a + b;
}

// One window of one column from what several servers say of it, when its rows are not there any more. Which value was
// the last nobody knows then: that of the server that has the most.
store::Rows added_up(const std::vector<store::Rows>& parts, const store::WindowColumn& column, UnixNanos start) {
  store::Rows out;
  out.times.push_back(start);
  std::uint64_t most = 0;
  for (const store::Rows& part : parts) most = std::max(most, count_at(part, column.id, start));
  for (std::size_t a = 0; a < store::kAggregateCount; ++a) {
    const auto aggregate = static_cast<store::Aggregate>(a);
    store::RowColumn to;
    to.id = store::window_column(column.id, aggregate);
    to.type = store::aggregate_type(column.type, aggregate);
    to.cells.resize(1);
    to.presence.resize(1);
    for (const store::Rows& part : parts) {
      std::size_t row = 0;
      const store::RowColumn* const from = value_at(part, column.id, aggregate, start, row);
      if (from == nullptr) continue;
      const bool first = !store::bit(to.presence, 0);
      if (aggregate == store::Aggregate::kLast) {
        if (first || count_at(part, column.id, start) == most) to.take(0, *from, row);
      } else if (first) {
        to.take(0, *from, row);
      } else if (aggregate == store::Aggregate::kMin || aggregate == store::Aggregate::kMax) {
        const bool smaller = less(to.type, from->cells[row], to.cells[0]);
        if (smaller == (aggregate == store::Aggregate::kMin)) to.cells[0] = from->cells[row];
      } else {
        to.cells[0] = added(to.type, to.cells[0], from->cells[row]);
      }
    }
    if (store::bit(to.presence, 0)) out.columns.push_back(std::move(to));
  }
  return out;
}

}  // namespace

store::Rows take_part(store::Rows& rows, UnixNanos bound, bool descending) {
  const auto at = descending ? std::lower_bound(rows.times.begin(), rows.times.end(), bound)
                             : std::upper_bound(rows.times.begin(), rows.times.end(), bound);
  const auto cut = static_cast<std::size_t>(at - rows.times.begin());
  const std::size_t count = rows.size();
  if (descending ? cut == 0 : cut == count) return std::exchange(rows, {});
  if (descending ? cut == count : cut == 0) return {};
  store::Rows taken = descending ? store::slice(rows, cut, count) : store::slice(rows, 0, cut);
  rows = descending ? store::slice(rows, 0, cut) : store::slice(rows, cut, count);
  return taken;
}

const store::Rows* PeerReader::Cursor::peek() {
  while (!pending_ || pending_->times.empty()) {
    if (blocks_.empty() && !more()) return nullptr;
    if (blocks_.empty()) continue;
    pending_ = std::move(blocks_.front());
    blocks_.pop_front();
  }
  return &*pending_;
}

store::Rows PeerReader::Cursor::take_until(UnixNanos bound) {
  return peek() == nullptr ? store::Rows() : take_part(*pending_, bound, question_.descending);
}

bool PeerReader::Cursor::more() {
  if (whole_) return false;
  question_.alone = std::exchange(begun_, true);
  peer::Page::Series page = reader_->fetch(question_, group_);
  whole_ = page.whole || page.blocks.empty();  // one that breaks off without a row would do so for ever
  for (store::Rows& rows : page.blocks) {
    for (store::RowColumn& column : rows.columns) {
      const bool windows = question_.aggregates != 0;
      const std::size_t place = windows ? column.id / 8 : column.id;
      if (place >= question_.columns.size()) continue;
      column.id = windows ? store::window_column(question_.columns[place], static_cast<store::Aggregate>(column.id % 8))
                          : question_.columns[place];
    }
    if (question_.descending)
      question_.range.last = rows.times.front();
    else
      question_.range.first = question_.aggregates != 0 ? rows.times.back() + question_.width : rows.times.back() + 1;
    blocks_.push_back(std::move(rows));
  }
  return true;
}

// What comes first of several sources, again and again.
class PeerReader::RowMerge {
 public:
  // Takes the parts of one stretch of time, one a source, this server's last.
  using Show = std::function<Status(std::vector<store::Rows>& parts)>;
  RowMerge(std::vector<Cursor> cursors, bool descending, Show show)
      : cursors_(std::move(cursors)), descending_(descending), show_(std::move(show)) {}

  Status add(store::Rows own) {
    while (!own.times.empty()) RESMON_TRY(show_first(&own));
    return {};
  }
  Status finish() {
    while (std::any_of(cursors_.begin(), cursors_.end(), [](Cursor& one) { return one.peek() != nullptr; }))
      RESMON_TRY(show_first(nullptr));
    return {};
  }

 private:
  // Up to where the first of the blocks at hand ends.
  Status show_first(store::Rows* own) {
    std::optional<UnixNanos> bound;
    const auto consider = [&](const store::Rows& rows) {
      const UnixNanos end = descending_ ? rows.times.front() : rows.times.back();
      if (!bound || (descending_ ? end > *bound : end < *bound)) bound = end;
    };
    for (Cursor& one : cursors_)
      if (const store::Rows* const rows = one.peek()) consider(*rows);
    if (own != nullptr) consider(*own);
    std::vector<store::Rows> parts;
    for (Cursor& one : cursors_) parts.push_back(one.take_until(*bound));
    if (own != nullptr) parts.push_back(take_part(*own, *bound, descending_));
    std::erase_if(parts, [](const store::Rows& part) { return part.times.empty(); });
    return parts.empty() ? Status() : show_(parts);
  }

  std::vector<Cursor> cursors_;
  const bool descending_;
  const Show show_;
};

namespace {

// Rows whose columns have the ids that are asked for, as the block that a visitor gets.
Status show_merged(const store::Rows& rows, std::span<const store::ColumnId> columns,
                   const store::BlockVisitor& visit) {
  const std::vector<metric::Cell> no_cells(rows.size());
  const std::vector<std::uint64_t> no_presence((rows.size() + 63) / 64);
  std::vector<store::Block::ColumnData> data;
  for (const store::ColumnId id : columns) {
    const store::RowColumn* const column = rows.find(id);
    if (column == nullptr)
      data.push_back({no_cells, no_presence, {}});
    else
      data.push_back({column->cells, column->presence, column->text});
  }
  return visit({rows.times, data});
}

}  // namespace

Status PeerReader::check_types(const Merged& merged, std::size_t group,
                               std::span<const store::ColumnId> columns) const {
  for (std::size_t s = 0; s < merged.sources.size(); ++s)
    for (const store::ColumnId column : columns)
      if (merged.where[group].in[s] && merged.sources[s].columns[column] == Merged::Has::kOtherType)
        return fail(ErrorKind::kInvalid, "the field \"" + merged.columns[column].name + "\" of \"" + merged.name +
                                             "\" has another type on " + peers_.shown(merged.sources[s].peer) +
                                             " than here: ask each server by itself (peers=false)");
  return {};
}

// Of each peer that has the series and one of the columns.
std::vector<PeerReader::Cursor> PeerReader::cursors(const Merged& merged, std::size_t group,
                                                    const Question& question) const {
  std::vector<Cursor> out;
  for (std::size_t s = 0; s < merged.sources.size(); ++s) {
    if (!merged.where[group].in[s] || left_out(merged.sources[s].peer)) continue;
    Question one = question;
    one.source = s;
    std::erase_if(one.columns,
                  [&](store::ColumnId column) { return merged.sources[s].columns[column] != Merged::Has::kYes; });
    if (!one.columns.empty()) out.emplace_back(*this, std::move(one), merged.groups[group].id);
  }
  return out;
}

Status PeerReader::scan(store::GroupId group, std::span<const store::ColumnId> columns, store::TimeRange range,
                        bool descending, const store::BlockVisitor& visit) const {
  const Merged* const merged = of_group(group);
  if (merged == nullptr) return own_.scan(group, columns, range, descending, visit);
  const std::size_t at = group - merged->first;
  Question question{merged, 0, {columns.begin(), columns.end()}, range, descending, 0, 0};
  std::sort(question.columns.begin(), question.columns.end());
  question.columns.erase(std::unique(question.columns.begin(), question.columns.end()), question.columns.end());
  RESMON_TRY(check_types(*merged, at, question.columns));

  std::vector<store::ColumnId> own_ids;
  std::vector<store::Column> own_columns;  // with the ids of ours
  for (const store::ColumnId column : question.columns)
    if (merged->own_columns[column]) {
      own_ids.push_back(*merged->own_columns[column]);
      own_columns.push_back(merged->columns[column]);
    }
  const auto own = merged->where[at].own;
  std::vector<Cursor> others = cursors(*merged, at, question);
  if (own && others.empty() && own_ids.size() == question.columns.size()) {
    std::vector<store::ColumnId> ids;
    for (const store::ColumnId column : columns) ids.push_back(*merged->own_columns[column]);
    return own_.scan(*own, ids, range, descending, visit);
  }
  RowMerge merge(std::move(others), descending, [&](std::vector<store::Rows>& parts) {
    store::Rows rows = std::move(parts.front());
    for (std::size_t i = 1; i < parts.size(); ++i) rows = store::merge(rows, parts[i]);
    return show_merged(rows, columns, visit);
  });
  if (own && !own_ids.empty())
    RESMON_TRY(own_.scan(*own, own_ids, range, descending,
                         [&](const store::Block& block) { return merge.add(rows_of(block, own_columns)); }));
  return merge.finish();
}

// The windows of one series, from all that have it.
class PeerReader::WindowMerge {
 public:
  // `columns`: those of the request, in order, each once.
  WindowMerge(const PeerReader& reader, const store::WindowRequest& request, std::vector<store::Column> columns,
              const store::WindowVisitor& visit)
      : reader_(reader), request_(request), columns_(std::move(columns)), visit_(visit) {}

  Status show(std::vector<store::Rows>& parts) const {
    if (parts.size() == 1) return store::show_windows(parts.front(), request_, visit_);
    const std::vector<UnixNanos> twice = starts_of_several(parts);
    store::Rows rows = parts.front();
    for (std::size_t i = 1; i < parts.size(); ++i) rows = store::merge(rows, parts[i]);
    if (!twice.empty()) {
      RESMON_ASSIGN(const store::Rows anew, made_anew(parts, twice));
      rows = store::merge(rows, anew);
    }
    return store::show_windows(rows, request_, visit_);
  }

 private:
  static std::vector<UnixNanos> starts_of_several(const std::vector<store::Rows>& parts) {
    std::vector<UnixNanos> all;
    for (const store::Rows& part : parts) all.insert(all.end(), part.times.begin(), part.times.end());
    std::sort(all.begin(), all.end());
    std::vector<UnixNanos> out;
    for (std::size_t i = 1; i < all.size(); ++i)
      if (all[i] == all[i - 1] && (out.empty() || out.back() != all[i])) out.push_back(all[i]);
    return out;
  }

  Result<store::Rows> made_anew(const std::vector<store::Rows>& parts, const std::vector<UnixNanos>& starts) const {
    std::vector<store::WindowColumn> unique;
    for (const store::Column& column : columns_) unique.push_back({column.id, column.type});
    store::Rows out;
    for (std::size_t at = 0; at < starts.size();) {
      store::WindowRequest some = request_;
      some.columns = unique;
      some.aggregates |= store::aggregate_bit(store::Aggregate::kCount);
      some.range = run_of(starts, at, request_.width);
      RESMON_TRY(reader_.Reader::scan_windows(some, [&](const store::WindowBlock& block) -> Status {
        out = store::merge(out, rows_of(block, columns_));
        return {};
      }));
      while (at < starts.size() && starts[at] < some.range.last) ++at;
    }
    // Rows past their retention.
    for (const UnixNanos start : starts)
      for (const store::WindowColumn& column : unique) {
        std::uint64_t most = 0;
        for (const store::Rows& part : parts) most = std::max(most, count_at(part, column.id, start));
        if (count_at(out, column.id, start) < most) out = store::merge(out, added_up(parts, column, start));
      }
    return out;
  }

  const PeerReader& reader_;
  const store::WindowRequest& request_;
  const std::vector<store::Column> columns_;
  const store::WindowVisitor& visit_;
};

Status PeerReader::scan_windows(const store::WindowRequest& request, const store::WindowVisitor& visit) const {
  const Merged* const merged = of_group(request.group);
  if (merged == nullptr) return own_.scan_windows(request, visit);
  const std::size_t at = request.group - merged->first;
  Question question{merged, 0, {}, request.range, false, request.aggregates, request.width};
  question.aggregates |= store::aggregate_bit(store::Aggregate::kCount);
  for (const store::WindowColumn& column : request.columns) question.columns.push_back(column.id);
  std::sort(question.columns.begin(), question.columns.end());
  question.columns.erase(std::unique(question.columns.begin(), question.columns.end()), question.columns.end());
  RESMON_TRY(check_types(*merged, at, question.columns));

  store::WindowRequest own_request = request;
  std::vector<store::WindowColumn> own_windows;
  std::vector<store::Column> own_columns;
  for (const store::ColumnId column : question.columns)
    if (merged->own_columns[column]) {
      own_windows.push_back({*merged->own_columns[column], merged->columns[column].type});
      own_columns.push_back(merged->columns[column]);
    }
  own_request.columns = own_windows;
  own_request.aggregates = question.aggregates;
  const auto own = merged->where[at].own;
  std::vector<store::Column> all_columns;
  for (const store::ColumnId column : question.columns) all_columns.push_back(merged->columns[column]);
  const WindowMerge windows(*this, request, std::move(all_columns), visit);
  RowMerge merge(cursors(*merged, at, question), false,
                 [&](std::vector<store::Rows>& parts) { return windows.show(parts); });
  if (own && !own_windows.empty()) {
    own_request.group = *own;
    RESMON_TRY(own_.scan_windows(
        own_request, [&](const store::WindowBlock& block) { return merge.add(rows_of(block, own_columns)); }));
  }
  return merge.finish();
}

}  // namespace resmon::server
