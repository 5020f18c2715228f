#pragma once

// The data that stores are compared with: what a real client gathered on a real machine, replayed as many hosts over
// any time.
//
// Each host plays the same recording from another place of its own, and again when it ends; a counter then goes on from
// where it was. A short one would repeat itself exactly within what a compressor looks at (VictoriaMetrics' blocks are
// 8,192 samples of a series), which no machine does and which it takes for the data's own nature: it stored such a
// replay in a tenth of what the recording needs. So every value of a recording of fewer gathers is moved back, towards
// the one before, by a random part of up to a quarter of its last step, rounded to the field's own grain, which may be
// coarser for larger values; one part for all fields of a row, so that what adds up goes on adding up, but for
// rounding. What stands still goes on standing still, counters never fall, percentages stay within their bounds. A
// longer one is replayed as it was recorded.

#include <array>
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

  static constexpr std::size_t kRepeatsBelow = 8192;  // recordings of fewer gathers are not replayed as they are

 private:
  Dataset(const DatasetOptions& options, metric::SchemaTable& schemas) : options_(options), schemas_(schemas) {}
  Status load();
  void look_at_fields();

  const DatasetOptions options_;
  metric::SchemaTable& schemas_;
  std::vector<metric::Batch> gathers_;
  struct FieldKind {
    std::uint64_t growth = 0;  // over one turn of the recording; 0: no counter
    // Integers: what all differences are multiples of, by the width in bits from which on.
    std::array<std::int64_t, 65> grains{};
    double scale = 0;  // floats: 10^decimals; 0: too many to keep
    double step = 1;   // floats: what all differences are multiples of, of the last decimal
  };
  // By gather, then by schema: the place of its row, plus 1.
  std::vector<std::vector<std::uint32_t>> places_;
  // By recorded schema: its fields, and its schemas of every host.
  std::vector<std::vector<FieldKind>> fields_;
  std::vector<std::vector<metric::SchemaId>> of_host_;
};

// Gathers as a client with its default collectors does, `count` times, a pause apart, and writes the lines to `path`.
Status record(const std::string& path, std::size_t count, std::chrono::nanoseconds interval);

}  // namespace resmon::bench
