#pragma once

// One scan under way; see store_scan.cc.

#include <algorithm>
#include <bit>

#include "store/chunk.h"
#include "store/embedded_store.h"
#include "store/store_connection.h"

namespace resmon::store {

inline constexpr std::size_t kMaxPooled = 16;
inline constexpr std::size_t kFirstLookUp = 4;
inline constexpr std::size_t kAllChunks = INT64_MAX;

struct Cluster {
  std::vector<ChunkEntry> entries;
  UnixNanos first = 0;
  UnixNanos last = 0;
};

class EmbeddedStore::ConnectionLease {
 public:
  static Result<ConnectionLease> take(const EmbeddedStore& store) {
    ConnectionLease lease(store);
    {
      std::lock_guard lock(store.pool_mutex_);
      if (!store.pool_.empty()) {
        lease.connection_ = std::move(store.pool_.back());
        store.pool_.pop_back();
        return lease;
      }
    }
    RESMON_ASSIGN(lease.connection_, Connection::open(store.path_));
    return lease;
  }
  ConnectionLease(ConnectionLease&&) = default;
  ~ConnectionLease() {
    if (!connection_) return;
    std::lock_guard lock(store_->pool_mutex_);
    if (store_->pool_.size() < kMaxPooled) store_->pool_.push_back(std::move(connection_));
  }
  Connection& operator*() { return *connection_; }

 private:
  explicit ConnectionLease(const EmbeddedStore& store) : store_(&store) {}

  const EmbeddedStore* store_;
  std::unique_ptr<Connection> connection_;
};

// One scan under way.
struct EmbeddedStore::Scan {
  const EmbeddedStore& store;
  ReadStatements& select;
  std::int64_t tier;
  GroupId group;
  std::span<const ColumnId> columns;  // as asked for
  std::vector<ColumnId> wanted;       // sorted, each once
  TimeRange range;                    // what has not been shown yet
  const BlockVisitor& visit;
  Rows head;
  const GroupState* listed = nullptr;  // whose lists of chunks may be gone by, after its head was copied; null: none
  // What to do about a chunk that does not decode: go on without its rows, or end with kDamaged; then nothing from
  // damaged.first on has been shown, and the cluster ends with damaged.last.
  bool end_at_damage = false;
  TimeRange damaged{};

  // Entries not yet in a cluster, newest first. All are of one moment: entries of two could leave out a chunk that
  // several were joined into between them.
  std::vector<ChunkEntry> entries{};
  std::size_t next_entry = 0;
  std::size_t at_most = 0;  // of them are looked up at once
  bool all_entries = false;
  bool descending = false;

  Status run(bool newest_first) {
    descending = newest_first;
    return descending ? run_descending() : run_ascending();
  }

  // What comes first, from a list that is at hand.
  Status begin(std::size_t first_look_up) {
    at_most = first_look_up;
    if (listed != nullptr) {
      RESMON_ASSIGN(const std::shared_ptr<const ChunkList> list, store.newest_chunks(select, *listed, tier));
      all_entries = list && list->covers(range.first);
      if (list && (all_entries || descending))
        for (const ChunkEntry& entry : list->entries)
          if (entry.last_time >= range.first && entry.first_time < range.last) entries.push_back(entry);
    }
    return all_entries || !entries.empty() ? Status() : look_up();
  }

  // The newest chunks of what is left of the range.
  Status look_up() {
    entries.clear();
    next_entry = 0;
    // Chunks that end beyond the range can begin in it, but span no more than max_span.
    const UnixNanos last_end = plus(range.last, shape_of(tier).max_span);
    RESMON_TRY(select.find_newest(tier, group, range, last_end, at_most, entries));
    all_entries = entries.size() < at_most;
    return {};
  }

  // The newest cluster left; none with no entries.
  Result<Cluster> next_cluster() {
    Cluster cluster;
    while (true) {
      if (next_entry == entries.size()) {
        if (all_entries) return cluster;
        at_most *= 8;
        cluster = {};
        RESMON_TRY(look_up());
        continue;
      }
      const ChunkEntry& entry = entries[next_entry];
      if (cluster.entries.empty()) {
        cluster.first = entry.first_time;
        cluster.last = entry.last_time;
      } else if (entry.last_time < cluster.first) {
        return cluster;
      }
      cluster.first = std::min(cluster.first, entry.first_time);
      cluster.entries.push_back(entry);
      ++next_entry;
    }
  }

  // Shows the rows in `range` that have one of the columns.
  Status show(const Rows& rows) {
    const auto begin = std::lower_bound(rows.times.begin(), rows.times.end(), range.first);
    const auto end = std::lower_bound(begin, rows.times.end(), range.last);
    const auto first = static_cast<std::size_t>(begin - rows.times.begin());
    const auto last = static_cast<std::size_t>(end - rows.times.begin());
    if (first == last || rows.columns.empty()) return {};
    std::vector<std::uint64_t> any((last - first + 63) / 64);
    for (const RowColumn& column : rows.columns)
      for (std::size_t word = 0; word < any.size(); ++word)
        any[word] |= bits_from(column.presence, first + word * 64, last);
    std::size_t kept = 0;
    for (const std::uint64_t word : any) kept += static_cast<std::size_t>(std::popcount(word));
    if (kept == 0) return {};
    if (kept == last - first) return emit(rows, first, last);

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
    return emit(some, 0, some.size());
  }

  // 64 bits from `row` on, none of them of a row beyond `last`.
  static std::uint64_t bits_from(const std::vector<std::uint64_t>& presence, std::size_t row, std::size_t last) {
    const std::size_t word = row / 64;
    std::uint64_t bits = presence[word] >> (row % 64);
    if (row % 64 != 0 && word + 1 < presence.size()) bits |= presence[word + 1] << (64 - row % 64);
    return last - row < 64 ? bits & ((std::uint64_t{1} << (last - row)) - 1) : bits;
  }

  // Rows [first, last), where they are.
  Status emit(const Rows& rows, std::size_t first, std::size_t last) {
    const std::size_t count = last - first;
    const std::size_t words = (count + 63) / 64;
    const bool whole = count == rows.size();
    std::vector<std::uint64_t> moved(whole ? 0 : rows.columns.size() * words);
    std::vector<metric::Cell> nothing;
    std::vector<Block::ColumnData> data;
    data.reserve(columns.size());
    for (const ColumnId id : columns) {
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
    return visit(Block{std::span(rows.times).subspan(first, count), data});
  }

  // The head's rows with from <= time <= to, and not beyond the range.
  Rows head_rows(UnixNanos from, UnixNanos to) const {
    const auto begin = std::lower_bound(head.times.begin(), head.times.end(), from);
    const auto end = std::upper_bound(begin, head.times.end(), to);
    return slice(head, static_cast<std::size_t>(begin - head.times.begin()),
                 static_cast<std::size_t>(end - head.times.begin()));
  }
  Status show_head(UnixNanos from, UnixNanos to) {
    if (from > to || head.times.empty()) return {};
    if (from <= head.times.front() && head.times.back() <= to) return show(head);
    return show(head_rows(from, to));
  }

  // False where a chunk is gone: replaced or removed since it was looked up.
  Result<bool> show_cluster(const Cluster& cluster) {
    std::vector<ChunkEntry> by_generation = cluster.entries;
    std::sort(by_generation.begin(), by_generation.end(),
              [](const ChunkEntry& a, const ChunkEntry& b) { return a.id < b.id; });
    Rows merged;
    for (const ChunkEntry& entry : by_generation) {
      Result<Rows> rows = store.load_chunk(select, entry, group, wanted);
      if (!rows) {
        if (rows.error().kind == ErrorKind::kNotFound) return false;
        if (rows.error().kind == ErrorKind::kDamaged) {
          if (!end_at_damage) continue;
          damaged = {cluster.first, cluster.last};
        }
        return fail(std::move(rows).error());
      }
      merged = merged.times.empty() ? std::move(*rows) : merge(merged, *rows);
    }
    if (!head.times.empty()) {
      const Rows newer = head_rows(cluster.first, cluster.last);
      if (!newer.times.empty()) merged = merge(merged, newer);
    }
    RESMON_TRY(show(merged));
    return true;
  }

  Status run_descending() {
    RESMON_TRY(begin(kFirstLookUp));
    while (true) {
      RESMON_ASSIGN(const Cluster cluster, next_cluster());
      if (cluster.entries.empty()) return show_head(range.first, INT64_MAX);
      if (cluster.last < INT64_MAX) RESMON_TRY(show_head(cluster.last + 1, INT64_MAX));
      range.last = std::min(range.last, plus(cluster.last, 1));
      RESMON_ASSIGN(const bool shown, show_cluster(cluster));
      if (!shown) {
        RESMON_TRY(look_up());
        continue;
      }
      if (cluster.first <= range.first) return {};
      range.last = std::min(range.last, cluster.first);
    }
  }

  Status run_ascending() {
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
        if (cluster.first > INT64_MIN) RESMON_TRY(show_head(range.first, cluster.first - 1));
        range.first = std::max(range.first, cluster.first);
        RESMON_ASSIGN(const bool shown, show_cluster(cluster));
        if (!shown) {
          again = true;
          break;
        }
        if (cluster.last == INT64_MAX || cluster.last + 1 >= range.last) return {};
        range.first = std::max(range.first, cluster.last + 1);
        clusters.pop_back();
      }
      if (!again) return show_head(range.first, INT64_MAX);
      RESMON_TRY(look_up());
    }
  }
};

}  // namespace resmon::store
