// The server's own state, for the page's Server view and for status: numbers that grow (the reader makes rates of
// them), bounds beside what they bound, and the newest lines of the log.

#include <unistd.h>

#include <cstdlib>

#include "app.h"
#include "base/log.h"
#include "json.h"
#include "routes.h"

namespace resmon::server {

namespace {

using Answer = boost::asio::awaitable<http::Response>;

constexpr std::size_t kLogLines = 200;  // without `tail`
constexpr std::size_t kMostLogLines = 1000;

// A time in milliseconds, or null for 0.
std::string milliseconds_or_null(UnixNanos time) {
  return time == 0 ? "null" : std::to_string(time / 1'000'000);
}

// Sinks that this start no longer found in the configuration.
std::string describe_removed_sinks(const App& app) {
  std::string sinks = "[";
  for (const RemovedSink& sink : app.removed_sinks()) {
    if (sinks.size() > 1) sinks += ',';
    sinks += JsonObject().text("name", sink.name).number("backlog_entries", sink.backlog_entries).finish();
  }
  return sinks + "]";
}

std::string describe_refused_clients(const App& app) {
  std::string clients = "[";
  for (const ingest::RefusedClient& one : app.ingest().refused_clients()) {
    if (clients.size() > 1) clients += ',';
    clients += JsonObject()
                   .text("host", one.host)
                   .text("address", one.address)
                   .text("code", one.code)
                   .text("reason", one.reason)
                   .number("times", one.times)
                   .number("last", one.last / 1'000'000)
                   .finish();
  }
  return clients + "]";
}

std::string describe_rules(const std::vector<rule::RuleStats>& rules) {
  std::string out = "[";
  for (const rule::RuleStats& one : rules) {
    if (out.size() > 1) out += ',';
    out += JsonObject()
               .text("name", one.name)
               .number("in_samples", one.in)
               .number("out_samples", one.out)
               .number("dropped_samples", one.dropped)
               .number("refused_samples", one.full)
               .number("series", one.series)
               .finish();
  }
  return out + "]";
}

std::string describe_sinks(const App& app) {
  std::string sinks = "[";
  for (const SinkUnit& unit : app.sinks()) {
    const sink::Stats stats = unit.sink->stats();
    const ingest::LogReader::Stats log = unit.reader->stats();
    if (sinks.size() > 1) sinks += ',';
    sinks += JsonObject()
                 .text("name", stats.name)
                 .text("state", sink::state_name(stats.state))
                 .decimal("lag_seconds", lag_seconds(unit), 3)
                 .number("backlog_entries", log.backlog_entries)
                 .number("backlog_samples", log.backlog_samples)
                 .number("sent_samples", stats.sent_samples)
                 .number("resent_samples", stats.resent_samples)
                 .number("sent_bytes", stats.sent_bytes)
                 .number("refused_samples", stats.refused_samples)
                 .number("lost_samples", log.lost_samples)
                 .number("damaged_entries", log.damaged_entries)
                 .number("retries", stats.retries)
                 .text("server_version", stats.server_version)
                 .text("warning", stats.warning)
                 .text("last_error", stats.last_error)
                 .raw("last_error_time", milliseconds_or_null(stats.last_error_time))
                 .raw("failing_since", milliseconds_or_null(stats.failing_since))
                 .text("last_refusal", stats.last_refusal)
                 .raw("last_refusal_time", milliseconds_or_null(stats.last_refusal_time))
                 .raw("rules", unit.rules ? describe_rules(unit.rules->stats()) : "[]")
                 .finish();
  }
  return sinks + "]";
}

std::string describe_store(const App& app) {
  const store::Stats store = app.store().stats();
  const Options& options = app.options();
  std::string tiers = "[";
  const auto tier = [&](std::string_view name, std::uint64_t bytes, std::uint64_t limit,
                        std::chrono::nanoseconds retain, UnixNanos oldest) {
    if (tiers.size() > 1) tiers += ',';
    tiers += JsonObject()
                 .text("name", name)
                 .number("disk_bytes", bytes)
                 .number("disk_limit_bytes", limit)
                 .number("retain_seconds", std::chrono::duration_cast<std::chrono::seconds>(retain).count())
                 .raw("oldest", milliseconds_or_null(oldest))
                 .finish();
  };
  const auto limit = [&](std::uint64_t bytes) { return bytes > 0 ? bytes : options.store_disk_limit_bytes; };
  tier("samples", store.rows_bytes, limit(options.store_rows_limit_bytes), options.store_retain, store.rows_oldest);
  tier("minutes", store.minutes_bytes, limit(options.store_minutes_limit_bytes), options.store_minutes_retain,
       store.minutes_oldest);
  tier("hours", store.hours_bytes, limit(options.store_hours_limit_bytes), options.store_hours_retain,
       store.hours_oldest);
  const ingest::LogReader::Stats backlog = app.pipeline().stats();
  const ingest::Missing missing = app.pipeline().missing();
  return JsonObject()
      .text("trouble", app.pipeline().trouble())
      .text("directory", app.options().store_directory)
      .number("groups", store.groups)
      .number("chunks", store.chunks)
      .number("head_rows", store.head_rows)
      .number("head_bytes", store.head_bytes)
      .number("stored_samples", store.stored_samples)
      .number("refused_samples", store.refused_samples)
      .number("damaged_chunks", store.damaged_chunks)
      .number("expired_chunks", store.expired_chunks)
      .number("expired_heads", store.expired_heads)
      .number("evicted_chunks", store.evicted_chunks)
      .number("disk_bytes", store.disk_bytes)
      .number("disk_limit_bytes", app.options().store_disk_limit_bytes)
      .number("retain_seconds", std::chrono::duration_cast<std::chrono::seconds>(app.options().store_retain).count())
      .number("backlog_entries", backlog.backlog_entries)
      .number("backlog_samples", backlog.backlog_samples)
      .decimal("lag_seconds", lag_seconds(backlog), 3)
      .number("damaged_entries", backlog.damaged_entries)
      .number("missing_samples", missing.samples)
      .raw("missing_from", missing.samples == 0 ? "null" : std::to_string(missing.from / 1'000'000))
      .raw("missing_to", missing.samples == 0 ? "null" : std::to_string(missing.to / 1'000'000))
      .raw("tiers", tiers + "]")
      .finish();
}

std::string describe_journal(const App& app) {
  const journal::Stats stats = app.log().stats();
  return JsonObject()
      .text("trouble", app.log().trouble())
      .text("directory", app.options().journal_directory)
      .text("sync", app.options().journal_sync)
      .number("disk_bytes", stats.disk_bytes)
      .number("limit_bytes", stats.limit_bytes)
      .number("memory_bytes", stats.memory_bytes)
      .number("waiting_bytes", stats.waiting_bytes)
      .number("appended_entries", stats.appended_records)
      .number("appended_bytes", stats.appended_bytes)
      .number("refused_entries", stats.refused_records)
      .number("damaged_entries", stats.damaged_records)
      .number("syncs", stats.syncs)
      .number("failures", stats.failures)
      .decimal("last_sync_seconds", std::chrono::duration<double>(stats.last_sync_duration).count(), 6)
      .finish();
}

std::string describe_logs(const App& app) {
  if (app.logs() == nullptr) return JsonObject().boolean("enabled", false).finish();
  const logs::Stats stats = app.logs()->stats();
  return JsonObject()
      .boolean("enabled", true)
      .text("trouble", stats.error)
      .number("taken_lines", stats.lines)
      .number("stored_lines", stats.head_lines + stats.block_lines)
      .number("block_bytes", stats.block_bytes)
      .number("block_text_bytes", stats.block_text_bytes)
      .number("limit_bytes", app.options().logs_limit_bytes)
      .number("memory_bytes", stats.head_bytes)
      .number("journal_bytes", stats.journal.disk_bytes)
      .number("journal_limit_bytes", stats.journal.limit_bytes)
      .number("streams", stats.streams)
      .number("files", stats.parts)
      .number("blocks", stats.blocks)
      .number("expired_lines", stats.expired_lines)
      .number("evicted_lines", stats.evicted_lines)
      .number("damaged_blocks", stats.damaged_blocks)
      .number("oldest", stats.oldest / 1'000'000)
      .finish();
}

Answer server(const App& app) {
  const ingest::ServerStats& in = app.ingest().stats();
  const http::ServerStats& web = app.http().stats();
  co_return http::Response::json(
      JsonObject()
          .text("version", app.version())
          .number("pid", getpid())
          .decimal("uptime_seconds", app.uptime_seconds(), 1)
          .number("clients", in.clients.load())
          .number("received_samples", in.samples.load())
          .raw("ingest", JsonObject()
                             .text("address", app.options().listen_address)
                             .boolean("tls", app.options().listen_tls)
                             .number("clients", in.clients.load())
                             .number("max_clients", app.options().max_clients)
                             .number("samples", in.samples.load())
                             .number("batches", in.batches.load())
                             .number("received_bytes", in.received_bytes.load())
                             .number("duplicate_batches", in.duplicate_batches.load())
                             .number("missing_batches", in.missing_batches.load())
                             .number("connections", in.connections.load())
                             .number("refused_connections", in.refused.load())
                             .number("turned_away", in.turned_away.load())
                             .number("rate_limited", in.rate_limited.load())
                             .number("refused_samples", in.refused_samples.load())
                             .number("skewed_clients", in.skewed_clients.load())
                             .raw("refused_clients", describe_refused_clients(app))
                             .finish())
          .raw("token_file",
               JsonObject().number("modified_microseconds", app.token_file().modified_microseconds()).finish())
          .raw("journal", describe_journal(app))
          .raw("logs", describe_logs(app))
          .raw("http", JsonObject()
                           .text("address", app.options().http_address)
                           .boolean("tls", app.options().http_tls)
                           .number("requests", web.requests.load())
                           .number("denied", web.denied.load())
                           .number("failures", web.failures.load())
                           .number("connections", web.open.load())
                           .finish())
          .raw("store", describe_store(app))
          .raw("rules", app.rules() != nullptr ? describe_rules(app.rules()->stats()) : "[]")
          .raw("sinks", describe_sinks(app))
          .raw("removed_sinks", describe_removed_sinks(app))
          .finish() +
      "\n");
}

// GET /api/v1/log?tail=200&after=SEQUENCE&level=warn
Answer log_tail(std::shared_ptr<const http::Request> request) {
  const auto number = [&](std::string_view name, std::uint64_t otherwise) {
    const std::string text(request->parameter(name));
    return text.empty() ? otherwise : std::strtoull(text.c_str(), nullptr, 10);
  };
  log::Level level = log::Level::kDebug;
  if (const std::string_view wanted = request->parameter("level"); !wanted.empty()) {
    auto parsed = log::parse_level(wanted);
    if (!parsed) co_return http::Response::error(400, parsed.error().message);
    level = *parsed;
  }
  const std::size_t limit = std::min<std::uint64_t>(number("tail", kLogLines), kMostLogLines);
  static constexpr std::string_view kNames[] = {"debug", "info", "warn", "error"};
  std::string lines = "[";
  for (const log::Event& event : log::recent(number("after", 0), level, limit)) {
    if (lines.size() > 1) lines += ',';
    lines += JsonObject()
                 .number("sequence", event.sequence)
                 .number("time", event.unix_milliseconds)
                 .text("level", kNames[static_cast<std::size_t>(event.level)])
                 .text("component", event.component)
                 .text("text", event.text)
                 .finish();
  }
  co_return http::Response::json(JsonObject().raw("lines", lines + "]").finish() + "\n");
}

}  // namespace

double lag_seconds(const ingest::LogReader::Stats& stats) {
  const auto& oldest = stats.oldest_received;
  return oldest ? static_cast<double>(Clock::system().wall() - *oldest) / 1e9 : 0.0;
}

double lag_seconds(const SinkUnit& unit) {
  return unit.rules && unit.rules->has_windows() ? unit.sink->stats().lag_seconds : lag_seconds(unit.reader->stats());
}

void add_server_routes(App& app, http::Router& router) {
  using Request = std::shared_ptr<const http::Request>;
  log::keep_recent(kMostLogLines);
  router.add("GET", "/api/v1/server", http::Access::kRead, [&app](Request) { return server(app); });
  router.add("GET", "/api/v1/log", http::Access::kRead, [](Request request) { return log_tail(std::move(request)); });
}

}  // namespace resmon::server
