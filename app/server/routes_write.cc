// Line protocol over HTTP, as InfluxDB takes it: /write of 1.x and /api/v2/write. Good lines are kept whatever stands
// beside them; what is wrong with the others is in the answer, in InfluxDB's words, so that Telegraf and client
// libraries understand it.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <mutex>

#include "app.h"
#include "json.h"
#include "lineproto/decoder.h"
#include "routes.h"

namespace resmon::server {

namespace {

constexpr std::string_view kDatabase = "resmon";
constexpr std::size_t kWriteBodyBytes = 25'000'000;  // InfluxDB 1.x's own bound
constexpr std::size_t kSpareDecoders = 4;            // each remembers the line shapes that it has met

enum class Api { kOne, kTwo };

// Decoders outlive requests, so that a writer that says the same shapes again costs no allocation.
class Decoders {
 public:
  explicit Decoders(metric::SchemaTable& schemas) : schemas_(schemas) {}

  lineproto::LineDecoder take() {
    std::lock_guard lock(mutex_);
    if (spare_.empty()) return lineproto::LineDecoder(schemas_);
    lineproto::LineDecoder decoder = std::move(spare_.back());
    spare_.pop_back();
    return decoder;
  }
  void give_back(lineproto::LineDecoder decoder) {
    std::lock_guard lock(mutex_);
    if (spare_.size() < kSpareDecoders) spare_.push_back(std::move(decoder));
  }

 private:
  metric::SchemaTable& schemas_;
  std::mutex mutex_;
  std::vector<lineproto::LineDecoder> spare_;  // guarded by mutex_
};

http::Response refuse(Api api, unsigned status, std::string_view code, const std::string& message) {
  if (api == Api::kOne) return http::Response::error(status, message);
  return http::Response::json(JsonObject().text("code", code).text("message", message).finish() + "\n", status);
}

http::Response write(App& app, Decoders& decoders, Api api, const http::Request& request) {
  const std::string_view target = request.parameter(api == Api::kOne ? "db" : "bucket");
  const std::string_view database = api == Api::kOne ? target : target.substr(0, target.find('/'));  // "db/rp"
  if (database.empty())
    return refuse(api, 400, "invalid", api == Api::kOne ? "database is required" : "bucket is required");
  if (database != kDatabase)
    return refuse(
        api, 404, "not found",
        (api == Api::kOne ? "database not found: \"" : "bucket not found: \"") + std::string(database) + "\"");
  lineproto::DecodeOptions options;
  const auto parsed = lineproto::parse_precision(request.parameter("precision"));
  if (!parsed) return refuse(api, 400, "invalid", parsed.error().message);
  options.precision = *parsed;
  const UnixNanos now = Clock::system().wall();
  options.default_time = now;

  lineproto::LineDecoder decoder = decoders.take();
  auto batch = std::make_shared<metric::Batch>();
  const lineproto::DecodeReport report = decoder.decode(request.body, options, *batch);
  decoders.give_back(std::move(decoder));
  if (!batch->empty()) {
    if (auto appended = app.mutable_log().append(std::move(batch), now); !appended)
      return refuse(api, 503, "unavailable", appended.error().message);
  }
  if (report.refused_lines > 0) {
    const bool partial = report.refused_lines < report.lines;
    return refuse(api, 400, "invalid",
                  partial ? "partial write: " + report.error_text() + " dropped=0" : report.error_text());
  }
  http::Response response;
  response.status = 204;
  response.headers.emplace_back("X-Influxdb-Version", "1.6.7-resmon");
  return response;
}

boost::asio::awaitable<http::Response> write_on_pool(App& app, std::shared_ptr<Decoders> decoders, Api api,
                                                     std::shared_ptr<const http::Request> request) {
  co_return write(app, *decoders, api, *request);
}

boost::asio::awaitable<http::Response> write_request(App& app, std::shared_ptr<Decoders> decoders, Api api,
                                                     std::shared_ptr<const http::Request> request) {
  co_return co_await boost::asio::co_spawn(app.write_pool().get_executor(), write_on_pool(app, decoders, api, request),
                                           boost::asio::use_awaitable);
}

}  // namespace

void add_write_routes(App& app, http::Router& router) {
  const auto decoders = std::make_shared<Decoders>(app.schemas());
  for (const auto& [path, api] : {std::pair{"/write", Api::kOne}, {"/api/v2/write", Api::kTwo}})
    router.add(
        "POST", path, http::Access::kWrite,
        [&app, decoders, which = api](std::shared_ptr<const http::Request> request) {
          return write_request(app, decoders, which, std::move(request));
        },
        kWriteBodyBytes);
}

}  // namespace resmon::server
