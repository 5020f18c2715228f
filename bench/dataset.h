#pragma once

// The data that stores are compared with: what a real client gathered on a real machine, replayed as many hosts over
// any time.
//
// Each host plays the same recording from another place of its own. Nothing is invented between: a gauge has the values
// that were recorded, and a counter goes on from where the recording's end left it when it begins again. No store
// compared here shares anything between series or between places hours apart, so that hosts repeat each other is worth
// nothing to any of them.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "metric/batch.h"
#include "metric/schema.h"

namespace resmon::bench {

struct DatasetOptions {
  std::string recording;  // a file of bench-dataset record: lines of line protocol, gather after gather
  std::uint32_t hosts = 100;
  std::uint64_t seed = 1;
};

class Dataset {
 public:
  // `schemas` must outlive the data set.
  static Result<std::unique_ptr<Dataset>> open(const DatasetOptions& options, metric::SchemaTable& schemas);

  // Appends what host number `host` gathers in tick number `tick` (from 0, in any order), at `time`.
  void gather(std::uint32_t host, std::uint64_t tick, UnixNanos time, metric::Batch& out) const;
  static std::string host_name(std::uint32_t host);

  std::size_t recorded_gathers() const { return gathers_.size(); }
  std::size_t samples_per_gather() const;  // of the last recorded one

 private:
  Dataset(const DatasetOptions& options, metric::SchemaTable& schemas) : options_(options), schemas_(schemas) {}
  Status load();
  void find_counters();

  const DatasetOptions options_;
  metric::SchemaTable& schemas_;
  std::vector<metric::Batch> gathers_;
  // By recorded schema: each field's growth over one turn of the recording, 0 for what is no counter; and its schemas
  // of every host.
  std::vector<std::vector<std::uint64_t>> growth_;
  std::vector<std::vector<metric::SchemaId>> of_host_;
};

// Gathers as a client with its default collectors does, `count` times, a pause apart, and writes the lines to `path`.
Status record(const std::string& path, std::size_t count, std::chrono::nanoseconds interval);

}  // namespace resmon::bench
