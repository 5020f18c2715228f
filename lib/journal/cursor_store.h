#pragma once

// Brings the cursors to the device, and with them the positions that may have been given out. The committer's lock
// guards it.

#include <cstdint>

#include "base/result.h"
#include "journal/cursor_file.h"
#include "journal/state.h"

namespace resmon::journal {

class CursorStore {
 public:
  // `state` outlives it.
  explicit CursorStore(State& state)
      : state_(state), file_(state.files, state.options.directory, state.options.sync != Sync::kOff) {}

  // For recovery, before all else.
  CursorFile& file() { return file_; }

  // After an error they are to be written again, an interval later.
  Status write();
  // How far records went; an error is no loss (CursorFile::write_tally).
  void write_tally(const Tally& tally) { file_.write_tally(tally); }
  void close() { file_.close(); }

  // The newest snapshot of the cursors that is on the device.
  std::uint64_t snapshots() const { return snapshots_; }
  // False: the device has none at all.
  bool any_stored() const { return file_.generation() != 0; }

 private:
  State& state_;
  CursorFile file_;
  std::uint64_t snapshots_ = 0;
};

}  // namespace resmon::journal
