#pragma once

// The configuration of resmon-load.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "collect/scripts.h"
#include "config/settings.h"
#include "program/program.h"
#include "uplink/spool.h"
#include "uplink/uplink.h"

namespace resmon::load {

struct Options {
  std::vector<std::string> servers{"127.0.0.1:7411"};
  std::string token_file;
  std::int64_t clients = 2;
  std::int64_t seed = 1;
  std::chrono::nanoseconds interval{std::chrono::seconds(5)};
  std::chrono::nanoseconds duration{0};
  std::chrono::nanoseconds stagger{std::chrono::milliseconds(1)};
  std::chrono::nanoseconds stop_patience{std::chrono::seconds(3)};
  std::string name_prefix = "sim-";
  std::string name_suffix;
  std::string profile = "mixed";
  std::string pace = "interval";
  std::int64_t recorded_gathers = 0;
  bool spread = false;
  std::chrono::nanoseconds warm_up{0};
  bool numbered = false;
  std::string ledger_directory;
  std::uint64_t spool_memory_bytes = 1U << 20U;
  std::string spool_directory;
  std::uint64_t spool_limit_bytes = 64U << 20U;
  std::vector<std::string> scripts;
  std::chrono::nanoseconds script_interval{std::chrono::seconds(30)};
  std::int64_t script_clients = 10;
  bool tls = false;
  std::string tls_ca_file;
  std::string tls_server_name;
  bool allow_plaintext = false;
  program::LogSettings log;

  void declare(config::Settings& settings);
  Status check() const;
  // The options of all clients, except the name.
  Result<uplink::Options> uplink_options(const std::string& software) const;
  uplink::SpoolOptions spool_options(const std::string& client) const;
  collect::Scripts::Settings script_settings() const;
};

}  // namespace resmon::load
