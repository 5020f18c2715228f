// The recent log: what heads have, on disk, so that a crash loses no more than the last seconds and a start decodes
// nothing. Each checkpoint writes what is new in heads since the one before: a delta, one row of the table however many
// groups there are. A start that had to read the deltas of an hour would touch every group's memory hundreds of times;
// so each head is gathered now and then: written again from the first piece on that was open when it was gathered
// last. A delta is deleted when all heads in it were gathered since; what was gathered stays until the heads are
// sealed. So there is about one record of a group for each piece, and those of the last minutes.
//
// A head that is sealed leaves bytes behind in segments that others need. They say what the chunk says, or said: a row
// may have been overwritten since. So where a head ends is written too, and kept as long as anything before it.

#include <algorithm>

#include "base/log.h"
#include "store/embedded_store.h"
#include "store/fail_point.h"
#include "store/log_replay.h"

namespace resmon::store {

namespace {
// Segments after which heads are gathered: once one has waited for the longer, all that have for the shorter, so that
// there are few transactions for it.
constexpr std::uint64_t kGatherAfter = 32;
constexpr std::uint64_t kGatherWith = 24;
constexpr int kGatheringsACheckpoint = 4;  // transactions
}  // namespace

class EmbeddedStore::ReplayedHeads final : public LogReplay::Heads {
 public:
  explicit ReplayedHeads(EmbeddedStore& store) : store_(store) {}
  Head& head(GroupId group) override { return store_.groups_[group].head; }
  void changed(GroupId group, HeadPlace from, SegmentKind kind) override {
    Head& head = store_.groups_[group].head;
    HeadAge& age = store_.ages_[group];
    if (head.empty()) {
      age = {};
      age.last_segment = segment;
      return;
    }
    if (!age.open) age = {0, segment, segment, segment, true, true, false};
    store_.note_logged(age, from, segment, kind);
    if (kind == SegmentKind::kGathered) head.set_gathered();
  }

  std::uint64_t segment = 0;  // that is being read

 private:
  EmbeddedStore& store_;
};

Status EmbeddedStore::replay_log() {
  RESMON_ASSIGN(Statement select, database_.prepare("SELECT segment, data FROM log ORDER BY segment"));
  ReplayedHeads heads(*this);
  LogReplay replay(catalog_, heads);
  while (true) {
    RESMON_ASSIGN(const bool row, select.step());
    if (!row) break;
    heads.segment = static_cast<std::uint64_t>(select.integer(0));
    segment_ = heads.segment + 1;
    const Result<SegmentKind> kind = replay.read(select.blob(1));
    segments_[heads.segment] = {select.blob(1).size(), kind ? *kind : SegmentKind::kDelta};
    log_bytes_ += select.blob(1).size();
    if (!kind) {
      if (kind.error().kind != ErrorKind::kDamaged) return fail(Error(kind.error()));
      ++counters_.damaged;
      log::warn("store", "damaged log segment skipped", {{"segment", heads.segment}, {"reason", kind.error().message}});
    }
  }
  const std::vector<GroupId> broken = replay.broken();
  if (!broken.empty())
    log::warn("store", "rows of the recent log are missing",
              {{"groups", broken.size()}, {"first", catalog_.describe(broken.front())}});
  for (const GroupId id : broken) {
    groups_[id].head.forget_log();
    if (!groups_[id].head.empty()) note_change(groups_[id]);
  }
  for (GroupState& group : groups_) {
    // Of damaged segments it is not known whom they mention.
    ages_[group.id].last_segment = segment_ - 1;
    if (group.head.empty()) continue;
    if (catalog_.has(group.id)) {
      ages_[group.id].opened = std::max<UnixNanos>(group.head.first_time(), 1);
      note_row(group, 0, 0);
      continue;
    }
    // It was dropped without rows; the segment in which the log said so is damaged.
    group.head.clear();
    ages_[group.id] = {};
  }
  if (counters_.head_rows > 0)
    log::info("store", "rows restored from the recent log",
              {{"rows", counters_.head_rows.load()}, {"segments", segments_.size()}, {"bytes", log_bytes_}});
  return {};
}

// After something went into a head that the log does not have.
void EmbeddedStore::note_change(GroupState& group) {
  HeadAge& age = ages_[group.id];
  if (!age.open)
    age = {0, segment_, segment_, age.last_segment, true, false, age.ending};
  else if (age.first_delta == 0)
    age.first_delta = segment_;
  if (group.changed) return;
  group.changed = true;
  changed_.push_back(group.id);
}

// After a segment with what a head has from a place on was stored.
void EmbeddedStore::note_logged(HeadAge& age, HeadPlace from, std::uint64_t segment, SegmentKind kind) {
  const bool whole = from == HeadPlace{};
  age.logged = true;
  age.last_segment = segment;
  if (whole) age.first_segment = segment;
  if (kind == SegmentKind::kGathered)
    age.first_delta = 0;
  else if (whole || age.first_delta == 0)
    age.first_delta = segment;
}

void EmbeddedStore::note_sealed(GroupState& group) {
  HeadAge& age = ages_[group.id];
  const bool ending = age.ending || age.logged;
  if (age.logged) sealed_.push_back(group.id);
  const std::uint64_t last_segment = age.last_segment;
  age = {};
  age.ending = ending;
  age.last_segment = last_segment;
}

Status EmbeddedStore::insert_segment(std::uint64_t number, const std::string& data) {
  RESMON_ASSIGN(Statement insert, database_.prepare("INSERT INTO log (segment, data) VALUES (?1, ?2)"));
  return insert.bind(1, static_cast<std::int64_t>(number)).bind_blob(2, data).run();
}

void EmbeddedStore::note_segment(const std::string& data, SegmentKind kind) {
  segments_[segment_++] = {data.size(), kind};
  log_bytes_ += data.size();
}

Status EmbeddedStore::commit_log(bool sync) {
  if (changed_.empty() && sealed_.empty() && !log_dirty_ && !sync) return {};
  const auto ended = [&] {
    for (const GroupId id : sealed_) ages_[id].ending = false;
    sealed_.clear();
    emptied_.insert(emptied_.end(), ended_.begin(), ended_.end());
    ended_.clear();
  };
  if (segments_.empty()) ended();
  SegmentWriter ends(SegmentKind::kGathered);
  for (const GroupId id : sealed_)
    if (groups_[id].head.empty()) ends.head(id, {}, {}, {});
  const std::string ends_data = ends.empty() ? std::string() : ends.finish();
  fail_point("log");
  if (sync) RESMON_TRY(database_.execute("PRAGMA synchronous = FULL"));
  std::sort(changed_.begin(), changed_.end());
  // Late rows can make a delta larger than a transaction may be. What marks stand for comes before them or with them.
  Status status;
  for (bool all = false; status && !all;) {
    SegmentWriter delta(SegmentKind::kDelta);
    std::size_t count = 0;
    for (; count < changed_.size() && delta.size_bytes() < transaction_bytes_; ++count) {
      const Head& head = groups_[changed_[count]].head;
      if (head.logged() != head.end()) delta.head(changed_[count], head.slots(), head.logged(), head.pieces());
    }
    all = count == changed_.size();
    const std::string data = delta.empty() ? std::string() : delta.finish();
    status = in_transaction([&]() -> Status {
      if (!data.empty()) RESMON_TRY(insert_segment(segment_, data));
      if (!all) return {};
      if (!ends_data.empty()) RESMON_TRY(insert_segment(segment_ + (data.empty() ? 0 : 1), ends_data));
      return store_marks(sync);
    });
    if (!status) break;
    note_delta(count);
    if (!data.empty()) note_segment(data, SegmentKind::kDelta);
  }
  if (sync) RESMON_TRY(database_.execute("PRAGMA synchronous = NORMAL"));
  RESMON_TRY(status);
  if (!ends_data.empty()) note_segment(ends_data, SegmentKind::kGathered);
  ended();
  if (sync) {
    std::lock_guard lock(marks_mutex_);
    durable_marks_ = marks_;
    marks_behind_ = false;
  }
  for (auto& [name, value] : new_marks_) committed_marks_.insert_or_assign(name, std::move(value));
  new_marks_.clear();
  removal_changed_ = false;
  log_dirty_ = false;
  changed_bytes_ = 0;
  return {};
}

Status EmbeddedStore::store_marks(bool sync) {
  if (!new_marks_.empty()) {
    RESMON_ASSIGN(Statement insert, database_.prepare("INSERT OR REPLACE INTO marks (name, value) VALUES (?1, ?2)"));
    for (const auto& [name, value] : new_marks_) RESMON_TRY(insert.bind_text(1, name).bind_blob(2, value).run());
  }
  RESMON_TRY(save_removal());
  // Something has to be written for the log to be synced, even where the rows went before.
  if (sync) RESMON_TRY(database_.execute("UPDATE meta SET value = value + 1 WHERE key = 'flushes'"));
  return {};
}

// After a delta of the first `count` of changed_ was committed as segment_.
void EmbeddedStore::note_delta(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    GroupState& group = groups_[changed_[i]];
    group.changed = false;
    if (group.head.logged() == group.head.end()) continue;
    note_logged(ages_[group.id], group.head.logged(), segment_, SegmentKind::kDelta);
    group.head.set_logged();
  }
  changed_.erase(changed_.begin(), changed_.begin() + static_cast<std::ptrdiff_t>(count));
}

Status EmbeddedStore::gather_log() {
  const auto waited = [&](const HeadAge& age, std::uint64_t segments) {
    return age.open && age.first_delta != 0 && age.first_delta + segments <= segment_;
  };
  // The ids of dropped series are free only when the log says nothing of them any more. If they keep new series out,
  // heads that need the log from that far back are written again as a whole.
  const Catalog::Counts counts = catalog_.counts();
  const bool crowded = counts.buried > 0 && (counts.groups + counts.buried) * 2 >= options_.max_groups;
  const std::uint64_t buried_until = crowded ? catalog_.buried_until() : 0;
  const auto in_the_way = [&](const HeadAge& age) {
    return age.open && age.logged && age.first_segment <= buried_until;
  };
  if (std::none_of(ages_.begin(), ages_.end(),
                   [&](const HeadAge& age) { return waited(age, kGatherAfter) || in_the_way(age); }))
    return trim_log();
  for (int round = 0; round < kGatheringsACheckpoint; ++round) {
    SegmentWriter gathered(SegmentKind::kGathered);
    std::vector<std::pair<GroupId, HeadPlace>> written;
    for (std::size_t looked = 0; looked < ages_.size() && gathered.size_bytes() < transaction_bytes_; ++looked) {
      const std::size_t id = next_gathered_ < ages_.size() ? next_gathered_ : 0;
      next_gathered_ = id + 1;
      const bool whole = in_the_way(ages_[id]);
      if (!whole && !waited(ages_[id], kGatherWith)) continue;
      const Head& head = groups_[id].head;
      const HeadPlace from = whole ? HeadPlace{} : head.gathered();
      gathered.head(static_cast<GroupId>(id), head.slots(), from, head.pieces());
      written.emplace_back(static_cast<GroupId>(id), from);
    }
    if (written.empty()) break;
    const std::string data = gathered.finish();
    fail_point("gather");
    RESMON_TRY(in_transaction([&] { return insert_segment(segment_, data); }));
    for (const auto& [id, from] : written) {
      note_logged(ages_[id], from, segment_, SegmentKind::kGathered);
      groups_[id].head.set_gathered();
    }
    note_segment(data, SegmentKind::kGathered);
    fail_point("gathered");
  }
  return trim_log();
}

// A log that is long is a start that is slow, and disk that is not data.
std::uint64_t EmbeddedStore::log_limit_bytes() const {
  constexpr std::uint64_t kMost = 1U << 30U;
  return options_.disk_limit_bytes == 0 ? kMost : std::min(kMost, options_.disk_limit_bytes / 4);
}

// Heads that need the oldest quarter of the log are to be sealed.
void EmbeddedStore::mark_oldest_logged() {
  const std::uint64_t oldest = segments_.empty() ? segment_ : segments_.begin()->first;
  const std::uint64_t old_segment = oldest + (segment_ - oldest) / 4;
  for (std::size_t id = 0; id < ages_.size(); ++id)
    if (ages_[id].open && ages_[id].first_segment <= old_segment) mark_due(groups_[id]);
}

// Deletes segments that no head needs.
Status EmbeddedStore::trim_log() {
  std::uint64_t needed = segment_;
  std::uint64_t delta = segment_;
  for (const HeadAge& age : ages_) {
    if (!age.open) continue;
    needed = std::min(needed, age.first_segment);
    if (age.first_delta != 0) delta = std::min(delta, age.first_delta);
  }
  std::vector<std::uint64_t> gone;
  for (const auto& [number, segment] : segments_)
    if (number < needed || (segment.kind == SegmentKind::kDelta && number < delta)) gone.push_back(number);
  if (gone.empty()) return {};
  const Status removed = in_transaction([&]() -> Status {
    RESMON_ASSIGN(Statement remove, database_.prepare("DELETE FROM log WHERE segment = ?1"));
    for (const std::uint64_t number : gone) RESMON_TRY(remove.bind(1, static_cast<std::int64_t>(number)).run());
    return {};
  });
  RESMON_TRY(removed);
  for (const std::uint64_t number : gone) {
    log_bytes_ -= segments_[number].bytes;
    segments_.erase(number);
  }
  return {};
}

}  // namespace resmon::store
