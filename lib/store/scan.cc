// Reading. A scan copies what it needs of the head first and looks for chunks after that: a head that is sealed in
// between is then seen twice, and equal, but never missed. Chunks are found through the index newest first; those that
// overlap form a cluster, which is decoded, merged by generation, merged with the head's rows in its span, and shown.
// Head rows between clusters are blocks of their own.
//
// No SQLite transaction is open while the visitor runs, so a slow query cannot make the write-ahead log grow. The
// price: a chunk that is looked for may have been replaced since. Then the rest of the range is looked up again.
//
// Before a descending scan, Scanner shows the newest row by itself where the head has it at hand and no chunk reaches
// as far: the last value of a group then costs neither decoding nor looking for chunks. The scan's range ends there.
//
// Descending scans look a few chunks up at first, and more of what is left when those are shown, so that the last value
// of a group decodes one chunk of one column. Ascending ones take all entries of the range at once (32 bytes each; a
// month is about 720): a cluster is complete only when the next newer chunk is known.

#include "store/scan.h"

#include <algorithm>
#include <bit>
#include <mutex>
#include <optional>
#include <utility>

namespace resmon::store {

namespace {

constexpr std::size_t kFirstLookUp = 4;
constexpr std::size_t kAllChunks = INT64_MAX;

// Of the rows of [first, last), those with a bit in `any`, of which there are `kept`. Text stays where it is.
Rows pick_rows(const Rows& rows, std::size_t first, std::size_t last, const std::vector<std::uint64_t>& any,
               std::size_t kept) {
  Rows some;
  some.times.reserve(kept);
  std::vector<std::size_t> sources;
  sources.reserve(kept);
  for (std::size_t row = first; row < last; ++row) {
    if (!bit(any, row - first)) continue;
    some.times.push_back(rows.times[row]);
    sources.push_back(row);
  }
  for (const RowColumn& from : rows.columns) {
    RowColumn column;
    column.id = from.id;
    column.type = from.type;
    column.cells.resize(kept);
    column.presence.resize((kept + 63) / 64);
    for (std::size_t i = 0; i < kept; ++i) {
      if (!bit(from.presence, sources[i])) continue;
      set_bit(column.presence, i);
      column.cells[i] = from.cells[sources[i]];
    }
    column.text = from.text;
    some.columns.push_back(std::move(column));
  }
  return some;
}

}  // namespace

Status Scan::run(bool descending) {
  descending_ = descending;
  return descending ? run_descending() : run_ascending();
}

// For the scans to come. The mutex hides from them what is taken back because the list is older than the chunks.
void Scan::learn_newest_time(const ChunkList& list) {
  if (list.entries.empty() || asked_.listed->newest_time != INT64_MIN) return;
  const std::lock_guard lock(asked_.listed->mutex);
  UnixNanos expected = INT64_MIN;
  UnixNanos newest = list.entries.front().last_time;
  if (asked_.listed->newest_time.compare_exchange_strong(expected, newest) &&
      (asked_.listed->chunks_version & ~GroupState::kNoChunk) != list.version)
    asked_.listed->newest_time.compare_exchange_strong(newest, INT64_MIN);
}

// What comes first, from a list that is at hand.
Status Scan::begin(std::size_t first_look_up) {
  at_most_ = first_look_up;
  if (asked_.listed != nullptr) {
    RESMON_ASSIGN(const std::shared_ptr<const ChunkList> list, chunks_.newest(reads_, *asked_.listed, asked_.tier));
    if (list && asked_.tier == kTierRaw) learn_newest_time(*list);
    all_entries_ = list && list->covers(left_.first);
    if (list && (all_entries_ || descending_))
      for (const ChunkEntry& entry : list->entries)
        if (entry.last_time >= left_.first && entry.first_time < left_.last) entries_.push_back(entry);
  }
  return all_entries_ || !entries_.empty() ? Status() : look_up();
}

// The newest chunks of what is left of the range.
Status Scan::look_up() {
  entries_.clear();
  next_entry_ = 0;
  // Chunks that end beyond the range can begin in it, but span no more than max_span.
  const UnixNanos last_end = plus(left_.last, shape_of(asked_.tier).max_span);
  RESMON_ASSIGN(ChunkReads* const reads, reads_.get());
  RESMON_TRY(reads->find_newest(asked_.tier, asked_.group, left_, last_end, at_most_, entries_));
  all_entries_ = entries_.size() < at_most_;
  return {};
}

// The newest cluster left; none with no entries.
Result<Scan::Cluster> Scan::next_cluster() {
  Cluster cluster;
  while (true) {
    if (next_entry_ == entries_.size()) {
      if (all_entries_) return cluster;
      at_most_ *= 8;
      cluster = {};
      RESMON_TRY(look_up());
      continue;
    }
    const ChunkEntry& entry = entries_[next_entry_];
    if (cluster.entries.empty()) {
      cluster.first = entry.first_time;
      cluster.last = entry.last_time;
    } else if (entry.last_time < cluster.first) {
      return cluster;
    }
    cluster.first = std::min(cluster.first, entry.first_time);
    cluster.entries.push_back(entry);
    ++next_entry_;
  }
}

// Shows the rows in what is left of the range that have one of the columns.
Status Scan::show(const Rows& rows) {
  const auto begin = std::lower_bound(rows.times.begin(), rows.times.end(), left_.first);
  const auto end = std::lower_bound(begin, rows.times.end(), left_.last);
  const auto first = static_cast<std::size_t>(begin - rows.times.begin());
  const auto last = static_cast<std::size_t>(end - rows.times.begin());
  std::vector<std::uint64_t> any((last - first + 63) / 64);
  for (const RowColumn& column : rows.columns)
    for (std::size_t word = 0; word < any.size(); ++word)
      any[word] |= bits_from(column.presence, first + word * 64, last);
  std::size_t kept = 0;
  for (const std::uint64_t word : any) kept += static_cast<std::size_t>(std::popcount(word));
  if (kept == 0) return {};
  if (kept == last - first) return emit(rows, first, last);
  const Rows some = pick_rows(rows, first, last, any, kept);
  return emit(some, 0, some.size());
}

// Rows [first, last), where they are.
Status Scan::emit(const Rows& rows, std::size_t first, std::size_t last) {
  const std::size_t count = last - first;
  const std::size_t words = (count + 63) / 64;
  const bool whole = count == rows.size();
  std::vector<std::uint64_t> moved(whole ? 0 : rows.columns.size() * words);
  std::vector<metric::Cell> nothing;
  std::vector<Block::ColumnData> data;
  data.reserve(asked_.columns.size());
  for (const ColumnId id : asked_.columns) {
    const RowColumn* const column = rows.find(id);
    if (column == nullptr) {
      nothing.resize(count);
      data.push_back({nothing, std::span(nothing).first(words), {}});
      continue;
    }
    std::span<const std::uint64_t> presence = column->presence;
    if (!whole) {
      const auto at = static_cast<std::size_t>(column - rows.columns.data()) * words;
      for (std::size_t word = 0; word < words; ++word)
        moved[at + word] = bits_from(column->presence, first + word * 64, last);
      presence = std::span(moved).subspan(at, words);
    }
    data.push_back({std::span(column->cells).subspan(first, count), presence, column->text});
  }
  return visit_(Block{std::span(rows.times).subspan(first, count), data});
}

// The head's rows with from <= time <= to, and not beyond the range.
Rows Scan::head_rows(UnixNanos from, UnixNanos to) const {
  const std::vector<UnixNanos>& times = asked_.head.times;
  const auto begin = std::lower_bound(times.begin(), times.end(), from);
  const auto end = std::upper_bound(begin, times.end(), to);
  return slice(asked_.head, static_cast<std::size_t>(begin - times.begin()),
               static_cast<std::size_t>(end - times.begin()));
}

Status Scan::show_head(UnixNanos from, UnixNanos to) {
  const std::vector<UnixNanos>& times = asked_.head.times;
  if (from > to || times.empty()) return {};
  if (from <= times.front() && times.back() <= to) return show(asked_.head);
  return show(head_rows(from, to));
}

// What of the rows is in what is left of the range: nothing else needs to be merged.
Rows Scan::left_of(const Rows& rows) const {
  const auto begin = std::lower_bound(rows.times.begin(), rows.times.end(), left_.first);
  const auto end = std::lower_bound(begin, rows.times.end(), left_.last);
  return slice(rows, static_cast<std::size_t>(begin - rows.times.begin()),
               static_cast<std::size_t>(end - rows.times.begin()));
}

// False where a chunk is gone: replaced or removed since it was looked up.
Result<bool> Scan::show_cluster(const Cluster& cluster) {
  std::vector<ChunkEntry> by_generation = cluster.entries;
  std::sort(by_generation.begin(), by_generation.end(),
            [](const ChunkEntry& a, const ChunkEntry& b) { return a.id < b.id; });
  std::shared_ptr<const DecodedChunk> alone;  // mostly nothing is to be merged
  std::optional<Rows> merged;
  const auto merge_in = [&](const Rows& newer) {
    if (!merged) merged = alone ? left_of(alone->rows()) : Rows();
    merged = merge(std::move(*merged), newer);
  };
  for (const ChunkEntry& entry : by_generation) {
    auto rows = chunks_.load(reads_, entry, asked_.group, asked_.wanted, left_.last);
    if (!rows) {
      if (rows.error().kind == ErrorKind::kNotFound) return false;
      if (rows.error().kind == ErrorKind::kDamaged) {
        if (!asked_.end_at_damage) continue;
        damaged_ = {cluster.first, cluster.last};
      }
      return fail(std::move(rows).error());
    }
    if (alone == nullptr)
      alone = std::move(*rows);
    else
      merge_in(left_of((*rows)->rows()));
  }
  if (!asked_.head.times.empty()) {
    const Rows newer = head_rows(cluster.first, cluster.last);
    if (!newer.times.empty()) merge_in(newer);
  }
  if (merged) RESMON_TRY(show(*merged));
  if (!merged && alone) RESMON_TRY(show(alone->rows()));
  return true;
}

Status Scan::run_descending() {
  RESMON_TRY(begin(kFirstLookUp));
  while (true) {
    RESMON_ASSIGN(const Cluster cluster, next_cluster());
    if (cluster.entries.empty()) return show_head(left_.first, INT64_MAX);
    if (cluster.last < INT64_MAX) RESMON_TRY(show_head(cluster.last + 1, INT64_MAX));
    left_.last = std::min(left_.last, plus(cluster.last, 1));
    RESMON_ASSIGN(const bool shown, show_cluster(cluster));
    if (!shown) {
      RESMON_TRY(look_up());
      continue;
    }
    if (cluster.first <= left_.first) return {};
    left_.last = std::min(left_.last, cluster.first);
  }
}

Status Scan::run_ascending() {
  RESMON_TRY(begin(kAllChunks));
  while (true) {
    std::vector<Cluster> clusters;
    while (true) {
      RESMON_ASSIGN(Cluster cluster, next_cluster());
      if (cluster.entries.empty()) break;
      clusters.push_back(std::move(cluster));
    }
    bool again = false;
    while (!clusters.empty() && !again) {
      const Cluster& cluster = clusters.back();
      if (cluster.first > INT64_MIN) RESMON_TRY(show_head(left_.first, cluster.first - 1));
      left_.first = std::max(left_.first, cluster.first);
      RESMON_ASSIGN(const bool shown, show_cluster(cluster));
      if (!shown) {
        again = true;
        break;
      }
      if (cluster.last == INT64_MAX || cluster.last + 1 >= left_.last) return {};
      left_.first = std::max(left_.first, cluster.last + 1);
      clusters.pop_back();
    }
    if (!again) return show_head(left_.first, INT64_MAX);
    RESMON_TRY(look_up());
  }
}

std::vector<ColumnId> each_once(std::span<const ColumnId> columns) {
  std::vector<ColumnId> out(columns.begin(), columns.end());
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace resmon::store
