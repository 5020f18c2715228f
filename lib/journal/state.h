#pragma once

// What the journal knows in memory, in parts that own their state; appends, readers and the commit thread share it.
// `mutex` guards the parts and is never held over I/O. Files are written behind another lock, which is taken first
// (committer.h).
//
//                      ┌ Appender ───────── positions, marks, where segments begin
//   Journal ─► State ──┼ Retention ──────── which segments go
//     │      (mutex)   ├ CommitTrigger ──── what is due, what wakes the commit thread
//     │        ▲       ├ PositionReserve ── what may be shown before it is durable
//     │        │       └ Segments, Blocks, Cursors: files, records in memory, readers' cursors
//     │        ├──────── Reader ─ ReadPosition, SegmentScanner
//     └─► Committer ───┬ SegmentWriter ──── the file that is written, with ActiveFile
//          (its own    ├ DiskSpace ──────── removal, and the bound on the device
//           lock)      ├ CursorStore ────── the cursors on the device
//                      └ Recovery ───────── what open() finds

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "journal/appender.h"
#include "journal/blocks.h"
#include "journal/commit_trigger.h"
#include "journal/cursors.h"
#include "journal/format.h"
#include "journal/journal.h"
#include "journal/position_reserve.h"
#include "journal/read_position.h"
#include "journal/recovery.h"
#include "journal/retention.h"
#include "journal/segments.h"
#include "journal/sizes.h"

namespace resmon::journal {

class State {
 public:
  // What an earlier process left.
  struct Opened {
    std::uint64_t journal_id = 0;
    std::uint32_t seed = 0;  // of record headers
    std::vector<std::string> findings;
    bool cursors_lost = false;
    std::string newest_segment_start;
    Tally tally;  // all 0 where there was none of this journal
  };

  explicit State(Options given);

  // Before all else, and before another thread uses it.
  void take_over(Recovery::Found found);

  // What Journal promises; see there.
  Result<Appended> append(std::span<const std::string_view> records, std::uint64_t at, std::uint64_t weight);
  void sync_soon();
  bool wait_durable(std::uint64_t position, std::chrono::steady_clock::time_point until);
  void on_durable(std::function<void(std::uint64_t)> done);
  Result<Reader*> attach(ReaderOptions wanted);
  Status forget(std::string_view name);
  Status visit(std::uint64_t position, const std::function<bool(const Record&)>& visit);
  std::uint64_t durable_position() const { return durable_position_.load(); }
  std::vector<ReaderStats> reader_stats() const;
  Stats stats() const;

  // All that was written is durable: up to `position`, the last of it in the file that begins at `file`.
  void publish(std::uint64_t file, std::uint64_t position);

  void trim() REQUIRES(mutex) { retention.trim(durable_position()); }
  bool can_read(const ReadPosition& reader) const REQUIRES(mutex) { return visible(reader) >= reader.next(); }
  std::uint64_t visible(const ReadPosition& reader) const REQUIRES(mutex) {
    return reader.visible(durable_position(), shown());
  }
  std::string path(std::string_view name) const { return options.directory + "/" + std::string(name); }

  // Constant after construction.
  const Options options;
  FileSystem& files;
  const Sizes sizes;
  Opened opened;  // constant once the journal is open

  mutable Mutex mutex;
  Condition work_ready;
  Condition progressed;  // the durable position moved, records became readable, or closed
  Blocks blocks GUARDED_BY(mutex);
  Segments segments GUARDED_BY(mutex);
  Cursors cursors GUARDED_BY(mutex);
  CommitTrigger trigger GUARDED_BY(mutex);
  Retention retention GUARDED_BY(mutex);
  Appender appender GUARDED_BY(mutex);
  PositionReserve reserve GUARDED_BY(mutex);
  bool closed GUARDED_BY(mutex) = false;
  Stats counters GUARDED_BY(mutex);  // what no part counts

 private:
  // What may be shown before it is durable.
  std::uint64_t shown() const REQUIRES(mutex) { return reserve.shown(appender.last_position()); }
  void collect_wakes(std::uint64_t durable, std::vector<std::function<void()>>& wakes) REQUIRES(mutex);

  std::vector<std::unique_ptr<Reader>> readers_ GUARDED_BY(mutex);
  std::atomic<std::uint64_t> durable_position_{0};
  std::vector<std::function<void(std::uint64_t)>> durable_callbacks_ GUARDED_BY(mutex);
};

}  // namespace resmon::journal
