// Reading. A scan copies what it needs of the head first and looks for chunks after that: a head that is sealed in
// between is then seen twice, and equal, but never missed. Chunks are found through the index newest first; those that
// overlap form a cluster, which is decoded, merged by generation, merged with the head's rows in its span, and shown.
// Head rows between clusters are blocks of their own.
//
// No SQLite transaction is open while the visitor runs, so a slow query cannot make the write-ahead log grow. The
// price: a chunk that is looked for may have been replaced since. Then the rest of the range is looked up again.
//
// Descending scans look chunks up a few at a time, so that the last value of a group decodes one chunk of one column.
// Ascending ones take all entries of the range at once (40 bytes each; a month is about 720): a cluster is complete
// only when the next newer chunk is known.

#include <algorithm>
#include <optional>

#include "base/log.h"
#include "store/chunk.h"
#include "store/embedded_store.h"
#include "store/store_connection.h"

namespace resmon::store {

namespace {

constexpr std::size_t kMaxPooled = 16;
constexpr std::size_t kMaxDamagedKnown = 65'536;
constexpr std::size_t kFirstPage = 4;
constexpr std::size_t kMaxPage = 1024;

struct Cluster {
  std::vector<ChunkEntry> entries;
  UnixNanos first = 0;
  UnixNanos last = 0;
};

}  // namespace

Result<std::unique_ptr<EmbeddedStore::Connection>> EmbeddedStore::Connection::open(const std::string& path) {
  auto connection = std::make_unique<Connection>();
  RESMON_ASSIGN(connection->database, Database::open(path, Database::Mode::kReadOnly));
  RESMON_TRY(connection->database.execute("PRAGMA cache_size = -4096"));
  RESMON_ASSIGN(connection->newest_first,
                connection->database.prepare(
                    "SELECT id, first_time, last_time, rows FROM chunks WHERE tier = 0 AND group_id = ?1"
                    " AND last_time >= ?2 AND (last_time, first_time, rows, id) < (?3, ?4, ?5, ?6) AND first_time < ?7"
                    " ORDER BY last_time DESC, first_time DESC, rows DESC, id DESC LIMIT ?8"));
  RESMON_ASSIGN(connection->data, connection->database.prepare("SELECT data FROM chunks WHERE id = ?1"));
  return connection;
}

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
  Connection& connection;
  GroupId group;
  std::span<const ColumnId> columns;  // as asked for
  std::vector<ColumnId> wanted;       // sorted, each once
  TimeRange range;                    // what has not been shown yet
  bool descending;
  const BlockVisitor& visit;
  Rows head;

  // Entries not yet in a cluster, newest first, and from where to go on.
  std::vector<ChunkEntry> entries{};
  std::size_t next_entry = 0;
  ChunkEntry page_end{};  // the next page has what comes before this in the order of the index
  std::size_t page_size = kFirstPage;
  bool all_entries = false;

  void start_over() {
    entries.clear();
    next_entry = 0;
    // Chunks that end beyond the range can begin in it, but span no more than kMaxChunkSpan.
    page_end = {INT64_MAX, INT64_MAX, plus(range.last, kMaxChunkSpan), INT64_MAX};
    page_size = descending ? kFirstPage : kMaxPage;
    all_entries = false;
  }

  Status fetch_page() {
    Statement& select = connection.newest_first;
    StatementReset reset(select);
    select.bind(1, group).bind(2, range.first).bind(3, page_end.last_time).bind(4, page_end.first_time);
    select.bind(5, page_end.rows).bind(6, page_end.id).bind(7, range.last);
    select.bind(8, static_cast<std::int64_t>(page_size));
    std::size_t got = 0;
    while (true) {
      RESMON_ASSIGN(const bool row, select.step());
      if (!row) break;
      entries.push_back({select.integer(0), select.integer(1), select.integer(2), select.integer(3)});
      ++got;
    }
    if (got < page_size) {
      all_entries = true;
    } else {
      page_end = entries.back();
    }
    page_size = std::min(page_size * 4, kMaxPage);
    return {};
  }

  // The newest cluster left; none with no entries.
  Result<Cluster> next_cluster() {
    Cluster cluster;
    while (true) {
      if (next_entry == entries.size()) {
        if (all_entries) return cluster;
        RESMON_TRY(fetch_page());
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
    std::vector<std::uint64_t> any(rows.columns.front().presence.size());
    for (const RowColumn& column : rows.columns)
      for (std::size_t word = 0; word < any.size(); ++word) any[word] |= column.presence[word];
    std::size_t kept = 0;
    for (std::size_t row = first; row < last; ++row) kept += bit(any, row);
    if (kept == 0) return {};
    if (kept == rows.size()) return emit(rows);

    Rows some;
    some.times.reserve(kept);
    std::vector<std::size_t> sources;
    sources.reserve(kept);
    for (std::size_t row = first; row < last; ++row) {
      if (!bit(any, row)) continue;
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
    return emit(some);
  }

  Status emit(const Rows& rows) {
    static const std::vector<std::uint64_t> kNothing(kMaxChunkRows, 0);
    std::vector<std::uint64_t> more_nothing;
    const std::vector<std::uint64_t>* nothing = &kNothing;
    if (rows.size() > kNothing.size()) {
      more_nothing.resize(rows.size());
      nothing = &more_nothing;
    }
    std::vector<Block::ColumnData> data;
    data.reserve(columns.size());
    for (const ColumnId id : columns) {
      if (const RowColumn* const column = rows.find(id); column != nullptr)
        data.push_back({column->cells, column->presence, column->text});
      else
        data.push_back({{nothing->data(), rows.size()}, {nothing->data(), (rows.size() + 63) / 64}, {}});
    }
    return visit(Block{rows.times, data});
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
    return show(head_rows(from, to));
  }

  // False where a chunk is gone: replaced or removed since it was looked up.
  Result<bool> show_cluster(const Cluster& cluster) {
    std::vector<ChunkEntry> by_generation = cluster.entries;
    std::sort(by_generation.begin(), by_generation.end(),
              [](const ChunkEntry& a, const ChunkEntry& b) { return a.id < b.id; });
    Rows merged;
    for (const ChunkEntry& entry : by_generation) {
      Result<Rows> rows = store.load_chunk(connection, entry, group, wanted);
      if (!rows) {
        if (rows.error().kind == ErrorKind::kNotFound) return false;
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
    start_over();
    while (true) {
      RESMON_ASSIGN(const Cluster cluster, next_cluster());
      if (cluster.entries.empty()) return show_head(range.first, INT64_MAX);
      if (cluster.last < INT64_MAX) RESMON_TRY(show_head(cluster.last + 1, INT64_MAX));
      range.last = std::min(range.last, plus(cluster.last, 1));
      RESMON_ASSIGN(const bool shown, show_cluster(cluster));
      if (!shown) {
        start_over();
        continue;
      }
      if (cluster.first <= range.first) return {};
      range.last = std::min(range.last, cluster.first);
    }
  }

  Status run_ascending() {
    while (true) {
      start_over();
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
    }
  }
};

const EmbeddedStore::GroupState* EmbeddedStore::find_group(GroupId id) const {
  std::shared_lock lock(groups_mutex_);
  return id < groups_.size() ? &groups_[id] : nullptr;
}

Status EmbeddedStore::scan(GroupId id, std::span<const ColumnId> columns, TimeRange range, bool descending,
                           const BlockVisitor& visit) const {
  const GroupState* const group = find_group(id);
  if (group == nullptr) return fail(ErrorKind::kNotFound, "store: no group " + std::to_string(id));
  if (columns.empty() || range.first >= range.last) return {};
  std::vector<ColumnId> wanted(columns.begin(), columns.end());
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  Rows head;
  {
    std::lock_guard lock(group->mutex);
    head = group->head.copy(range, &wanted);
  }
  RESMON_ASSIGN(ConnectionLease lease, ConnectionLease::take(*this));
  Scan scan{*this, *lease, id, columns, std::move(wanted), range, descending, visit, std::move(head)};
  return descending ? scan.run_descending() : scan.run_ascending();
}

// kNotFound where there is no such chunk any more. A damaged chunk is walled off and has no rows.
Result<Rows> EmbeddedStore::load_chunk(Connection& connection, const ChunkEntry& entry, GroupId group,
                                       const std::vector<ColumnId>& wanted) const {
  StatementReset reset(connection.data);
  const Result<bool> found = connection.data.bind(1, entry.id).step();
  if (!found) {
    if (found.error().kind != ErrorKind::kDamaged) return fail(Error(found.error()));
    wall_off(entry.id, group, found.error().message);
    return Rows();
  }
  if (!*found) return fail(ErrorKind::kNotFound, "chunk");
  Result<ChunkReader> chunk = ChunkReader::open(connection.data.blob(0));
  Result<Rows> rows = chunk ? chunk->rows(&wanted) : Result<Rows>(fail(Error(chunk.error())));
  if (rows) return rows;
  wall_off(entry.id, group, rows.error().message);
  return Rows();
}

void EmbeddedStore::wall_off(std::int64_t chunk, GroupId group, const std::string& why) const {
  {
    std::lock_guard lock(damage_mutex_);
    if (damaged_.size() >= kMaxDamagedKnown || !damaged_.insert(chunk).second) return;
  }
  ++counters_.damaged;
  log::warn("store", "damaged chunk walled off",
            {{"chunk", chunk}, {"series", catalog_.describe(group)}, {"reason", why}});
}

}  // namespace resmon::store
