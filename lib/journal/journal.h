#pragma once

// A durable, bounded log of opaque records with any number of readers. The client's spool and the server's journal are
// both this.
//
//   producer ──append──► memory ──commit thread: write, fdatasync──► segment files ──► readers, each with a durable
//   cursor
//
// Positions number the records from 1. A record is durable once durable_position() has reached it; acknowledge it then.
// Records leave in whole segments: when every reader has committed them, or when the bound is reached, oldest first,
// unless a reader that must not lose anything has not committed them; then append refuses with kUnavailable.
//
// Producers whose records build on each other (definitions once, then references) ask begins_segment before encoding
// and start afresh when it does. A reader that begins in the middle of a segment is first given the segment's earlier
// records, marked `replayed`, so that it can rebuild what its decoder knows.
//
// Nothing on disk makes open() fail: what is damaged is skipped, what is not ours is set aside, and both are reported.
// When the disk is full or fails, records stay in memory until it is back, and append refuses once buffer_bytes of them
// wait. Every class here may be used from any thread, but each Reader from one at a time.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "journal/file_system.h"

namespace resmon::journal {

enum class Sync {
  kInterval,   // records become durable together, sync_interval after the first of them
  kImmediate,  // as soon as the device allows; what arrives meanwhile goes together
  kOff,        // handed to the kernel and called durable: survives the end of the process, not of the machine
};

struct Options {
  std::string directory;  // created with mode 0700; one process at a time

  // What the journal's files take on disk never exceeds this, reserved space, cursors, the directory and files set
  // aside included. (A limit smaller than last time's gives up no record that a reader must not lose.) At least 128
  // KiB.
  std::uint64_t limit_bytes = 64U << 20U;
  // Space is reserved and given back in pieces of this size; recovery reads the last one. Lowered to a quarter of the
  // limit.
  std::uint64_t segment_bytes = 8U << 20U;
  bool preallocate = true;  // reserve a segment's space when it is begun: a full disk then shows between segments

  Sync sync = Sync::kInterval;
  std::chrono::milliseconds sync_interval{100};

  // Records not durable yet are kept in memory, up to this many bytes; then append refuses. When half is used they are
  // made durable early. Lowered to half the limit.
  std::uint64_t buffer_bytes = 32U << 20U;
  // Durable records kept in memory for readers that follow closely.
  std::uint64_t cache_bytes = 4U << 20U;

  std::chrono::milliseconds cursor_interval{1000};  // a crash makes readers see again what they committed for so long
  std::chrono::milliseconds retry_interval{500};    // after a failed write

  // With readers that see records before they are durable: a restart skips positions that a crash may have taken back,
  // so that none is ever seen with two contents. The cursors on disk say how many may be given out before they must be
  // written again: reserve_positions, and a crash skips about as many. An orderly end skips none.
  bool never_reuse_positions = false;
  std::uint64_t reserve_positions = 4096;

  // False: nothing happens between calls of commit(); for tests and for programs that have a thread to spare.
  bool own_thread = true;
  FileSystem* files = nullptr;  // null: the real one
};

enum class Loss : std::uint8_t { kNever, kOldest };

struct ReaderOptions {
  std::string name;  // up to 64 bytes; the cursor's
  Loss loss = Loss::kNever;
  enum class See : std::uint8_t { kDurable, kAppended } see = See::kDurable;
  enum class Start : std::uint8_t { kOldest, kNewest } start = Start::kOldest;  // without a cursor
  std::size_t buffer_bytes = 256U << 10U;                                       // for reading files
  // What the device cannot read for so long is skipped as damaged.
  std::chrono::milliseconds patience{30000};
};

struct Record {
  std::uint64_t position = 0;
  std::string_view payload;
  bool replayed = false;        // seen before, or before this reader's time: for the decoder only
  bool starts_segment = false;  // nothing before it is referred to from here on
};

struct Appended {
  std::uint64_t first = 0;  // positions of the batch
  std::uint64_t last = 0;
  bool began_segment = false;  // with its first record
};

struct ReaderStats {
  std::string name;
  Loss loss = Loss::kNever;
  bool attached = false;
  std::uint64_t committed = 0;
  std::uint64_t backlog_records = 0;  // appended and not committed
  std::uint64_t dropped_records = 0;  // lost to the bound
  std::uint64_t damaged_records = 0;  // lost to damage
  std::uint64_t dropped_weight = 0;   // of what was lost to the bound (append_at), less what was passed of it
  // Of all that was passed, dropped or counted as missing, since the reader's name was first used.
  std::uint64_t accounted_weight = 0;
};

// How far the journal of an earlier process went, by what it noted beside the records; all 0 where it noted nothing.
struct Reached {
  std::uint64_t position = 0;
  std::uint64_t weight = 0;  // of all records up to it, since the journal began
  std::int64_t time = 0;     // when that was, nanoseconds since 1970
};

struct Stats {
  std::uint64_t limit_bytes = 0;
  std::uint64_t disk_bytes = 0;     // reserved or used
  std::uint64_t memory_bytes = 0;   // records in memory
  std::uint64_t waiting_bytes = 0;  // of them, not durable yet
  std::uint64_t segments = 0;
  std::uint64_t first_position = 0;  // oldest kept; last_position + 1 when there is none
  std::uint64_t last_position = 0;
  std::uint64_t durable_position = 0;
  std::uint64_t appended_records = 0;  // since open
  std::uint64_t appended_bytes = 0;    // of payload
  std::uint64_t refused_records = 0;   // append said kUnavailable
  std::uint64_t dropped_records =
      0;  // given up for the bound while some reader, or none at all, had not committed them
  std::uint64_t damaged_records = 0;    // found missing or failing their checks since open
  std::uint64_t recovered_records = 0;  // found in the last segment by open
  std::uint64_t torn_bytes = 0;         // behind the end that open found: never acknowledged
  std::uint64_t files_set_aside = 0;
  std::uint64_t syncs = 0;
  std::uint64_t failures = 0;  // of writes and syncs
  std::chrono::nanoseconds last_sync_duration{0};
  std::string error;  // why records wait now; empty when all is well
};

class Committer;
class Cursor;
class ReadPosition;
struct Source;
class State;

class Reader {
 public:
  // `cursor` and `state` outlive it.
  Reader(State& state, Cursor& cursor, ReaderOptions options);
  ~Reader();

  // The next records, in order, about `limit_bytes` of them and at least one; empty when there is none yet. The views
  // are valid until the next call. kUnavailable when the device cannot read: call again.
  Result<std::span<const Record>> read(std::size_t limit_bytes = 1U << 20U);
  // The same, waiting until `until` for the first.
  Result<std::span<const Record>> read(std::size_t limit_bytes, std::chrono::steady_clock::time_point until);

  // All up to and including `position` is done with. Positions not read yet are not committed.
  void commit(std::uint64_t position);
  // Everything after the committed position is read again.
  void rewind();
  // Everything after `position` is read, also what was committed, as far back as the journal still reaches.
  void start_after(std::uint64_t position);
  // Records after `position` stay, committed or not, until their space is needed: for a reader that might have to
  // start_after there. Not remembered by the next process, which trims nothing before its readers have committed.
  void hold_after(std::uint64_t position);
  // Other than the options'. Not while another thread reads.
  void set_patience(std::chrono::milliseconds patience);
  // The same as commit, whether or not they were read: another way led there. `weight`: of the records newly passed, as
  // append_at was told. It makes dropped_weight exact where only a part of a dropped segment was passed.
  void pass(std::uint64_t position, std::uint64_t weight);
  // One record that was read is done with, in order. Where the bound dropped it meanwhile it is not lost after all: its
  // weight comes off dropped_weight again.
  void settle(std::uint64_t position, std::uint64_t weight);
  // Records of that weight are not in the journal any more, by damage. They count as dropped.
  void count_missing(std::uint64_t weight);
  // What the reader knows better, or lost without the journal. Durable with the cursor.
  void correct_dropped_weight(std::int64_t by);

  // Called once, from the thread that made it so, when there is something to read after read returned nothing. Must not
  // call back into the journal.
  void on_readable(std::function<void()> wake);

  std::uint64_t committed() const;
  ReaderStats stats() const;

 private:
  friend class State;
  class Files;
  bool find_source(Source& source);
  Status read_block(Source& source, std::size_t limit_bytes);
  Status open_file(const Source& source);
  Status read_file(Source& source, std::size_t limit_bytes);
  void read_from(std::uint64_t position);

  State& state_;
  const ReaderOptions options_;
  // Used by the reading thread only.
  std::vector<Record> records_;
  std::unique_ptr<Files> files_;
  std::shared_ptr<const void> held_;  // keeps alive what records_ shows
  // Guarded by the journal's mutex.
  const std::unique_ptr<ReadPosition> position_;
};

class Journal {
 public:
  static Result<std::unique_ptr<Journal>> open(Options options);
  ~Journal();  // close()

  // What open found that a person should know, for the log: each is one sentence.
  const std::vector<std::string>& findings() const;

  // Random, and the journal's for its whole life: says whether a position kept elsewhere is one of this journal's.
  std::uint64_t id() const;
  // First and last positions of the segments there are, oldest first.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> segments() const;
  // Shows durable records from `position` on, in order, until `visit` says false or there is none left; it takes no
  // reader and changes no cursor. For producers that find out after open what they knew.
  Status visit(std::uint64_t position, const std::function<bool(const Record&)>& visit) const;

  // True if a record of `payload_bytes` (or more) appended next begins a segment. One producer at a time between this
  // question and the append it is about.
  bool begins_segment(std::size_t payload_bytes) const;
  std::size_t max_record_bytes() const;

  // All of the batch, in order, or nothing. kUnavailable: full, or too much waits for a failing disk; try again later.
  // kLimit: a record is larger than max_record_bytes. Does no I/O.
  Result<Appended> append(std::span<const std::string_view> batch);
  Result<Appended> append(std::string_view record) { return append(std::span(&record, 1)); }

  // One record at a position of the producer's choice, not below the next; a higher one leaves those between out, and
  // begins a segment. `weight`: what the record counts for when it is dropped (ReaderStats::dropped_weight); kept in
  // memory: after open the producer gives it again by weigh().
  Result<Appended> append_at(std::uint64_t position, std::string_view record, std::uint64_t weight);
  // Adds to the weight of the segment that has the position.
  void weigh(std::uint64_t position, std::uint64_t weight);

  // Hands what is appended to the kernel, in the caller's thread, without waiting for the device unless a segment is
  // full: survives the end of the process. kUnavailable when it could not, or when another thread's sync takes longer
  // than `patience`; then it is done later.
  Status hand_over(std::chrono::milliseconds patience);

  // Lets go of the oldest segments until the files take no more than `bytes`, as far as they are needed only by readers
  // that may lose records, who count them; for a disk that others fill. Returns the records that somebody lost.
  std::uint64_t keep_within(std::uint64_t bytes);

  // What is appended is made durable as soon as the device allows, not sync_interval after the first of it: for
  // producers that append much and wait for it before they append more.
  void sync_soon();

  // What an earlier process appended, as far as it was noted: where the records end before that, the end is missing.
  Reached reached() const;
  // Weight of all records so far, where the producer knows it better than reached().
  void set_total_weight(std::uint64_t weight);

  // The payload of the record that began the newest segment, as open found it; empty if it found none.
  std::string_view newest_segment_start() const;
  // True if open found records and no cursors: how far positions were given out is a guess.
  bool cursors_lost() const;
  // With never_reuse_positions: a restart will not give out those up to here again, even those never written.
  std::uint64_t reserved_position() const;
  // From now on all may be shown: the producer sees to it by other means that no position is mistaken for another.
  void lift_reserve();

  std::uint64_t durable_position() const;
  // False if `until` came first or the journal was closed.
  bool wait_durable(std::uint64_t position, std::chrono::steady_clock::time_point until);
  // Called with the new durable position from the thread that made it so. Must not call back into the journal.
  void on_durable(std::function<void(std::uint64_t)> done);

  // Makes durable now: what is appended, and the cursors. An error leaves everything waiting and is repaired by a later
  // commit.
  Status commit();
  // commit, then no more appends; readers that wait return. Idempotent.
  Status close();

  // The reader of that name, with the cursor it left; kInvalid if it is open already, kLimit for too many. Lives as
  // long as the journal.
  Result<Reader*> reader(ReaderOptions options);
  // Ends a cursor, whether or not its reader is open this time: it holds nothing back any more. REQUIRES: not attached.
  Status forget_reader(std::string_view name);
  std::vector<ReaderStats> readers() const;

  Stats stats() const;

 private:
  Journal(std::unique_ptr<State> state, std::unique_ptr<Committer> committer);
  std::unique_ptr<State> state_;
  std::unique_ptr<Committer> committer_;
};

}  // namespace resmon::journal
