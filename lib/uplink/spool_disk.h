#pragma once

// The part of a spool that outlives its process: a journal whose positions are the sequence numbers, with one reader,
// the server. Used by Spool only. One thread, but for the syncs, which have a thread of their own while they last.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "journal/journal.h"
#include "metric/batch.h"
#include "uplink/spool_record.h"

namespace resmon::uplink {

struct DiskOptions {
  std::string directory;
  std::uint64_t limit_bytes = 64U << 20U;
  std::chrono::nanoseconds sync_interval{std::chrono::seconds(10)};
  std::string owner;                     // the client's name
  journal::FileSystem* files = nullptr;  // null: the real one
  bool sync_in_background = true;        // false: for tests with files that know one thread
  // What the device cannot read for so long is given up and counted; when the spool is opened, a second is the most.
  std::chrono::milliseconds read_patience{30'000};
};

class DiskSpool {
 public:
  // recovered() lists what was found. Fails if the directory cannot be used, or another process uses it.
  static Result<std::unique_ptr<DiskSpool>> open(const DiskOptions& options, metric::SchemaTable& schemas);
  ~DiskSpool();  // makes durable what it has

  struct Recovered {
    wire::StreamId stream{};
    bool stream_known = false;  // false: numbers given out before may be given out again, so the stream must be another
    std::uint64_t first = 1;    // the oldest number that is not acknowledged
    std::deque<std::uint32_t> samples;  // of each from `first`; kNoBatch where there is none
    std::uint64_t last = 0;             // the highest number that may have been given out
    std::uint64_t dropped_samples = 0;
    std::string other_owner;            // another client wrote it
    std::uint64_t damaged_samples = 0;  // of dropped_samples, what damage or a missing file has cost now
  };
  static constexpr std::uint32_t kNoBatch = ~0U;
  Recovered take_recovered() { return std::move(recovered_); }

  struct Appended {
    bool dropped = false;          // older ones went to make room
    std::uint64_t first_kept = 0;  // then: the oldest that is left
  };
  // REQUIRES: sequence is above all that were appended. kUnavailable: not now. kLimit: never.
  Result<Appended> append(std::uint64_t sequence, const metric::Batch& batch, const wire::StreamId& stream);
  // Writes appended records to the kernel.
  Status hand_over();
  // Records from here on are of another stream, which needs no numbers reserved.
  void begin_stream() {
    encoder_.begin_anew();
    journal_->lift_reserve();
  }

  // Decodes batches numbered from `from` to `through` into `out`, at most `most` and about `bytes` of memory; `first`
  // is the number of the first, which is higher than `from` when those between cannot be read. None: `through` was
  // reached, or, with an error, the disk cannot be read now.
  Status read(std::uint64_t from, std::uint64_t through, std::size_t most, std::uint64_t bytes, std::uint64_t& first,
              std::vector<metric::Batch>& out, std::size_t& count);

  // The server has all up to `sequence`; `samples` were in what was appended of the newly acknowledged.
  void pass(std::uint64_t sequence, std::uint64_t samples);
  std::uint64_t dropped_samples() const { return reader_->stats().dropped_weight; }
  void correct_dropped(std::int64_t by) { reader_->correct_dropped_weight(by); }

  // Begins a sync if one is due, and returns when the next will be. Never waits.
  std::chrono::steady_clock::time_point sync_if_due();
  void want_sync() { sync_wanted_ = true; }
  void sync_now();  // waits

  // Numbers up to it may be shown to a server: a restart will not give them out again.
  std::uint64_t reserved() const { return journal_->reserved_position(); }
  std::uint64_t disk_bytes() const { return journal_->stats().disk_bytes; }
  const std::vector<std::string>& findings() const { return journal_->findings(); }

 private:
  DiskSpool(const DiskOptions& options, metric::SchemaTable& schemas, std::unique_ptr<journal::Journal> journal);
  Status recover();
  void count_missing(std::uint64_t samples_there);
  // The next record of the reader, or nothing.
  Result<const journal::Record*> next_record();

  const DiskOptions options_;
  std::unique_ptr<journal::Journal> journal_;
  journal::Reader* reader_ = nullptr;
  RecordEncoder encoder_;
  RecordDecoder decoder_;
  Recovered recovered_;
  std::string scratch_;
  std::uint64_t last_ = 0;
  std::uint64_t bytes_since_fresh_ = 0;

  // Reading.
  std::span<const journal::Record> records_;
  std::size_t next_in_records_ = 0;
  std::uint64_t next_to_read_ = 0;  // 0: not placed
  std::uint64_t last_decoded_ = 0;

  // Syncing.
  std::thread job_;
  std::atomic<bool> job_running_{false};
  std::uint64_t unsynced_bytes_ = 0;
  std::uint64_t unsynced_records_ = 0;
  bool sync_wanted_ = false;
  std::optional<std::chrono::steady_clock::time_point> waiting_since_;  // the oldest neither synced nor acknowledged
};

}  // namespace resmon::uplink
