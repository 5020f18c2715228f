// Series without rows. Containers and network interfaces come and go by the million, so what no row and no window
// refers to within the retention is forgotten, and what it took is used again: the group's id and its state, its
// measurement's id and columns, the plans and layouts of its schemas.
//
// Whether a group has chunks is asked of the index: of groups that retention has just taken a chunk of, and a few of
// all others at a time, for those that never had one or lost it just before a crash. In between, and until no
// snapshot of heads mentions it, a group is buried in the catalog (catalog.h).
//
// Most of those that pass by have a few rows and are never heard of again. Where retention is short, their heads expire
// before they are sealed: such a head is dropped as it is (drop_expired), without a chunk that the next retention would
// remove, so that forgetting a series costs less than writing it did.
//
// Rejected: counting the chunks of each group (a number to keep right through every join, retry and crash, for what an
// index answers in microseconds).

#include <algorithm>
#include <unordered_set>

#include "store/embedded_store.h"
#include "store/fail_point.h"

namespace resmon::store {

namespace {

// A call of maintain looks through so many; there is one a second.
constexpr std::size_t kEmptiedAtOnce = 32'768;
constexpr std::size_t kFreedAtOnce = 65'536;
constexpr std::size_t kExpiredAtOnce = 65'536;
constexpr std::size_t kLookedAtLeast = 512;
constexpr std::size_t kLookedAtMost = 16'384;

}  // namespace

Result<bool> EmbeddedStore::has_chunks(GroupId group) {
  for (std::int64_t tier = kTierRaw; tier < static_cast<std::int64_t>(kTiers); ++tier) {
    RESMON_ASSIGN(const UnixNanos newest, select_.find_newest_time(tier, group));
    if (newest != INT64_MIN) return true;
  }
  return false;
}

Result<bool> EmbeddedStore::unused(GroupId id) {
  const HeadAge& age = ages_[id];
  const GroupState& group = groups_[id];
  if (age.open || age.ending || group.due || !group.head.empty() || !catalog_.has(id)) return false;
  RESMON_ASSIGN(const bool any, has_chunks(id));
  return !any;
}

// Whether sealing the head would leave nothing once its rows are past the retention: no window ends within them, and
// there is nothing that they would be joined with.
Result<bool> EmbeddedStore::leaves_nothing(const GroupState& group) {
  if (group.head.last_time() >= block_end(group.id, group.head.first_time())) return false;
  RESMON_ASSIGN(const bool any, has_chunks(group.id));
  return !any;
}

// Of heads that are old enough to be sealed, those whose rows are all past the retention are dropped. The others are
// due.
Status EmbeddedStore::drop_expired(const std::vector<GroupId>& aged) {
  const UnixNanos cutoff =
      options_.retain.count() > 0 ? minus(now_, std::chrono::nanoseconds(options_.retain).count()) : INT64_MIN;
  std::size_t dropped = 0;
  for (const GroupId id : aged) {
    GroupState& group = groups_[id];
    bool drop = group.head.last_time() < cutoff;
    if (drop && dropped >= kExpiredAtOnce) continue;
    if (drop) {
      RESMON_ASSIGN(drop, leaves_nothing(group));
    }
    if (!drop) {
      mark_due(group);
      continue;
    }
    ++dropped;
    clear_head(group);
    ended_.push_back(id);
    ++counters_.expired_heads;
  }
  return {};
}

Status EmbeddedStore::forget_unused() {
  std::vector<GroupId> looked;
  const std::size_t count = std::min(emptied_.size(), kEmptiedAtOnce);
  looked.assign(emptied_.end() - static_cast<std::ptrdiff_t>(count), emptied_.end());
  const std::size_t others = std::min(std::max(looked_at_once_, kLookedAtLeast), groups_.size());
  for (std::size_t i = 0; i < others; ++i) {
    if (next_unused_ >= groups_.size()) next_unused_ = 0;
    if (!ages_[next_unused_].open) looked.push_back(next_unused_);
    ++next_unused_;
  }
  std::sort(looked.begin(), looked.end());
  looked.erase(std::unique(looked.begin(), looked.end()), looked.end());
  std::vector<GroupId> gone;
  for (const GroupId id : looked) {
    RESMON_ASSIGN(const bool nothing, unused(id));
    if (nothing) gone.push_back(id);
  }
  // After a start, what a crash left is not in emptied_: the more of it is found, the faster the rest is looked for.
  looked_at_once_ = count == 0 && gone.size() > others / 8 ? kLookedAtMost : kLookedAtLeast;
  if (!gone.empty()) {
    RESMON_TRY(in_transaction([&] { return catalog_.save_drop(database_, gone); }));
    fail_point("forgotten");
    forget_groups(gone);
    counters_.forgotten_groups += gone.size();
  }
  emptied_.resize(emptied_.size() - count);
  return free_buried();
}

// After groups left the catalog: rows that come for them are of new ones.
void EmbeddedStore::forget_groups(const std::vector<GroupId>& groups) {
  if (groups.empty()) return;
  std::uint64_t last_snapshot = 0;
  for (const GroupId id : groups) last_snapshot = std::max(last_snapshot, ages_[id].last_snapshot);
  catalog_.drop(groups, last_snapshot);
  plans_.drop_groups({groups.begin(), groups.end()});
}

Status EmbeddedStore::free_buried() {
  const Catalog::Buried buried =
      catalog_.buried(snapshots_.empty() ? snapshots_.next() + 1 : snapshots_.first(), kFreedAtOnce);
  if (buried.empty()) return {};
  RESMON_TRY(in_transaction([&] { return Catalog::save_free(database_, buried); }));
  for (const GroupId id : buried.groups) {
    GroupState& group = groups_[id];
    group.newest_known = group.tiered_known = false;
    group.newest_time = group.tiered_until = INT64_MIN;
    group.newest_rows = 0;
    ages_[id] = {};
    std::lock_guard lock(group.mutex);
    group.head = {};
  }
  catalog_.free(buried);
  // There is room again.
  plans_.drop_limited();
  return {};
}

}  // namespace resmon::store
