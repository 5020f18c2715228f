// What a start needs of heads. The journal (lib/journal) is the durable log of rows: the store keeps, as a mark, the
// oldest of its positions from which some head still needs rows, and a start reads it from there. Were that all, a
// start would read what came in an hour and a half. So now and then heads are written to the file as they are, whole
// pieces at a time: a snapshot. From then on they need nothing of the journal that came before it. That is done when
// the journal would be read for more than about a second (Options::snapshot_samples), at the latest after some minutes
// (snapshot_every), and when the journal's space is needed (flush). With few machines most heads are sealed before. All
// snapshots have a bound, a part of the store's limit: beyond it heads are sealed instead.
//
// A snapshot stays until the heads in it are sealed, or were written again from their first piece on. A head that is
// sealed leaves bytes behind in snapshots that others need. They say what the chunk says, or said: a row may have been
// overwritten since. So where a head ended is written too, before the mark moves.

#include "store/head_snapshots.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "store/fail_point.h"
#include "store/snapshot_replay.h"

namespace resmon::store {

namespace {
constexpr int kTransactionsACall = 4;
constexpr std::size_t kManySnapshots = 48;
// A snapshot is worth its bytes once heads have grown by one part of so many.
constexpr std::uint64_t kShareOfHeads = 4;
}  // namespace

class HeadSnapshots::RestoredHeads final : public SnapshotReplay::Heads {
 public:
  explicit RestoredHeads(store::Heads& heads) : heads_(heads) {}
  Head& head(GroupId group) override { return heads_[group].head; }
  void changed(GroupId group, std::uint32_t from) override {
    HeadAge& age = heads_.age(group);
    const bool open = !heads_[group].head.empty();
    if (!open || !age.open) age = {};
    age.open = open;
    if (open) age.note_snapshot(from, number);
  }

  std::uint64_t number = 0;  // of the snapshot that is being read

 private:
  store::Heads& heads_;
};

Status HeadSnapshots::load() {
  RestoredHeads restored(heads_);
  SnapshotReplay replay(catalog_, restored);
  RESMON_TRY(table_.load(file_.database(), [&](std::uint64_t number, std::string_view data) -> Status {
    restored.number = number;
    Status read = replay.read(data);
    if (!read && read.error().kind == ErrorKind::kDamaged) {
      ++damaged_;
      log::warn("store", "damaged snapshot of heads skipped", {{"snapshot", number}, {"reason", read.error().message}});
      return {};
    }
    return read;
  }));
  const std::vector<GroupId> broken = replay.broken();
  if (!broken.empty())
    log::warn("store", "rows of heads are missing: a snapshot is damaged",
              {{"groups", broken.size()}, {"first", catalog_.describe(broken.front())}});
  for (const GroupId id : broken) {
    heads_[id].head.forget_saved();
    if (!heads_[id].head.empty()) heads_.note_change(heads_[id]);
  }
  for (GroupId id = 0; id < heads_.size(); ++id) {
    GroupState& group = heads_[id];
    HeadAge& age = heads_.age(id);
    // Of damaged snapshots it is not known whom they mention.
    age.last_snapshot = table_.next() - 1;
    if (group.head.empty()) continue;
    if (catalog_.has(id)) {
      age.opened = std::max<UnixNanos>(group.head.first_time(), 1);
      heads_.restored(group);
      continue;
    }
    // It was dropped without rows; the snapshot that says so is damaged.
    group.head.clear();
    age = {};
  }
  if (heads_.rows() > 0)
    log::info("store", "heads restored",
              {{"rows", heads_.rows()}, {"snapshots", table_.count()}, {"bytes", table_.bytes()}});
  return {};
}

Status HeadSnapshots::commit_marks(bool sync) {
  const Marks::Epoch needed = heads_.needed_epoch();
  if (!heads_.ended_or_dropped() && !catalog_.has_new() && !removal_.changed() && !marks_.to_save(needed) && !sync)
    return {};
  SnapshotWriter ends;
  if (!table_.empty())
    for (const GroupId id : heads_.ended())
      if (heads_.age(id).first_snapshot == 0) ends.end(id);
  const std::string data = ends.empty() ? std::string() : ends.finish();
  Database& database = file_.database();
  fail_point("marks");
  if (sync) RESMON_TRY(database.execute("PRAGMA synchronous = FULL"));
  const Status status = file_.transact([&]() -> Status {
    if (!data.empty()) RESMON_TRY(SnapshotTable::insert(database, table_.next(), data));
    RESMON_TRY(marks_.save(database, needed));
    RESMON_TRY(removal_.save(database));
    // Something has to be written for SQLite's log to be synced, even where the rows went before.
    if (sync) RESMON_TRY(database.execute("UPDATE meta SET value = value + 1 WHERE key = 'flushes'"));
    return {};
  });
  if (sync) RESMON_TRY(database.execute("PRAGMA synchronous = NORMAL"));
  RESMON_TRY(status);
  marks_.saved(needed, sync);
  if (!data.empty()) table_.inserted(data.size());
  heads_.marks_committed();
  removal_.saved();
  return {};
}

// Whoever keeps a position here trims a log by it: that is worth an fdatasync when it moves.
Status HeadSnapshots::keep_marks() {
  return commit_marks(marks_.to_sync(heads_.needed_epoch()));
}

// Whether a start would read too much of the journal, or what is too old.
bool HeadSnapshots::is_due(std::uint64_t samples) const {
  if (minus(time_.now, last_) >= std::chrono::nanoseconds(options_.snapshot_every).count()) return true;
  const std::uint64_t in_heads = heads_.rows() * (samples / std::max<std::uint64_t>(heads_.written_rows(), 1));
  return samples - marks_.samples_before(heads_.needed_epoch()) >
         std::max(options_.snapshot_samples, in_heads / kShareOfHeads);
}

// Heads whose oldest rows are in snapshots up to this are to be written again as a whole, so that those can go. The ids
// of dropped series are free only when no snapshot says anything of them, which matters where they keep new series out.
// And snapshots that are many, after a flush every few seconds, are mostly pieces that were open then.
std::uint64_t HeadSnapshots::whole_until() const {
  const Catalog::Counts counts = catalog_.counts();
  const bool crowded = counts.buried > 0 && (counts.groups + counts.buried) * 2 >= options_.max_groups;
  const std::uint64_t many = table_.count() > kManySnapshots ? table_.first() + table_.count() / 4 : 0;
  return std::max(crowded ? catalog_.buried_until() : 0, many);
}

// Writes what the file does not have of heads, of those that need rows from before `until`, in at most so many
// transactions. True: all of it.
Result<bool> HeadSnapshots::save(Marks::Epoch until, int transactions) {
  const std::uint64_t whole_before = whole_until();
  for (; transactions > 0; --transactions) {
    SnapshotWriter writer;
    std::vector<std::pair<GroupId, std::uint32_t>> written;
    for (std::size_t looked = 0; looked < heads_.size() && writer.size_bytes() < file_.transaction_bytes(); ++looked) {
      const auto id = static_cast<GroupId>(next_saved_ < heads_.size() ? next_saved_ : 0);
      next_saved_ = std::size_t{id} + 1;
      const HeadAge& age = heads_.age(id);
      const bool whole = age.open && age.first_snapshot != 0 && age.first_snapshot <= whole_before;
      if (!whole && (!age.open || age.pending == Marks::kNone || age.pending >= until)) continue;
      const Head& head = heads_[id].head;
      const std::uint32_t from = whole ? 0 : head.saved();
      writer.head(id, head.slots(), from, head.pieces());
      written.emplace_back(id, from);
    }
    if (written.empty()) return true;
    const std::string data = writer.finish();
    // What would take the room of chunks becomes chunks, which give way to newer ones; a stop has no time for that.
    if (table_.bytes() + data.size() > limit_bytes() && !time_.late_to_seal()) {
      std::vector<GroupState*> groups;
      for (const auto& [id, from] : written) groups.push_back(&heads_[id]);
      RESMON_TRY(sealer_.seal(groups));
      RESMON_TRY(trim());
      continue;
    }
    fail_point("snapshot");
    RESMON_TRY(file_.transact([&] { return SnapshotTable::insert(file_.database(), table_.next(), data); }));
    for (const auto& [id, from] : written) {
      heads_.age(id).note_snapshot(from, table_.next());
      heads_[id].head.set_saved();
    }
    table_.inserted(data.size());
    fail_point("snapshot written");
  }
  return false;
}

Status HeadSnapshots::save_all() {
  for (bool all = false; !all;) {
    RESMON_ASSIGN(all, save(Marks::kNone, kTransactionsACall));
  }
  last_ = time_.now;
  return {};
}

Status HeadSnapshots::keep(std::uint64_t samples) {
  // What comes while it is being written waits for the next.
  if (snapshotting_until_ == 0 && is_due(samples)) snapshotting_until_ = marks_.begin(samples);
  if (snapshotting_until_ != 0 || whole_until() > 0) {
    RESMON_ASSIGN(const bool all, save(snapshotting_until_, kTransactionsACall));
    if (all && snapshotting_until_ != 0) {
      snapshotting_until_ = 0;
      last_ = time_.now;
    }
  }
  return trim();
}

// Snapshots that are many make a slow start, and disk that is not data.
std::uint64_t HeadSnapshots::limit_bytes() const {
  constexpr std::uint64_t kMost = 1U << 30U;
  return options_.disk_limit_bytes == 0 ? kMost : std::min(kMost, options_.disk_limit_bytes / 4);
}

// Heads that need the oldest quarter of the snapshots.
void HeadSnapshots::mark_oldest_due() {
  const std::uint64_t old = table_.first() + table_.count() / 4;
  for (GroupId id = 0; id < heads_.size(); ++id) {
    const HeadAge& age = heads_.age(id);
    if (age.open && age.first_snapshot != 0 && age.first_snapshot <= old) heads_.mark_due(heads_[id]);
  }
}

Status HeadSnapshots::trim() {
  std::uint64_t needed = table_.next();
  for (GroupId id = 0; id < heads_.size(); ++id) {
    const HeadAge& age = heads_.age(id);
    if (age.open && age.first_snapshot != 0) needed = std::min(needed, age.first_snapshot);
  }
  if (needed <= table_.first()) return {};
  RESMON_TRY(file_.transact([&] { return SnapshotTable::remove_before(file_.database(), needed); }));
  table_.removed_before(needed);
  return {};
}

}  // namespace resmon::store
