#pragma once

// Where a reader is in the journal: what it was given, where it goes on, and whether it wants to be woken. Not
// synchronised, no I/O: the journal's mutex guards it.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "journal/blocks.h"
#include "journal/cursors.h"
#include "journal/journal.h"
#include "journal/segments.h"

namespace resmon::journal {

// Where the next records are, and what of them is visible.
struct Source {
  std::uint64_t at = 0;    // from where they are read
  std::uint64_t next = 0;  // the first that was not delivered
  std::uint64_t group = 0;
  std::uint64_t through = 0;           // the last position that it can give
  bool new_group = false;              // other than that of the source before
  std::shared_ptr<const Block> block;  // null: in a file
  std::size_t block_end = 0;
  Segment segment;  // without a block

  // First and last positions that ought to be there.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> missing;
};

class ReadPosition {
 public:
  // Behind what the cursor has committed; the cursor must outlive it.
  ReadPosition(Cursor& cursor, ReaderOptions::See see) : cursor_(cursor), see_(see), next_(cursor.committed() + 1) {}

  Cursor& cursor() const { return cursor_; }
  std::uint64_t next() const { return next_; }
  // How far the reader may see, where `durable` is durable and `shown` may be shown before it is.
  std::uint64_t visible(std::uint64_t durable, std::uint64_t shown) const {
    return see_ == ReaderOptions::See::kAppended ? std::max(shown, durable) : durable;
  }
  // With `position` is done what lies between it and what was not delivered, if nothing was delivered of that.
  std::uint64_t through(std::uint64_t position) const {
    return position >= delivered_ && delivered_ != 0 ? next_ - 1 : std::min(position, next_ - 1);
  }

  // The next records up to `visible`. False: there is none yet, and the reader wants to be woken. Records that are
  // nowhere are passed over and added to `damaged`.
  bool find(Source& source, const Segments& segments, const Blocks& blocks, std::uint64_t visible,
            std::uint64_t& damaged);
  // What was read of a source: `records`, up to source.at, but for source.missing.
  void got(const Source& source, std::span<const Record> records, Segments& segments, std::uint64_t& damaged);
  // All up to `position` is done with, read or not.
  void pass(std::uint64_t position) { next_ = std::max(next_, position + 1); }
  // Goes on at `position`, wherever it was.
  void read_from(std::uint64_t position) {
    next_ = position;
    context_ = 0;
  }

  void on_readable(std::function<void()> wake) { wake_ = std::move(wake); }
  // True, once: there is something to read after find() said that there was not. Who is to be called is added to
  // `wakes`.
  bool take_wake(std::uint64_t visible, std::vector<std::function<void()>>& wakes);

 private:
  void count(const Source& source, std::span<const Record> records, Segments& segments, std::uint64_t& damaged);

  Cursor& cursor_;
  const ReaderOptions::See see_;
  std::uint64_t next_;                        // first position not delivered
  std::uint64_t delivered_ = 0;               // the last that was; up to `next_` there is nothing but damage
  std::uint64_t at_ = 1;                      // where reading goes on; below `next_` while replaying
  std::uint64_t context_ = 0;                 // the group whose records were delivered from its start
  bool armed_ = true;                         // wake when there is something
  std::uint64_t damage_counted_through_ = 0;  // what is read again after rewind() is not counted again
  std::function<void()> wake_;
};

}  // namespace resmon::journal
