#pragma once

// One log, many readers: what clients sent, in the order in which it was taken. Each reader (the store, the live view,
// each sink) has a cursor of its own, so one that is slow or away holds up nobody.
//
// The log lives in memory and is bounded by bytes. When it is full: a reader that may lose entries loses its oldest,
// counted; a reader that must see all (the store) makes append refuse, and clients keep their samples until there is
// room. Thread-safe.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "metric/batch.h"

namespace resmon::ingest {

struct Entry {
  std::uint64_t position = 0;  // 1, 2, 3, …
  std::shared_ptr<const metric::Batch> batch;
  UnixNanos received = 0;
};

class Log;

class LogReader {
 public:
  enum class Loss { kNever, kOldest };

  // The next entry, or nothing when there is none yet. Advances the reader, not what is committed.
  std::optional<Entry> try_next();
  // The same, waiting until `until` for one.
  std::optional<Entry> next(std::chrono::steady_clock::time_point until);
  // Everything up to and including `position` is done with: its memory may go.
  void commit(std::uint64_t position);
  // Called after each append, from the appending thread: to wake an executor. Must not call back into the log.
  void on_append(std::function<void()> wake);

  std::uint64_t lost_samples() const;
  std::uint64_t backlog_entries() const;             // appended and not yet committed
  std::optional<UnixNanos> oldest_received() const;  // of those

 private:
  friend class Log;
  LogReader(Log& log, Loss loss) : log_(log), loss_(loss) {}
  Log& log_;
  const Loss loss_;
  // All guarded by log_.mutex_.
  std::uint64_t next_ = 1;
  std::uint64_t committed_ = 0;
  std::uint64_t lost_samples_ = 0;
  std::function<void()> wake_;
};

class Log {
 public:
  explicit Log(std::uint64_t limit_bytes) : limit_bytes_(limit_bytes) {}

  // Readers live as long as the log and see what is appended after they were added.
  LogReader& add_reader(LogReader::Loss loss);

  // Returns the entry's position. kUnavailable when full or stopped: try again later; `batch` is then untouched.
  Result<std::uint64_t> append(std::shared_ptr<const metric::Batch> batch, UnixNanos received);
  // Wakes readers that wait in next(): they return what is left and then nothing, at once. Nothing is appended any
  // more, so that no batch is acknowledged that nobody will read.
  void stop();

  std::uint64_t bytes() const;
  std::uint64_t last_position() const;

 private:
  friend class LogReader;
  void trim();  // REQUIRES: mutex_ held

  const std::uint64_t limit_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable appended_;
  // Guarded by mutex_.
  std::deque<Entry> entries_;
  std::uint64_t first_ = 1;  // position of entries_.front()
  std::uint64_t bytes_ = 0;
  bool stopped_ = false;
  std::vector<std::unique_ptr<LogReader>> readers_;
};

}  // namespace resmon::ingest
