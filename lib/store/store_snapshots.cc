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

#include <algorithm>

#include "base/log.h"
#include "store/embedded_store.h"
#include "store/fail_point.h"
#include "store/snapshot_replay.h"

namespace resmon::store {

namespace {
constexpr int kTransactionsACall = 4;
constexpr std::size_t kManySnapshots = 48;
constexpr std::uint64_t kShareOfHeads =
    4;  // a snapshot is worth its bytes once heads have grown by one part of so many
}  // namespace

class EmbeddedStore::RestoredHeads final : public SnapshotReplay::Heads {
 public:
  explicit RestoredHeads(EmbeddedStore& store) : store_(store) {}
  Head& head(GroupId group) override { return store_.groups_[group].head; }
  void changed(GroupId group, std::uint32_t from) override {
    HeadAge& age = store_.ages_[group];
    const bool open = !store_.groups_[group].head.empty();
    if (!open || !age.open) age = {};
    age.open = open;
    if (open) age.note_snapshot(from, number);
  }

  std::uint64_t number = 0;  // of the snapshot that is being read

 private:
  EmbeddedStore& store_;
};

void HeadAge::note_snapshot(std::uint32_t from, std::uint64_t number) {
  if (from == 0 || first_snapshot == 0) first_snapshot = number;
  last_snapshot = number;
  pending = Marks::kNone;
}

Status EmbeddedStore::load_snapshots() {
  RestoredHeads heads(*this);
  SnapshotReplay replay(catalog_, heads);
  RESMON_TRY(snapshots_.load(database_, [&](std::uint64_t number, std::string_view data) -> Status {
    heads.number = number;
    Status read = replay.read(data);
    if (!read && read.error().kind == ErrorKind::kDamaged) {
      ++counters_.damaged;
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
    groups_[id].head.forget_saved();
    if (!groups_[id].head.empty()) note_change(groups_[id]);
  }
  for (GroupState& group : groups_) {
    // Of damaged snapshots it is not known whom they mention.
    ages_[group.id].last_snapshot = snapshots_.next() - 1;
    if (group.head.empty()) continue;
    if (catalog_.has(group.id)) {
      ages_[group.id].opened = std::max<UnixNanos>(group.head.first_time(), 1);
      note_row(group, 0, 0);
      continue;
    }
    // It was dropped without rows; the snapshot that says so is damaged.
    group.head.clear();
    ages_[group.id] = {};
  }
  if (counters_.head_rows > 0)
    log::info("store", "heads restored",
              {{"rows", counters_.head_rows.load()}, {"snapshots", snapshots_.count()}, {"bytes", snapshots_.bytes()}});
  return {};
}

// After something went into a head that the file does not have.
void EmbeddedStore::note_change(GroupState& group) {
  HeadAge& age = ages_[group.id];
  if (age.pending == Marks::kNone) age.pending = marks_.use();
  age.open = true;
}

void EmbeddedStore::note_sealed(GroupState& group) {
  HeadAge& age = ages_[group.id];
  const bool saved = age.first_snapshot != 0;
  if (saved) sealed_.push_back(group.id);
  const HeadAge before = std::exchange(age, {});
  age.ending = before.ending || saved;
  age.last_snapshot = before.last_snapshot;
}

// The oldest epoch of rows that the file does not have.
Marks::Epoch EmbeddedStore::needed_epoch() const {
  Marks::Epoch needed = Marks::kNone;
  for (const HeadAge& age : ages_)
    if (age.open) needed = std::min(needed, age.pending);
  return needed;
}

// Commits where sealed heads ended, and how far the file has everything; with `sync` on the disk.
Status EmbeddedStore::commit_marks(bool sync) {
  const Marks::Epoch needed = needed_epoch();
  if (sealed_.empty() && ended_.empty() && !catalog_dirty_ && !removal_changed_ && !marks_.to_save(needed) && !sync)
    return {};
  SnapshotWriter ends;
  if (!snapshots_.empty())
    for (const GroupId id : sealed_)
      if (ages_[id].first_snapshot == 0) ends.end(id);
  const std::string data = ends.empty() ? std::string() : ends.finish();
  fail_point("marks");
  if (sync) RESMON_TRY(database_.execute("PRAGMA synchronous = FULL"));
  const Status status = in_transaction([&]() -> Status {
    if (!data.empty()) RESMON_TRY(SnapshotTable::insert(database_, snapshots_.next(), data));
    RESMON_TRY(marks_.save(database_, needed));
    RESMON_TRY(save_removal());
    // Something has to be written for SQLite's log to be synced, even where the rows went before.
    if (sync) RESMON_TRY(database_.execute("UPDATE meta SET value = value + 1 WHERE key = 'flushes'"));
    return {};
  });
  if (sync) RESMON_TRY(database_.execute("PRAGMA synchronous = NORMAL"));
  RESMON_TRY(status);
  marks_.saved(needed, sync);
  if (!data.empty()) snapshots_.inserted(data.size());
  for (const GroupId id : sealed_) ages_[id].ending = false;
  sealed_.clear();
  emptied_.insert(emptied_.end(), ended_.begin(), ended_.end());
  ended_.clear();
  removal_changed_ = false;
  catalog_dirty_ = false;
  return {};
}

// Whether a start would read too much of the journal, or what is too old.
bool EmbeddedStore::snapshot_is_due() const {
  if (minus(now_, last_snapshot_) >= std::chrono::nanoseconds(options_.snapshot_every).count()) return true;
  const std::uint64_t in_heads = counters_.head_rows * (counters_.stored / std::max<std::uint64_t>(written_rows_, 1));
  return counters_.stored - marks_.samples_before(needed_epoch()) >
         std::max(options_.snapshot_samples, in_heads / kShareOfHeads);
}

// Heads whose oldest rows are in snapshots up to this are to be written again as a whole, so that those can go. The ids
// of dropped series are free only when no snapshot says anything of them, which matters where they keep new series out.
// And snapshots that are many, after a flush every few seconds, are mostly pieces that were open then.
std::uint64_t EmbeddedStore::whole_until() const {
  const Catalog::Counts counts = catalog_.counts();
  const bool crowded = counts.buried > 0 && (counts.groups + counts.buried) * 2 >= options_.max_groups;
  const std::uint64_t many = snapshots_.count() > kManySnapshots ? snapshots_.first() + snapshots_.count() / 4 : 0;
  return std::max(crowded ? catalog_.buried_until() : 0, many);
}

// Writes what the file does not have of heads, of those that need rows from before `until`, in at most so many
// transactions. True: all of it.
Result<bool> EmbeddedStore::snapshot_heads(Marks::Epoch until, int transactions) {
  const std::uint64_t whole_before = whole_until();
  for (; transactions > 0; --transactions) {
    SnapshotWriter writer;
    std::vector<std::pair<GroupId, std::uint32_t>> written;
    for (std::size_t looked = 0; looked < ages_.size() && writer.size_bytes() < transaction_bytes_; ++looked) {
      const std::size_t id = next_saved_ < ages_.size() ? next_saved_ : 0;
      next_saved_ = id + 1;
      const HeadAge& age = ages_[id];
      const bool whole = age.open && age.first_snapshot != 0 && age.first_snapshot <= whole_before;
      if (!whole && (!age.open || age.pending == Marks::kNone || age.pending >= until)) continue;
      const Head& head = groups_[id].head;
      const std::uint32_t from = whole ? 0 : head.saved();
      writer.head(static_cast<GroupId>(id), head.slots(), from, head.pieces());
      written.emplace_back(static_cast<GroupId>(id), from);
    }
    if (written.empty()) return true;
    const std::string data = writer.finish();
    // What would take the room of chunks becomes chunks, which give way to newer ones; a stop has no time for that.
    if (snapshots_.bytes() + data.size() > snapshots_limit_bytes() && !late(seal_by_)) {
      std::vector<GroupState*> groups;
      for (const auto& [id, from] : written) groups.push_back(&groups_[id]);
      RESMON_TRY(seal(groups));
      RESMON_TRY(trim_snapshots());
      continue;
    }
    fail_point("snapshot");
    RESMON_TRY(in_transaction([&] { return SnapshotTable::insert(database_, snapshots_.next(), data); }));
    for (const auto& [id, from] : written) {
      ages_[id].note_snapshot(from, snapshots_.next());
      groups_[id].head.set_saved();
    }
    snapshots_.inserted(data.size());
    fail_point("snapshot written");
  }
  return false;
}

// Everything that heads have is in the file when it returns.
Status EmbeddedStore::save_heads() {
  for (bool all = false; !all;) {
    RESMON_ASSIGN(all, snapshot_heads(Marks::kNone, kTransactionsACall));
  }
  last_snapshot_ = now_;
  return {};
}

// What maintain does of the above.
Status EmbeddedStore::keep_snapshots() {
  // What comes while it is being written waits for the next.
  if (snapshotting_until_ == 0 && snapshot_is_due()) snapshotting_until_ = marks_.begin(counters_.stored);
  if (snapshotting_until_ != 0 || whole_until() > 0) {
    RESMON_ASSIGN(const bool all, snapshot_heads(snapshotting_until_, kTransactionsACall));
    if (all && snapshotting_until_ != 0) {
      snapshotting_until_ = 0;
      last_snapshot_ = now_;
    }
  }
  return trim_snapshots();
}

// Snapshots that are many make a slow start, and disk that is not data.
std::uint64_t EmbeddedStore::snapshots_limit_bytes() const {
  constexpr std::uint64_t kMost = 1U << 30U;
  return options_.disk_limit_bytes == 0 ? kMost : std::min(kMost, options_.disk_limit_bytes / 4);
}

// Heads that need the oldest quarter of the snapshots are to be sealed.
void EmbeddedStore::mark_oldest_saved() {
  const std::uint64_t old = snapshots_.first() + snapshots_.count() / 4;
  for (std::size_t id = 0; id < ages_.size(); ++id)
    if (ages_[id].open && ages_[id].first_snapshot != 0 && ages_[id].first_snapshot <= old) mark_due(groups_[id]);
}

// Deletes snapshots that no head needs.
Status EmbeddedStore::trim_snapshots() {
  std::uint64_t needed = snapshots_.next();
  for (const HeadAge& age : ages_)
    if (age.open && age.first_snapshot != 0) needed = std::min(needed, age.first_snapshot);
  if (needed <= snapshots_.first()) return {};
  RESMON_TRY(in_transaction([&] { return SnapshotTable::remove_before(database_, needed); }));
  snapshots_.removed_before(needed);
  return {};
}

}  // namespace resmon::store
