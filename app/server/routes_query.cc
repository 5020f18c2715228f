// InfluxQL over HTTP, as InfluxDB 1.x answers it. A query runs on a pool of a few threads, within bounds of time and
// memory, and ends when its client leaves. A long answer goes out in pieces that are written as text one by one, on the
// same pool: between them no thread waits for a slow reader, who holds only the answer's values, which were charged to
// the memory that all queries share.

#include "routes_query.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "app.h"
#include "database_names.h"
#include "influxql/execute.h"
#include "influxql/params.h"
#include "influxql/serialize.h"
#include "json.h"
#include "routes.h"

namespace resmon::server {

namespace {

namespace asio = boost::asio;

constexpr std::size_t kQueryBodyBytes = 1U << 20U;
constexpr std::uint64_t kDefaultChunkRows = 10'000;

using RequestPointer = std::shared_ptr<const http::Request>;

// From the URL, a form, or a body that is the query itself.
std::string_view query_text(const http::Request& request) {
  if (const std::string_view text = request.parameter("q"); !text.empty()) return text;
  if (request.header("content-type").starts_with("application/vnd.influxql")) return request.body;
  return {};
}

class Names final : public influxql::Databases {
 public:
  Names(const DatabaseNames& names, bool may_create) : names_(names), may_create_(may_create) {}
  bool has(std::string_view name) const override { return names_.has(name); }
  std::vector<std::string> names() const override { return names_.names(); }
  Status create(const std::string& name) const override {
    // Who may only read creates nothing, but may say that there shall be what is there.
    if (!may_create_ && !names_.has(name))
      return fail(ErrorKind::kDenied, "error authorizing query: CREATE DATABASE \"" + name + "\" needs a token");
    return names_.create(name);
  }

 private:
  const DatabaseNames& names_;
  const bool may_create_;
};

class Count {
 public:
  explicit Count(std::atomic<std::uint64_t>& value) : value_(value) { ++value_; }
  ~Count() { --value_; }
  Count(const Count&) = delete;
  Count& operator=(const Count&) = delete;

 private:
  std::atomic<std::uint64_t>& value_;
};

void count_errors(QueryStats& stats, const influxql::Response& response) {
  if (!response.error.empty()) ++stats.refused;
  for (const influxql::StatementResult& result : response.results) {
    if (result.error.empty() || result.error == "not executed") continue;
    switch (result.error_kind) {
      case ErrorKind::kLimit:
        ++stats.limited;
        break;
      case ErrorKind::kUnavailable:
        ++stats.interrupted;
        break;
      default:
        ++stats.failed;
    }
  }
}

using SharedPieces = std::shared_ptr<influxql::Pieces>;

asio::awaitable<std::optional<std::string>> next_piece(SharedPieces pieces) {
  co_return pieces->next();
}

asio::awaitable<std::optional<std::string>> next_on_pool(App& app, SharedPieces pieces) {
  co_return co_await asio::co_spawn(app.query_pool().get_executor(), next_piece(std::move(pieces)),
                                    asio::use_awaitable);
}

http::Response answer(App& app, const http::Request& request, std::chrono::steady_clock::time_point deadline) {
  auto params = influxql::parse_params(request.parameter("params"));
  if (!params) return http::Response::error(400, params.error().message);
  QueryStats& stats = app.queries().stats;
  const Count running(stats.running);
  const Names names(app.database_names(), app.http().allowed(request, http::Access::kWrite));
  influxql::ExecuteOptions options;
  options.databases = &names;
  options.requested_database = request.parameter("db");
  options.retention_policy = request.parameter("rp");
  options.now = Clock::system().wall();
  options.params = std::move(*params);
  options.limits.cancelled = request.gone.get();
  options.limits.stopping = &app.stopping();
  options.limits.deadline = deadline;
  options.limits.memory = &app.queries().memory;
  options.limits.helpers = &app.query_helpers();
  options.limits.max_points = static_cast<std::uint64_t>(app.options().query_max_rows);
  options.limits.max_series = static_cast<std::uint64_t>(app.options().query_max_series);
  options.limits.max_buckets = static_cast<std::uint64_t>(app.options().query_max_rows);
  options.limits.max_buffer_bytes = app.options().query_memory_bytes;
  const auto result =
      std::make_shared<const influxql::Response>(influxql::execute(app.store(), query_text(request), options));
  count_errors(stats, *result);

  influxql::SerializeOptions format;
  format.epoch = influxql::parse_epoch(request.parameter("epoch"));
  format.pretty = request.parameter("pretty") == "true";
  if (request.parameter("chunked") == "true") {
    format.chunk_rows = kDefaultChunkRows;
    const std::string size(request.parameter("chunk_size"));
    if (const auto n = std::strtoull(size.c_str(), nullptr, 10); n > 0) format.chunk_rows = n;
  }
  http::Response response;
  response.status = result->error.empty() ? 200 : 400;
  const std::string_view accept = request.header("accept");
  const bool csv =
      accept.find("application/csv") != std::string_view::npos || accept.find("text/csv") != std::string_view::npos;
  if (csv) response.content_type = "text/csv";
  response.headers.emplace_back("X-Influxdb-Version", "1.6.7-resmon");
  const auto pieces = std::make_shared<influxql::Pieces>(csv ? influxql::csv_pieces(result, format)
                                                             : influxql::json_pieces(result, format));
  response.body = pieces->next().value_or("");
  if (auto second = pieces->next()) {
    response.more = [&app, pieces, held = std::make_shared<std::optional<std::string>>(std::move(second))]()
        -> asio::awaitable<std::optional<std::string>> {
      // Not a coroutine, so that it may capture.
      if (*held) {
        auto now = std::exchange(*held, std::nullopt);
        return [](std::optional<std::string> piece) -> asio::awaitable<std::optional<std::string>> {
          co_return std::move(piece);
        }(std::move(now));
      }
      return next_on_pool(app, pieces);
    };
  }
  return response;
}

asio::awaitable<http::Response> on_pool(App& app, RequestPointer request,
                                        std::chrono::steady_clock::time_point deadline) {
  --app.queries().stats.waiting;
  co_return answer(app, *request, deadline);
}

// Reading and decoding block; the network's threads do not wait for them.
asio::awaitable<http::Response> query(App& app, RequestPointer request) {
  if (query_text(*request).empty()) co_return http::Response::error(400, R"(missing required parameter "q")");
  QueryStats& stats = app.queries().stats;
  ++stats.queries;
  if (stats.waiting.fetch_add(1) >= static_cast<std::uint64_t>(app.options().query_queue)) {
    --stats.waiting;
    ++stats.turned_away;
    http::Response busy = http::Response::error(503, "too many queries are waiting: limits.query_queue");
    busy.headers.emplace_back("Retry-After", "1");
    co_return busy;
  }
  const auto deadline = std::chrono::steady_clock::now() + app.options().query_timeout;
  co_return co_await asio::co_spawn(app.query_pool().get_executor(), on_pool(app, std::move(request), deadline),
                                    asio::use_awaitable);
}

// Grafana in Flux mode, and client libraries of InfluxDB 2.
asio::awaitable<http::Response> flux(RequestPointer) {
  constexpr std::string_view kText =
      "Flux is not supported here: this server answers InfluxQL at /query, as InfluxDB 1.x does. In Grafana choose the "
      "query language InfluxQL and the database resmon";
  co_return http::Response::json(
      JsonObject().text("code", "invalid").text("message", kText).text("error", kText).finish() + "\n", 400);
}

}  // namespace

void add_query_routes(App& app, http::Router& router) {
  const auto handler = [&app](RequestPointer request) { return query(app, std::move(request)); };
  router.add("GET", "/query", http::Access::kRead, handler);
  router.add("POST", "/query", http::Access::kRead, handler, kQueryBodyBytes, http::Body::kForm);
  router.add("POST", "/api/v2/query", http::Access::kRead, [](RequestPointer request) { return flux(request); });
}

}  // namespace resmon::server
