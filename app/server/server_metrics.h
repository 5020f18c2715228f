#pragma once

// Every metric of the server, once: /metrics, /api/v1/server, the server's own rows (self_report.h) and
// docs/server_metrics.md are made of these tables, or held against them.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "alerts.h"
#include "door/stats.h"
#include "fleet/fleet.h"
#include "http/server.h"
#include "ingest/log.h"
#include "ingest/server.h"
#include "logs/store.h"
#include "metric/schema.h"
#include "metric/stat.h"
#include "options.h"
#include "other_doors.h"
#include "peers.h"
#include "pipeline.h"
#include "routes_query.h"
#include "rule/stats.h"
#include "sink/sink.h"
#include "store/store.h"
#include "tables.h"

namespace resmon::server {

class App;
struct SinkUnit;
struct LineSinkUnit;

// The server at one moment. `app` must outlive it.
struct ServerReading {
  explicit ServerReading(const App& app);

  const App& app;
  const Options& options;
  const ingest::ServerStats& clients;
  const http::ServerStats& web;
  const QueryStats& queries;
  const metric::SchemaTable& schemas;
  const fleet::FleetStats host_list;
  const store::Stats stored;
  const ingest::Missing missing;
  const ingest::LogReader::Stats backlog;  // of the store
  const journal::Stats records;
  const logs::Stats lines;       // all 0 where log lines are off
  const Alerts::Stats alerting;  // all 0 where alerts are off
};

struct SinkReading {
  explicit SinkReading(const SinkUnit& unit);
  const sink::Stats stats;
  const ingest::LogReader::Stats log;
  const double lag_seconds;
};

struct LineSinkReading {
  explicit LineSinkReading(const LineSinkUnit& unit);
  const sink::Stats stats;
  const journal::ReaderStats log;
};

// One of the store's resolutions.
struct TierReading {
  std::string_view name;
  std::uint64_t disk_bytes = 0;
  std::uint64_t disk_limit_bytes = 0;  // 0: none
  std::int64_t retain_seconds = 0;
  UnixNanos oldest = 0;
};
std::vector<TierReading> read_tiers(const ServerReading& of);

template <class Of>
using StatTable = std::span<const metric::Stat<Of>>;

// Metrics of the server as a whole, by subject.
struct ServerSubject {
  std::string_view title;
  std::string_view object;  // of /api/v1/server; empty: they are its own members, or it has none of them
  StatTable<ServerReading> stats;
  bool (*applies)(const ServerReading& of);
};
std::span<const ServerSubject> server_subjects();
// REQUIRES: a subject has it
StatTable<ServerReading> stats_of_object(std::string_view object);

// Metrics that there are one of for each sink, rule, …, with labels that name it. Rules' and inputs' are rule_stats()
// and door_stats().
StatTable<SinkReading> sink_stats();
StatTable<LineSinkReading> line_sink_stats();
StatTable<TierReading> tier_stats();

// The fields of a row of internal_server, and their values.
std::vector<metric::Field> server_fields();
void set_server_fields(const ServerReading& of, metric::RowWriter& row);

// All of /metrics.
std::string prometheus_text(const App& app);

// Rules by place: `server`, or `sink.NAME`.
std::vector<std::pair<std::string, std::vector<rule::RuleStats>>> read_rules(const App& app);

// One table, as the reference has it.
struct DescribedStats {
  std::string_view title;
  std::string_view labels;       // in /metrics
  std::string_view object;       // in /api/v1/server; with [] where it is a list
  std::string_view measurement;  // of the server's rows
  std::vector<metric::StatInfo> stats;
};
std::vector<DescribedStats> describe_stats();

}  // namespace resmon::server
