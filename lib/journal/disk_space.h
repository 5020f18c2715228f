#pragma once

// Keeps the journal's files within the limit on the device: removes what is on its way out, after the cursors that
// allow it are durable, and before the creation that it makes room for. The committer's lock guards it.

#include <cstdint>

#include "base/result.h"
#include "journal/cursor_store.h"
#include "journal/state.h"

namespace resmon::journal {

class DiskSpace {
 public:
  // Both outlive it.
  DiskSpace(State& state, CursorStore& cursors) : state_(state), cursors_(cursors) {}

  // What cannot be removed stays on the list, and on the account.
  void remove_doomed();
  // A file of the group may take `bytes` more. kUnavailable: the limit does not allow it.
  Status make_room(std::uint64_t group, std::uint64_t bytes);

 private:
  State& state_;
  CursorStore& cursors_;
};

}  // namespace resmon::journal
