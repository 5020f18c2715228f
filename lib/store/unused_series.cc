// Series without rows. Containers and network interfaces come and go by the million, so what no row and no window
// refers to within the retention is forgotten, and what it took is used again: the group's id and its state, its
// measurement's id and columns, the plans and layouts of its schemas.
//
// Whether a group has chunks is asked of the index: of groups that retention has just taken a chunk of, and a few of
// all others at a time, for those that never had one or lost it just before a crash. In between, and until no
// snapshot of heads mentions it, a group is buried in the catalog (catalog.h).
//
// Most of those that pass by have a few rows and are never heard of again. Where retention is short, their heads expire
// before they are sealed: such a head is dropped as it is (sort_aged), without a chunk that the next retention would
// remove, so that forgetting a series costs less than writing it did.
//
// Rejected: counting the chunks of each group (a number to keep right through every join, retry and crash, for what an
// index answers in microseconds).

#include "store/unused_series.h"

#include <algorithm>

#include "store/fail_point.h"
#include "store/tier.h"
#include "store/tier_writer.h"

namespace resmon::store {

namespace {

// A call of maintain looks through so many; there is one a second.
constexpr std::size_t kIdleAtOnce = 32'768;
constexpr std::size_t kFreedAtOnce = 65'536;
constexpr std::size_t kExpiredAtOnce = 65'536;
constexpr std::size_t kLookedAtLeast = 512;
constexpr std::size_t kLookedAtMost = 16'384;

}  // namespace

Result<bool> UnusedSeries::unused(GroupId id) {
  const HeadAge& age = heads_.age(id);
  const GroupState& group = heads_[id];
  if (age.open || age.ending || group.due || !group.head.empty() || !catalog_.has(id)) return false;
  RESMON_ASSIGN(const bool any, file_.reads().has_any(id));
  return !any;
}

// Whether sealing the head would leave nothing once its rows are past the retention: no window ends within them, and
// there is nothing that they would be joined with.
Result<bool> UnusedSeries::leaves_nothing(const GroupState& group) {
  if (group.head.last_time() >= TierWriter::block_end(group.id, group.head.first_time())) return false;
  RESMON_ASSIGN(const bool any, file_.reads().has_any(group.id));
  return !any;
}

Status UnusedSeries::sort_aged(const std::vector<GroupId>& aged) {
  const UnixNanos cutoff =
      options_.retain.count() > 0 ? minus(time_.now, std::chrono::nanoseconds(options_.retain).count()) : INT64_MIN;
  std::size_t dropped = 0;
  for (const GroupId id : aged) {
    GroupState& group = heads_[id];
    bool drop = group.head.last_time() < cutoff;
    if (drop && dropped >= kExpiredAtOnce) continue;
    if (drop) {
      RESMON_ASSIGN(drop, leaves_nothing(group));
    }
    if (!drop) {
      heads_.mark_due(group);
      continue;
    }
    ++dropped;
    heads_.drop(group);
    ++expired_heads_;
  }
  return {};
}

std::vector<GroupId> UnusedSeries::next_to_look_at(std::size_t idle, std::size_t others) {
  const std::vector<GroupId>& all_idle = heads_.idle();
  std::vector<GroupId> out(all_idle.end() - static_cast<std::ptrdiff_t>(idle), all_idle.end());
  for (std::size_t i = 0; i < others; ++i) {
    if (next_ >= heads_.size()) next_ = 0;
    if (!heads_.is_open(next_)) out.push_back(next_);
    ++next_;
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

Status UnusedSeries::look() {
  const std::size_t idle = std::min(heads_.idle().size(), kIdleAtOnce);
  const std::size_t others = std::min(std::max(at_once_, kLookedAtLeast), heads_.size());
  std::vector<GroupId> gone;
  for (const GroupId id : next_to_look_at(idle, others)) {
    RESMON_ASSIGN(const bool nothing, unused(id));
    if (nothing) gone.push_back(id);
  }
  // After a start, what a crash left is not among the idle: the more of it is found, the faster the rest is looked for.
  at_once_ = idle == 0 && gone.size() > others / 8 ? kLookedAtMost : kLookedAtLeast;
  if (!gone.empty()) {
    RESMON_TRY(file_.transact([&] { return catalog_.save_drop(file_.database(), gone); }));
    fail_point("forgotten");
    forget(gone);
    forgotten_ += gone.size();
  }
  heads_.idle_looked_at(idle);
  return free_buried();
}

void UnusedSeries::forget(const std::vector<GroupId>& groups) {
  if (groups.empty()) return;
  std::uint64_t last_snapshot = 0;
  for (const GroupId id : groups) last_snapshot = std::max(last_snapshot, heads_.age(id).last_snapshot);
  catalog_.drop(groups, last_snapshot);
  plans_.drop_groups({groups.begin(), groups.end()});
}

Status UnusedSeries::free_buried() {
  const Catalog::Buried buried =
      catalog_.buried(snapshots_.empty() ? snapshots_.next() + 1 : snapshots_.first(), kFreedAtOnce);
  if (buried.empty()) return {};
  RESMON_TRY(file_.transact([&] { return Catalog::save_free(file_.database(), buried); }));
  for (const GroupId id : buried.groups) heads_.reset(heads_[id]);
  catalog_.free(buried);
  // There is room again.
  plans_.drop_limited();
  return {};
}

}  // namespace resmon::store
