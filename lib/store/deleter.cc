// Deleting rows of series in a range of time. Three things could bring a deleted row back, and each is ended before the
// first row goes: the heads' rows in snapshots (heads with rows in the range are sealed, and the file says where
// they ended), a log outside that is read again from a mark (the file has all rows, and the mark says so, before), and
// a crash (each series is deleted in one transaction, rows and windows together).
//
// How rows are taken out of chunks is in chunk_writer.cc, and what becomes of windows in tier_writer.cc.
//
// What is to be deleted is written down first (meta 'removal'), with the marks and synced: from then on it happens,
// whatever becomes of the process. As long as it is there nothing else is written, so a deletion that was cut short, by
// a kill -9 or a full disk, goes on where it is met again: before the next rows are taken.
//
// Rejected: tombstones that readers apply (every read would look for them, for as long as the rows are on disk); one
// transaction for everything (10,000 series are more than the write-ahead log may take).

#include "store/deleter.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "store/fail_point.h"
#include "store/tier.h"

namespace resmon::store {

Result<DeleteReport> Deleter::remove(const Deletion& deletion, const std::function<void()>& begun) {
  if (Result<DeleteReport> earlier = finish(); !earlier)
    return fail(std::move(earlier).error().wrap("nothing was deleted: an earlier deletion is not done"));
  if (deletion.range.first >= deletion.range.last) return DeleteReport();
  removal_.begin({deletion.range, catalog_.find(deletion.takes)});
  // No row that is to be deleted may come again from the journal: the file has all, and the mark says so.
  Status written = snapshots_.save_all();
  if (written) written = snapshots_.commit_marks(true);
  if (!written) {
    removal_.take_back();
    return fail(std::move(written).error().wrap("nothing was deleted"));
  }
  if (begun) begun();
  fail_point("delete begun");
  Result<DeleteReport> report = finish();
  if (!report) return fail(std::move(report).error().wrap("the deletion has begun, and goes on when it can"));
  return report;
}

Result<DeleteReport> Deleter::finish() {
  DeleteReport report;
  if (!removal_.get()) return report;
  const TimeRange range = removal_.get()->range;
  std::vector<GroupId> ids = removal_.get()->groups;
  std::erase_if(ids, [&](GroupId id) { return !catalog_.has(id); });
  RESMON_TRY(seal_heads(ids, range));
  for (std::size_t next = 0; next < ids.size();) RESMON_TRY(delete_some(ids, next, range, report));
  Removal ended = *removal_.get();
  removal_.end();
  if (Status done = snapshots_.commit_marks(true); !done) {
    removal_.not_ended(std::move(ended));
    return fail(std::move(done).error());
  }
  ++deletions_;
  log::info("store", "rows deleted", {{"series", report.series}, {"rows", report.rows}});
  return report;
}

// Heads with rows in the range become chunks, and the file says so.
Status Deleter::seal_heads(const std::vector<GroupId>& groups, TimeRange range) {
  std::vector<GroupState*> open;
  for (const GroupId id : groups) {
    const Head& head = heads_[id].head;
    if (!head.empty() && head.first_time() < range.last && head.last_time() >= range.first) open.push_back(&heads_[id]);
  }
  RESMON_TRY(sealer_.seal(open));
  // A stop leaves what there is no time for.
  if (std::any_of(open.begin(), open.end(), [](const GroupState* group) { return !group->head.empty(); }))
    return StoreTime::out_of_time();
  return snapshots_.commit_marks(false);
}

// One transaction, from ids[next] on.
Status Deleter::delete_some(const std::vector<GroupId>& ids, std::size_t& next, TimeRange range, DeleteReport& report) {
  const std::size_t first = next;
  std::size_t touched = first;
  DeleteReport step;
  std::vector<GroupId> gone;
  const Status status = file_.transact([&]() -> Status {
    step = {};
    gone.clear();
    std::size_t bytes = 0;
    for (next = first; next < ids.size() && bytes < file_.transaction_bytes(); ++next) {
      touched = std::max(touched, next + 1);
      GroupState& group = heads_[ids[next]];
      RESMON_TRY(delete_rows(group, range, step, bytes));
      if (!group.head.empty()) continue;
      RESMON_ASSIGN(const bool any, file_.reads().has_any(group.id));
      if (!any) gone.push_back(group.id);
    }
    RESMON_TRY(catalog_.save_drop(file_.database(), gone));
    fail_point("delete");
    return {};
  });
  // What they remember of the file is of a file before, or of a transaction that was rolled back.
  for (std::size_t i = first; i < touched; ++i) {
    GroupState& group = heads_[ids[i]];
    group.newest_known = group.tiered_known = false;
    group.newest_time = INT64_MIN;
    group.newest_rows = 0;
  }
  RESMON_TRY(status);
  unused_.forget(gone);
  report.series += step.series;
  report.rows += step.rows;
  deleted_rows_ += step.rows;
  fail_point("deleted");
  return {};
}

Status Deleter::delete_rows(GroupState& group, TimeRange range, DeleteReport& report, std::size_t& bytes) {
  group.newest_known = group.tiered_known = false;
  const std::size_t bytes_before = bytes;
  RESMON_ASSIGN(const std::uint64_t removed, chunks_.cut(group, kTierRaw, range, bytes));
  report.rows += removed;
  const bool any_rows = bytes != bytes_before;
  RESMON_ASSIGN(const bool any_windows, tiers_.remove(group, range, bytes));
  report.series += any_rows || any_windows ? 1 : 0;
  return {};
}

}  // namespace resmon::store
