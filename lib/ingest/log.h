#pragma once

// The server's durable log: what clients and writers of lines sent, in the order in which it was taken, in lib/journal.
//
//   append ──► journal ──fdatasync──► durable: acknowledge ──► readers (store, sinks), each with a durable cursor
//
// The log knows which batch of each client's stream it has: what comes again is not taken again, also after a restart.
// A reader that is behind holds up nobody until the journal's bound is reached. Then a reader that may lose loses its
// oldest, counted in samples; one that must see all (the store) makes append refuse, and clients keep their samples
// until there is room. A full or failing disk does the same. Thread-safe but for LogReader::next.

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "ingest/record.h"
#include "journal/journal.h"
#include "metric/batch.h"

namespace resmon::ingest {

struct LogOptions {
  std::string directory;
  std::uint64_t limit_bytes = 1ULL << 30U;  // on disk, hard
  journal::Sync sync = journal::Sync::kInterval;
  std::chrono::milliseconds sync_interval{100};
  std::uint64_t memory_bytes = 32U << 20U;  // for what waits to be durable
  std::size_t max_streams = 100'000;        // of those not in use, the longest unused are forgotten
  journal::FileSystem* files = nullptr;     // for tests
};

class Log;

// One life of a client's spool. Its numbers are guarded by the log's mutex.
class LogStream {
 public:
  const wire::StreamId id;

 private:
  friend class Log;
  explicit LogStream(const wire::StreamId& stream) : id(stream) {}
  std::uint64_t last_sequence = 0;  // appended
  std::uint64_t last_position = 0;  // of its record
  std::uint64_t durable_sequence = 0;
  std::uint64_t elsewhere = 0;  // acknowledged by some server
};

struct Entry {
  std::uint64_t position = 0;      // ascending
  metric::Batch* batch = nullptr;  // the reader's; whoever reads may swap it out
  UnixNanos received = 0;
};

// Samples that were acknowledged and are neither in the journal nor where its reader has put them.
struct Missing {
  std::uint64_t samples = 0;
  UnixNanos from = 0;  // when the server took them
  UnixNanos to = 0;
  std::uint64_t of_end = 0;  // of them, what missing_end() said before
};

// How far a reader is: an entry's position and what came with it and before it.
struct Progress {
  std::uint64_t position = 0;
  std::uint64_t samples = 0;  // since the journal began
  UnixNanos received = 0;     // when the server took the entry
};

class LogReader {
 public:
  enum class Loss { kNever, kOldest };
  struct Stats {
    std::uint64_t backlog_entries = 0;  // durable or about to be, and neither committed nor delivered
    std::uint64_t backlog_samples = 0;
    std::uint64_t lost_samples = 0;     // to the journal's bound, since the reader's name was first used
    std::uint64_t damaged_entries = 0;  // could not be read back, since then
    std::uint64_t committed = 0;
    std::optional<UnixNanos> oldest_received;  // of what was read and neither committed nor delivered
  };

  // The next durable entry; null when there is none yet. The batch is valid until the next call. One thread at a time.
  const Entry* try_next();
  // What the last null of try_next meant: true, all that was durable was read; false, the device could not be read.
  bool caught_up() const { return caught_up_; }
  // Rows of schemas for which this is false have neither values nor fields from now on. The reading thread's.
  void want_only(RecordDecoder::Wanted wanted) { wanted_ = std::move(wanted); }
  // The same, waiting until `until` for one.
  const Entry* next(std::chrono::steady_clock::time_point until);
  // Everything up to and including `position`, which next() returned, is done with.
  void commit(std::uint64_t position);
  // Everything up to and including `position` is where it belongs, and may be asked for again by rewind() until it is
  // committed. Only statistics change: it is no backlog, and no loss when the bound drops it.
  void delivered(std::uint64_t position);
  // Everything after what was committed, or dropped by the bound, comes again. The reading thread's.
  void rewind();
  // Goes on behind there, wherever the journal's own cursor is, as far back as the journal reaches. From then on what
  // is missing is counted exactly. Before the first next().
  void start_after(const Progress& progress);
  // Entries behind there stay in the journal, also once committed, until their space is needed.
  void hold_after(std::uint64_t position) { reader_.hold_after(position); }
  // Of the entry that next() returned last.
  const Progress& progress() const { return progress_; }
  // What is missing at the end of what earlier processes acknowledged, as far as it was not passed. It is passed, and
  // found missing, with the first entry of this process. The reading thread's, as the next.
  Missing missing_end() const;
  // What was found missing since the last call.
  std::vector<Missing> take_missing() { return std::exchange(missing_, {}); }
  // Called when there is something to read after next returned null, from another thread: to wake an executor. Must not
  // call back into the log.
  void on_readable(std::function<void()> wake) { reader_.on_readable(std::move(wake)); }

  Stats stats() const;

 private:
  friend class Log;
  struct Unsettled {
    std::uint64_t position;
    std::uint64_t samples;
    std::uint64_t samples_through;  // since the journal began, with this record
    UnixNanos received;
  };
  LogReader(Log& log, journal::Reader& reader, std::string name, Loss loss);
  const Entry* decode(const journal::Record& record);
  bool same_segment(std::uint64_t before, std::uint64_t position) const;
  void settle_through(std::uint64_t position) REQUIRES(mutex_);
  void halve_unsettled() REQUIRES(mutex_);
  std::deque<Unsettled>::const_iterator after_delivered() const REQUIRES(mutex_);
  void account(std::uint64_t position, const RecordHead& head, bool readable);
  void note_missing(const Missing& one);

  Log& log_;
  journal::Reader& reader_;
  const std::string name_;
  const Loss loss_;
  // The reading thread's.
  std::span<const journal::Record> records_;
  std::size_t next_record_ = 0;
  RecordDecoder decoder_;
  RecordDecoder::Wanted wanted_;
  metric::Batch batch_;
  Entry entry_;
  Progress progress_;
  bool exact_ = false;  // all samples are accounted for, since start_after
  std::vector<Missing> missing_;
  std::uint64_t last_seen_ = 0;  // position, also of what was replayed
  bool caught_up_ = false;

  mutable Mutex mutex_;
  std::deque<Unsettled> unsettled_ GUARDED_BY(mutex_);  // read and not committed; one may be for several records
  std::optional<std::uint64_t> settled_samples_
      GUARDED_BY(mutex_);  // since the journal began, up to what is committed; once known
  std::uint64_t lost_when_settled_ GUARDED_BY(mutex_) = 0;
  std::uint64_t delivered_ GUARDED_BY(mutex_) = 0;          // position
  std::uint64_t delivered_samples_ GUARDED_BY(mutex_) = 0;  // since the journal began, up to there
  std::uint64_t undecodable_ GUARDED_BY(mutex_) = 0;
};

// Calls functions on one execution context once what they wait for is durable. Of that context's thread.
class DurableLane : public std::enable_shared_from_this<DurableLane> {
 public:
  DurableLane(const Log& log, boost::asio::any_io_executor executor) : log_(log), executor_(std::move(executor)) {}
  // At once if it is durable. Never, if the log is closed before: have a deadline. In the order of positions, nearly: a
  // lower position that comes after a higher one waits for that too.
  void wait(std::uint64_t position, std::function<void()> done) { wait(position, std::move(done), std::nullopt); }
  // Forgotten once `owner` is gone: while a disk fails for hours, clients come and go.
  void wait(std::uint64_t position, std::function<void()> done, std::optional<std::weak_ptr<const void>> owner);

 private:
  friend class Log;
  struct Waiting {
    std::uint64_t position;
    std::function<void()> done;
    std::optional<std::weak_ptr<const void>> owner;
  };
  void ring();  // any thread
  void drain();

  static constexpr std::size_t kLeastToLookThrough = 1024;
  const Log& log_;
  const boost::asio::any_io_executor executor_;
  std::deque<Waiting> waiting_;
  std::size_t look_through_at_ = kLeastToLookThrough;  // so many waiting: those whose owners are gone are forgotten
  std::atomic<bool> rung_{false};
};

class Log {
 public:
  // `schemas` must outlive the log. Fails where the directory cannot be made, listed or locked; damage in it is skipped
  // and logged.
  static Result<std::unique_ptr<Log>> open(LogOptions options, metric::SchemaTable& schemas);
  ~Log();

  // Finds or makes it. Not forgotten while somebody holds it.
  std::shared_ptr<LogStream> stream(const wire::StreamId& id);
  // The last batch of the stream that is durable, as far as is known; 0: none.
  std::uint64_t acknowledged(const LogStream& stream) const;
  // Tells that it is.
  void acknowledge(LogStream& stream, std::uint64_t sequence);
  // Some server has all up to `sequence`, though this one may not: what of it does not come is not missing.
  void acknowledged_elsewhere(LogStream& stream, std::uint64_t sequence);

  struct Appended {
    std::uint64_t position = 0;     // acknowledge when it is durable
    bool taken = false;             // false: was there before
    std::uint64_t missing = 0;      // sequence numbers before it that never came
    std::uint64_t last_before = 0;  // the stream's last sequence before this
  };
  // Takes rows that nobody numbered. kUnavailable: full, closed, or too much waits for a failing disk; try again later.
  // kLimit: larger than the journal takes; it will never go.
  Result<Appended> append(const metric::Batch& batch, UnixNanos received);
  // Takes a stream's batches first … last, all or nothing: nothing when last was there before. REQUIRES: none of them,
  // or all, were there before (the answer's last_before tells).
  Result<Appended> append(LogStream& stream, std::uint64_t first, std::uint64_t last, const metric::Batch& batch,
                          UnixNanos received);
  // The last sequence of the stream that was appended, and its position.
  std::pair<std::uint64_t, std::uint64_t> last_of(const LogStream& stream) const;

  // A reader that goes on where the one of that name left off; at the oldest kept, where there was none.
  Result<LogReader*> add_reader(const std::string& name, LogReader::Loss loss);
  // Positions and samples up to there were given out before, also where the journal's end is lost.
  void skip_to(const Progress& progress);
  // Ends the cursors whose names begin with `prefix` and that no reader of this process has, so that they hold nothing
  // any more. Returns what they still had before them.
  std::vector<journal::ReaderStats> forget_others(std::string_view prefix);

  // Shows what this process appended and made durable after `position`, beside all readers, and returns how far that
  // went. For a look while a reader is held up; each call costs reading a segment from its beginning.
  std::uint64_t look_ahead(std::uint64_t position,
                           const std::function<void(const metric::Batch& batch, UnixNanos received)>& show);

  // What is appended is durable as soon as the device allows, and does not wait for what others append.
  void sync_soon() { journal_->sync_soon(); }
  std::uint64_t durable_position() const { return journal_->durable_position(); }
  std::shared_ptr<DurableLane> lane(const boost::asio::any_io_executor& executor);

  // Empty, or why nothing is acknowledged now. Logs when that changes; call about once a second, one caller at a time.
  // Where the disk is nearly full, it gives up the oldest of what only readers need that may lose it.
  std::string check();
  std::string trouble() const;

  // Makes durable what was appended. Readers that wait return what is left and then nothing; nothing is appended any
  // more, so that nothing is acknowledged that nobody will read.
  void stop();
  bool stopped() const { return stopped_; }
  // Cursors are durable when it returns. After the readers' last commit.
  Status close();

  journal::Stats stats() const { return journal_->stats(); }
  std::uint64_t id() const { return journal_->id(); }
  std::uint64_t samples() const { return samples_; }  // since the journal began
  std::uint64_t forgotten_streams() const { return forgotten_; }

 private:
  friend class LogReader;
  Log(LogOptions options, metric::SchemaTable& schemas, std::unique_ptr<journal::Journal> journal);
  void spare_disk(std::uint64_t journal_bytes);
  Status recover();
  Status recover_from(const std::vector<std::pair<std::uint64_t, std::uint64_t>>& segments);
  void bound_streams() REQUIRES(mutex_);
  std::vector<StreamMark> stream_marks() const REQUIRES(mutex_);
  bool make_record(const RecordHead& head, const metric::Batch& batch, const std::string& rows) REQUIRES(mutex_);

  const LogOptions options_;
  metric::SchemaTable& schemas_;
  const std::unique_ptr<journal::Journal> journal_;
  std::uint64_t first_own_position_ = 1;
  // What an earlier process acknowledged and the journal's end no longer has: samples number torn_from_ to torn_to_,
  // taken between these times. Constant after open.
  std::uint64_t torn_from_ = 0;
  std::uint64_t torn_to_ = 0;
  UnixNanos torn_after_ = 0;
  UnixNanos torn_before_ = 0;
  std::atomic<bool> stopped_{false};
  std::atomic<std::uint64_t> samples_{0};
  std::atomic<std::uint64_t> forgotten_{0};

  mutable Mutex mutex_;
  SegmentDictionary dictionary_ GUARDED_BY(mutex_);
  std::uint64_t next_position_ GUARDED_BY(mutex_) = 0;  // 0: the journal's next
  std::map<wire::StreamId, std::shared_ptr<LogStream>> streams_ GUARDED_BY(mutex_);
  std::string definitions_ GUARDED_BY(mutex_);
  std::string record_ GUARDED_BY(mutex_);
  std::string refused_ GUARDED_BY(mutex_);  // why the last append failed, if it did
  std::chrono::steady_clock::time_point refused_at_ GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<LogReader>> readers_ GUARDED_BY(mutex_);
  std::map<const void*, std::shared_ptr<DurableLane>> lanes_ GUARDED_BY(mutex_);

  mutable Mutex trouble_mutex_;
  std::string trouble_ GUARDED_BY(trouble_mutex_);  // as last logged
  UnixNanos troubled_since_ = 0;
  bool sparing_ = false;  // the disk is nearly full, and that was logged; of check()
};

}  // namespace resmon::ingest
