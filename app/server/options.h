#pragma once

// The server's configuration: server.toml.

#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <vector>

#include "auth/guard.h"
#include "base/result.h"
#include "config/settings.h"
#include "door/options.h"
#include "http/server.h"
#include "ingest/log.h"
#include "ingest/server.h"
#include "logs/store.h"
#include "net/listener.h"
#include "oidc/options.h"
#include "peers.h"
#include "program/program.h"
#include "rule/rule.h"
#include "sink/options.h"
#include "status_page.h"
#include "store/store.h"

namespace resmon::server {

struct Options {
  std::string listen_address = "127.0.0.1:7411";
  std::vector<std::string> listen_proxies;
  std::chrono::nanoseconds max_connection_age{0};
  std::string http_address = "127.0.0.1:7412";
  std::string http_public_url;
  std::string downloads_directory;
  bool listen_tls = false;
  bool http_tls = false;
  std::string tls_certificate_file;
  std::string tls_key_file;
  bool allow_plaintext = false;
  bool local_read_without_token = true;
  std::string processes = "administrators";
  std::string token_file;
  std::string accounts_file;
  std::chrono::nanoseconds session_duration{std::chrono::hours(24 * 7)};
  oidc::Options oidc;
  std::int64_t threads = 0;
  std::chrono::nanoseconds report_interval{0};

  std::int64_t max_clients = 20'000;
  std::int64_t max_series = 1'000'000;
  std::int64_t max_hosts = 100'000;
  std::int64_t max_series_per_client = 20'000;
  std::int64_t max_schemas = 1'000'000;
  std::chrono::nanoseconds schema_idle{std::chrono::hours(1)};
  std::chrono::nanoseconds hello_timeout{std::chrono::seconds(10)};
  std::chrono::nanoseconds idle_timeout{std::chrono::seconds(60)};
  std::uint64_t max_frame_bytes = wire::kMaxFrameBytes;
  std::chrono::nanoseconds write_timeout{std::chrono::seconds(30)};
  std::int64_t max_half_open = 2'000;
  std::uint64_t frame_memory_bytes = 128U << 20U;
  std::int64_t connection_rate = 1'000;
  std::int64_t max_name_bytes = 256;
  std::int64_t max_tag_value_bytes = 1024;
  std::uint64_t max_string_bytes = 65'535;
  std::uint64_t max_text_bytes_per_client = 4U << 20U;
  std::chrono::nanoseconds max_future{std::chrono::hours(24)};
  std::chrono::nanoseconds max_past{0};

  std::string journal_directory;
  std::string journal_sync = "interval";
  std::chrono::nanoseconds journal_sync_interval{std::chrono::milliseconds(100)};
  std::uint64_t journal_limit_bytes = 1ULL << 30U;
  std::uint64_t journal_memory_bytes = 32U << 20U;
  std::vector<std::string> trusted_proxies;
  std::vector<std::string> http_proxies;
  std::int64_t max_connections = 2'000;
  std::int64_t max_connections_per_address = 500;
  std::chrono::nanoseconds header_timeout{std::chrono::seconds(10)};
  std::uint64_t body_memory_bytes = 256U << 20U;

  std::chrono::nanoseconds query_timeout{std::chrono::seconds(30)};
  std::int64_t query_threads = 2;
  std::int64_t query_queue = 256;
  std::uint64_t query_memory_bytes = 512U << 20U;
  std::int64_t query_max_rows = 2'000'000;
  std::int64_t query_max_series = 1'000'000;

  std::string store_directory = "data";
  std::chrono::nanoseconds store_retain{std::chrono::hours(24 * 30)};
  std::uint64_t store_rows_limit_bytes = 0;
  std::chrono::nanoseconds store_minutes_retain{std::chrono::hours(24 * 365)};
  std::uint64_t store_minutes_limit_bytes = 2ULL << 30U;
  std::chrono::nanoseconds store_hours_retain{std::chrono::hours(24 * 365 * 5)};
  std::uint64_t store_hours_limit_bytes = 512ULL << 20U;
  std::uint64_t store_disk_limit_bytes = 10ULL << 30U;

  bool logs_enabled = true;
  std::chrono::nanoseconds logs_retain{std::chrono::hours(24 * 30)};
  std::uint64_t logs_limit_bytes = 5ULL << 30U;
  std::uint64_t logs_journal_limit_bytes = 256U << 20U;
  std::uint64_t logs_memory_bytes = 24U << 20U;
  struct LogRetention {
    std::string name;
    std::string source = "*";
    std::chrono::nanoseconds retain{std::chrono::hours(24 * 30)};
    std::uint64_t limit_bytes = 0;
  };
  std::list<LogRetention> log_retention;  // a list: settings point into it

  std::list<sink::SinkOptions> sinks;              // a list: settings point into it
  rule::Config rules;                              // before the log
  std::map<std::string, rule::Config> sink_rules;  // by sink
  std::map<std::string, std::string> sink_lines;   // by name: which log lines it gets

  door::InputSettings inputs;
  std::list<StatusPage> status_pages;  // a list: settings point into it

  PeerOptions peers;
  std::string query_backend;  // "sink.NAME"; empty: the store

  bool alerts_enabled = true;
  std::string alerts_rules_file;

  program::LogSettings log;

  void declare(config::Settings& settings);
  // Checks conditions between several keys, and fills in defaults that depend on other keys. Reads only the sinks'
  // secret files.
  Status check();
  Status check_query_backend() const;
  // Of query.backend; null: none.
  const sink::SinkOptions* query_sink() const;

  store::Options store_options() const;
  // The largest size of a file of refused samples; the previous one may have the same.
  std::uint64_t set_aside_bytes() const;
  ingest::LogOptions log_options() const;
  logs::Options logs_options() const;
  ingest::ServerOptions ingest_options(const std::string& software, net::TlsContext tls) const;
  // Of "listen.proxies" or "http.proxies".
  net::Proxying proxying(std::string setting) const;
  http::ServerOptions http_options(net::TlsContext tls) const;
  auth::GuardOptions guard_options() const;
};

}  // namespace resmon::server
