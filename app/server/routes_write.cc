// Line protocol over HTTP, as InfluxDB takes it: /write of 1.x and /api/v2/write. Good lines are kept whatever stands
// beside them; what is wrong with the others is in the answer, in InfluxDB's words, so that Telegraf and client
// libraries understand it. The answer comes when the lines are durable: they are encoded on a thread of their own, and
// the connection's coroutine waits for the journal as a client's session does.

#include <optional>

#include "app.h"
#include "database_names.h"
#include "durable.h"
#include "influx_error.h"
#include "influxql/execute.h"
#include "ingest/log.h"
#include "json.h"
#include "lineproto/decoder.h"
#include "net/spawn.h"
#include "routes.h"
#include "row_intake.h"
#include "row_writer.h"
#include "spare_pool.h"
#include "storage.h"
#include "work_pools.h"

namespace resmon::server {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kWriteBodyBytes = 25'000'000;  // InfluxDB 1.x's own bound
// A writer of this much waits for the answer before it writes more, so it gets a sync of its own; a gather can wait for
// the common one.
constexpr std::size_t kBulkBytes = 256U << 10U;
constexpr std::size_t kSpareDecoders = 4;  // each remembers the line shapes that it has met

enum class Api { kOne, kTwo };

using Decoders = SparePool<lineproto::LineDecoder>;

http::Response refuse(Api api, unsigned status, std::string_view code, const std::string& message) {
  if (api == Api::kOne) return influx_error(status, message);
  return http::Response::json(JsonObject().text("code", code).text("message", message).finish() + "\n", status);
}

struct Outcome {
  http::Response response;
  std::uint64_t position = 0;  // to be durable before the answer goes out; 0: nothing was taken
};

// An error if the request names another database or retention policy; empty if it names ours.
std::optional<http::Response> refuse_target(const App& app, Api api, const http::Request& request) {
  const std::string_view target = request.parameter(api == Api::kOne ? "db" : "bucket");
  const std::size_t slash = api == Api::kOne ? std::string_view::npos : target.find('/');  // "db/rp"
  const std::string_view database = target.substr(0, slash);
  // Telegraf's influxdb_v2 output without a bucket of its own says `bucket=`: there is only one it can mean.
  const bool any = api == Api::kTwo && target.empty() && request.has_parameter("bucket");
  if (database.empty() && !any)
    return refuse(api, 400, "invalid", api == Api::kOne ? "database is required" : "bucket is required");
  if (!any && !app.storage().database_names().has(database))
    return refuse(
        api, 404, "not found",
        (api == Api::kOne ? "database not found: \"" : "bucket not found: \"") + std::string(database) + "\"");
  std::string_view policy = request.parameter("rp");
  if (api == Api::kTwo) policy = slash == std::string_view::npos ? std::string_view() : target.substr(slash + 1);
  if (!policy.empty() && policy != influxql::kRetentionPolicy)
    return refuse(api, 404, "not found", "retention policy not found: " + std::string(policy));
  return std::nullopt;
}

Outcome write(App& app, Decoders& decoders, Api api, const http::Request& request) {
  if (auto refusal = refuse_target(app, api, request)) return {*std::move(refusal)};
  lineproto::DecodeOptions options;
  const auto parsed = lineproto::parse_precision(request.parameter("precision"));
  if (!parsed) return {refuse(api, 400, "invalid", parsed.error().message)};
  options.precision = *parsed;
  const UnixNanos now = Clock::system().wall();
  options.default_time = now;

  lineproto::LineDecoder decoder = decoders.take();
  metric::Batch batch;
  const lineproto::DecodeReport report = decoder.decode(request.body, options, batch);
  decoders.give_back(std::move(decoder));
  const auto taken = app.intake().row_writer().append(std::move(batch), now);
  if (!taken)
    return {taken.error().kind == ErrorKind::kLimit ? refuse(api, 413, "request too large", taken.error().message)
                                                    : refuse(api, 503, "unavailable", taken.error().message)};
  Outcome outcome;
  outcome.position = taken->position;
  if (request.body.size() >= kBulkBytes) app.storage().journal().sync_soon();
  if (report.refused_lines > 0 || taken->dropped > 0) {
    const bool partial = report.refused_lines < report.lines;
    std::string text = report.refused_lines > 0 ? report.error_text() : taken->why;
    // Whoever writes seconds without saying so learns it.
    if (report.refused_lines == 0 && !taken->too_old_measurement.empty() && taken->too_old < lineproto::kYear1971)
      text += " (" +
              lineproto::wrong_unit(taken->too_old_measurement, taken->too_old, options.precision, "precision=*") + ")";
    const std::string dropped = " dropped=" + std::to_string(taken->dropped);
    outcome.response = refuse(api, 400, "invalid", partial ? "partial write: " + text + dropped : text);
    return outcome;
  }
  if (taken->conflicts.rows > 0) {
    const std::string text = taken->conflicts.first + " dropped=" + std::to_string(taken->conflicts.rows);
    outcome.response = refuse(api, api == Api::kOne ? 400 : 422, "unprocessable entity", "partial write: " + text);
    return outcome;
  }
  outcome.response.status = 204;
  outcome.response.headers.emplace_back("X-Influxdb-Version", "1.6.7-resmon");
  return outcome;
}

asio::awaitable<Outcome> write_on_pool(App& app, std::shared_ptr<Decoders> decoders, Api api,
                                       std::shared_ptr<const http::Request> request) {
  co_return write(app, *decoders, api, *request);
}

asio::awaitable<http::Response> write_request(App& app, std::shared_ptr<Decoders> decoders, Api api,
                                              std::shared_ptr<const http::Request> request) {
  Outcome outcome = co_await net::run(app.pools().write().get_executor(), write_on_pool(app, decoders, api, request));
  if (outcome.position == 0) co_return std::move(outcome.response);
  // Writing it again changes nothing.
  if (!co_await wait_until_durable(app.storage().journal(), app.intake().row_writer(), outcome.position))
    co_return refuse(api, 503, "unavailable", std::string(kNotDurable));
  co_return std::move(outcome.response);
}

}  // namespace

void add_write_routes(App& app, http::Router& router) {
  const auto decoders = std::make_shared<Decoders>(app.storage().schemas(), kSpareDecoders);
  for (const auto& [path, api] : {std::pair{"/write", Api::kOne}, {"/api/v2/write", Api::kTwo}})
    router.add(
        "POST", path, http::Access::kWrite,
        [&app, decoders, which = api](std::shared_ptr<const http::Request> request) {
          return write_request(app, decoders, which, std::move(request));
        },
        kWriteBodyBytes);
}

}  // namespace resmon::server
