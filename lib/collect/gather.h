#pragma once

// Runs the collectors. Each has its interval and is due at that interval's multiples of wall-clock time, so that all
// clients sample at the same instants. An error or exception of one collector does not affect the others; it is logged
// when it begins and when it ends, and counted in `internal_collector`.
//
//   RESMON_ASSIGN(auto gatherer, Gatherer::make(options, schemas));
//   for (;;) { UnixNanos due = gatherer->next_due(clock.wall()); sleep until due; gatherer->gather(due, batch); … }
//
// One thread at a time.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "collect/collector.h"
#include "collect/failure_log.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "collect/skip_log.h"

namespace resmon::collect {

struct GatherOptions {
  Roots roots;
  std::chrono::nanoseconds interval = std::chrono::seconds(5);
  std::map<std::string, CollectorOptions, std::less<>> collectors;  // by name; those not in it run with defaults
  bool report_itself = true;                                        // internal_collector rows
  StatfsFunction statfs_function;                                   // for tests, as the next
  DeviceFunction device_function;
};

class Gatherer {
 public:
  // How a collector fares, for status pages.
  struct Health {
    std::string_view name;
    bool success = true;
    std::uint64_t failures = 0;  // gathers that failed, since the start
    std::string error;           // the last failure's, while it lasts
    double duration_seconds = 0;
    std::uint64_t skipped_lines = 0;  // that could not be read, since the start
  };

  // kInvalid: an option names no collector, or an interval is not positive. `schemas` and `clock` must outlive the
  // gatherer.
  static Result<std::unique_ptr<Gatherer>> make(GatherOptions options, metric::SchemaTable& schemas,
                                                const Clock& clock = Clock::system());

  // Appends the rows of every collector that is due at `time` and did not run in its interval yet: on time or late,
  // once each. Allocates nothing once the batch and the collectors have the size they need.
  void gather(UnixNanos time, metric::Batch& out) { run(time, false, out); }
  // Appends the rows of all collectors, due or not.
  void gather_all(UnixNanos time, metric::Batch& out) { run(time, true, out); }

  // The earliest time after `now` at which a collector is due.
  UnixNanos next_due(UnixNanos now) const;

  std::vector<Health> health() const;

 private:
  struct One {
    const CollectorInfo* info;
    std::unique_ptr<Collector> collector;
    UnixNanos interval;
    RowSchema internal;
    UnixNanos slot = INT64_MIN;  // the multiple of the interval at which it ran last
    Health health;
    FailureLog log;
    SkipLog skips;
  };

  Gatherer(GatherOptions options, metric::SchemaTable& schemas, const Clock& clock);
  void run(UnixNanos time, bool all, metric::Batch& out);
  void note(One& one, const Status& status, std::chrono::steady_clock::time_point now);

  const Clock& clock_;
  const bool report_itself_;
  Shared shared_;
  std::vector<One> collectors_;
  std::uint64_t sequence_ = 0;
};

}  // namespace resmon::collect
