#include "journal/cursor_store.h"

#include <utility>

namespace resmon::journal {

Status CursorStore::write() {
  CursorSlot slot;
  std::uint64_t taken = 0;
  {
    const MutexLock lock(state_.mutex);
    slot.journal_id = state_.opened.journal_id;
    // At an orderly end it is known; otherwise there is room to give out more before the next of these is written.
    slot.next_position = state_.reserve.next_position(state_.appender.last_position(), state_.closed);
    slot.cursors = state_.cursors.snapshot();
    taken = state_.cursors.snapshots();
  }
  const std::uint64_t next = slot.next_position;
  Status written = file_.write(std::move(slot));
  const MutexLock lock(state_.mutex);
  if (written) {
    snapshots_ = taken;
    state_.reserve.stored(next);
  } else {
    state_.cursors.touch(std::chrono::steady_clock::now());
  }
  return written;
}

}  // namespace resmon::journal
