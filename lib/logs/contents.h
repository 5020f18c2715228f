#pragma once

// Everything that can be searched: lines in memory and in files, each line in one of them at any moment, and up to
// which position of the journal it goes. Thread-safe; what adds to it or removes from it is called by one thread at a
// time.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "logline/line.h"
#include "logs/heads.h"
#include "logs/options.h"
#include "logs/part_table.h"
#include "logs/stream_day.h"

namespace resmon::logs {

// Everything that is stored, at one moment.
struct Snapshot {
  struct StoredPart {
    Day day;
    std::shared_ptr<const Part> part;
  };
  std::vector<StoredPart> parts;  // of a stream and day in the order in which their lines came
  std::vector<HeadView> heads;    // of a stream and day all came later
};

class Contents {
 public:
  // All records up to `position` are in it, or cannot be read.
  void reached(std::uint64_t position);
  std::uint64_t position() const;
  // Waits until it has reached the position, at most until `until`. Whoever waits looks again at wake().
  void wait_for(std::uint64_t position, std::chrono::steady_clock::time_point until);
  void wake() { reached_more_.notify_all(); }
  void stop_waiting();  // nobody waits any more
  // Lines of one record, each to its day, but those that files have already.
  void add(const std::string& host, const std::shared_ptr<const logline::Lines>& lines, UnixNanos received,
           std::uint64_t position);
  Snapshot snapshot();

  std::optional<Head> head(const StreamDay& key) const;
  std::uint64_t head_bytes() const;
  std::vector<StreamDay> heads() const;
  std::vector<StreamDay> heads_due(UnixNanos now) const;
  std::optional<StreamDay> largest_head() const;
  std::optional<StreamDay> oldest_head() const;
  std::uint64_t first_head_position() const;  // UINT64_MAX where there is no head
  // The journal must keep what is from here on.
  std::uint64_t pinned_position() const;

  StreamParts parts(const StreamDay& key) const;
  std::uint64_t part_bytes() const;
  std::uint64_t part_position() const;  // the newest that a file has
  template <class Visit>                // `visit(const StreamDay&, const StreamParts&)`
  void each_parts(const Visit& visit) const {
    const MutexLock lock(mutex_);
    parts_.each(visit);
  }
  // `of_head`: the head's lines are in it.
  void publish(const StreamDay& key, std::shared_ptr<Part> part, bool of_head);
  // False: it is gone already.
  bool remove(const StreamDay& key, const std::shared_ptr<Part>& part, UnixNanos now);

  void add_to(Stats& stats) const;

 private:
  mutable Mutex mutex_;
  Heads heads_ GUARDED_BY(mutex_);
  PartTable parts_ GUARDED_BY(mutex_);
  std::uint64_t position_ GUARDED_BY(mutex_) = 0;
  bool stopped_ GUARDED_BY(mutex_) = false;
  Condition reached_more_;
};

}  // namespace resmon::logs
