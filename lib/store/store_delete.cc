// Deleting rows of series in a range of time. Three things could bring a deleted row back, and each is ended before the
// first row goes: the heads' rows in snapshots (heads with rows in the range are sealed, and the file says where
// they ended), a log outside that is read again from a mark (the file has all rows, and the mark says so, before), and
// a crash (each series is deleted in one transaction, rows and windows together).
//
// A chunk that lies in the range is removed; one that reaches beyond it is replaced by its other rows. Its replacement
// has a higher generation, so it also has what newer chunks say of its rows: an overwritten value must not win.
//
// Windows of hours that are deleted in part are folded again from the rows that are left, or, where retention has
// removed those, go as a whole.
//
// What is to be deleted is written down first (meta 'removal'), with the marks and synced: from then on it happens,
// whatever becomes of the process. As long as it is there nothing else is written, so a deletion that was cut short, by
// a kill -9 or a full disk, goes on where it is met again: before the next rows are taken.
//
// Rejected: tombstones that readers apply (every read would look for them, for as long as the rows are on disk); one
// transaction for everything (10,000 series are more than the write-ahead log may take).

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "store/chunk.h"
#include "store/embedded_store.h"
#include "store/fail_point.h"

namespace resmon::store {

namespace {

constexpr std::size_t kBytesARemovedChunk = 512;  // about what its index entries and freed pages add to a transaction

// The rows of `rows` that have one of `times` and are not in `range`.
Rows pick(const Rows& rows, const std::vector<UnixNanos>& times, TimeRange range) {
  std::vector<std::size_t> sources;
  Rows out;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const UnixNanos time = rows.times[row];
    if (time >= range.first && time < range.last) continue;
    if (!std::binary_search(times.begin(), times.end(), time)) continue;
    sources.push_back(row);
    out.times.push_back(time);
  }
  for (const RowColumn& from : rows.columns) {
    RowColumn column;
    column.id = from.id;
    column.type = from.type;
    column.cells.resize(sources.size());
    column.presence.resize((sources.size() + 63) / 64);
    bool any = false;
    for (std::size_t i = 0; i < sources.size(); ++i) {
      if (!bit(from.presence, sources[i])) continue;
      column.take(i, from, sources[i]);
      any = true;
    }
    if (any) out.columns.push_back(std::move(column));
  }
  return out;
}

bool overlaps(const ChunkEntry& entry, TimeRange range) {
  return entry.last_time >= range.first && entry.first_time < range.last;
}

}  // namespace

Result<DeleteReport> EmbeddedStore::remove(const Deletion& deletion, const std::function<void()>& begun) {
  if (closed_) return fail(ErrorKind::kInvalid, "store is closed");
  if (Result<DeleteReport> earlier = finish_removal(); !earlier)
    return fail(std::move(earlier).error().wrap("nothing was deleted: an earlier deletion is not done"));
  if (deletion.range.first >= deletion.range.last) return DeleteReport();
  removal_ = Removal{deletion.range, catalog_.find(deletion.takes)};
  removal_changed_ = true;
  // No row that is to be deleted may come again from the journal: the file has all, and the mark says so.
  Status written = save_heads();
  if (written) written = commit_marks(true);
  if (!written) {
    removal_.reset();
    removal_changed_ = false;
    return fail(std::move(written).error().wrap("nothing was deleted"));
  }
  if (begun) begun();
  fail_point("delete begun");
  Result<DeleteReport> report = finish_removal();
  if (!report) return fail(std::move(report).error().wrap("the deletion has begun, and goes on when it can"));
  return report;
}

Status EmbeddedStore::load_removal() {
  RESMON_ASSIGN(Statement select, database_.prepare("SELECT value FROM meta WHERE key = 'removal'"));
  RESMON_ASSIGN(const bool row, select.step());
  if (!row) return {};
  removal_ = decode_removal(select.blob(0), groups_.size());
  if (!removal_) log::error("store", "what was being deleted is not legible; some of it may be left", {});
  removal_changed_ = !removal_;
  return {};
}

Status EmbeddedStore::save_removal() {
  if (!removal_changed_) return {};
  if (!removal_) return database_.execute("DELETE FROM meta WHERE key = 'removal'");
  const std::string data = encode_removal(*removal_);
  RESMON_ASSIGN(Statement insert, database_.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES ('removal', ?1)"));
  return insert.bind_blob(1, data).run();
}

// Deletes what was begun, if anything was.
Result<DeleteReport> EmbeddedStore::finish_removal() {
  DeleteReport report;
  if (!removal_) return report;
  const TimeRange range = removal_->range;
  std::vector<GroupId> ids = removal_->groups;
  std::erase_if(ids, [&](GroupId id) { return !catalog_.has(id); });
  RESMON_TRY(seal_for_removal(ids, range));

  for (std::size_t next = 0; next < ids.size();) {
    const std::size_t first = next;
    std::size_t touched = first;
    DeleteReport step;
    std::vector<GroupId> gone;
    const Status status = in_transaction([&]() -> Status {
      step = {};
      gone.clear();
      std::size_t bytes = 0;
      for (next = first; next < ids.size() && bytes < transaction_bytes_; ++next) {
        touched = std::max(touched, next + 1);
        GroupState& group = groups_[ids[next]];
        RESMON_TRY(remove_rows(group, range, step, bytes));
        if (!group.head.empty()) continue;
        RESMON_ASSIGN(const bool any, has_chunks(group.id));
        if (!any) gone.push_back(group.id);
      }
      RESMON_TRY(catalog_.save_drop(database_, gone));
      fail_point("delete");
      return {};
    });
    // What they remember of the file is of a file before, or of a transaction that was rolled back.
    for (std::size_t i = first; i < touched; ++i) {
      GroupState& group = groups_[ids[i]];
      group.newest_known = group.tiered_known = false;
      group.newest_time = INT64_MIN;
      group.newest_rows = 0;
    }
    RESMON_TRY(status);
    forget_groups(gone);
    report.series += step.series;
    report.rows += step.rows;
    counters_.deleted_rows += step.rows;
    fail_point("deleted");
  }
  const Removal ended = *std::exchange(removal_, std::nullopt);
  removal_changed_ = true;
  if (Status done = commit_marks(true); !done) {
    removal_ = ended;
    return fail(std::move(done).error());
  }
  ++counters_.deletions;
  last_retention_ = 0;  // the oldest rows may be others now
  log::info("store", "rows deleted", {{"series", report.series}, {"rows", report.rows}});
  return report;
}

// Heads with rows in the range become chunks, and the file says so.
Status EmbeddedStore::seal_for_removal(const std::vector<GroupId>& groups, TimeRange range) {
  std::vector<GroupState*> open;
  for (const GroupId id : groups) {
    const Head& head = groups_[id].head;
    if (!head.empty() && head.first_time() < range.last && head.last_time() >= range.first)
      open.push_back(&groups_[id]);
  }
  RESMON_TRY(seal(open));
  // A stop leaves what there is no time for.
  if (std::any_of(open.begin(), open.end(), [](const GroupState* group) { return !group->head.empty(); }))
    return out_of_time();
  return commit_marks(false);
}

Status EmbeddedStore::remove_rows(GroupState& group, TimeRange range, DeleteReport& report, std::size_t& bytes) {
  group.newest_known = group.tiered_known = false;
  RESMON_TRY(look_up_tiered(group));
  const UnixNanos tiered_until = group.tiered_until;
  const std::size_t bytes_before = bytes;
  RESMON_ASSIGN(const std::uint64_t removed, cut_chunks(group, kTierRaw, range, bytes));
  report.rows += removed;

  // Hours that begin or end within the range, of which rows may be left.
  const UnixNanos floor = tier_floor(kTierRaw);
  const UnixNanos first_hour = window_start(range.first, kHour);
  const UnixNanos last_hour = window_start(range.last, kHour);
  const bool fold_first = first_hour < range.first && first_hour >= floor;
  const bool fold_last = last_hour < range.last && last_hour >= floor;
  for (const std::int64_t tier : {kTierMinute, kTierHour}) {
    const UnixNanos width = shape_of(tier).width;
    const TimeRange windows{fold_first ? first_hour : window_start(range.first, width),
                            fold_last ? plus(last_hour, kHour) : range.last};
    RESMON_TRY(cut_chunks(group, tier, windows, bytes));
  }
  report.series += bytes != bytes_before;
  if (fold_first && first_hour < tiered_until)
    RESMON_TRY(fold_tiers(group, first_hour, plus(first_hour, kHour), bytes));
  if (fold_last && last_hour < tiered_until && !(fold_first && last_hour == first_hour))
    RESMON_TRY(fold_tiers(group, last_hour, plus(last_hour, kHour), bytes));
  return {};
}

// Takes the range out of a tier's chunks; how many of their rows that were.
Result<std::uint64_t> EmbeddedStore::cut_chunks(GroupState& group, std::int64_t tier, TimeRange range,
                                                std::size_t& bytes) {
  RESMON_ASSIGN(std::vector<ChunkEntry> entries, chunks_near(tier, group.id, range.first, range.last));
  std::erase_if(entries, [&](const ChunkEntry& entry) { return !overlaps(entry, range); });
  std::sort(entries.begin(), entries.end(), [](const ChunkEntry& a, const ChunkEntry& b) { return a.id < b.id; });
  if (entries.empty()) return 0;
  std::vector<Rows> left;
  std::uint64_t rows = 0;
  RESMON_ASSIGN(Statement remove, database_.prepare("DELETE FROM chunks WHERE id = ?1 RETURNING length(data)"));
  std::vector<std::int64_t> gone;
  for (const ChunkEntry& entry : entries) {
    std::size_t kept = 0;
    if (entry.first_time < range.first || entry.last_time >= range.last) {
      RESMON_ASSIGN(std::optional<Rows> outside, rows_outside(group, tier, entry, range));
      if (!outside) continue;
      kept = outside->size();
      if (kept > 0) left.push_back(std::move(*outside));
    }
    rows += static_cast<std::uint64_t>(entry.rows) - kept;
    gone.push_back(entry.id);
  }
  for (const std::int64_t id : gone) {
    StatementReset reset(remove);
    RESMON_ASSIGN(const bool found, remove.bind(1, id).step());
    if (!found) return fail(ErrorKind::kInternal, "store: a chunk went away under its only writer");
    totals_.bytes[static_cast<std::size_t>(tier)] -= remove.integer(0);
    --totals_.chunks;
    bytes += kBytesARemovedChunk;
  }
  if (rewritten_.empty() || rewritten_.back() != &group) rewritten_.push_back(&group);
  for (const Rows& part : left) RESMON_TRY(insert_chunk(group, tier, part, bytes));
  return rows;
}

// What a chunk that reaches beyond the range has there, as it is now; nothing where it does not decode: such a chunk
// shows no rows, and stays for whoever can mend it.
Result<std::optional<Rows>> EmbeddedStore::rows_outside(GroupState& group, std::int64_t tier, const ChunkEntry& entry,
                                                        TimeRange range) {
  Result<Rows> own = read_chunk(entry.id, group.id);
  if (!own) {
    if (own.error().kind == ErrorKind::kDamaged) return std::optional<Rows>();
    return fail(std::move(own).error());
  }
  RESMON_ASSIGN(std::vector<ChunkEntry> near, chunks_near(tier, group.id, entry.first_time, entry.last_time));
  std::sort(near.begin(), near.end(), [](const ChunkEntry& a, const ChunkEntry& b) { return a.id < b.id; });
  Rows merged = *own;
  for (const ChunkEntry& newer : near) {
    if (newer.id <= entry.id || !overlaps(newer, {entry.first_time, plus(entry.last_time, 1)})) continue;
    const Result<Rows> rows = read_chunk(newer.id, group.id);
    if (rows)
      merged = merge(merged, *rows);
    else if (rows.error().kind != ErrorKind::kDamaged)
      return fail(Error(rows.error()));
  }
  return std::optional<Rows>(pick(merged, own->times, range));
}

// All of a chunk; kDamaged, and walled off, where it does not decode.
Result<Rows> EmbeddedStore::read_chunk(std::int64_t id, GroupId group) {
  StatementReset reset(select_.data);
  const Result<bool> found = select_.data.bind(1, id).step();
  if (found && !*found) return fail(ErrorKind::kInternal, "store: a chunk went away under its only writer");
  Result<ChunkReader> chunk =
      found ? ChunkReader::open(select_.data.blob(0)) : Result<ChunkReader>(fail(Error(found.error())));
  Result<Rows> rows = chunk ? chunk->rows() : Result<Rows>(fail(Error(chunk.error())));
  if (!rows && rows.error().kind == ErrorKind::kDamaged) wall_off(id, group, rows.error().message);
  return rows;
}

}  // namespace resmon::store
