#include "server_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iterator>
#include <memory>
#include <optional>

#include "access_control.h"
#include "app.h"
#include "host_list.h"
#include "http/server.h"
#include "ingest/log.h"
#include "inputs.h"
#include "listeners.h"
#include "logs/store.h"
#include "net/certificate.h"
#include "oidc/provider.h"
#include "options.h"
#include "peers.h"
#include "routes.h"
#include "routes_query.h"
#include "row_intake.h"
#include "rule_source.h"
#include "rules.h"
#include "sink/sink.h"
#include "sinks.h"
#include "stat_text.h"
#include "storage.h"

namespace resmon::server {

namespace {

namespace stat_tables {

using enum metric::StatKind;
using ServerStat = metric::Stat<ServerReading>;
using Now = const ServerReading;

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

// 0 where /proc cannot be read.
std::int64_t resident_bytes() {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/proc/self/statm", "re"), &std::fclose);
  long long pages = 0;
  if (!file || std::fscanf(file.get(), "%*s %lld", &pages) != 1) return 0;
  return pages * sysconf(_SC_PAGESIZE);
}

std::optional<std::int64_t> certificate_seconds(const Options& options) {
  if (!options.listen_tls && !options.http_tls) return std::nullopt;
  const auto end = net::certificate_end(options.tls_certificate_file);
  if (!end) return std::nullopt;
  return (*end - Clock::system().wall()) / 1'000'000'000;
}

std::int64_t whole_seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time).count();
}

constexpr ServerStat kProcessStats[] = {
    {kGauge, "resmon_uptime_seconds", "uptime_seconds", "uptime_seconds", "Time since the server started.",
     [](Now& now) { return now.app.uptime_seconds(); }, 1},
    {kCounter, "", "", "cpu_seconds", "Processor time.", [](Now&) { return cpu_seconds(); }},
    {kGauge, "", "", "memory_resident_bytes", "Resident memory.", [](Now&) { return resident_bytes(); }},
    {kGauge, "", "", "certificate_seconds", "Time until the TLS certificate expires; absent without TLS.",
     [](Now& now) { return certificate_seconds(now.options); }},
};

constexpr ServerStat kAlertStats[] = {
    {kGauge, "resmon_alerts_firing", "", "", "Alerts that fire now.", [](Now& now) { return now.alerting.firing; }},
    {kGauge, "resmon_alerts_series", "", "", "Series evaluated by rules.",
     [](Now& now) { return now.alerting.engine.alerts; }},
    {kCounter, "resmon_alerts_evaluations_total", "", "", "Conditions evaluated.",
     [](Now& now) { return now.alerting.engine.evaluations; }},
    {kCounter, "resmon_alerts_refused_series_total", "", "", "Series not evaluated because of a limit.",
     [](Now& now) { return now.alerting.engine.refused; }},
    {kCounter, "resmon_alert_messages_sent_total", "", "", "Messages delivered to a channel.",
     [](Now& now) { return now.alerting.sent; }},
    {kCounter, "resmon_alert_messages_failed_total", "", "", "Deliveries that failed; they are retried.",
     [](Now& now) { return now.alerting.failed; }},
    {kCounter, "resmon_alert_messages_given_up_total", "", "",
     "Messages dropped because they could not be delivered within a day.",
     [](Now& now) { return now.alerting.given_up; }},
    {kCounter, "resmon_alert_messages_dropped_total", "", "", "Messages dropped because the outbox was full.",
     [](Now& now) { return now.alerting.dropped; }},
    {kGauge, "resmon_alert_messages_waiting", "", "", "Messages in the outbox.",
     [](Now& now) { return now.alerting.waiting; }},
};

constexpr ServerStat kIngestStats[] = {
    {kGauge, "resmon_clients", "clients", "clients", "Clients connected now.",
     [](Now& now) { return now.clients.clients.load(); }},
    {kLimit, "", "max_clients", "", "The limit of clients: listen.max_clients.",
     [](Now& now) { return now.options.max_clients; }},
    {kCounter, "resmon_connections_total", "connections", "connections", "Client connections accepted.",
     [](Now& now) { return now.clients.connections.load(); }},
    {kCounter, "resmon_connections_refused_total", "refused_connections", "refused_connections",
     "Client connections ended by a refusal.", [](Now& now) { return now.clients.refused.load(); }},
    {kCounter, "resmon_connections_turned_away_total", "turned_away", "",
     "Closed before HELLO to make room for newer ones.", [](Now& now) { return now.clients.turned_away.load(); }},
    {kGauge, "resmon_connections_half_open", "", "", "Connected and without HELLO yet.",
     [](Now& now) { return now.clients.half_open.load(); }},
    {kLimit, "resmon_connections_half_open_limit", "", "", "The limit of half-open connections: limits.max_half_open.",
     [](Now& now) { return now.options.max_half_open; }},
    {kGauge, "resmon_frame_memory_bytes", "", "", "Memory of clients' incomplete frames.",
     [](Now& now) { return now.clients.frame_bytes.load(); }},
    {kLimit, "resmon_frame_memory_limit_bytes", "", "", "The limit of that memory: limits.frame_memory_bytes.",
     [](Now& now) { return now.options.frame_memory_bytes; }},
    {kCounter, "resmon_frames_cut_total", "", "",
     "Clients refused because incomplete frames were beyond limits.frame_memory_bytes.",
     [](Now& now) { return now.clients.frames_cut.load(); }},
    {kCounter, "resmon_received_bytes_total", "received_bytes", "received_bytes", "Bytes read from clients.",
     [](Now& now) { return now.clients.received_bytes.load(); }},
    {kCounter, "resmon_batches_total", "batches", "batches", "Batches accepted from clients.",
     [](Now& now) { return now.clients.batches.load(); }},
    {kCounter, "resmon_samples_total", "samples", "samples", "Samples accepted from clients.",
     [](Now& now) { return now.clients.samples.load(); }},
    {kCounter, "resmon_duplicate_batches_total", "duplicate_batches", "duplicate_batches",
     "Batches that were sent again and dropped.", [](Now& now) { return now.clients.duplicate_batches.load(); }},
    {kCounter, "resmon_missing_batches_total", "missing_batches", "missing_batches",
     "Batch numbers that clients skipped and no server acknowledged: dropped from a full spool, or left out after a "
     "crash so that none is used twice.",
     [](Now& now) { return now.clients.missing_batches.load(); }},
    {kCounter, "resmon_aged_connections_total", "", "",
     "Connections ended at listen.max_connection_age, for their clients to connect again.",
     [](Now& now) { return now.clients.aged.load(); }},
    {kGauge, "resmon_line_connections", "", "line_connections", "Clients whose connection for log lines is open.",
     [](Now& now) { return now.clients.line_connections.load(); }},
    {kCounter, "resmon_line_batches_total", "", "line_batches",
     "Batches of log lines from clients, including repeated ones.",
     [](Now& now) { return now.clients.line_batches.load(); }},
    {kCounter, "resmon_lines_total", "", "lines", "Log lines in these batches.",
     [](Now& now) { return now.clients.lines.load(); }},
    {kCounter, "resmon_connections_rate_limited_total", "rate_limited", "",
     "Connections closed at once: limits.connection_rate of one address.",
     [](Now& now) { return now.clients.rate_limited.load(); }},
    {kCounter, "resmon_ingest_refused_samples_total", "refused_samples", "",
     "Samples with impossible times or sizes, or beyond a limit; written to a file.",
     [](Now& now) { return now.clients.refused_samples.load(); }},
    {kCounter, "resmon_ingest_skewed_clients_total", "skewed_clients", "",
     "Greetings with a clock that differs by more than 5 s.",
     [](Now& now) { return now.clients.skewed_clients.load(); }},
    {kCounter, "resmon_forgotten_streams_total", "", "", "Clients' streams forgotten because there are too many.",
     [](Now& now) { return now.app.storage().journal().forgotten_streams(); }},
};

constexpr ServerStat kSchemaStats[] = {
    {kGauge, "resmon_schemas", "", "", "Schemas (measurement, tags and fields) in use.",
     [](Now& now) { return now.schemas.size(); }},
    {kLimit, "resmon_schemas_limit", "", "", "The limit of schemas: limits.max_schemas.",
     [](Now& now) { return now.schemas.limit(); }},
    {kCounter, "resmon_schemas_forgotten_total", "", "", "Schemas that no row used for limits.schema_idle.",
     [](Now& now) { return now.schemas.retired(); }},
    {kCounter, "resmon_schemas_refused_total", "", "", "Schemas refused because the table was full.",
     [](Now& now) { return now.schemas.refused(); }},
};

constexpr ServerStat kJournalStats[] = {
    {kGauge, "resmon_journal_up", "", "", "1 while received samples are made durable and acknowledged.",
     [](Now& now) { return now.app.storage().journal().trouble().empty(); }},
    {kGauge, "resmon_journal_disk_bytes", "disk_bytes", "log_bytes", "The journal's files, reserved space included.",
     [](Now& now) { return now.records.disk_bytes; }},
    {kLimit, "resmon_journal_limit_bytes", "limit_bytes", "log_limit_bytes",
     "The limit of the journal's files: journal.limit_bytes, or a quarter of the disk.",
     [](Now& now) { return now.records.limit_bytes; }},
    {kGauge, "", "memory_bytes", "", "Records in memory.", [](Now& now) { return now.records.memory_bytes; }},
    {kGauge, "resmon_journal_waiting_bytes", "waiting_bytes", "", "Bytes received and not durable yet.",
     [](Now& now) { return now.records.waiting_bytes; }},
    {kCounter, "resmon_journal_appended_bytes_total", "appended_bytes", "", "Bytes of records appended.",
     [](Now& now) { return now.records.appended_bytes; }},
    {kCounter, "resmon_journal_entries_total", "appended_entries", "", "Records appended.",
     [](Now& now) { return now.records.appended_records; }},
    {kCounter, "resmon_journal_refused_total", "refused_entries", "", "Appends refused: full, or the disk fails.",
     [](Now& now) { return now.records.refused_records; }},
    {kCounter, "resmon_journal_damaged_entries_total", "damaged_entries", "", "Records that could not be read back.",
     [](Now& now) { return now.records.damaged_records; }},
    {kCounter, "resmon_journal_syncs_total", "syncs", "", "Syncs of the journal's files.",
     [](Now& now) { return now.records.syncs; }},
    {kCounter, "resmon_journal_failures_total", "failures", "", "Writes and syncs that failed.",
     [](Now& now) { return now.records.failures; }},
    {kGauge, "", "last_sync_seconds", "", "Duration of the last sync.",
     [](Now& now) { return std::chrono::duration<double>(now.records.last_sync_duration).count(); }, 6},
};

constexpr ServerStat kLogLineStats[] = {
    {kGauge, "resmon_logs_up", "", "", "1 while log lines are written.",
     [](Now& now) { return now.lines.error.empty(); }},
    {kCounter, "resmon_logs_lines_total", "taken_lines", "", "Log lines accepted.",
     [](Now& now) { return now.lines.lines; }},
    {kGauge, "resmon_logs_stored_lines", "stored_lines", "", "Log lines stored.",
     [](Now& now) { return now.lines.head_lines + now.lines.block_lines; }},
    {kGauge, "resmon_logs_block_bytes", "block_bytes", "", "Size of the files of blocks.",
     [](Now& now) { return now.lines.block_bytes; }},
    {kGauge, "", "block_text_bytes", "", "Size of the lines in blocks before compression.",
     [](Now& now) { return now.lines.block_text_bytes; }},
    {kLimit, "", "limit_bytes", "", "The limit of the files of blocks: logs.limit_bytes.",
     [](Now& now) { return now.options.logs_limit_bytes; }},
    {kGauge, "resmon_logs_memory_bytes", "memory_bytes", "", "Memory of lines that are not in a block yet.",
     [](Now& now) { return now.lines.head_bytes; }},
    {kGauge, "resmon_logs_journal_disk_bytes", "journal_bytes", "", "The lines' journal, reserved space included.",
     [](Now& now) { return now.lines.journal.disk_bytes; }},
    {kLimit, "", "journal_limit_bytes", "", "The limit of the lines' journal: logs.journal_limit_bytes.",
     [](Now& now) { return now.lines.journal.limit_bytes; }},
    {kCounter, "resmon_logs_journal_refused_total", "", "", "Appends refused: full, or the disk fails.",
     [](Now& now) { return now.lines.journal.refused_records; }},
    {kGauge, "", "streams", "", "Streams (sets of labels) of log lines.", [](Now& now) { return now.lines.streams; }},
    {kGauge, "", "files", "", "Files of blocks.", [](Now& now) { return now.lines.parts; }},
    {kGauge, "", "blocks", "", "Blocks stored.", [](Now& now) { return now.lines.blocks; }},
    {kCounter, "resmon_logs_sealed_blocks_total", "", "", "Blocks written.",
     [](Now& now) { return now.lines.sealed_blocks; }},
    {kCounter, "resmon_logs_expired_lines_total", "expired_lines", "", "Lines deleted because of their age.",
     [](Now& now) { return now.lines.expired_lines; }},
    {kCounter, "resmon_logs_evicted_lines_total", "evicted_lines", "", "Lines deleted because of a size limit.",
     [](Now& now) { return now.lines.evicted_lines; }},
    {kCounter, "resmon_logs_damaged_blocks_total", "damaged_blocks", "", "Blocks that fail their checks.",
     [](Now& now) { return now.lines.damaged_blocks; }},
    {kCounter, "resmon_logs_damaged_records_total", "", "", "Records of the journal that could not be read back.",
     [](Now& now) { return now.lines.undecodable_records + now.lines.journal.damaged_records; }},
    {kCounter, "resmon_logs_tail_dropped_lines_total", "", "", "Lines not sent to live viewers that were too slow.",
     [](Now& now) { return now.lines.tail_dropped_lines; }},
    {kTime, "", "oldest", "", "The oldest line in a block.", [](Now& now) { return now.lines.oldest; }},
};

constexpr ServerStat kStoreStats[] = {
    {kGauge, "resmon_store_groups", "groups", "", "Series groups (measurement and tag set) in the store.",
     [](Now& now) { return now.stored.groups; }},
    {kGauge, "resmon_store_head_rows", "head_rows", "", "Rows not sealed into a chunk yet.",
     [](Now& now) { return now.stored.head_rows; }},
    {kGauge, "", "head_bytes", "", "Memory of these rows.", [](Now& now) { return now.stored.head_bytes; }},
    {kGauge, "resmon_store_chunks", "chunks", "", "Chunks on disk.", [](Now& now) { return now.stored.chunks; }},
    {kGauge, "resmon_store_disk_bytes", "disk_bytes", "store_disk_bytes", "Size of the store's files.",
     [](Now& now) { return now.stored.disk_bytes; }},
    {kLimit, "", "disk_limit_bytes", "store_limit_bytes",
     "The limit of the store's files: store.disk_limit_bytes. 0 in JSON and absent from rows: there is none.",
     [](Now& now) { return now.options.store_disk_limit_bytes; }},
    {kGauge, "", "retain_seconds", "", "How long samples are kept: store.retain.",
     [](Now& now) { return whole_seconds(now.options.store_retain); }},
    {kCounter, "resmon_store_samples_total", "stored_samples", "store_samples", "Samples stored.",
     [](Now& now) { return now.stored.stored_samples; }},
    {kCounter, "resmon_store_refused_samples_total", "refused_samples", "store_refused_samples",
     "Samples the store refused.", [](Now& now) { return now.stored.refused_samples; }},
    {kCounter, "resmon_store_missing_samples_total", "missing_samples", "",
     "Acknowledged samples that are neither in the store nor in the journal, because files were damaged or removed.",
     [](Now& now) { return now.missing.samples; }},
    {kTime, "resmon_store_missing_from_seconds", "missing_from", "",
     "When the newest gap begins, Unix time; 0: there is none, or its beginning is not known.",
     [](Now& now) { return now.missing.from; }},
    {kTime, "resmon_store_missing_to_seconds", "missing_to", "", "When the newest gap ends, Unix time.",
     [](Now& now) { return now.missing.to; }},
    {kCounter, "resmon_store_damaged_chunks_total", "damaged_chunks", "", "Chunks that failed their checksum.",
     [](Now& now) { return now.stored.damaged_chunks; }},
    {kCounter, "", "damaged_entries", "", "Journal entries that the store could not read.",
     [](Now& now) { return now.backlog.damaged_entries; }},
    {kCounter, "", "expired_chunks", "", "Chunks deleted because of their age.",
     [](Now& now) { return now.stored.expired_chunks; }},
    {kCounter, "", "expired_heads", "", "Heads whose rows expired before they were sealed.",
     [](Now& now) { return now.stored.expired_heads; }},
    {kCounter, "", "evicted_chunks", "", "Chunks deleted because of a size limit.",
     [](Now& now) { return now.stored.evicted_chunks; }},
    {kCounter, "resmon_store_deletions_total", "", "", "Deletions carried out: DELETE, DROP SERIES, DROP MEASUREMENT.",
     [](Now& now) { return now.stored.deletions; }},
    {kCounter, "resmon_store_deleted_rows_total", "", "", "Rows deleted by deletions.",
     [](Now& now) { return now.stored.deleted_rows; }},
    {kCounter, "resmon_store_forgotten_series_total", "", "",
     "Series forgotten because retention left no row and no window of them.",
     [](Now& now) { return now.stored.forgotten_groups; }},
    {kGauge, "resmon_store_backlog_entries", "backlog_entries", "store_backlog_entries",
     "Journal entries that the store has not written.", [](Now& now) { return now.backlog.backlog_entries; }},
    {kGauge, "resmon_store_backlog_samples", "backlog_samples", "", "Samples that the store has not made durable.",
     [](Now& now) { return now.backlog.backlog_samples; }},
    {kGauge, "resmon_store_lag_seconds", "lag_seconds", "",
     "Age of the oldest entry that the store has not made durable.", [](Now& now) { return lag_seconds(now.backlog); }},
};

constexpr ServerStat kHostListStats[] = {
    {kCounter, "resmon_refused_host_rows_total", "", "", "Rows of hosts beyond limits.max_hosts; they are stored.",
     [](Now& now) { return now.host_list.refused_hosts; }},
    {kCounter, "resmon_refused_overview_rows_total", "", "",
     "Rows of series beyond a limit of the host list; they are stored.",
     [](Now& now) { return now.host_list.refused_series; }},
};

constexpr ServerStat kHttpStats[] = {
    {kCounter, "resmon_http_requests_total", "requests", "http_requests", "HTTP requests.",
     [](Now& now) { return now.web.requests.load(); }},
    {kCounter, "resmon_http_denied_total", "denied", "", "HTTP requests without a valid token.",
     [](Now& now) { return now.web.denied.load(); }},
    {kGauge, "resmon_sessions", "", "", "Users' sessions that have not ended.",
     [](Now& now) { return now.app.access().guard().sessions(); }},
    {kCounter, "resmon_http_failures_total", "failures", "http_failures", "HTTP requests answered with 5xx.",
     [](Now& now) { return now.web.failures.load(); }},
    {kGauge, "resmon_http_connections", "connections", "", "HTTP connections open now.",
     [](Now& now) { return now.web.open.load(); }},
    {kCounter, "resmon_http_gone_total", "", "", "Clients that disconnected during their request.",
     [](Now& now) { return now.web.gone.load(); }},
    {kCounter, "resmon_http_slow_readers_total", "", "", "Long answers cut off because their reader was too slow.",
     [](Now& now) { return now.web.slow.load(); }},
    {kCounter, "resmon_http_connections_refused_total", "", "",
     "HTTP connections closed at once: too many, and none is idle.", [](Now& now) { return now.web.refused.load(); }},
    {kCounter, "resmon_http_connections_ended_total", "", "",
     "Idle HTTP connections closed in favour of new ones: too many.", [](Now& now) { return now.web.ended.load(); }},
    {kCounter, "resmon_http_late_heads_total", "", "", "HTTP connections closed because a request's head was too slow.",
     [](Now& now) { return now.web.late.load(); }},
    {kGauge, "resmon_http_body_bytes", "", "", "Memory of requests in progress and their answers.",
     [](Now& now) { return now.app.listeners().http().memory_bytes(); }},
    {kCounter, "resmon_http_bodies_refused_total", "", "", "Requests answered 503: no memory for them or their answer.",
     [](Now& now) { return now.web.bodies_refused.load(); }},
    {kCounter, "resmon_proxy_headers_refused_total", "", "",
     "Connections refused because of a PROXY protocol header: a wrong one, or one from elsewhere than listen.proxies "
     "and http.proxies.",
     [](Now& now) { return now.app.listeners().proxy_headers_refused(); }},
};

constexpr ServerStat kQueryStats[] = {
    {kCounter, "resmon_queries_total", "", "", "Requests to /query.",
     [](Now& now) { return now.queries.queries.load(); }},
    {kCounter, "resmon_queries_refused_total", "", "", "Queries that could not be parsed.",
     [](Now& now) { return now.queries.refused.load(); }},
    {kCounter, "resmon_queries_turned_away_total", "", "", "Queries refused because too many were waiting.",
     [](Now& now) { return now.queries.turned_away.load(); }},
    {kCounter, "resmon_queries_early_total", "", "",
     "Queries answered before the store had everything acknowledged before them, because it is behind.",
     [](Now& now) { return now.queries.early.load(); }},
    {kCounter, "resmon_query_partial_total", "", "", "Queries answered without what another server has.",
     [](Now& now) { return now.queries.partial.load(); }},
    {kCounter, "resmon_query_statements_failed_total", "", "", "Statements that failed.",
     [](Now& now) { return now.queries.failed.load(); }},
    {kCounter, "resmon_query_statements_limited_total", "", "", "Statements ended by a bound of time, memory or size.",
     [](Now& now) { return now.queries.limited.load(); }},
    {kCounter, "resmon_query_statements_interrupted_total", "", "", "Statements ended because their client left.",
     [](Now& now) { return now.queries.interrupted.load(); }},
    {kGauge, "resmon_queries_running", "", "", "Queries running now.",
     [](Now& now) { return now.queries.running.load(); }},
    {kGauge, "resmon_queries_waiting", "", "", "Queries waiting for their turn.",
     [](Now& now) { return now.queries.waiting.load(); }},
    {kGauge, "resmon_query_memory_bytes", "", "", "Memory of queries and of answers being sent.",
     [](Now& now) { return now.app.queries().memory.used_bytes(); }},
};

bool always(Now&) {
  return true;
}
bool has_alerts(Now& now) {
  return now.options.alerts_enabled;
}
bool has_log_lines(Now& now) {
  return now.app.storage().logs() != nullptr;
}

// In the order of /metrics and of the reference.
constexpr ServerSubject kSubjects[] = {
    {"The process", "", kProcessStats, always},
    {"Clients", "ingest", kIngestStats, always},
    {"Journal", "journal", kJournalStats, always},
    {"Store", "store", kStoreStats, always},
    {"HTTP", "http", kHttpStats, always},
    {"Queries", "", kQueryStats, always},
    {"Log lines", "logs", kLogLineStats, has_log_lines},
    {"Alerts", "", kAlertStats, has_alerts},
    {"Schemas", "", kSchemaStats, always},
    {"List of hosts", "", kHostListStats, always},
};

constexpr metric::Stat<SinkReading> kSinkStats[] = {
    {kGauge, "resmon_sink_up", "", "", "1 while the sink's last request was accepted.",
     [](const SinkReading& of) { return of.stats.state == sink::State::kOk; }},
    {kGauge, "resmon_sink_lag_seconds", "lag_seconds", "lag_seconds", "Age of the oldest entry not delivered.",
     [](const SinkReading& of) { return of.lag_seconds; }},
    {kGauge, "resmon_sink_backlog_entries", "backlog_entries", "backlog_entries", "Log entries not delivered.",
     [](const SinkReading& of) { return of.log.backlog_entries; }},
    {kGauge, "resmon_sink_backlog_samples", "backlog_samples", "", "Samples not delivered.",
     [](const SinkReading& of) { return of.log.backlog_samples; }},
    {kCounter, "resmon_sink_sent_samples_total", "sent_samples", "sent_samples", "Samples accepted by the database.",
     [](const SinkReading& of) { return of.stats.sent_samples; }},
    {kCounter, "resmon_sink_resent_samples_total", "resent_samples", "",
     "Samples sent again, and accepted, because the database was away after it had accepted them.",
     [](const SinkReading& of) { return of.stats.resent_samples; }},
    {kCounter, "", "sent_bytes", "", "Bytes of accepted requests, as sent.",
     [](const SinkReading& of) { return of.stats.sent_bytes; }},
    {kCounter, "resmon_sink_refused_samples_total", "refused_samples", "refused_samples",
     "Samples rejected by the database; written to a file.",
     [](const SinkReading& of) { return of.stats.refused_samples; }},
    {kCounter, "resmon_sink_lost_samples_total", "lost_samples", "lost_samples",
     "Samples dropped because the sink was too far behind.", [](const SinkReading& of) { return of.log.lost_samples; }},
    {kCounter, "", "damaged_entries", "", "Log entries that could not be read back.",
     [](const SinkReading& of) { return of.log.damaged_entries; }},
    {kCounter, "resmon_sink_retries_total", "retries", "retries", "Requests that had to be repeated.",
     [](const SinkReading& of) { return of.stats.retries; }},
    {kTime, "", "last_error_time", "", "When a request last failed.",
     [](const SinkReading& of) { return of.stats.last_error_time; }},
    {kTime, "", "failing_since", "", "Since when requests fail.",
     [](const SinkReading& of) { return of.stats.failing_since; }},
    {kTime, "", "last_refusal_time", "", "When the database last rejected samples.",
     [](const SinkReading& of) { return of.stats.last_refusal_time; }},
};

constexpr metric::Stat<LineSinkReading> kLineSinkStats[] = {
    {kGauge, "resmon_line_sink_up", "", "", "1 while the sink's last request of log lines was accepted.",
     [](const LineSinkReading& of) { return of.stats.state == sink::State::kOk; }},
    {kCounter, "resmon_line_sink_sent_requests_total", "", "", "Requests with log lines, including failed ones.",
     [](const LineSinkReading& of) { return of.stats.requests; }},
    {kCounter, "resmon_line_sink_refused_lines_total", "", "",
     "Log lines that the database rejected; written to a file.",
     [](const LineSinkReading& of) { return of.stats.refused_lines; }},
    {kCounter, "resmon_line_sink_retries_total", "", "", "Requests that had to be repeated.",
     [](const LineSinkReading& of) { return of.stats.retries; }},
    {kGauge, "resmon_line_sink_backlog_records", "", "", "Records of the journal of lines that are not yet delivered.",
     [](const LineSinkReading& of) { return of.log.backlog_records; }},
    {kCounter, "resmon_line_sink_lost_records_total", "", "", "Records dropped because the sink was too far behind.",
     [](const LineSinkReading& of) { return of.log.dropped_records; }},
};

constexpr metric::Stat<TierReading> kTierStats[] = {
    {kGauge, "", "disk_bytes", "", "Size of its chunks.", [](const TierReading& of) { return of.disk_bytes; }},
    {kLimit, "", "disk_limit_bytes", "", "The limit of that size, or of the whole store; 0: there is none.",
     [](const TierReading& of) { return of.disk_limit_bytes; }},
    {kGauge, "", "retain_seconds", "", "How long it is kept.", [](const TierReading& of) { return of.retain_seconds; }},
    {kTime, "", "oldest", "", "The oldest that is stored, to within a chunk.",
     [](const TierReading& of) { return of.oldest; }},
};

constexpr metric::Stat<Table> kTableStats[] = {
    {kGauge, "resmon_table_entries", "", "", "Entries of a bounded table in memory.",
     [](const Table& of) { return of.size; }},
    {kLimit, "resmon_table_limit_entries", "", "", "The limit of the table.", [](const Table& of) { return of.limit; }},
};

constexpr metric::Stat<Peers::View> kPeerStats[] = {
    {kGauge, "resmon_peer_up", "", "", "1: the other server answers; 0: what it has is missing in answers.",
     [](const Peers::View& of) { return !of.away; }},
    {kCounter, "resmon_peer_questions_total", "", "", "Questions to the other server.",
     [](const Peers::View& of) { return of.asked; }},
    {kCounter, "resmon_peer_failures_total", "", "", "Questions that it did not answer.",
     [](const Peers::View& of) { return of.failed; }},
};

constexpr metric::Stat<DoorCounts> kOtherDoorStats[] = {
    {kCounter, "resmon_door_requests_total", "", "", "Requests in formats of Prometheus and OpenTelemetry.",
     [](const DoorCounts& of) { return of.requests.load(); }},
    {kCounter, "resmon_door_samples_total", "", "", "Samples of these requests that were stored.",
     [](const DoorCounts& of) { return of.samples.load(); }},
    {kCounter, "resmon_door_stale_markers_total", "", "",
     "Prometheus' markers that a series has ended: nothing to store.",
     [](const DoorCounts& of) { return of.stale.load(); }},
    {kCounter, "resmon_door_not_finite_total", "", "", "NaN and infinite values, which are not stored.",
     [](const DoorCounts& of) { return of.not_finite.load(); }},
    {kCounter, "resmon_door_refused_total", "", "", "Samples and histograms refused; the answer said why.",
     [](const DoorCounts& of) { return of.refused.load(); }},
};

constexpr metric::Stat<std::uint64_t> kSignInStats[] = {
    {kCounter, "resmon_oidc_sign_ins_total", "", "",
     "Sign-ins with the provider, by what became of them (docs/server.md).",
     [](const std::uint64_t& count) { return count; }},
};

}  // namespace stat_tables

template <class Of>
using Labelled = std::vector<std::pair<std::string, Of>>;

template <class Reading, class Units>
Labelled<Reading> read_sinks(const Units& units) {
  Labelled<Reading> out;
  for (const auto& unit : units) {
    Reading reading(unit);
    std::string label = prometheus_label("sink", reading.stats.name);
    out.emplace_back(std::move(label), std::move(reading));
  }
  return out;
}

Labelled<rule::RuleStats> labelled_rules(const App& app) {
  Labelled<rule::RuleStats> out;
  for (const auto& [place, rules] : read_rules(app))
    for (const rule::RuleStats& one : rules)
      out.emplace_back(prometheus_label("place", place) + ',' + prometheus_label("rule", one.name), one);
  return out;
}

Labelled<std::uint64_t> sign_ins(const oidc::Provider& provider) {
  Labelled<std::uint64_t> out;
  for (std::size_t i = 0; i < oidc::kOutcomes; ++i) {
    const auto outcome = static_cast<oidc::Outcome>(i);
    out.emplace_back(prometheus_label("outcome", oidc::outcome_name(outcome)), provider.counted(outcome));
  }
  return out;
}

// Each with a label of the text that `named` returns.
template <class Of, class Named>
Labelled<Of> labelled(std::string_view label, std::vector<Of> all, const Named& named) {
  Labelled<Of> out;
  for (Of& one : all) {
    std::string text = prometheus_label(label, named(one));
    out.emplace_back(std::move(text), std::move(one));
  }
  return out;
}

template <class Stats>
DescribedStats described(std::string_view title, std::string_view labels, std::string_view object,
                         std::string_view measurement, const Stats& stats) {
  return {title, labels, object, measurement, {std::begin(stats), std::end(stats)}};
}

}  // namespace

ServerReading::ServerReading(const App& of)
    : app(of),
      options(of.options()),
      clients(of.listeners().clients().stats()),
      web(of.listeners().http().stats()),
      queries(of.queries().stats),
      schemas(of.storage().schemas()),
      host_list(of.hosts().fleet().stats()),
      stored(of.storage().store().stats()),
      missing(of.intake().pipeline().missing()),
      backlog(of.intake().pipeline().stats()),
      records(of.storage().journal().stats()),
      lines(of.storage().logs() != nullptr ? of.storage().logs()->stats() : logs::Stats()),
      alerting(options.alerts_enabled ? of.alerts().stats() : Alerts::Stats()) {}

SinkReading::SinkReading(const SinkUnit& unit)
    : stats(unit.sink->stats()), log(unit.reader->stats()), lag_seconds(server::lag_seconds(unit)) {}

LineSinkReading::LineSinkReading(const LineSinkUnit& unit) : stats(unit.sink->stats()), log(unit.reader->stats()) {}

std::vector<TierReading> read_tiers(const ServerReading& of) {
  const Options& options = of.options;
  const store::Stats& store = of.stored;
  const auto limit = [&](std::uint64_t bytes) { return bytes > 0 ? bytes : options.store_disk_limit_bytes; };
  return {
      {"samples", store.rows_bytes, limit(options.store_rows_limit_bytes),
       stat_tables::whole_seconds(options.store_retain), store.rows_oldest},
      {"minutes", store.minutes_bytes, limit(options.store_minutes_limit_bytes),
       stat_tables::whole_seconds(options.store_minutes_retain), store.minutes_oldest},
      {"hours", store.hours_bytes, limit(options.store_hours_limit_bytes),
       stat_tables::whole_seconds(options.store_hours_retain), store.hours_oldest},
  };
}

std::span<const ServerSubject> server_subjects() {
  return stat_tables::kSubjects;
}

StatTable<ServerReading> stats_of_object(std::string_view object) {
  return std::ranges::find(stat_tables::kSubjects, object, &ServerSubject::object)->stats;
}

StatTable<SinkReading> sink_stats() {
  return stat_tables::kSinkStats;
}

StatTable<LineSinkReading> line_sink_stats() {
  return stat_tables::kLineSinkStats;
}

StatTable<TierReading> tier_stats() {
  return stat_tables::kTierStats;
}

std::vector<metric::Field> server_fields() {
  std::vector<metric::Field> out;
  for (const ServerSubject& subject : stat_tables::kSubjects) metric::add_stat_fields(subject.stats, out);
  return out;
}

void set_server_fields(const ServerReading& of, metric::RowWriter& row) {
  std::size_t field = 0;
  for (const ServerSubject& subject : stat_tables::kSubjects) field = metric::set_stats(subject.stats, of, row, field);
}

std::vector<std::pair<std::string, std::vector<rule::RuleStats>>> read_rules(const App& app) {
  std::vector<std::pair<std::string, std::vector<rule::RuleStats>>> out;
  if (app.intake().rules() != nullptr) out.emplace_back("server", app.intake().rules()->stats());
  for (const SinkUnit& unit : app.sinks().units())
    if (unit.rules) out.emplace_back("sink." + unit.sink->stats().name, unit.rules->stats());
  return out;
}

std::string prometheus_text(const App& app) {
  const ServerReading now(app);
  Exposition out;
  for (const ServerSubject& subject : stat_tables::kSubjects)
    if (subject.applies(now)) out.add(subject.stats, now);
  if (app.access().oidc() != nullptr) out.add_each(stat_tables::kSignInStats, sign_ins(*app.access().oidc()));
  out.add_each(stat_tables::kTableStats, labelled("table", tables(app.storage(), app.hosts().fleet()),
                                                  [](const Table& one) { return one.name; }));
  out.add_each(stat_tables::kPeerStats,
               labelled("peer", app.peers().views(), [](const Peers::View& one) { return one.address; }));
  out.add_each(rule::rule_stats(), labelled_rules(app));
  const OtherDoors& doors = app.listeners().other_doors();
  out.add_each(stat_tables::kOtherDoorStats, std::initializer_list<std::pair<std::string, const DoorCounts&>>{
                                                 {prometheus_label("door", "otlp"), doors.otlp},
                                                 {prometheus_label("door", "remote_write"), doors.remote_write}});
  out.add_each(door::door_stats(), labelled("input", app.listeners().inputs().stats(),
                                            [](const door::DoorStats& one) { return one.name; }));
  out.add_each(stat_tables::kSinkStats, read_sinks<SinkReading>(app.sinks().units()));
  out.add_each(stat_tables::kLineSinkStats, read_sinks<LineSinkReading>(app.sinks().line_units()));
  return out.take();
}

std::vector<DescribedStats> describe_stats() {
  std::vector<DescribedStats> out;
  for (const ServerSubject& subject : stat_tables::kSubjects)
    out.push_back(described(subject.title, "", subject.object, "internal_server", subject.stats));
  out.push_back(described("Resolutions of the store", "", "store.tiers[]", "", stat_tables::kTierStats));
  out.push_back(described("Bounded tables", "table", "", "", stat_tables::kTableStats));
  out.push_back(described("Rules", "place, rule", "rules[], sinks[].rules[]", "internal_rule", rule::rule_stats()));
  out.push_back(described("Inputs", "input", "", "internal_input", door::door_stats()));
  out.push_back(described("Remote write and OTLP", "door", "", "", stat_tables::kOtherDoorStats));
  out.push_back(described("Sinks", "sink", "sinks[]", "internal_sink", stat_tables::kSinkStats));
  out.push_back(described("Sinks of log lines", "sink", "", "", stat_tables::kLineSinkStats));
  out.push_back(described("Other servers", "peer", "", "", stat_tables::kPeerStats));
  out.push_back(described("Sign-ins with a provider", "outcome", "", "", stat_tables::kSignInStats));
  return out;
}

}  // namespace resmon::server
