#pragma once

// Brings records from memory to segment files, and makes them durable. The committer's lock guards it.

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "journal/active_file.h"
#include "journal/cursor_store.h"
#include "journal/disk_space.h"
#include "journal/state.h"

namespace resmon::journal {

class SegmentWriter {
 public:
  struct Reached {
    std::uint64_t position = 0;
    std::uint64_t weight = 0;  // of all records up to it
  };

  // All outlive it.
  SegmentWriter(State& state, CursorStore& cursors, DiskSpace& space)
      : state_(state), cursors_(cursors), space_(space) {}

  // Before all else: the last record that was ever written and kept.
  void begin_after(const Reached& existing) { written_ = existing_ = existing; }
  // Of all records so far.
  void set_total_weight(std::uint64_t weight) { written_.weight = existing_.weight = weight; }

  // Hands all that was appended to the kernel. A file whose segment has ended is synced before the next is begun. After
  // an error of this or of sync() only give_up() may follow.
  Status write();
  // What was written is durable, and readers and producers are told.
  Status sync();
  // The file ends at its last durable byte, and is none without one; the rest is written again, to another.
  void give_up();
  // Notes how far it was written, beside the records.
  void write_tally() { write_tally(existing_.position); }
  // Appends a mark that says of the last records that they are durable: damage in them is then damage, not an end that
  // was torn. False: there is no room for it.
  bool put_last_mark();
  // After write() and sync(): the file ends where its records do.
  void close();

 private:
  void write_tally(std::uint64_t durable);
  Status finish();
  Status begin_file(std::uint64_t group, std::uint64_t first);

  State& state_;
  CursorStore& cursors_;
  DiskSpace& space_;
  std::optional<ActiveFile> active_;
  Reached written_;
  Reached existing_;  // the last that was ever written and kept
};

}  // namespace resmon::journal
