#include "app.h"
#include "json.h"
#include "routes.h"
#include "tables.h"

namespace resmon::server {

namespace {

using Answer = boost::asio::awaitable<http::Response>;

Answer health() {
  co_return http::Response::text("ok\n");
}

// Ready means: what clients send is stored, also what is new to the server. A sink that is away does not make the
// server less ready; it shows in the body.
Answer ready(const App& app) {
  const std::string trouble = app.pipeline().trouble();
  const std::string journal = app.log().trouble();
  std::string body;
  body += journal.empty() ? "journal ok\n" : "journal failing: " + journal + "\n";
  body += trouble.empty() ? "store ok\n" : "store failing: " + trouble + "\n";
  const std::string lines = app.logs() == nullptr ? "" : app.logs()->trouble();
  if (app.logs() != nullptr) body += lines.empty() ? "logs ok\n" : "logs failing: " + lines + "\n";
  bool full = false;
  for (const Table& table : tables(app)) {
    if (!table.full()) continue;
    full = true;
    body += fmt::format("{} full: there are {} of {}, {} are refused\n", table.name, table.size, table.limit,
                        table.refused);
  }
  if (const ingest::Missing missing = app.pipeline().missing(); missing.samples > 0)
    body += fmt::format("{} samples are missing: files that had them were damaged or removed\n", missing.samples);
  for (const SinkUnit& unit : app.sinks()) {
    const sink::Stats stats = unit.sink->stats();
    const ingest::LogReader::Stats log = unit.reader->stats();
    body += fmt::format("sink {} {} lag {:.1f} s, {} samples waiting, {} lost\n", stats.name,
                        sink::state_name(stats.state), lag_seconds(unit), log.backlog_samples, log.lost_samples);
  }
  for (const LineSinkUnit& unit : app.line_sinks()) {
    const sink::Stats stats = unit.sink->stats();
    const journal::ReaderStats log = unit.reader->stats();
    body += fmt::format("sink {} {}, {} records of lines waiting, {} lost\n", stats.name, sink::state_name(stats.state),
                        log.backlog_records, log.dropped_records);
  }
  if (app.stopping()) body += "stopping\n";
  co_return http::Response::text(
      body, trouble.empty() && journal.empty() && lines.empty() && !full && !app.stopping() ? 200 : 503);
}

// The first requests of InfluxDB's clients: 1.x /ping, whose header says what the server speaks; 2.x /health and
// /ready.
Answer ping(std::shared_ptr<const http::Request> request) {
  http::Response response;
  const std::string_view verbose = request->parameter("verbose");
  if (!verbose.empty() && verbose != "0" && verbose != "false")
    response.body = "{\"version\":\"1.6.7-resmon\"}\n";
  else
    response.status = 204;
  response.headers.emplace_back("X-Influxdb-Version", "1.6.7-resmon");
  response.headers.emplace_back("X-Influxdb-Build", "OSS");
  co_return response;
}

Answer influx_health(const App& app) {
  const bool good = app.pipeline().trouble().empty() && !app.stopping();
  co_return http::Response::json(
      JsonObject()
              .text("name", "influxdb")
              .text("message", good ? "ready for queries and writes" : "the store cannot be written")
              .text("status", good ? "pass" : "fail")
              .raw("checks", "[]")
              .text("version", "1.6.7-resmon")
              .finish() +
          "\n",
      good ? 200 : 503);
}

Answer influx_ready(const App& app) {
  co_return http::Response::json(
      JsonObject().text("status", "ready").text("up", fmt::format("{:.0f}s", app.uptime_seconds())).finish() + "\n");
}

// Prometheus' text format (version 0.0.4).
class Exposition {
 public:
  template <class T>
  void add(std::string_view name, std::string_view type, std::string_view help, T value) {
    head(name, type, help);
    text_ += fmt::format("{} {}\n", name, value);
  }
  void head(std::string_view name, std::string_view type, std::string_view help) {
    text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  void labelled(std::string_view name, std::string_view labels, std::uint64_t value) {
    text_ += fmt::format("{}{{{}}} {}\n", name, labels, value);
  }
  template <class T>
  void labelled(std::string_view name, std::string_view key, std::string_view label, T value) {
    text_ += fmt::format("{}{{{}={}}} {}\n", name, key, http::json_string(label), value);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

// Of the server's rules and of those of each sink.
void add_rule_metrics(const App& app, Exposition& out) {
  std::vector<std::pair<std::string, rule::RuleStats>> rules;  // by labels
  const auto add = [&](const std::string& place, const std::vector<rule::RuleStats>& some) {
    for (const rule::RuleStats& one : some)
      rules.emplace_back(fmt::format("place={},rule={}", http::json_string(place), http::json_string(one.name)), one);
  };
  if (app.rules() != nullptr) add("server", app.rules()->stats());
  for (const SinkUnit& unit : app.sinks())
    if (unit.rules) add("sink." + unit.sink->stats().name, unit.rules->stats());
  if (rules.empty()) return;
  const auto each = [&](std::string_view name, std::string_view type, std::string_view help, auto value) {
    out.head(name, type, help);
    for (const auto& [labels, one] : rules) out.labelled(name, labels, value(one));
  };
  each("resmon_rule_in_samples_total", "counter", "Samples of the rows that the rule selected.",
       [](const rule::RuleStats& one) { return one.in; });
  each("resmon_rule_out_samples_total", "counter", "Samples that the rule passed on.",
       [](const rule::RuleStats& one) { return one.out; });
  each("resmon_rule_dropped_samples_total", "counter", "Samples that the rule dropped.",
       [](const rule::RuleStats& one) { return one.dropped; });
  each("resmon_rule_refused_samples_total", "counter",
       "Samples beyond the rule's bounds, or too late for their window.",
       [](const rule::RuleStats& one) { return one.full; });
  each("resmon_rule_series", "gauge", "Series that the rule selects.",
       [](const rule::RuleStats& one) { return one.series; });
}

void add_input_metrics(const App& app, Exposition& out) {
  const std::vector<door::DoorStats> inputs = app.inputs().stats();
  if (inputs.empty()) return;
  const auto each = [&](std::string_view name, std::string_view type, std::string_view help, auto value) {
    out.head(name, type, help);
    for (const door::DoorStats& one : inputs) out.labelled(name, "input", one.name, value(one));
  };
  each("resmon_input_connections", "gauge", "Connections of the input that are open now.",
       [](const door::DoorStats& one) { return one.open_connections; });
  each("resmon_input_connections_total", "counter", "Connections accepted.",
       [](const door::DoorStats& one) { return one.connections; });
  each("resmon_input_connections_refused_total", "counter",
       "Connections closed because of max_connections, or because too many had not sent their token yet.",
       [](const door::DoorStats& one) { return one.refused_connections; });
  each("resmon_input_denied_total", "counter", "Connections and datagrams without a valid token or certificate.",
       [](const door::DoorStats& one) { return one.denied; });
  each("resmon_input_lines_total", "counter", "Lines received.",
       [](const door::DoorStats& one) { return one.taken.lines; });
  each("resmon_input_samples_total", "counter", "Samples in the lines that could be read.",
       [](const door::DoorStats& one) { return one.taken.samples; });
  each("resmon_input_refused_lines_total", "counter", "Lines that could not be read, or were beyond a limit.",
       [](const door::DoorStats& one) { return one.taken.refused_lines; });
  each("resmon_input_dropped_datagrams_total", "counter",
       "Datagrams that the kernel dropped because they came faster than they were read.",
       [](const door::DoorStats& one) { return one.dropped_datagrams; });
}

void add_oidc_metrics(const oidc::Provider& provider, Exposition& out) {
  constexpr std::string_view kSignIns = "resmon_oidc_sign_ins_total";
  out.head(kSignIns, "counter", "Sign-ins with the provider, by what became of them (docs/server.md).");
  for (std::size_t i = 0; i < oidc::kOutcomes; ++i) {
    const auto outcome = static_cast<oidc::Outcome>(i);
    out.labelled(kSignIns, "outcome", std::string(oidc::outcome_name(outcome)), provider.counted(outcome));
  }
}

void add_log_metrics(const logs::Stats& stats, Exposition& out) {
  out.add("resmon_logs_up", "gauge", "1 while log lines are written.", stats.error.empty() ? 1 : 0);
  out.add("resmon_logs_lines_total", "counter", "Log lines accepted.", stats.lines);
  out.add("resmon_logs_stored_lines", "gauge", "Log lines stored.", stats.head_lines + stats.block_lines);
  out.add("resmon_logs_block_bytes", "gauge", "Size of the files of blocks.", stats.block_bytes);
  out.add("resmon_logs_memory_bytes", "gauge", "Memory of lines that are not in a block yet.", stats.head_bytes);
  out.add("resmon_logs_journal_disk_bytes", "gauge", "The lines' journal, reserved space included.",
          stats.journal.disk_bytes);
  out.add("resmon_logs_journal_refused_total", "counter", "Appends refused: full, or the disk fails.",
          stats.journal.refused_records);
  out.add("resmon_logs_sealed_blocks_total", "counter", "Blocks written.", stats.sealed_blocks);
  out.add("resmon_logs_expired_lines_total", "counter", "Lines deleted because of their age.", stats.expired_lines);
  out.add("resmon_logs_evicted_lines_total", "counter", "Lines deleted because of a size limit.", stats.evicted_lines);
  out.add("resmon_logs_damaged_blocks_total", "counter", "Blocks that fail their checks.", stats.damaged_blocks);
  out.add("resmon_logs_damaged_records_total", "counter", "Records of the journal that could not be read back.",
          stats.undecodable_records + stats.journal.damaged_records);
  out.add("resmon_logs_tail_dropped_lines_total", "counter", "Lines not sent to live viewers that were too slow.",
          stats.tail_dropped_lines);
}

void add_line_sink_metrics(const App& app, Exposition& out) {
  if (app.line_sinks().empty()) return;
  const auto each = [&](std::string_view name, std::string_view type, std::string_view help, auto value) {
    out.head(name, type, help);
    for (const LineSinkUnit& unit : app.line_sinks()) out.labelled(name, "sink", unit.sink->stats().name, value(unit));
  };
  each("resmon_line_sink_up", "gauge", "1 while the sink's last request of log lines was accepted.",
       [](const LineSinkUnit& unit) { return unit.sink->stats().state == sink::State::kOk ? 1 : 0; });
  each("resmon_line_sink_sent_requests_total", "counter", "Requests with log lines, including failed ones.",
       [](const LineSinkUnit& unit) { return unit.sink->stats().requests; });
  each("resmon_line_sink_refused_lines_total", "counter", "Log lines that the database rejected; written to a file.",
       [](const LineSinkUnit& unit) { return unit.sink->stats().refused_lines; });
  each("resmon_line_sink_retries_total", "counter", "Requests that had to be repeated.",
       [](const LineSinkUnit& unit) { return unit.sink->stats().retries; });
  each("resmon_line_sink_backlog_records", "gauge", "Records of the journal of lines that are not yet delivered.",
       [](const LineSinkUnit& unit) { return unit.reader->stats().backlog_records; });
  each("resmon_line_sink_lost_records_total", "counter", "Records dropped because the sink was too far behind.",
       [](const LineSinkUnit& unit) { return unit.reader->stats().dropped_records; });
}

void add_door_metrics(OtherDoors& doors, Exposition& out) {
  const auto each = [&](std::string_view name, std::string_view help, auto member) {
    out.head(name, "counter", help);
    out.labelled(name, "door", "otlp", (doors.otlp.*member).load());
    out.labelled(name, "door", "remote_write", (doors.remote_write.*member).load());
  };
  each("resmon_door_requests_total", "Requests in formats of Prometheus and OpenTelemetry.", &DoorCounts::requests);
  each("resmon_door_samples_total", "Samples of these requests that were stored.", &DoorCounts::samples);
  each("resmon_door_stale_markers_total", "Prometheus' markers that a series has ended: nothing to store.",
       &DoorCounts::stale);
  each("resmon_door_not_finite_total", "NaN and infinite values, which are not stored.", &DoorCounts::not_finite);
  each("resmon_door_refused_total", "Samples and histograms refused; the answer said why.", &DoorCounts::refused);
}

void add_alert_metrics(App& app, Exposition& out) {
  if (!app.options().alerts_enabled) return;
  const Alerts::Stats alerts = app.alerts().stats();
  out.add("resmon_alerts_firing", "gauge", "Alerts that fire now.", alerts.firing);
  out.add("resmon_alerts_series", "gauge", "Series evaluated by rules.", alerts.engine.alerts);
  out.add("resmon_alerts_evaluations_total", "counter", "Conditions evaluated.", alerts.engine.evaluations);
  out.add("resmon_alerts_refused_series_total", "counter", "Series not evaluated because of a limit.",
          alerts.engine.refused);
  out.add("resmon_alert_messages_sent_total", "counter", "Messages delivered to a channel.", alerts.sent);
  out.add("resmon_alert_messages_failed_total", "counter", "Deliveries that failed; they are retried.", alerts.failed);
  out.add("resmon_alert_messages_given_up_total", "counter",
          "Messages dropped because they could not be delivered within a day.", alerts.given_up);
  out.add("resmon_alert_messages_dropped_total", "counter", "Messages dropped because the outbox was full.",
          alerts.dropped);
  out.add("resmon_alert_messages_waiting", "gauge", "Messages in the outbox.", alerts.waiting);
}

void add_client_metrics(App& app, Exposition& out) {
  const ingest::ServerStats& in = app.ingest().stats();
  out.add("resmon_clients", "gauge", "Clients connected now.", in.clients.load());
  out.add("resmon_connections_total", "counter", "Client connections accepted.", in.connections.load());
  out.add("resmon_connections_refused_total", "counter", "Client connections ended by a refusal.", in.refused.load());
  out.add("resmon_connections_turned_away_total", "counter", "Closed before HELLO to make room for newer ones.",
          in.turned_away.load());
  out.add("resmon_connections_half_open", "gauge", "Connected and without HELLO yet.", in.half_open.load());
  out.add("resmon_connections_half_open_limit", "gauge", "The limit of half-open connections: limits.max_half_open.",
          app.options().max_half_open);
  out.add("resmon_frame_memory_bytes", "gauge", "Memory of clients' incomplete frames.", in.frame_bytes.load());
  out.add("resmon_frame_memory_limit_bytes", "gauge", "The limit of that memory: limits.frame_memory_bytes.",
          app.options().frame_memory_bytes);
  out.add("resmon_frames_cut_total", "counter",
          "Clients refused because incomplete frames were beyond limits.frame_memory_bytes.", in.frames_cut.load());
  out.add("resmon_received_bytes_total", "counter", "Bytes read from clients.", in.received_bytes.load());
  out.add("resmon_batches_total", "counter", "Batches accepted from clients.", in.batches.load());
  out.add("resmon_samples_total", "counter", "Samples accepted from clients.", in.samples.load());
  out.add("resmon_duplicate_batches_total", "counter", "Batches that were sent again and dropped.",
          in.duplicate_batches.load());
  out.add(
      "resmon_missing_batches_total", "counter",
      "Batch numbers that clients skipped and no server acknowledged: dropped from a full spool, or left out after a "
      "crash so that none is used twice.",
      in.missing_batches.load());
  out.add("resmon_aged_connections_total", "counter",
          "Connections ended at listen.max_connection_age, for their clients to connect again.", in.aged.load());
  out.add("resmon_line_connections", "gauge", "Clients whose connection for log lines is open.",
          in.line_connections.load());
  out.add("resmon_line_batches_total", "counter", "Batches of log lines from clients, including repeated ones.",
          in.line_batches.load());
  out.add("resmon_lines_total", "counter", "Log lines in these batches.", in.lines.load());
  out.add("resmon_connections_rate_limited_total", "counter",
          "Connections closed at once: limits.connection_rate of one address.", in.rate_limited.load());
  out.add("resmon_ingest_refused_samples_total", "counter",
          "Samples with impossible times or sizes, or beyond a limit; written to a file.", in.refused_samples.load());
  out.add("resmon_ingest_skewed_clients_total", "counter", "Greetings with a clock that differs by more than 5 s.",
          in.skewed_clients.load());
  out.add("resmon_forgotten_streams_total", "counter", "Clients' streams forgotten because there are too many.",
          app.log().forgotten_streams());
}

void add_schema_metrics(App& app, Exposition& out) {
  const metric::SchemaTable& schemas = app.schemas();
  out.add("resmon_schemas", "gauge", "Schemas (measurement, tags and fields) in use.", schemas.size());
  out.add("resmon_schemas_limit", "gauge", "The limit of schemas: limits.max_schemas.", schemas.limit());
  out.add("resmon_schemas_forgotten_total", "counter", "Schemas that no row used for limits.schema_idle.",
          schemas.retired());
  out.add("resmon_schemas_refused_total", "counter", "Schemas refused because the table was full.", schemas.refused());
}

void add_journal_metrics(App& app, Exposition& out) {
  const journal::Stats journal = app.log().stats();
  out.add("resmon_journal_up", "gauge", "1 while received samples are made durable and acknowledged.",
          app.log().trouble().empty() ? 1 : 0);
  out.add("resmon_journal_disk_bytes", "gauge", "The journal's files, reserved space included.", journal.disk_bytes);
  out.add("resmon_journal_limit_bytes", "gauge", "The limit of the journal's files: journal.limit_bytes.",
          journal.limit_bytes);
  out.add("resmon_journal_waiting_bytes", "gauge", "Bytes received and not durable yet.", journal.waiting_bytes);
  out.add("resmon_journal_appended_bytes_total", "counter", "Bytes of records appended.", journal.appended_bytes);
  out.add("resmon_journal_entries_total", "counter", "Records appended.", journal.appended_records);
  out.add("resmon_journal_refused_total", "counter", "Appends refused: full, or the disk fails.",
          journal.refused_records);
  out.add("resmon_journal_damaged_entries_total", "counter", "Records that could not be read back.",
          journal.damaged_records);
  out.add("resmon_journal_syncs_total", "counter", "Syncs of the journal's files.", journal.syncs);
  out.add("resmon_journal_failures_total", "counter", "Writes and syncs that failed.", journal.failures);
}

void add_store_metrics(App& app, Exposition& out) {
  const store::Stats store = app.store().stats();
  out.add("resmon_store_groups", "gauge", "Series groups (measurement and tag set) in the store.", store.groups);
  out.add("resmon_store_head_rows", "gauge", "Rows not sealed into a chunk yet.", store.head_rows);
  out.add("resmon_store_chunks", "gauge", "Chunks on disk.", store.chunks);
  out.add("resmon_store_disk_bytes", "gauge", "Size of the store's files.", store.disk_bytes);
  out.add("resmon_store_samples_total", "counter", "Samples stored.", store.stored_samples);
  out.add("resmon_store_refused_samples_total", "counter", "Samples the store refused.", store.refused_samples);
  const ingest::Missing missing = app.pipeline().missing();
  out.add(
      "resmon_store_missing_samples_total", "counter",
      "Acknowledged samples that are neither in the store nor in the journal, because files were damaged or removed.",
      missing.samples);
  out.add("resmon_store_missing_from_seconds", "gauge", "When the newest gap begins, Unix time; 0: there is none.",
          missing.from / 1'000'000'000);
  out.add("resmon_store_missing_to_seconds", "gauge", "When the newest gap ends, Unix time.",
          missing.to / 1'000'000'000);
  out.add("resmon_store_damaged_chunks_total", "counter", "Chunks that failed their checksum.", store.damaged_chunks);
  out.add("resmon_store_deletions_total", "counter", "Deletions carried out: DELETE, DROP SERIES, DROP MEASUREMENT.",
          store.deletions);
  out.add("resmon_store_deleted_rows_total", "counter", "Rows deleted by deletions.", store.deleted_rows);
  out.add("resmon_store_forgotten_series_total", "counter",
          "Series forgotten because retention left no row and no window of them.", store.forgotten_groups);
}

void add_table_metrics(App& app, Exposition& out) {
  const std::vector<Table> all = tables(app);
  out.head("resmon_table_entries", "gauge", "Entries of a bounded table in memory.");
  for (const Table& table : all) out.labelled("resmon_table_entries", "table", table.name, table.size);
  out.head("resmon_table_limit_entries", "gauge", "The limit of the table.");
  for (const Table& table : all) out.labelled("resmon_table_limit_entries", "table", table.name, table.limit);
}

void add_host_list_metrics(App& app, Exposition& out) {
  const fleet::FleetStats fleet = app.fleet().stats();
  out.add("resmon_refused_host_rows_total", "counter", "Rows of hosts beyond limits.max_hosts; they are stored.",
          fleet.refused_hosts);
  out.add("resmon_refused_overview_rows_total", "counter",
          "Rows of series beyond a limit of the host list; they are stored.", fleet.refused_series);
}

void add_peer_metrics(App& app, Exposition& out) {
  const std::vector<Peers::View> peers = app.peers().views();
  if (!peers.empty()) {
    out.head("resmon_peer_up", "gauge", "1: the other server answers; 0: what it has is missing in answers.");
    for (const Peers::View& peer : peers) out.labelled("resmon_peer_up", "peer", peer.address, peer.away ? 0U : 1U);
    out.head("resmon_peer_questions_total", "counter", "Questions to the other server.");
    for (const Peers::View& peer : peers) out.labelled("resmon_peer_questions_total", "peer", peer.address, peer.asked);
    out.head("resmon_peer_failures_total", "counter", "Questions that it did not answer.");
    for (const Peers::View& peer : peers) out.labelled("resmon_peer_failures_total", "peer", peer.address, peer.failed);
  }
}

void add_backlog_metrics(App& app, Exposition& out) {
  const ingest::LogReader::Stats backlog = app.pipeline().stats();
  out.add("resmon_store_backlog_entries", "gauge", "Journal entries that the store has not written.",
          backlog.backlog_entries);
  out.add("resmon_store_backlog_samples", "gauge", "Samples that the store has not made durable.",
          backlog.backlog_samples);
  out.add("resmon_store_lag_seconds", "gauge", "Age of the oldest entry that the store has not made durable.",
          lag_seconds(backlog));
}

void add_http_metrics(App& app, Exposition& out) {
  const http::ServerStats& web = app.http().stats();
  out.add("resmon_http_requests_total", "counter", "HTTP requests.", web.requests.load());
  out.add("resmon_http_denied_total", "counter", "HTTP requests without a valid token.", web.denied.load());
  out.add("resmon_sessions", "gauge", "Users' sessions that have not ended.", app.guard().sessions());
  out.add("resmon_http_failures_total", "counter", "HTTP requests answered with 5xx.", web.failures.load());
  out.add("resmon_http_connections", "gauge", "HTTP connections open now.", web.open.load());
  out.add("resmon_http_gone_total", "counter", "Clients that disconnected during their request.", web.gone.load());
  out.add("resmon_http_slow_readers_total", "counter", "Long answers cut off because their reader was too slow.",
          web.slow.load());
  out.add("resmon_http_connections_refused_total", "counter",
          "HTTP connections closed at once: too many, and none is idle.", web.refused.load());
  out.add("resmon_http_connections_ended_total", "counter",
          "Idle HTTP connections closed in favour of new ones: too many.", web.ended.load());
  out.add("resmon_http_late_heads_total", "counter", "HTTP connections closed because a request's head was too slow.",
          web.late.load());
  out.add("resmon_http_body_bytes", "gauge", "Memory of requests in progress and their answers.",
          app.http().memory_bytes());
  out.add("resmon_http_bodies_refused_total", "counter", "Requests answered 503: no memory for them or their answer.",
          web.bodies_refused.load());
}

void add_query_metrics(App& app, Exposition& out) {
  const QueryStats& queries = app.queries().stats;
  out.add("resmon_queries_total", "counter", "Requests to /query.", queries.queries.load());
  out.add("resmon_queries_refused_total", "counter", "Queries that could not be parsed.", queries.refused.load());
  out.add("resmon_queries_turned_away_total", "counter", "Queries refused because too many were waiting.",
          queries.turned_away.load());
  out.add("resmon_queries_early_total", "counter",
          "Queries answered before the store had everything acknowledged before them, because it is behind.",
          queries.early.load());
  out.add("resmon_query_partial_total", "counter", "Queries answered without what another server has.",
          queries.partial.load());
  out.add("resmon_query_statements_failed_total", "counter", "Statements that failed.", queries.failed.load());
  out.add("resmon_query_statements_limited_total", "counter", "Statements ended by a bound of time, memory or size.",
          queries.limited.load());
  out.add("resmon_query_statements_interrupted_total", "counter", "Statements ended because their client left.",
          queries.interrupted.load());
  out.add("resmon_queries_running", "gauge", "Queries running now.", queries.running.load());
  out.add("resmon_queries_waiting", "gauge", "Queries waiting for their turn.", queries.waiting.load());
  out.add("resmon_query_memory_bytes", "gauge", "Memory of queries and of answers being sent.",
          app.queries().memory.used_bytes());
}

void add_sink_metrics(App& app, Exposition& out) {
  if (app.sinks().empty()) return;
  const auto each = [&](std::string_view name, std::string_view type, std::string_view help, auto value) {
    out.head(name, type, help);
    for (const SinkUnit& unit : app.sinks()) out.labelled(name, "sink", unit.sink->stats().name, value(unit));
  };
  each("resmon_sink_up", "gauge", "1 while the sink's last request was accepted.",
       [](const SinkUnit& unit) { return unit.sink->stats().state == sink::State::kOk ? 1 : 0; });
  each("resmon_sink_lag_seconds", "gauge", "Age of the oldest entry not delivered.",
       [](const SinkUnit& unit) { return lag_seconds(unit); });
  each("resmon_sink_backlog_entries", "gauge", "Log entries not delivered.",
       [](const SinkUnit& unit) { return unit.reader->stats().backlog_entries; });
  each("resmon_sink_backlog_samples", "gauge", "Samples not delivered.",
       [](const SinkUnit& unit) { return unit.reader->stats().backlog_samples; });
  each("resmon_sink_sent_samples_total", "counter", "Samples accepted by the database.",
       [](const SinkUnit& unit) { return unit.sink->stats().sent_samples; });
  each("resmon_sink_resent_samples_total", "counter",
       "Samples sent again, and accepted, because the database was away after it had accepted them.",
       [](const SinkUnit& unit) { return unit.sink->stats().resent_samples; });
  each("resmon_sink_refused_samples_total", "counter", "Samples rejected by the database; written to a file.",
       [](const SinkUnit& unit) { return unit.sink->stats().refused_samples; });
  each("resmon_sink_lost_samples_total", "counter", "Samples dropped because the sink was too far behind.",
       [](const SinkUnit& unit) { return unit.reader->stats().lost_samples; });
  each("resmon_sink_retries_total", "counter", "Requests that had to be repeated.",
       [](const SinkUnit& unit) { return unit.sink->stats().retries; });
}

Answer metrics(App& app) {
  Exposition out;
  out.add("resmon_uptime_seconds", "gauge", "Time since the server started.", app.uptime_seconds());
  add_alert_metrics(app, out);
  add_client_metrics(app, out);
  add_schema_metrics(app, out);
  add_journal_metrics(app, out);
  if (app.logs() != nullptr) add_log_metrics(app.logs()->stats(), out);
  if (app.oidc() != nullptr) add_oidc_metrics(*app.oidc(), out);
  add_store_metrics(app, out);
  add_table_metrics(app, out);
  add_host_list_metrics(app, out);
  add_peer_metrics(app, out);
  add_backlog_metrics(app, out);
  add_http_metrics(app, out);
  add_query_metrics(app, out);
  out.add(
      "resmon_proxy_headers_refused_total", "counter",
      "Connections refused because of a PROXY protocol header: a wrong one, or one from elsewhere than listen.proxies "
      "and http.proxies.",
      app.proxy_headers_refused());
  add_rule_metrics(app, out);
  add_door_metrics(app.other_doors(), out);
  add_input_metrics(app, out);
  add_sink_metrics(app, out);
  add_line_sink_metrics(app, out);
  http::Response response = http::Response::text(out.take());
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  co_return response;
}

}  // namespace

void add_health_routes(App& app, http::Router& router) {
  using Request = std::shared_ptr<const http::Request>;
  router.add("GET", "/healthz", http::Access::kOpen, [](Request) { return health(); });
  router.add("GET", "/readyz", http::Access::kOpen, [&app](Request) { return ready(app); });
  router.add("GET", "/ping", http::Access::kOpen, [](Request request) { return ping(std::move(request)); });
  router.add("GET", "/health", http::Access::kOpen, [&app](Request) { return influx_health(app); });
  router.add("GET", "/ready", http::Access::kOpen, [&app](Request) { return influx_ready(app); });
  router.add("GET", "/metrics", http::Access::kRead, [&app](Request) { return metrics(app); });
}

void add_routes(App& app, http::Router& router) {
  add_page_routes(router);
  add_health_routes(app, router);
  add_server_routes(app, router);
  add_fleet_routes(app, router);
  add_peer_routes(app, router);
  add_process_routes(app, router);
  add_auth_routes(app, router);
  if (app.oidc() != nullptr) add_oidc_routes(app, router);
  add_query_routes(app, router);
  if (app.options().alerts_enabled) add_alert_routes(app, router);
  add_write_routes(app, router);
  add_prometheus_routes(app, router);
  add_otlp_routes(app, router);
  add_v2_routes(app, router);
  add_status_routes(app, router);
  add_download_routes(app, router);
  add_log_routes(app, router);
  add_victoria_routes(app, router);
  add_log_write_routes(app, router);
}

}  // namespace resmon::server
