#include "store/check.h"

#include <map>

#include "store/backup.h"
#include "store/catalog.h"
#include "store/chunk.h"
#include "store/file_checksums.h"
#include "store/snapshot_replay.h"
#include "store/store_file.h"
#include "store/tier.h"
#include "store/windows.h"

namespace resmon::store {

namespace {

constexpr std::size_t kMaxDescribed = 100;
constexpr std::uint64_t kProgressEvery = 256;

// What the snapshots make of heads.
class CheckedHeads final : public SnapshotReplay::Heads {
 public:
  Head& head(GroupId group) override { return heads_[group]; }
  void changed(GroupId, std::uint32_t) override {}

  // Groups whose rows do not all decode. Adds how many rows there are.
  std::vector<GroupId> damaged(std::uint64_t& all_rows) const {
    std::vector<GroupId> groups;
    PieceRows reader;
    for (const auto& [group, head] : heads_) {
      bool sound = true;
      for (const Piece& piece : head.pieces()) {
        reader.open(piece, head.slots().items());
        std::uint32_t rows = 0;
        while (reader.next()) ++rows;
        all_rows += rows;
        sound = sound && !reader.damaged() && rows == piece.rows && reader.time() == piece.last_time;
      }
      if (!sound) groups.push_back(group);
    }
    return groups;
  }

 private:
  std::map<GroupId, Head> heads_;
};

class Checker {
 public:
  Checker(Database database, const CheckProgress& progress) : database_(std::move(database)), progress_(progress) {}

  Result<CheckReport> run() {
    // First, of one moment, how far to look, the catalog and the snapshots: what a running store adds and removes
    // meanwhile is not mistaken for damage.
    RESMON_TRY(database_.execute("BEGIN"));
    RESMON_ASSIGN(last_chunk_, database_.query_integer("SELECT ifnull(max(id), 0) FROM chunks"));
    RESMON_TRY(catalog_.load(database_));
    RESMON_TRY(check_snapshots());
    RESMON_TRY(read_marks());
    RESMON_TRY(database_.execute("COMMIT"));
    RESMON_TRY(check_structure());
    RESMON_TRY(check_chunks());
    return std::move(report_);
  }

 private:
  void note(std::string what) {
    ++report_.damaged;
    if (report_.damage.size() < kMaxDescribed) report_.damage.push_back(std::move(what));
  }

  Status read_marks() {
    RESMON_ASSIGN(Statement select, database_.prepare("SELECT name, value FROM marks"));
    while (true) {
      RESMON_ASSIGN(const bool row, select.step());
      if (!row) return {};
      report_.marks.emplace(select.blob(0), select.blob(1));
    }
  }

  // SQLite's own pages. Not the indexes against the tables: what an index misses would be found by check_chunks only.
  Status check_structure() {
    RESMON_ASSIGN(Statement select, database_.prepare("PRAGMA quick_check(100)"));
    while (true) {
      const Result<bool> row = select.step();
      if (!row) {
        note("file: " + row.error().message);
        return {};
      }
      if (!*row) return {};
      if (const std::string_view line = select.blob(0); line != "ok") note("file: " + std::string(line));
    }
  }

  Status check_chunks() {
    // One chunk a statement: damage in one place does not end the walk, and no long transaction is held beside a
    // writer.
    RESMON_ASSIGN(Statement next, database_.prepare("SELECT min(id) FROM chunks WHERE id > ?1"));
    RESMON_ASSIGN(Statement select, database_.prepare("SELECT tier, group_id, first_time, last_time, rows, data"
                                                      " FROM chunks WHERE id = ?1"));
    std::int64_t id = 0;
    while (id < last_chunk_) {
      const Result<bool> step = next.bind(1, id).step();
      const std::int64_t found = step && *step ? next.integer(0) : 0;
      next.reset();
      if (!step) note("chunk after " + std::to_string(id) + ": " + step.error().message);
      id = found > id ? found : id + 1;
      if ((found == 0 && step) || id > last_chunk_) break;
      if (report_.chunks % kProgressEvery == 0 && progress_ &&
          !progress_(static_cast<std::uint64_t>(id), static_cast<std::uint64_t>(last_chunk_)))
        return fail(ErrorKind::kUnavailable, "check: stopped");
      StatementReset reset(select);
      const Result<bool> row = select.bind(1, id).step();
      if (!row)
        note("chunk " + std::to_string(id) + ": " + row.error().message);
      else if (*row)
        check_chunk(id, select);
    }
    return {};
  }

  void check_chunk(std::int64_t id, const Statement& row) {
    ++report_.chunks;
    const std::int64_t group = row.integer(1);
    const bool known = group >= 0 && group < INT64_C(1) << 32U && catalog_.knows(static_cast<GroupId>(group));
    const std::string place =
        "chunk " + std::to_string(id) + " of " +
        (known ? catalog_.describe(static_cast<GroupId>(group)) : "unknown group " + std::to_string(group)) + ": ";
    const std::string_view data = row.blob(5);
    report_.chunk_bytes += data.size();
    Result<ChunkReader> chunk = ChunkReader::open(data);
    const Result<Rows> rows = chunk ? chunk->rows() : Result<Rows>(fail(Error(chunk.error())));
    if (!rows) return note(place + rows.error().message);
    if (!known) return note(place + "not in the catalog");
    const std::int64_t tier = row.integer(0);
    if (tier < 0 || tier >= static_cast<std::int64_t>(kTiers))
      return note(place + "unknown tier " + std::to_string(tier));
    if (row.integer(2) != rows->times.front() || row.integer(3) != rows->times.back() ||
        row.integer(4) != static_cast<std::int64_t>(rows->size()))
      return note(place + "is not what its index entry says");
    const MeasurementId measurement = catalog_.measurement_of(static_cast<GroupId>(group));
    for (const RowColumn& column : rows->columns) {
      const Column* const entry = catalog_.column(measurement, tier == kTierRaw ? column.id : column.id / 8);
      const bool aggregate = tier != kTierRaw && column.id % 8 < kAggregateCount;
      const auto kind = static_cast<Aggregate>(column.id % 8);
      if (entry == nullptr || (tier != kTierRaw && !(aggregate && has_aggregate(entry->type, kind))) ||
          column.type != (aggregate ? aggregate_type(entry->type, kind) : entry->type))
        return note(place + "column " + std::to_string(column.id) + " is not in the catalog");
      if (tier == kTierRaw)
        for (std::size_t i = 0; i < rows->size(); ++i) report_.samples += bit(column.presence, i);
    }
    if (tier == kTierRaw) {
      report_.rows += rows->size();
      report_.row_bytes += data.size();
      return;
    }
    const UnixNanos width = shape_of(tier).width;
    for (const UnixNanos start : rows->times)
      if (start != window_start(start, width)) return note(place + "a window out of place");
    report_.windows += rows->size();
  }

  Status check_snapshots() {
    RESMON_ASSIGN(Statement select, database_.prepare("SELECT number, data FROM snapshots ORDER BY number"));
    CheckedHeads heads;
    SnapshotReplay replay(catalog_, heads);
    while (true) {
      const Result<bool> row = select.step();
      if (!row) {
        note("snapshots: " + row.error().message);
        return {};
      }
      if (!*row) break;
      ++report_.snapshots;
      if (const Status read = replay.read(select.blob(1)); !read)
        note("snapshot " + std::to_string(select.integer(0)) + ": " + read.error().message);
    }
    for (const GroupId group : replay.broken()) note("snapshots: rows of " + catalog_.describe(group) + " are missing");
    for (const GroupId group : heads.damaged(report_.snapshot_rows))
      note("snapshots: rows of " + catalog_.describe(group) + " do not decode");
    return {};
  }

  Database database_;
  const CheckProgress& progress_;
  Catalog catalog_{UINT32_MAX, UINT32_MAX};
  std::int64_t last_chunk_ = 0;
  CheckReport report_;
};

}  // namespace

Result<CheckReport> check(const std::string& directory, const CheckProgress& progress) {
  RESMON_ASSIGN(Database database, open_for_reading(database_path(directory)));
  return Checker(std::move(database), progress).run();
}

Result<CheckReport> check_file(const std::string& file, const CheckProgress& progress) {
  const Status sums = verify_checksums(file);
  RESMON_ASSIGN(Database database, open_for_reading(file));
  RESMON_ASSIGN(CheckReport report, Checker(std::move(database), progress).run());
  RESMON_ASSIGN(const bool backup, is_backup(file));
  if (!sums && (backup || sums.error().kind == ErrorKind::kDamaged)) {
    ++report.damaged;
    report.damage.insert(report.damage.begin(), sums.error().message);
  }
  return report;
}

}  // namespace resmon::store
