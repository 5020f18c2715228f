#include "journal/retention.h"

#include <algorithm>

namespace resmon::journal {

void Retention::trim(std::uint64_t durable) {
  if (cursors_.empty()) return;
  const std::uint64_t done = std::min(cursors_.passed_by_all(), durable);
  while (segments_.front_may_go(done)) drop_front();
}

bool Retention::make_room(std::uint64_t bytes, std::uint64_t durable) {
  while (segments_.planned_bytes() + bytes > limit_bytes_) {
    if (segments_.discarded().doom_one_aside()) continue;
    if (!may_drop_front(durable)) return false;
    drop_front();
  }
  return true;
}

std::uint64_t Retention::keep_within(std::uint64_t bytes, std::uint64_t durable) {
  const std::uint64_t before = dropped_records_;
  while (segments_.planned_bytes() > bytes && may_drop_front(durable)) drop_front();
  return dropped_records_ - before;
}

// True if only readers that may lose it still need it, and it is not what is being written.
bool Retention::may_drop_front(std::uint64_t durable) const {
  return segments_.front_may_go(durable) && !cursors_.any_must_have(segments_.groups().front().last);
}

// The oldest group and its files are on their way out; cursors that still needed it pass over it.
void Retention::drop_front() {
  const Group group = segments_.groups().front();
  if (cursors_.lose(group, segments_)) dropped_records_ += group.last - group.first + 1;
  segments_.drop_front(cursors_.snapshots() + 1);
  blocks_.drop(group.first, group.last);
  trigger_.touch_cursors();
}

}  // namespace resmon::journal
