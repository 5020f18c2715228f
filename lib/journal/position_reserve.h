#pragma once

// Which positions may be shown before they are durable (Options::never_reuse_positions). A crash may take records back
// that were shown; the next process skips all positions that the cursors on the device say may have been given out, so
// none is seen with two contents. Not synchronised: the journal's mutex guards it.

#include <algorithm>
#include <cstdint>

#include "journal/journal.h"

namespace resmon::journal {

class PositionReserve {
 public:
  explicit PositionReserve(const Options& options)
      : on_(options.never_reuse_positions), size_(options.reserve_positions) {}

  // Those up to here may have been given out, by the cursors on the device.
  std::uint64_t reserved() const { return reserved_; }
  // How many of those up to `last` may be shown.
  std::uint64_t shown(std::uint64_t last) const { return on_ && !lifted_ ? std::min(last, reserved_) : last; }
  // Half of it is used up by those up to `last`: the cursors are to be written.
  bool runs_low(std::uint64_t last) const { return on_ && last + size_ / 2 > reserved_; }

  // What the cursors are to name as the next position. `final`: no more than `last` are given out.
  std::uint64_t next_position(std::uint64_t last, bool final) const { return last + 1 + (on_ && !final ? size_ : 0); }
  // The cursors with that next position are on the device.
  void stored(std::uint64_t next_position) { reserved_ = next_position - 1; }
  // All may be shown.
  void lift() { lifted_ = true; }

 private:
  const bool on_;
  const std::uint64_t size_;
  std::uint64_t reserved_ = 0;
  bool lifted_ = false;
};

}  // namespace resmon::journal
