#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

#include "app.h"
#include "influxql/execute.h"
#include "influxql/serialize.h"
#include "routes.h"

namespace resmon::server {

namespace {

namespace json = boost::json;

constexpr std::size_t kQueryBodyBytes = 1U << 20U;
constexpr std::uint64_t kDefaultChunkRows = 10'000;

// InfluxDB's `params`: a JSON object of bound values.
Result<influxql::Parameters> parse_params(std::string_view text) {
  influxql::Parameters out;
  if (text.empty()) return out;
  boost::system::error_code error;
  const json::value value = json::parse(json::string_view(text.data(), text.size()), error);
  if (error || !value.is_object())
    return fail(ErrorKind::kInvalid, "error parsing query parameters: not a JSON object");
  for (const auto& member : value.as_object()) {
    const std::string key(member.key());
    const json::value& v = member.value();
    if (v.is_string())
      out[key] = std::string(v.as_string().c_str(), v.as_string().size());
    else if (v.is_bool())
      out[key] = v.as_bool();
    else if (v.is_int64())
      out[key] = v.as_int64();
    else if (v.is_double())
      out[key] = v.as_double();
    else
      return fail(ErrorKind::kInvalid,
                  "error parsing query parameters: " + key + " is neither text, number nor boolean");
  }
  return out;
}

http::Response answer(const App& app, const http::Request& request) {
  const std::string_view text = request.parameter("q");
  if (text.empty()) return http::Response::error(400, R"(missing required parameter "q")");
  auto params = parse_params(request.parameter("params"));
  if (!params) return http::Response::error(400, params.error().message);
  influxql::ExecuteOptions options;
  options.requested_database = request.parameter("db");
  options.retention_policy = request.parameter("rp");
  options.now = Clock::system().wall();
  options.params = std::move(*params);
  options.limits.cancelled = &app.stopping();
  options.limits.deadline = std::chrono::steady_clock::now() + app.options().query_timeout;
  const influxql::Response result = influxql::execute(app.store(), text, options);

  influxql::SerializeOptions format;
  format.epoch = influxql::parse_epoch(request.parameter("epoch"));
  format.pretty = request.parameter("pretty") == "true";
  if (request.parameter("chunked") == "true") {
    format.chunk_rows = kDefaultChunkRows;
    const std::string size(request.parameter("chunk_size"));
    if (const auto n = std::strtoull(size.c_str(), nullptr, 10); n > 0) format.chunk_rows = n;
  }
  http::Response response;
  response.status = result.error.empty() ? 200 : 400;
  const std::string_view accept = request.header("accept");
  const bool csv =
      accept.find("application/csv") != std::string_view::npos || accept.find("text/csv") != std::string_view::npos;
  response.headers.emplace_back("X-Influxdb-Version", "1.6.7-resmon");
  if (csv) {
    response.content_type = "text/csv";
    influxql::write_csv(result, format, influxql::append_to(response.body));
  } else {
    influxql::write_json(result, format, influxql::append_to(response.body));
  }
  return response;
}

boost::asio::awaitable<http::Response> on_pool(App& app, std::shared_ptr<const http::Request> request) {
  co_return answer(app, *request);
}

// Reading and decoding block; the network's threads do not wait for them.
boost::asio::awaitable<http::Response> query(App& app, std::shared_ptr<const http::Request> request) {
  co_return co_await boost::asio::co_spawn(app.query_pool().get_executor(), on_pool(app, request),
                                           boost::asio::use_awaitable);
}

}  // namespace

void add_query_routes(App& app, http::Router& router) {
  const auto handler = [&app](std::shared_ptr<const http::Request> request) { return query(app, std::move(request)); };
  router.add("GET", "/query", http::Access::kRead, handler);
  router.add("POST", "/query", http::Access::kRead, handler, kQueryBodyBytes);
}

}  // namespace resmon::server
