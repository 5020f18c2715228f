#pragma once

// Which segments go: those that every reader has committed, and at the bound the oldest that no reader must have. All
// in memory; files follow when the cursors that allow it are durable (DiskSpace). Not synchronised: the journal's mutex
// guards it.
//
// `durable`: the last position that is.

#include <cstdint>

#include "journal/blocks.h"
#include "journal/commit_trigger.h"
#include "journal/cursors.h"
#include "journal/segments.h"

namespace resmon::journal {

class Retention {
 public:
  // The others outlive it.
  Retention(std::uint64_t limit_bytes, Segments& segments, Cursors& cursors, Blocks& blocks, CommitTrigger& trigger)
      : limit_bytes_(limit_bytes), segments_(segments), cursors_(cursors), blocks_(blocks), trigger_(trigger) {}

  // Lets go what every reader has committed, except the newest file: its name keeps the positions.
  void trim(std::uint64_t durable);
  // True if `bytes` more can be planned for, after the oldest have gone.
  bool make_room(std::uint64_t bytes, std::uint64_t durable);
  // Lets the oldest go until no more than `bytes` are planned for, or no more may go. Returns the records that somebody
  // lost.
  std::uint64_t keep_within(std::uint64_t bytes, std::uint64_t durable);

  // Given up while some reader, or none at all, had not committed them.
  std::uint64_t dropped_records() const { return dropped_records_; }

 private:
  bool may_drop_front(std::uint64_t durable) const;
  void drop_front();

  const std::uint64_t limit_bytes_;
  Segments& segments_;
  Cursors& cursors_;
  Blocks& blocks_;
  CommitTrigger& trigger_;
  std::uint64_t dropped_records_ = 0;
};

}  // namespace resmon::journal
