#pragma once

// What the store keeps of each group in memory, beside its place in the catalog.

#include <atomic>
#include <cstdint>

#include "base/clock.h"
#include "store/head.h"
#include "store/marks.h"
#include "store/reader.h"
#include "store/small_mutex.h"

namespace resmon::store {

struct GroupState {
  static constexpr std::uint32_t kNoChunk = 1;

  GroupId id = 0;
  MeasurementId measurement = 0;
  mutable SmallMutex mutex;
  // Commits that changed its chunks, times two; plus kNoChunk: there is none of rows, as a reader has found since.
  mutable std::atomic<std::uint32_t> chunks_version = 0;
  Head head;  // guarded by mutex; changed by the writer only, who may therefore read it without
  // The writer's.
  std::uint32_t seal_rows = 0;
  // How many rows the chunk of newest_time has.
  std::uint32_t newest_rows = 0;
  // The time of the newest row of chunks, never too old; INT64_MIN where it is not known. Any thread reads it. The
  // writer looks it up at the first seal; a reader who finds it before that may put it in, under mutex.
  mutable std::atomic<UnixNanos> newest_time = INT64_MIN;
  // The tiers are complete before this time, a full hour.
  UnixNanos tiered_until = INT64_MIN;
  // Of the block that is folded next, while tiered_known: nothing is to be done before rows pass its end.
  std::int32_t block_end_hour = 0;  // since 1970
  std::uint8_t block_hours = 0;     // before that; 0: not known
  bool due = false;
  bool newest_known = false;
  bool tiered_known = false;
};
static_assert(sizeof(GroupState) <= 128, "four fit into a node of a deque");

// What maintain looks at for every group, packed so that a million of them are quickly gone through. The writer's.
struct HeadAge {
  // When maintain first saw the head's oldest row; 0: not yet. After a start, the time of that row.
  UnixNanos opened = 0;
  Marks::Epoch pending = Marks::kNone;  // of its oldest row that the file does not have
  std::uint64_t first_snapshot = 0;     // that has the head's oldest row; 0: none has
  std::uint64_t last_snapshot = 0;      // the newest that says anything of this group; kept when the head is sealed
  bool open = false;                    // the head has rows
  bool ending = false;                  // it was sealed, and the snapshots do not say so yet

  // After a snapshot of that number was stored, with the pieces from number `from` on.
  void note_snapshot(std::uint32_t from, std::uint64_t number);
};

}  // namespace resmon::store
