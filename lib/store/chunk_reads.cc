#include "store/chunk_reads.h"

#include "store/tier.h"

namespace resmon::store {

Result<std::unique_ptr<ReadConnection>> ReadConnection::open(const std::string& path) {
  auto connection = std::make_unique<ReadConnection>();
  RESMON_ASSIGN(connection->database, Database::open(path, Database::Mode::kReadOnly));
  RESMON_TRY(connection->database.execute("PRAGMA cache_size = -4096"));
  RESMON_TRY(connection->reads.prepare(connection->database, false));
  return connection;
}

Status ChunkReads::prepare(Database& database, bool of_writer) {
  of_writer_ = of_writer;
  RESMON_ASSIGN(newest_first_, database.prepare("SELECT id, first_time, last_time, rows FROM chunks WHERE tier = ?1"
                                                " AND group_id = ?2 AND last_time >= ?3 AND last_time <= ?4"
                                                " AND first_time < ?5 ORDER BY last_time DESC, first_time DESC,"
                                                " rows DESC, id DESC LIMIT ?6"));
  RESMON_ASSIGN(newest_time_, database.prepare("SELECT last_time FROM chunks WHERE tier = ?1 AND group_id = ?2"
                                               " ORDER BY last_time DESC LIMIT 1"));
  RESMON_ASSIGN(data_, database.prepare("SELECT data FROM chunks WHERE id = ?1"));
  return {};
}

Status ChunkReads::find_newest(std::int64_t tier, GroupId group, TimeRange range, UnixNanos last_end,
                               std::size_t at_most, std::vector<ChunkEntry>& entries) {
  StatementReset reset(newest_first_);
  newest_first_.bind(1, tier).bind(2, group).bind(3, range.first).bind(4, last_end).bind(5, range.last);
  newest_first_.bind(6, static_cast<std::int64_t>(at_most));
  while (true) {
    RESMON_ASSIGN(const bool row, newest_first_.step());
    if (!row) return {};
    entries.push_back(
        {newest_first_.integer(0), newest_first_.integer(1), newest_first_.integer(2), newest_first_.integer(3)});
  }
}

Result<UnixNanos> ChunkReads::find_newest_time(std::int64_t tier, GroupId group) {
  StatementReset reset(newest_time_);
  RESMON_ASSIGN(const bool row, newest_time_.bind(1, tier).bind(2, group).step());
  return row ? newest_time_.integer(0) : INT64_MIN;
}

Result<bool> ChunkReads::has_any(GroupId group) {
  for (std::int64_t tier = kTierRaw; tier < static_cast<std::int64_t>(kTiers); ++tier) {
    RESMON_ASSIGN(const UnixNanos newest, find_newest_time(tier, group));
    if (newest != INT64_MIN) return true;
  }
  return false;
}

}  // namespace resmon::store
