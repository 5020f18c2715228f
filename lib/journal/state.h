#pragma once

// What Journal, its readers and its commit thread share, in parts that own their state. Two locks: `io_` is held by
// whoever writes files (commit.cc) and is taken first; `mutex_` guards all that is known in memory and is never held
// over I/O.

#include <atomic>
#include <mutex>
#include <thread>

#include "base/mutex.h"
#include "journal/active_file.h"
#include "journal/appender.h"
#include "journal/blocks.h"
#include "journal/commit_trigger.h"
#include "journal/cursor_file.h"
#include "journal/cursors.h"
#include "journal/format.h"
#include "journal/journal.h"
#include "journal/position_reserve.h"
#include "journal/read_position.h"
#include "journal/recovery.h"
#include "journal/retention.h"
#include "journal/scanner.h"
#include "journal/segments.h"
#include "journal/sizes.h"

namespace resmon::journal {

class CAPABILITY("mutex") TimedMutex : public AnnotatedMutex<std::timed_mutex> {
 public:
  bool try_lock_for(std::chrono::milliseconds patience) TRY_ACQUIRE(true) { return standard().try_lock_for(patience); }
};
using IoLock = Locked<TimedMutex>;

class State {
 public:
  explicit State(Options given);

  // What Journal promises; see there.
  Status open();
  Status close();
  bool begins_segment(std::size_t payload_bytes) const;
  Result<Appended> append(std::span<const std::string_view> batch, std::uint64_t at, std::uint64_t weight);
  void weigh(std::uint64_t position, std::uint64_t weight);
  void set_total_weight(std::uint64_t weight);
  std::uint64_t keep_within(std::uint64_t bytes);
  Status commit();
  Status hand_over(std::chrono::milliseconds patience);
  void sync_soon();
  bool wait_durable(std::uint64_t position, std::chrono::steady_clock::time_point until);
  void on_durable(std::function<void(std::uint64_t)> done);
  void lift_reserve();
  Result<Reader*> attach(ReaderOptions options);
  Status forget(std::string_view name);
  Status visit(std::uint64_t position, const std::function<bool(const Record&)>& visit);

  std::uint64_t durable_position() const { return durable_position_.load(); }
  std::uint64_t reserved_position() const;
  std::size_t max_record() const { return sizes_.max_record(); }
  std::vector<std::pair<std::uint64_t, std::uint64_t>> segment_positions() const;
  std::vector<ReaderStats> all_readers() const;
  Stats stats() const;
  // Constant after open.
  std::uint64_t id() const { return journal_id_; }
  const std::vector<std::string>& findings() const { return findings_; }
  const std::string& newest_segment_start() const { return newest_segment_start_; }
  bool cursors_lost() const { return cursors_lost_; }
  const Tally& found_tally() const { return found_tally_; }

 private:
  friend class Reader;  // reads under mutex_

  void collect_wakes(std::uint64_t durable, std::vector<std::function<void()>>& wakes) REQUIRES(mutex_);
  void take_over(Recovery::Found found) REQUIRES(io_);
  void begin_session(std::uint64_t next) REQUIRES(io_);
  std::string path(std::string_view name) const { return options_.directory + "/" + std::string(name); }
  void trim() REQUIRES(mutex_) { retention_.trim(durable_position()); }
  bool can_read(const ReadPosition& reader) const REQUIRES(mutex_) {
    return reader.visible(durable_position(), shown()) >= reader.next();
  }
  // What may be shown before it is durable.
  std::uint64_t shown() const REQUIRES(mutex_) { return reserve_.shown(appender_.last_position()); }

  // commit.cc
  void run();
  bool wait_for_work();
  Status work(bool forced) REQUIRES(io_);
  Status settle_outcome(const Status& status) REQUIRES(io_);
  Status write_cursors() REQUIRES(io_);
  void write_tally(bool durable) REQUIRES(io_);
  void remove_doomed() REQUIRES(io_);
  Status make_physical_room(std::uint64_t group, std::uint64_t bytes) REQUIRES(io_);
  Status write_blocks() REQUIRES(io_);
  Status sync_active() REQUIRES(io_);
  Status finish_active() REQUIRES(io_);
  Status begin_file(std::uint64_t group, std::uint64_t first) REQUIRES(io_);
  void give_up_active() REQUIRES(io_);
  void publish() REQUIRES(io_);
  bool put_last_mark() REQUIRES(io_);

  // Constant after construction or open.
  const Options options_;
  FileSystem& files_;
  const Sizes sizes_;
  std::uint64_t journal_id_ = 0;
  std::uint32_t seed_ = 0;
  std::vector<std::string> findings_;
  bool cursors_lost_ = false;
  std::string newest_segment_start_;
  Tally found_tally_;  // all 0 where there was none of this journal

  mutable Mutex mutex_;
  Blocks blocks_ GUARDED_BY(mutex_);
  Segments segments_ GUARDED_BY(mutex_);
  Cursors cursors_ GUARDED_BY(mutex_);
  CommitTrigger trigger_ GUARDED_BY(mutex_);
  Retention retention_ GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Reader>> readers_ GUARDED_BY(mutex_);
  Appender appender_ GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> durable_position_{0};
  PositionReserve reserve_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
  Stats counters_ GUARDED_BY(mutex_);
  std::vector<std::function<void(std::uint64_t)>> durable_callbacks_ GUARDED_BY(mutex_);
  Condition work_ready_;
  Condition progressed_;  // durable_position_ moved, records became readable, or closed

  TimedMutex io_ ACQUIRED_BEFORE(mutex_);
  std::optional<ActiveFile> active_ GUARDED_BY(io_);
  struct Reached {
    std::uint64_t position = 0;
    std::uint64_t weight = 0;  // of all records up to it
  };
  Reached written_ GUARDED_BY(io_);
  Reached existing_ GUARDED_BY(io_);  // the last that was ever written and kept
  CursorFile cursor_file_ GUARDED_BY(io_);
  std::uint64_t cursors_durable_ GUARDED_BY(io_) = 0;  // snapshots
  std::unique_ptr<FileSystem::Lock> directory_lock_ GUARDED_BY(io_);
  std::thread thread_;
};

}  // namespace resmon::journal
