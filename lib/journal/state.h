#pragma once

// What Journal, its readers and its commit thread share. Two locks: `io` is held by whoever writes files (commit.cc)
// and is taken first; `mutex` guards all that is known in memory and is never held over I/O.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "journal/format.h"
#include "journal/journal.h"
#include "journal/scanner.h"

namespace resmon::journal {

constexpr std::uint64_t kDiskBlock = 4096;

// Encoded records as they lie in the file, of one group. Bytes below `size` never change once published under the
// mutex, so readers and the writer use them without it.
struct Block {
  std::uint64_t group = 0;
  std::uint64_t first = 0;
  std::uint64_t last = 0;  // first - 1 when empty
  std::size_t capacity = 0;
  std::unique_ptr<char[]> bytes;
  std::size_t size = 0;
  // Ends of what is written and of what is durable, in bytes and positions; durable <= written <= size.
  std::size_t written = 0;
  std::size_t durable = 0;
  std::uint64_t written_last = 0;
  std::uint64_t durable_last = 0;
  std::uint64_t weight = 0;  // of all records of the journal up to `last`
};

// A segment as producers and readers see it: definitions hold within it. One file, or several after a failed sync.
struct Group {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t bytes = 0;     // encoded, as planned by append
  std::uint64_t reserved = 0;  // on disk, for the file that is not there yet
  std::uint64_t weight = 0;    // of its records, as the producer said
};

struct Segment {  // a file
  std::uint64_t first = 0;
  std::uint64_t last = 0;  // durable ones; first - 1 when empty
  std::uint64_t group = 0;
  std::uint64_t allotted = 0;                // on disk, at most
  std::uint64_t damage_counted_through = 0;  // position
};

struct Doomed {
  std::string path;
  std::uint64_t allotted = 0;
  std::uint64_t after = 0;  // how many snapshots of the cursors must be durable first
};

struct Cursor {
  CursorEntry entry;
  Reader* reader = nullptr;
  // Delivered, not committed, and dropped since: counted on disk, because a crash would lose them, but not in stats.
  std::uint64_t in_flight = 0;
  std::uint64_t in_flight_through = 0;
  std::uint64_t passed_weight = 0;    // of what was passed in the groups that are still there
  std::optional<std::uint64_t> hold;  // position: segments with later ones stay while the bound allows
};

struct Reader::Progress {
  Cursor* cursor = nullptr;
  std::uint64_t next = 1;                    // first position not delivered
  std::uint64_t delivered = 0;               // the last that was; up to `next` there is nothing but damage
  std::uint64_t at = 1;                      // where reading goes on; below `next` while replaying
  std::uint64_t context = 0;                 // the group whose records were delivered from its start
  bool armed = true;                         // wake when there is something
  std::uint64_t damage_counted_through = 0;  // what is read again after rewind() is not counted again
  std::function<void()> wake;

  // With `position` is done what lies between it and what was not delivered, if nothing was delivered of that.
  std::uint64_t through(std::uint64_t position) const {
    return position >= delivered && delivered != 0 ? next - 1 : std::min(position, next - 1);
  }
};

class State {
 public:
  explicit State(Options given);

  // recovery.cc
  Status open();
  // append.cc
  bool begins_segment(std::size_t payload_bytes) const;
  Result<Appended> append(std::span<const std::string_view> batch, std::uint64_t at, std::uint64_t weight);
  class Checksums;
  Result<std::uint64_t> encoded_bytes(std::span<const std::string_view> batch) const;
  bool fits(std::uint64_t used, std::size_t payload) const;
  std::uint64_t segments_begun(std::span<const std::string_view> batch, std::uint64_t used) const;
  Unexpected<Error> refuse(std::size_t records, std::string why);
  bool put_batch(std::span<const std::string_view> batch, const Checksums& crcs, std::uint64_t used,
                 std::uint64_t reserve);
  void put_mark();
  void put_record(const RecordHeader& header, std::string_view payload);
  Block& block_for(std::size_t bytes);
  bool may_drop_front_group() const;
  bool make_room(std::uint64_t bytes);
  void drop_front_group();
  void trim();
  std::uint64_t planned_bytes() const;
  std::uint64_t physical_bytes() const;
  void collect_wakes(std::uint64_t durable, std::vector<std::function<void()>>& wakes);
  Stats stats() const;
  ReaderStats reader_stats(const Cursor& cursor) const;
  std::uint64_t records_between(std::uint64_t from, std::uint64_t to) const;  // that exist, both included
  // reader.cc
  Result<Reader*> attach(ReaderOptions options);
  Status forget(std::string_view name);
  Status visit(std::uint64_t position, const std::function<bool(const Record&)>& visit);
  std::vector<ReaderStats> all_readers() const;
  void touch_cursors();
  // commit.cc
  void run();
  Status work(bool forced);
  Status hand_over(std::chrono::milliseconds patience);
  void sync_soon();
  Status close();

  std::string path(std::string_view name) const { return options.directory + "/" + std::string(name); }
  std::uint64_t allotment(std::uint64_t bytes) const;
  std::uint64_t visible(ReaderOptions::See see) const {
    return see == ReaderOptions::See::kAppended ? std::max(shown(), durable_position.load()) : durable_position.load();
  }
  // What may be shown before it is durable. REQUIRES: mutex held.
  std::uint64_t shown() const {
    return options.never_reuse_positions && !reserve_lifted ? std::min(last_position, reserved_position)
                                                            : last_position;
  }

  // Constant after construction or open.
  Options options;
  FileSystem& files;
  std::size_t max_record = 0;
  std::size_t block_bytes = 0;
  std::uint64_t journal_id = 0;
  std::uint32_t seed = 0;
  std::uint64_t session_first = 1;  // the first position this process gives out
  std::vector<std::string> findings;

  mutable std::mutex mutex;
  // Guarded by mutex.
  std::deque<std::shared_ptr<Block>> blocks;
  std::vector<std::shared_ptr<Block>> spare_blocks;
  std::deque<Group> groups;
  std::map<std::uint64_t, Segment> segments;
  std::vector<Doomed> doomed;
  std::map<std::string, std::uint64_t> aside;  // files set aside, bytes
  std::map<std::string, Cursor, std::less<>> cursors;
  std::vector<std::unique_ptr<Reader>> readers;
  std::uint64_t last_position = 0;
  std::uint64_t total_weight = 0;  // of all records up to last_position
  std::atomic<std::uint64_t> durable_position{0};
  std::uint64_t last_marked = 0;
  std::uint64_t waiting_bytes = 0;
  std::uint64_t unwritten_bytes = 0;
  std::uint64_t memory_bytes = 0;  // encoded bytes in blocks
  std::chrono::steady_clock::time_point first_waiting{};
  std::chrono::steady_clock::time_point cursors_dirty_since{};
  std::chrono::steady_clock::time_point retry_at{};
  bool cursors_dirty = false;
  std::uint64_t cursors_taken = 0;      // snapshots
  std::uint64_t reserved_position = 0;  // the cursors on the device say that those up to it may have been given out
  bool reserve_lifted = false;
  bool failing = false;
  bool want_sync = false;  // without waiting for the interval: somebody asked, or append was refused for want of memory
  bool stopping = false;
  bool closed = false;
  bool nudged = false;  // the commit thread has been told that there is work before its next deadline
  Stats counters;
  std::condition_variable work_ready;
  std::condition_variable progressed;  // durable_position moved, records became readable, or closed
  std::vector<std::function<void(std::uint64_t)>> durable_callbacks;

  std::timed_mutex io;
  // Guarded by io.
  struct Active {
    std::shared_ptr<File> file;
    std::uint64_t first = 0;
    std::uint64_t group = 0;
    std::uint64_t size = 0;
    std::uint64_t durable_size = 0;
    std::uint64_t room = 0;  // bytes it may grow to
    bool directory_synced = false;
  };
  std::optional<Active> active;
  std::uint64_t written_position = 0;
  std::uint64_t existing_position = 0;  // the last that was ever written and kept
  std::uint64_t written_weight = 0;     // of all up to written_position
  std::uint64_t existing_weight = 0;
  std::unique_ptr<File> cursor_file;
  std::string cursor_bytes;  // of the slot that open found
  std::uint64_t cursor_generation = 0;
  std::uint64_t cursors_durable = 0;  // snapshots
  std::unique_ptr<FileSystem::Lock> directory_lock;
  std::thread thread;
  // Constant after open.
  bool cursors_lost = false;
  std::string newest_segment_start;
  Tally found_tally;  // all 0 where there was none of this journal

 private:
  // commit.cc, REQUIRES: io held, mutex not
  Status write_cursors();
  Status open_cursor_file();
  void write_tally(bool durable);
  void remove_doomed();
  Status make_physical_room(std::uint64_t group, std::uint64_t bytes);
  Status write_blocks();
  Status sync_active();
  Status finish_active();
  static Status reserve(File& file, std::uint64_t bytes);
  Status begin_file(std::uint64_t group, std::uint64_t first);
  void give_up_active();
  void publish();
  // recovery.cc
  struct Candidate;
  std::optional<CursorSlot> read_cursors(bool& damaged);
  std::vector<Candidate> find_segments(const std::vector<FileSystem::Entry>& entries);
  void choose_id(const std::optional<CursorSlot>& slot, const std::vector<Candidate>& candidates);
  std::uint64_t restore_cursors(CursorSlot& slot, const std::vector<Candidate>& kept);
  void begin_session(std::uint64_t next);
  bool examine(Candidate& candidate);
  void scan(Candidate& candidate, bool tail, std::uint64_t through);
  void make_tail_durable(Candidate& candidate);
  void adopt(std::vector<Candidate>& candidates);
  void set_aside(const std::string& name, std::uint64_t bytes, const std::string& why);
  void note(std::string finding);
};

}  // namespace resmon::journal
