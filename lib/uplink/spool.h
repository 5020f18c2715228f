#pragma once

// Sampled batches that the server has not acknowledged yet, with rising numbers, oldest first: in memory and, if a
// directory is given, on disk. Bounded by bytes; when full the oldest are dropped and counted, because the newest
// show the present trouble. One thread.
//
// With a directory, a batch is in the kernel's hands when push returns, so it survives the end of the process. A batch
// that stays unacknowledged for the sync interval also survives a power cut. The newest batches stay in memory, too, so
// a client whose server answers never reads the disk. While the disk cannot be written, batches are kept in memory up
// to memory_bytes, and are written when the disk works again.
//
// Numbers count within a stream, which is named by a random id. A number never stands for two contents in one stream: a
// restart skips numbers that may have been used. If these are unknown, or the server knows another history of this
// stream (a machine restored from a snapshot), the spool begins a new stream and sends everything unacknowledged in it
// again. Samples may then be sent twice, which is harmless: stores keep one value of a series at a time.

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "metric/batch.h"
#include "metric/schema.h"
#include "uplink/spool_disk.h"
#include "wire/frame.h"

namespace resmon::uplink {

struct SpoolOptions {
  // The bound of batches in memory while there is no disk or it cannot be written.
  std::uint64_t memory_bytes = 8U << 20U;
  DiskOptions disk;                                                   // without a directory: memory only
  std::chrono::nanoseconds retry_interval{std::chrono::seconds(60)};  // for a directory that could not be used
};

class Spool {
 public:
  explicit Spool(std::uint64_t memory_bytes);  // without a disk
  // Opens the disk. Its failure is no failure of the spool: disk_error() says it, and it is tried again. `schemas` must
  // outlive the spool; batches are of this table.
  Spool(const SpoolOptions& options, metric::SchemaTable& schemas);
  ~Spool();

  const wire::StreamId& stream() const { return stream_; }
  // Rises when the stream is another: a connection of the old one must end.
  std::uint64_t epoch() const { return epoch_; }

  // An empty batch to fill, reused from acknowledged ones; hand it to push.
  metric::Batch take_empty();
  // Takes a batch and returns its sequence number.
  std::uint64_t push(metric::Batch batch);
  // Forgets everything up to and including `sequence`. A number that was never given out is ignored.
  void acknowledge(std::uint64_t sequence);
  // What a server says that it has when it is greeted. False: it has what was never sent from here, so the stream is
  // not this spool's alone; another has been begun, to be greeted with.
  bool resume_after(std::uint64_t sequence);
  void sent(std::uint64_t sequence);  // a server may have seen all up to it
  // Leaves of a batch only its number: its samples count as dropped. REQUIRES: first() <= sequence <= last().
  void discard(std::uint64_t sequence);

  // The oldest batches numbered `from` or higher, one after the other without a gap; at most `most` and about `bytes`
  // of memory. Empty when there are none that may be sent now. Valid until the next call of anything but const.
  struct Run {
    std::uint64_t first = 0;
    std::span<const metric::Batch* const> batches;
  };
  Run fetch(std::uint64_t from, std::size_t most, std::uint64_t bytes);

  // REQUIRES: in memory.
  const metric::Batch& at(std::uint64_t sequence) const {
    return batches_[static_cast<std::size_t>(sequence - memory_first())];
  }

  // Begins a sync of the disk if one is due, and returns when to call again at the latest.
  std::chrono::steady_clock::time_point sync_if_due();
  void sync_now();  // waits for the device

  bool empty() const { return samples_.empty(); }
  std::uint64_t first() const { return first_; }                       // of the oldest kept; last() + 1 when empty
  std::uint64_t last() const { return first_ + samples_.size() - 1; }  // 0 before the first push

  std::uint64_t backlog_samples() const { return backlog_samples_; }
  std::uint64_t memory_bytes() const { return memory_bytes_; }  // of batches
  std::uint64_t disk_bytes() const { return disk_ ? disk_->disk_bytes() : 0; }
  // Given up unacknowledged, ever: with a disk, in earlier lives of the process, too. Goes down when a server turns out
  // to have had some after all. Exact, but for two things that a kill takes along: what was in memory only, and that
  // dropped batches were sent, if the kill comes before the server is greeted again (they stay counted).
  std::uint64_t dropped_samples() const { return dropped_samples_; }
  std::uint64_t dropped_batches() const { return dropped_batches_; }  // of this process

  bool on_disk() const { return disk_ != nullptr; }
  const std::string& disk_error() const { return disk_error_; }  // why samples are not safe now; empty: all is well
  // Findings on disk for the log, one sentence each. Cleared by the call.
  std::vector<std::string> take_findings() { return std::move(findings_); }

 private:
  std::uint64_t memory_first() const { return last() + 1 - batches_.size(); }
  metric::Batch& held(std::uint64_t sequence) { return batches_[static_cast<std::size_t>(sequence - memory_first())]; }
  void open_disk();
  void adopt(DiskSpool::Recovered recovered);
  void begin_stream();
  void store();
  void bound_memory();
  void count_lost(std::uint64_t sequence, bool journal_counted);
  void lose_through(std::uint64_t sequence, bool journal_counted);
  void lose_oldest_in_memory();
  void forget_front();
  void drop_gap();
  void release_oldest_in_memory();

  const SpoolOptions options_;
  metric::SchemaTable* const schemas_;
  std::unique_ptr<DiskSpool> disk_;
  std::chrono::steady_clock::time_point retry_at_;
  std::string disk_error_;
  std::vector<std::string> findings_;

  wire::StreamId stream_;
  std::uint64_t epoch_ = 0;
  std::uint64_t first_ = 1;
  std::deque<std::uint32_t> samples_;  // of each number from first_ on; kNoBatch for those that name nothing
  std::deque<metric::Batch> batches_;  // in memory: the newest
  std::vector<metric::Batch> spare_;
  std::uint64_t appended_ = 0;          // the last that the disk has, or that needs it no more
  std::uint64_t highest_sent_ = 0;      // that a server may have seen
  std::deque<std::uint32_t> doubtful_;  // samples of dropped numbers that a server may turn out to have
  std::uint64_t doubtful_first_ = 0;
  std::uint64_t doubt_through_ = 0;  // sent since the last greeting, or before it and not answered by it
  std::map<std::uint64_t, std::uint32_t> discarded_;  // numbers without a batch whose samples the journal still counts
  bool reserve_lifted_ = false;

  std::vector<metric::Batch> loaded_;  // read from disk
  std::uint64_t loaded_first_ = 0;
  std::size_t loaded_count_ = 0;
  std::vector<const metric::Batch*> run_;

  std::uint64_t backlog_samples_ = 0;
  std::uint64_t memory_bytes_ = 0;
  std::uint64_t dropped_samples_ = 0;
  std::uint64_t dropped_batches_ = 0;
};

}  // namespace resmon::uplink
