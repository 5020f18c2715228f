#pragma once

// [input.NAME] of client.toml: sockets on which other programs of this machine hand in samples.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/settings.h"
#include "door/door.h"

namespace resmon::client {

struct InputOptions {
  bool enabled = true;
  std::string url;
  std::string format = "influx";
  std::string precision = "ns";
  std::string framing = "line";
  bool ack = false;
  std::string measurement;
  std::string measurement_key;
  std::vector<std::string> tag_keys;
  std::string time_key = "time";
  std::string time_unit = "auto";
  std::vector<std::pair<std::string, std::string>> tags;
  std::uint64_t max_line_bytes = 64U << 10U;
  std::int64_t max_series = 1000;
  std::int64_t rate_limit = 10'000;
  std::int64_t max_connections = 64;
  std::chrono::nanoseconds idle_timeout{std::chrono::minutes(10)};
  std::chrono::nanoseconds flush_interval{std::chrono::seconds(10)};

  void declare(config::Settings& settings, const std::string& prefix);
  Status check() const;  // the error names the key
  door::DoorOptions door_options(const std::string& name) const;
};

using InputSettings = std::map<std::string, InputOptions, std::less<>>;

class Inputs {
 public:
  using Deliver = door::Door::Deliver;
  // An input whose socket cannot be had is logged, and left out. `schemas` must outlive it.
  Inputs(const boost::asio::any_io_executor& executor, const InputSettings& settings, metric::SchemaTable& schemas,
         const Deliver& deliver);

  void start();
  void stop();
  // Appends a row of internal_input for each.
  void report(UnixNanos time, metric::Batch& batch) const;

 private:
  struct One {
    std::unique_ptr<door::Door> door;
    metric::SchemaId schema = 0;
  };
  std::vector<One> inputs_;
};

}  // namespace resmon::client
