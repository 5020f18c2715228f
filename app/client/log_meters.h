#pragma once

// [log_metrics.NAME] of client.toml: rows of samples that are made of log lines, without the lines.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/settings.h"
#include "metric/batch.h"
#include "metric/schema.h"
#include "tail/line_meter.h"
#include "tail/shaper.h"

namespace resmon::client {

struct LogMetricOptions {
  std::string source = "*";
  std::string pattern;
  std::string level = "all";
  std::string measurement;  // empty: the table's name
  std::vector<std::string> tags{"level"};
  std::vector<std::string> numbers;
  std::int64_t max_series = 100;

  // Declares the keys of one table.
  void declare(config::Settings& settings, const std::string& prefix);
  Status check(const std::string& name) const;  // the error names the key
  tail::MeterOptions meter_options() const;
};

using LogMetrics = std::map<std::string, LogMetricOptions, std::less<>>;

class LogMeters {
 public:
  // kInvalid names the table and its key.
  static Result<LogMeters> make(const LogMetrics& options);

  // Lets the meters whose pattern has the source see its lines. They must outlive the shaper's next line.
  void attach(const std::string& source, tail::Shaper& shaper) const;
  bool empty() const { return meters_.empty(); }
  // A row for each series, and another interval begins.
  void report(UnixNanos time, metric::SchemaTable& schemas, metric::Batch& batch);
  std::uint64_t refused_lines() const;  // of series that there was no room for

 private:
  struct Meter {
    std::string source;
    std::string measurement;
    std::unique_ptr<tail::LineMeter> meter;
  };
  std::vector<Meter> meters_;
};

}  // namespace resmon::client
