// The server's own state, for the page's Server view and for status: numbers that grow (the reader makes rates of
// them), bounds beside what they bound, and the newest lines of the log.

#include <unistd.h>

#include <cstdlib>

#include "access_control.h"
#include "app.h"
#include "base/log.h"
#include "ingest/log.h"
#include "ingest/server.h"
#include "json.h"
#include "listeners.h"
#include "logs/store.h"
#include "options.h"
#include "pipeline.h"
#include "routes.h"
#include "row_intake.h"
#include "rule_source.h"
#include "rules.h"
#include "server_metrics.h"
#include "sink/sink.h"
#include "sinks.h"
#include "stat_text.h"
#include "storage.h"

namespace resmon::server {

namespace {

using Answer = boost::asio::awaitable<http::Response>;

constexpr std::size_t kLogLines = 200;  // without `tail`
constexpr std::size_t kMostLogLines = 1000;

// Sinks that this start no longer found in the configuration.
std::string describe_removed_sinks(const App& app) {
  JsonArray sinks;
  for (const RemovedSink& sink : app.sinks().removed())
    sinks.object(JsonObject().text("name", sink.name).number("backlog_entries", sink.backlog_entries));
  return sinks.finish();
}

std::string describe_refused_clients(const App& app) {
  JsonArray clients;
  for (const ingest::RefusedClient& one : app.listeners().clients().refused_clients())
    clients.object(JsonObject()
                       .text("host", one.host)
                       .text("address", one.address)
                       .text("code", one.code)
                       .text("reason", one.reason)
                       .number("times", one.times)
                       .number("last", one.last / 1'000'000));
  return clients.finish();
}

std::string describe_rules(const std::vector<rule::RuleStats>& rules) {
  JsonArray out;
  for (const rule::RuleStats& one : rules) {
    JsonObject rule;
    out.object(put_stats(rule.text("name", one.name), rule::rule_stats(), one));
  }
  return out.finish();
}

std::string describe_sinks(const App& app) {
  JsonArray sinks;
  for (const SinkUnit& unit : app.sinks().units()) {
    const SinkReading reading(unit);
    const sink::Stats& stats = reading.stats;
    JsonObject sink;
    sink.text("name", stats.name).text("state", sink::state_name(stats.state));
    put_stats(sink, sink_stats(), reading)
        .text("server_version", stats.server_version)
        .text("warning", stats.warning)
        .text("last_error", stats.last_error)
        .text("last_refusal", stats.last_refusal)
        .raw("rules", unit.rules ? describe_rules(unit.rules->stats()) : "[]");
    sinks.object(sink);
  }
  return sinks.finish();
}

std::string describe_tiers(const ServerReading& now) {
  JsonArray tiers;
  for (const TierReading& one : read_tiers(now)) {
    JsonObject tier;
    tiers.object(put_stats(tier.text("name", one.name), tier_stats(), one));
  }
  return tiers.finish();
}

// A member of the answer: `object`, with the metrics of that name.
std::string with_stats(JsonObject object, std::string_view name, const ServerReading& now) {
  return put_stats(object, stats_of_object(name), now).finish();
}

std::string describe_logs(const ServerReading& now) {
  JsonObject out;
  if (now.app.storage().logs() == nullptr) return out.boolean("enabled", false).finish();
  return with_stats(out.boolean("enabled", true).text("trouble", now.lines.error), "logs", now);
}

Answer server(const App& app) {
  const ServerReading now(app);
  const Options& options = app.options();
  JsonObject ingest, journal, web, store;
  ingest.text("address", options.listen_address)
      .boolean("tls", options.listen_tls)
      .raw("refused_clients", describe_refused_clients(app));
  journal.text("trouble", app.storage().journal().trouble())
      .text("directory", options.journal_directory)
      .text("sync", options.journal_sync);
  web.text("address", options.http_address).boolean("tls", options.http_tls);
  store.text("trouble", app.intake().pipeline().trouble())
      .text("directory", options.store_directory)
      .raw("tiers", describe_tiers(now));
  JsonObject out;
  out.text("version", app.version()).number("pid", getpid());
  co_return http::Response::json(
      put_stats(out, stats_of_object(""), now)
          .number("clients", now.clients.clients.load())
          .number("received_samples", now.clients.samples.load())
          .raw("ingest", with_stats(ingest, "ingest", now))
          .raw("token_file",
               JsonObject().number("modified_microseconds", app.access().token_file().modified_microseconds()).finish())
          .raw("journal", with_stats(journal, "journal", now))
          .raw("logs", describe_logs(now))
          .raw("http", with_stats(web, "http", now))
          .raw("store", with_stats(store, "store", now))
          .raw("rules", app.intake().rules() != nullptr ? describe_rules(app.intake().rules()->stats()) : "[]")
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
  JsonArray lines;
  for (const log::Event& event : log::recent(number("after", 0), level, limit))
    lines.object(JsonObject()
                     .number("sequence", event.sequence)
                     .number("time", event.unix_milliseconds)
                     .text("level", kNames[static_cast<std::size_t>(event.level)])
                     .text("component", event.component)
                     .text("text", event.text));
  co_return http::Response::json(JsonObject().raw("lines", lines.finish()).finish() + "\n");
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
