#pragma once

// StatsD's lines, added up between flushes: "name:3|c", "name:2.5|g", "name:320|ms|@0.1", "name:user7|s", with
// DogStatsD's tags "|#key:value,…". Names of measurements and fields are Telegraf's. Bounded; no I/O; not thread-safe.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/result.h"

namespace resmon::door {

class Statsd {
 public:
  // `most`: different names, types and tags between two flushes; gauges that others add to count until they are gone.
  explicit Statsd(std::size_t most) : most_(most) {}

  // One line; it may hold several values: "name:1|c:2|g" of one name.
  Status take(std::string_view line);
  // Appends what came since the last flush as Influx lines without times:
  //   counter   value (i): the sum, divided by the sampling rates
  //   gauge     value
  //   timing    count (i), sum, mean, stddev, lower, upper, median, 90_percentile
  //   set       value (i): how many different ones
  void flush(std::string& out);
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    double value = 0;    // of counters and gauges
    bool fresh = false;  // something came since the last flush
    double count = 0, sum = 0, squares = 0, lower = 0, upper = 0;
    std::vector<double> values;  // at most 4096, thinned evenly
    std::uint64_t seen = 0, stride = 1;
    std::unordered_set<std::string> members;
  };
  Status add(const std::string& head, char type, std::string_view value, double rate);
  static void append(const std::string& key, Entry& entry, std::string& out);

  const std::size_t most_;
  std::map<std::string, Entry> entries_;  // by type and Influx head: "cname,metric_type=counter"
};

}  // namespace resmon::door
