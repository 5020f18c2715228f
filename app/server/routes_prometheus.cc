// What Prometheus sends and asks: the newest values of all hosts, and remote write at InfluxDB 1.x's path and with its
// mapping. What is wrong with one series costs that series, in words and in the answer's counts; the others are stored.
// A sender drops a request that is answered 400 and repeats one that is answered 5xx, so 400 is for what will never be
// stored. Stored is what /write calls so: durable.

#include "app.h"
#include "base/snappy.h"
#include "database_names.h"
#include "durable.h"
#include "host_metrics.h"
#include "influx_error.h"
#include "ingest/log.h"
#include "listeners.h"
#include "net/spawn.h"
#include "prom/remote_write.h"
#include "routes.h"
#include "row_intake.h"
#include "row_writer.h"
#include "spare_pool.h"
#include "storage.h"
#include "store/store.h"
#include "work_pools.h"

namespace resmon::server {

namespace {

namespace asio = boost::asio;
using PromRequest = std::shared_ptr<const http::Request>;

constexpr std::size_t kPromBodyBytes = 25'000'000;
constexpr std::size_t kPromBulkBytes = 256U << 10U;
constexpr std::size_t kSpareSeries = 4;

using SeriesPool = SparePool<prom::Series>;

struct PromOutcome {
  http::Response response;
  std::uint64_t position = 0;  // to be durable before the answer goes out; 0: nothing was taken
};

unsigned status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kLimit:
      return 413;
    case ErrorKind::kUnsupported:
      return 415;
    case ErrorKind::kInvalid:
      return 400;
    default:
      return 503;
  }
}

void add_counts(http::Response& response, std::uint64_t written) {
  response.headers.emplace_back("X-Prometheus-Remote-Write-Samples-Written", std::to_string(written));
  response.headers.emplace_back("X-Prometheus-Remote-Write-Histograms-Written", "0");
  response.headers.emplace_back("X-Prometheus-Remote-Write-Exemplars-Written", "0");
}

PromOutcome refuse_all(const Error& error) {
  PromOutcome out;
  out.response = influx_error(status_of(error.kind), error.message);
  add_counts(out.response, 0);
  return out;
}

// The message of the body, which the HTTP server has unpacked where the request says that it is packed.
Result<prom::WriteReport> read_body(const http::Request& request, prom::WriteVersion version, SeriesPool& pool,
                                    metric::Batch& batch) {
  std::string unpacked;
  std::string_view message = request.body;
  if (request.header("content-encoding").empty()) {
    RESMON_ASSIGN(unpacked, unpack_snappy(message, kPromBodyBytes));
    message = unpacked;
  }
  prom::Series series = pool.take();
  Result<prom::WriteReport> report = prom::read_remote_write(message, version, series, batch);
  pool.give_back(std::move(series));
  return report;
}

PromOutcome take_remote_write(App& app, SeriesPool& pool, const http::Request& request) {
  DoorCounts& counts = app.listeners().other_doors().remote_write;
  ++counts.requests;
  const Result<prom::WriteVersion> version = prom::version_of(request.header("content-type"));
  if (!version) return refuse_all(version.error());
  metric::Batch batch;
  const Result<prom::WriteReport> report = read_body(request, *version, pool, batch);
  if (!report) return refuse_all(report.error());

  const auto taken = app.intake().row_writer().append(std::move(batch), Clock::system().wall());
  if (!taken) return refuse_all(taken.error());
  PromOutcome out;
  out.position = taken->position;
  if (request.body.size() >= kPromBulkBytes) app.storage().journal().sync_soon();
  const std::uint64_t lost = std::min<std::uint64_t>(report->samples, taken->dropped + taken->conflicts.rows);
  counts.samples += report->samples - lost;
  counts.stale += report->stale;
  counts.not_finite += report->not_finite;
  counts.refused += report->refused + report->histograms + lost;
  std::string why = report->first_refusal;
  if (why.empty() && lost > 0) why = taken->dropped > 0 ? taken->why : taken->conflicts.first;
  if (const std::uint64_t refused = report->refused + report->histograms + lost; refused > 0)
    out.response = influx_error(400, "partial write: " + why + " dropped=" + std::to_string(refused));
  else
    out.response.status = 204;
  // A marker is written with what it says: that nothing comes any more.
  add_counts(out.response, report->samples - lost + report->stale);
  return out;
}

asio::awaitable<PromOutcome> remote_write_on_pool(App& app, std::shared_ptr<SeriesPool> pool, PromRequest request) {
  co_return take_remote_write(app, *pool, *request);
}

asio::awaitable<http::Response> remote_write(App& app, std::shared_ptr<SeriesPool> pool, PromRequest request) {
  if (const std::string_view database = request->parameter("db");
      !database.empty() && !app.storage().database_names().has(database))
    co_return influx_error(404, "database not found: \"" + std::string(database) + "\"");
  PromOutcome out = co_await net::run(app.pools().write().get_executor(), remote_write_on_pool(app, pool, request));
  // Writing it again changes nothing.
  if (out.position > 0 &&
      !co_await wait_until_durable(app.storage().journal(), app.intake().row_writer(), out.position))
    co_return influx_error(503, std::string(kNotDurable));
  co_return std::move(out.response);
}

asio::awaitable<http::Response> host_metrics_on_pool(std::shared_ptr<HostMetrics> metrics, PromRequest request) {
  Result<std::string> text = metrics->text(request->parameter("host"), Clock::system().wall());
  if (!text) co_return http::Response::error(503, text.error().message);
  http::Response response = http::Response::text(*std::move(text));
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  co_return response;
}

asio::awaitable<http::Response> host_metrics(App& app, std::shared_ptr<HostMetrics> metrics, PromRequest request) {
  co_return co_await net::run(app.pools().query().get_executor(),
                              host_metrics_on_pool(std::move(metrics), std::move(request)));
}

}  // namespace

void add_prometheus_routes(App& app, http::Router& router) {
  const auto pool = std::make_shared<SeriesPool>(app.storage().schemas(), kSpareSeries);
  router.add(
      "POST", "/api/v1/prom/write", http::Access::kWrite,
      [&app, pool](PromRequest request) { return remote_write(app, pool, std::move(request)); }, kPromBodyBytes);
  const auto metrics = std::make_shared<HostMetrics>(app.storage().store());
  router.add("GET", "/metrics/hosts", http::Access::kRead,
             [&app, metrics](PromRequest request) { return host_metrics(app, metrics, std::move(request)); });
}

}  // namespace resmon::server
