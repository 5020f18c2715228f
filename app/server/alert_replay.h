#pragma once

// When one rule would have fired on what the store has.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "alert/rules.h"
#include "base/result.h"
#include "fleet/host.h"
#include "metric/schema.h"
#include "store/reader.h"

namespace resmon::server {

inline constexpr std::size_t kMostReplayed = 10'000;  // alerts that are listed

struct ReplayedAlert {
  std::string host;                // empty: of the server itself
  std::vector<metric::Tag> tags;   // of the series, without `host`
  std::string value, limit;        // as in messages
  UnixNanos fired = 0, ended = 0;  // ended 0: it goes on at the end of the range
  std::string reason;              // of its end; empty: its condition
};

// What the rule compares, of one series, in parts of equal length: of each the value that is nearest to firing.
struct ChartedAlert {
  std::string host;
  std::vector<metric::Tag> tags;
  std::uint64_t fired = 0;
  double limit = 0;
  std::vector<double> values;  // NaN: nothing is known
};

struct Replay {
  std::vector<ReplayedAlert> alerts;  // by time of firing; kMostReplayed at most
  std::uint64_t fired = 0;            // all
  std::uint64_t hosts = 0;            // on which it fired
  std::uint64_t looked_at = 0;        // hosts that have a series of the rule and that it selects
  std::uint64_t replayed = 0;         // of them, before the time was up
  std::uint64_t rows = 0;
  UnixNanos first_row = 0;           // the time of the oldest row; 0: none
  bool partial = false;              // it took too long: hosts were left out
  std::vector<ChartedAlert> charts;  // one at most
};

struct ReplayRequest {
  const alert::Config& config;
  std::string rule;                // on, whatever the file says
  store::TimeRange range;          // both ends are set
  std::string host;                // empty: all
  std::vector<fleet::Host> known;  // what the server knows of hosts: tags and intervals
  std::function<void(std::uint64_t done, std::uint64_t all)> progress;  // in hosts; may be empty
  // The times of the log's lines that a query finds within the range, by host; empty: none are known.
  std::function<std::map<std::string, std::vector<UnixNanos>>(const std::string& query)> lines;
  std::chrono::steady_clock::time_point until = std::chrono::steady_clock::time_point::max();
  std::size_t chart_parts = 0;  // 0: no chart
};

// Rows are evaluated at their own times, host by host. Silences, maintenance windows and `unless` are left out, because
// they hold messages back and not alerts. kNotFound: there is no such rule.
Result<Replay> replay_rule(const ReplayRequest& request, const store::Reader& store);

}  // namespace resmon::server
