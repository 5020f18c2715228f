#include "access_control.h"
#include "app.h"
#include "host_list.h"
#include "ingest/log.h"
#include "json.h"
#include "logs/store.h"
#include "oidc/provider.h"
#include "options.h"
#include "pipeline.h"
#include "routes.h"
#include "row_intake.h"
#include "server_metrics.h"
#include "sink/sink.h"
#include "sinks.h"
#include "storage.h"
#include "tables.h"
#include "work_pools.h"

namespace resmon::server {

namespace {

using Answer = boost::asio::awaitable<http::Response>;

Answer health() {
  co_return http::Response::text("ok\n");
}

// Ready means: what clients send is stored, also what is new to the server. A sink that is away does not make the
// server less ready; it shows in the body.
Answer ready(const App& app) {
  const std::string trouble = app.intake().pipeline().trouble();
  const std::string journal = app.storage().journal().trouble();
  std::string body;
  body += journal.empty() ? "journal ok\n" : "journal failing: " + journal + "\n";
  body += trouble.empty() ? "store ok\n" : "store failing: " + trouble + "\n";
  const std::string lines = app.storage().logs() == nullptr ? "" : app.storage().logs()->trouble();
  if (app.storage().logs() != nullptr) body += lines.empty() ? "logs ok\n" : "logs failing: " + lines + "\n";
  bool full = false;
  for (const Table& table : tables(app.storage(), app.hosts().fleet())) {
    if (!table.full()) continue;
    full = true;
    body += fmt::format("{} full: there are {} of {}, {} are refused\n", table.name, table.size, table.limit,
                        table.refused);
  }
  if (const ingest::Missing missing = app.intake().pipeline().missing(); missing.samples > 0)
    body += fmt::format("{} samples are missing: files that had them were damaged or removed\n", missing.samples);
  for (const SinkUnit& unit : app.sinks().units()) {
    const sink::Stats stats = unit.sink->stats();
    const ingest::LogReader::Stats log = unit.reader->stats();
    body += fmt::format("sink {} {} lag {:.1f} s, {} samples waiting, {} lost\n", stats.name,
                        sink::state_name(stats.state), lag_seconds(unit), log.backlog_samples, log.lost_samples);
  }
  for (const LineSinkUnit& unit : app.sinks().line_units()) {
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
  const bool good = app.intake().pipeline().trouble().empty() && !app.stopping();
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

Answer metrics(const App& app) {
  http::Response response = http::Response::text(prometheus_text(app));
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
  add_process_routes(app.options(), app.listeners(), router);
  add_auth_routes(app, router);
  if (app.access().oidc() != nullptr) add_oidc_routes(app, router);
  add_query_routes(app, router);
  if (app.options().alerts_enabled) add_alert_routes(app, router);
  add_write_routes(app, router);
  add_prometheus_routes(app, router);
  add_otlp_routes(app, router);
  add_v2_routes(app, router);
  add_status_routes(app.options(), app.hosts(), app.listeners(), router);
  add_download_routes(app.options(), app.pools(), router);
  add_log_routes(app, router);
  add_victoria_routes(app, router);
  add_log_write_routes(app, router);
}

}  // namespace resmon::server
