#include "store/sealer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "store/fail_point.h"

namespace resmon::store {

Status Sealer::seal(std::span<GroupState* const> groups) {
  std::size_t next = 0;
  while (next < groups.size() && !time_.late_to_seal()) {
    const std::size_t first = next;
    std::size_t end = first;
    // What the groups remember of the file may be of a transaction that was rolled back.
    const auto forget = [&] {
      for (std::size_t i = first; i < std::min(end + 1, groups.size()); ++i)
        groups[i]->newest_known = groups[i]->tiered_known = false;
    };
    bool again = false;
    Status status = file_.transact([&]() -> Status {
      if (std::exchange(again, true)) forget();
      std::size_t bytes = 0;
      const auto enough = [&] {
        return bytes >= file_.transaction_bytes() || (end > first && (file_.small_steps() || time_.late_to_seal()));
      };
      for (end = first; end < groups.size() && !enough(); ++end) RESMON_TRY(seal_group(*groups[end], bytes));
      return {};
    });
    if (!status) {
      forget();
      return status;
    }
    // From here on readers find the rows in the chunk. A reader that copied the head before sees them twice, and equal.
    for (std::size_t i = first; i < end; ++i) heads_.sealed(*groups[i]);
    heads_.drop_sealed();
    next = end;
  }
  return {};
}

Status Sealer::seal_group(GroupState& group, std::size_t& bytes) {
  if (group.head.empty()) return {};
  // Only this thread changes heads, so it reads them without the lock.
  Rows rows = group.head.copy({}, nullptr);
  const std::vector<UnixNanos> times = rows.times;
  RESMON_TRY(chunks_.append(group, std::move(rows), bytes));
  fail_point("seal");
  return tiers_.add(group, times, bytes);
}

Status Sealer::seal_due(std::size_t at_most) {
  return seal(heads_.first_due(at_most));
}

Status Sealer::seal_all() {
  for (GroupId id = 0; id < heads_.size(); ++id)
    if (heads_.is_open(id)) heads_.mark_due(heads_[id]);
  return seal_due(heads_.due().size());
}

Status Sealer::seal_large(std::uint64_t bytes) {
  return seal(heads_.next_large(bytes));
}

}  // namespace resmon::store
