#pragma once

// Removes files that are too old, the oldest files beyond a bound of bytes, and those of a host that is forgotten. A
// file has the lines of one stream and day and is removed as a whole; too old lines in a file that stays are no longer
// shown. Not thread-safe, and nobody else changes the files meanwhile.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "logs/contents.h"
#include "logs/options.h"
#include "logs/retention.h"

namespace resmon::logs {

class PartRemover {
 public:
  // All must outlive it.
  PartRemover(const Options& options, const RetentionRules& rules, Contents& contents, Counters& counters)
      : options_(options), rules_(rules), contents_(contents), counters_(counters) {}

  // What is due by age and bytes; does nothing within five seconds of the last time.
  void run(UnixNanos now);
  // The oldest files go, so that `incoming` bytes have room.
  void keep_bounds(std::uint64_t incoming);
  // All files of the host; how many lines they had.
  std::uint64_t forget(const std::string& host);

 private:
  void expire(UnixNanos now);
  void evict(const std::function<bool(const Part&)>& counts, std::uint64_t limit, std::uint64_t incoming);
  void remove(const StreamDay& key, const std::shared_ptr<Part>& part);

  const Options& options_;
  const RetentionRules& rules_;
  Contents& contents_;
  Counters& counters_;
  UnixNanos next_run_ = 0;
};

}  // namespace resmon::logs
