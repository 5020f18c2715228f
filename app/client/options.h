#pragma once

// The client's configuration: client.toml.

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "collect/gather.h"
#include "collect/scripts.h"
#include "config/settings.h"
#include "door/options.h"
#include "log_meters.h"
#include "log_options.h"
#include "program/program.h"
#include "rule/engine.h"
#include "scrapes.h"
#include "uplink/line_spool.h"
#include "uplink/spool.h"
#include "uplink/uplink.h"

namespace resmon::client {

struct Options {
  std::string host;  // empty: the system's host name
  std::chrono::nanoseconds interval{std::chrono::seconds(5)};
  std::vector<std::string> servers{"127.0.0.1:7411"};
  std::string token_file;
  std::vector<std::pair<std::string, std::string>> tags;

  bool tls = false;
  std::string tls_ca_file;
  std::string tls_server_name;
  bool allow_plaintext = false;

  std::string spool_directory;
  std::uint64_t spool_limit_bytes = 64U << 20U;
  std::uint64_t spool_memory_bytes = 8U << 20U;
  std::chrono::nanoseconds spool_sync_interval{std::chrono::seconds(10)};
  std::chrono::nanoseconds stop_patience{std::chrono::seconds(3)};

  std::string proc_root = "/proc";
  std::string sys_root = "/sys";
  std::string file_system_root;

  std::map<std::string, collect::CollectorOptions, std::less<>> collectors;  // every registered one
  std::string container_socket;
  bool process_list = true;
  bool command_lines = false;
  std::map<std::string, collect::ScriptOptions, std::less<>> scripts;
  door::InputSettings inputs;
  ScrapeTables scrapes;
  LogSources logs;
  LogMetrics log_metrics;
  bool default_logs = true;
  std::uint64_t lines_limit_bytes = 256U << 20U;
  rule::Config rules;
  program::LogSettings log;

  Options();
  void declare(config::Settings& settings);
  // Checks conditions between several keys. Does no I/O.
  Status check() const;
  // Scripts whose program this user cannot execute, each with the reason. It may be there when the client runs.
  std::vector<std::string> unstartable_scripts() const;

  rule::EngineOptions rule_options() const;
  collect::GatherOptions gather_options() const;
  collect::Scripts::Settings script_settings() const;
  // Reads the token file and the CA file; names the host.
  Result<uplink::Options> uplink_options(const std::string& software) const;
  // Reads the environment: the directory that systemd made for the service.
  uplink::SpoolOptions spool_options() const;
  // Its directory is empty where there is none for the samples.
  uplink::LineSpoolOptions line_spool_options() const;
  // [logs.NAME], or the machine's usual ones where those are wanted.
  LogSources log_sources() const;
  // The default sources that no [logs.NAME] reads, where such a table turns them off, such as "journal,containers".
  std::string default_sources_off() const;
  std::string host_name() const;
};

}  // namespace resmon::client
