#pragma once

// How far each reader is, and what it lost. Not synchronised, no I/O: the journal's mutex guards it.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "journal/format.h"
#include "journal/journal.h"
#include "journal/segments.h"

namespace resmon::journal {

class ReadPosition;

class Cursor {
 public:
  explicit Cursor(CursorEntry entry) : entry_(std::move(entry)) {}
  explicit Cursor(std::uint64_t committed) { entry_.committed = committed; }

  // As it is on disk. Records that were delivered and then dropped count as dropped there, because a crash loses them.
  CursorEntry on_disk() const;
  const CursorEntry& entry() const { return entry_; }
  // `last`: the newest position that was given out.
  ReaderStats stats(const Segments& segments, std::uint64_t last) const;
  std::uint64_t committed() const { return entry_.committed; }
  // Segments with later positions than this are needed.
  std::uint64_t needs_after() const { return std::min(entry_.committed, hold_.value_or(entry_.committed)); }

  bool attached() const { return reader_ != nullptr; }
  // `reader`: of the reader that has the cursor from now on; outlives it.
  void attach(const ReadPosition& reader, Loss loss);

  // False: that far it was.
  bool commit(std::uint64_t position);
  bool pass(std::uint64_t position, std::uint64_t weight);
  // `commit_to`: where the cursor then is. False: the bound had dropped the record, and its weight is not lost after
  // all.
  bool settle(std::uint64_t position, std::uint64_t commit_to, std::uint64_t weight);
  void count_missing(std::uint64_t weight);
  void correct_dropped_weight(std::int64_t by);
  void count_damaged(std::uint64_t records) { entry_.damaged += records; }
  // Returns the first position to be read again.
  std::uint64_t rewind();
  void start_after(std::uint64_t position);
  void hold_after(std::uint64_t position) { hold_ = position; }

  // The bound drops a group, which is still on the list. False: the cursor had passed it.
  bool lose(const Group& group, const Segments& segments);
  // Records of a dropped group were delivered all the same, the last of them at `through`.
  void got_of_dropped(std::uint64_t records, std::uint64_t through);
  // The journal begins after `previous`: what the cursor needed before that is gone. It goes behind the hole, so that
  // the hole counts once.
  void begins_after(std::uint64_t previous);

 private:
  void end_flight(std::uint64_t position) {
    if (in_flight_ > 0 && position >= in_flight_through_) in_flight_ = 0;
  }

  CursorEntry entry_;
  const ReadPosition* reader_ = nullptr;
  // Delivered, not committed, and dropped since: counted on disk, because a crash would lose them, but not in stats.
  std::uint64_t in_flight_ = 0;
  std::uint64_t in_flight_through_ = 0;
  std::uint64_t passed_weight_ = 0;    // of what was passed in the groups that are still there
  std::optional<std::uint64_t> hold_;  // position: segments with later ones stay while the bound allows
};

class Cursors {
 public:
  using Time = std::chrono::steady_clock::time_point;

  Cursor* find(std::string_view name);
  Cursor& add(CursorEntry entry);
  // Those of an earlier process. `oldest_previous`: of the oldest file (Cursor::begins_after).
  void restore(std::vector<CursorEntry> entries, std::uint64_t oldest_previous);
  // For a reader that is to be attached; one of a new name begins at the `oldest` position that is kept, or after the
  // `last`. kInvalid: no name, or attached already. kLimit: too many.
  Result<Cursor*> open(const ReaderOptions& wanted, std::uint64_t oldest, std::uint64_t last);
  // kNotFound, or kInvalid while its reader is attached.
  Status forget(std::string_view name);
  bool empty() const { return all_.empty(); }
  const std::map<std::string, Cursor, std::less<>>& all() const { return all_; }

  // All segments up to here are needed by nobody. REQUIRES: not empty
  std::uint64_t passed_by_all() const;
  // Whether one that must not lose anything has not committed the position.
  bool any_must_have(std::uint64_t position) const;
  // As Cursor::lose, for all. False: all had passed the group.
  bool lose(const Group& group, const Segments& segments);

  // They are to be written, an interval after the first change. False: that is known.
  bool touch(Time now);
  bool dirty() const { return dirty_; }
  Time dirty_since() const { return dirty_since_; }
  std::uint64_t snapshots() const { return snapshots_; }
  // For writing: numbers the snapshot, and all is clean.
  std::vector<CursorEntry> snapshot();

 private:
  std::map<std::string, Cursor, std::less<>> all_;
  std::uint64_t snapshots_ = 0;
  bool dirty_ = false;
  Time dirty_since_{};
};

}  // namespace resmon::journal
