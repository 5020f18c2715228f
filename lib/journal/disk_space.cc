#include "journal/disk_space.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace resmon::journal {

void DiskSpace::remove_doomed() {
  std::vector<Doomed> list;
  {
    const MutexLock lock(state_.mutex);
    // Without any cursors on disk, and with a disk too full for them, waiting for them would be waiting for ever; then
    // a crash makes readers begin at the oldest kept, and they say so. Files stay on the account until they are gone.
    list = state_.segments.discarded().removable(cursors_.snapshots(), !cursors_.any_stored());
  }
  if (list.empty()) return;
  std::vector<std::string> gone;
  for (const Doomed& file : list) {
    const std::string path = state_.path(file.name);
    // A reader may have it open, and an open file keeps its space.
    Status removed;
    if (auto opened = state_.files.open(path); !opened)
      removed = fail(std::move(opened).error());
    else
      removed = (*opened)->truncate(0);
    if (removed) removed = state_.files.remove(path);
    if (removed || removed.error().kind == ErrorKind::kNotFound) gone.push_back(file.name);
  }
  const MutexLock lock(state_.mutex);
  state_.segments.discarded().removed(gone);
}

Status DiskSpace::make_room(std::uint64_t group, std::uint64_t bytes) {
  const std::uint64_t limit = state_.options.limit_bytes;
  {
    const MutexLock lock(state_.mutex);
    if (state_.segments.physical_bytes() + bytes <= limit) return {};
    const std::uint64_t unplanned = bytes - std::min(bytes, state_.segments.reserved_for(group));
    if (!state_.retention.make_room(unplanned, state_.durable_position()))
      return fail(ErrorKind::kUnavailable, "the journal is full: a reader that must not lose is behind");
  }
  RESMON_TRY(cursors_.write());
  remove_doomed();
  const MutexLock lock(state_.mutex);
  if (state_.segments.physical_bytes() + bytes > limit)
    return fail(ErrorKind::kUnavailable, "the journal is full: old segments cannot be removed");
  return {};
}

}  // namespace resmon::journal
