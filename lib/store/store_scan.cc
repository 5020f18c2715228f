// Reading. A scan copies what it needs of the head first and looks for chunks after that: a head that is sealed in
// between is then seen twice, and equal, but never missed. Chunks are found through the index newest first; those that
// overlap form a cluster, which is decoded, merged by generation, merged with the head's rows in its span, and shown.
// Head rows between clusters are blocks of their own.
//
// No SQLite transaction is open while the visitor runs, so a slow query cannot make the write-ahead log grow. The
// price: a chunk that is looked for may have been replaced since. Then the rest of the range is looked up again.
//
// Descending scans look a few chunks up at first, and more of what is left when those are shown, so that the last value
// of a group decodes one chunk of one column. Ascending ones take all entries of the range at once (32 bytes each; a
// month is about 720): a cluster is complete only when the next newer chunk is known.

#include <algorithm>

#include "base/log.h"
#include "store/chunk.h"
#include "store/embedded_store.h"
#include "store/store_connection.h"
#include "store/store_scan.h"

namespace resmon::store {

namespace {

constexpr std::size_t kMaxDamagedKnown = 65'536;
}  // namespace

Result<std::unique_ptr<EmbeddedStore::Connection>> EmbeddedStore::Connection::open(const std::string& path) {
  auto connection = std::make_unique<Connection>();
  RESMON_ASSIGN(connection->database, Database::open(path, Database::Mode::kReadOnly));
  RESMON_TRY(connection->database.execute("PRAGMA cache_size = -4096"));
  RESMON_TRY(connection->select.prepare(connection->database));
  return connection;
}

Status EmbeddedStore::ReadStatements::prepare(Database& database) {
  RESMON_ASSIGN(newest_first, database.prepare("SELECT id, first_time, last_time, rows FROM chunks WHERE tier = ?1"
                                               " AND group_id = ?2 AND last_time >= ?3 AND last_time <= ?4"
                                               " AND first_time < ?5 ORDER BY last_time DESC, first_time DESC,"
                                               " rows DESC, id DESC LIMIT ?6"));
  RESMON_ASSIGN(newest_time, database.prepare("SELECT last_time FROM chunks WHERE tier = ?1 AND group_id = ?2"
                                              " ORDER BY last_time DESC LIMIT 1"));
  RESMON_ASSIGN(data, database.prepare("SELECT data FROM chunks WHERE id = ?1"));
  return {};
}

Status EmbeddedStore::ReadStatements::find_newest(std::int64_t tier, GroupId group, TimeRange range, UnixNanos last_end,
                                                  std::size_t at_most, std::vector<ChunkEntry>& entries) {
  StatementReset reset(newest_first);
  newest_first.bind(1, tier).bind(2, group).bind(3, range.first).bind(4, last_end).bind(5, range.last);
  newest_first.bind(6, static_cast<std::int64_t>(at_most));
  while (true) {
    RESMON_ASSIGN(const bool row, newest_first.step());
    if (!row) return {};
    entries.push_back(
        {newest_first.integer(0), newest_first.integer(1), newest_first.integer(2), newest_first.integer(3)});
  }
}

Result<UnixNanos> EmbeddedStore::ReadStatements::find_newest_time(std::int64_t tier, GroupId group) {
  StatementReset reset(newest_time);
  RESMON_ASSIGN(const bool row, newest_time.bind(1, tier).bind(2, group).step());
  return row ? newest_time.integer(0) : INT64_MIN;
}

const GroupState* EmbeddedStore::find_group(GroupId id) const {
  std::shared_lock lock(groups_mutex_);
  return id < groups_.size() ? &groups_[id] : nullptr;
}

std::uint64_t EmbeddedStore::chunks_version(const GroupState& group) const {
  return std::uint64_t{removals_} << 32U | group.chunks_version;
}

Result<std::shared_ptr<const ChunkList>> EmbeddedStore::newest_chunks(ReadStatements& select, const GroupState& group,
                                                                      std::int64_t tier) const {
  // Beside a store that is open for reading only, another process writes.
  if (options_.read_only || options_.chunk_cache_bytes == 0) return std::shared_ptr<const ChunkList>();
  const std::uint64_t key = std::uint64_t{group.id} * kTiers + static_cast<std::uint64_t>(tier);
  // Looked at before the file: a commit between the two makes the list newer than it says, and is looked up again.
  const std::uint64_t version = chunks_version(group);
  std::shared_ptr<const ChunkList> known = chunk_lists_.find(key);
  if (known && known->version == version) return known;
  auto list = std::make_shared<ChunkList>();
  list->version = version;
  RESMON_TRY(select.find_newest(tier, group.id, {}, INT64_MAX, ChunkList::kMost, list->entries));
  list->complete = list->entries.size() < ChunkList::kMost;
  list->entries.shrink_to_fit();
  chunk_lists_.add(key, list);
  return std::shared_ptr<const ChunkList>(std::move(list));
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
  return Scan{*this, (*lease).select, kTierRaw, id, columns, std::move(wanted), range, visit, std::move(head), group}
      .run(descending);
}

// kNotFound where there is no such chunk any more; kDamaged, and walled off, where it does not decode.
Result<Rows> EmbeddedStore::load_chunk(ReadStatements& select, const ChunkEntry& entry, GroupId group,
                                       const std::vector<ColumnId>& wanted) const {
  if (const auto cached = chunk_cache_.find(entry.id)) return cached->reader().rows(&wanted);
  // What the writer reads may be of its open transaction: should that fail, another chunk gets the number.
  const bool committed = &select != &select_;
  StatementReset reset(select.data);
  const Result<bool> found = select.data.bind(1, entry.id).step();
  if (!found) {
    if (found.error().kind == ErrorKind::kDamaged) wall_off(entry.id, group, found.error().message);
    return fail(Error(found.error()));
  }
  if (!*found) {
    // Numbers are not given out twice: what the index still has and the table has not was never removed.
    std::vector<ChunkEntry> listed;
    for (std::int64_t tier = kTierRaw; tier < static_cast<std::int64_t>(kTiers); ++tier)
      RESMON_TRY(select.find_newest(tier, group, {entry.last_time, plus(entry.first_time, 1)}, entry.last_time,
                                    std::size_t{1} << 20U, listed));
    if (std::none_of(listed.begin(), listed.end(), [&](const ChunkEntry& one) { return one.id == entry.id; }))
      return fail(ErrorKind::kNotFound, "chunk");
    wall_off(entry.id, group, "it is in the index and not in the table");
    return fail(ErrorKind::kDamaged, "chunk: it is in the index and not in the table");
  }
  Result<std::shared_ptr<const LoadedChunk>> chunk = LoadedChunk::open(select.data.blob(0));
  Result<Rows> rows = chunk ? (*chunk)->reader().rows(&wanted) : Result<Rows>(fail(Error(chunk.error())));
  if (rows && committed)
    chunk_cache_.add(entry.id, std::move(*chunk));
  else if (!rows)
    wall_off(entry.id, group, rows.error().message);
  return rows;
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
