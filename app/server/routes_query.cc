// InfluxQL over HTTP, as InfluxDB 1.x answers it. A query runs on a pool of a few threads, within bounds of time and
// memory, and ends when its client leaves. A long answer goes out in pieces that are written as text one by one, on the
// same pool: between them no thread waits for a slow reader, who holds only the answer's values, which were charged to
// the memory that all queries share.

#include "routes_query.h"

#include <algorithm>
#include <array>
#include <functional>

#include "app.h"
#include "database.h"
#include "database_names.h"
#include "http/accept.h"
#include "http/server.h"
#include "influx_error.h"
#include "influxql/execute.h"
#include "influxql/format/serialize.h"
#include "influxql/parse/params.h"
#include "json.h"
#include "listeners.h"
#include "logs/store.h"
#include "net/spawn.h"
#include "options.h"
#include "peer_reader.h"
#include "peers.h"
#include "pipeline.h"
#include "query_backend.h"
#include "recent_reader.h"
#include "routes.h"
#include "row_intake.h"
#include "row_writer.h"
#include "storage.h"
#include "store/store.h"
#include "syslog_reader.h"
#include "work_pools.h"

namespace resmon::server {

namespace {

namespace asio = boost::asio;

constexpr std::size_t kQueryBodyBytes = 1U << 20U;
constexpr std::uint64_t kDefaultChunkRows = 10'000;
// How long a query waits for the store to have what was acknowledged before it came. Usually that is there already.
constexpr auto kVisiblePatience = std::chrono::seconds(5);

constexpr std::size_t kMostHeaderText = 500;

using RequestPointer = std::shared_ptr<const http::Request>;

// From the URL, a form, or a body that is the query itself.
std::string_view query_text(const http::Request& request) {
  if (const std::string_view text = request.parameter("q"); !text.empty()) return text;
  if (request.header("content-type").starts_with("application/vnd.influxql")) return request.body;
  return {};
}

// SHOW QUERIES and KILL QUERY alone: they are for the moment when all of the pool is busy, so they do not go there.
bool is_about_queries(std::string_view text) {
  const auto skip = [&text] {
    while (!text.empty() && std::string_view(" \t\r\n;").find(text.front()) != std::string_view::npos)
      text.remove_prefix(1);
  };
  const auto accept = [&](std::string_view word) {
    for (std::size_t i = 0; i < word.size(); ++i)
      if (i >= text.size() || (text[i] | 0x20) != word[i]) return false;
    text.remove_prefix(word.size());
    skip();
    return true;
  };
  skip();
  if (accept("show")) return accept("queries") && text.empty();
  return accept("kill") && accept("query") && text.size() < 64 && text.find(';') == std::string_view::npos;
}

class Names final : public influxql::Databases {
 public:
  Names(const DatabaseNames& names, bool may_create) : names_(names), may_create_(may_create) {}
  bool has(std::string_view name) const override { return names_.has(name); }
  std::vector<std::string> names() const override { return names_.names(); }
  Status create(const std::string& name) const override {
    // A reader cannot create a database, but may name one that exists.
    if (!may_create_ && !names_.has(name))
      return fail(ErrorKind::kDenied, "error authorizing query: CREATE DATABASE \"" + name + "\" needs a token");
    return names_.create(name);
  }
  Status drop(const std::string& name) const override { return names_.drop(name); }

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
    if (result.error.empty() || !result.executed) continue;
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
  co_return co_await net::run(app.pools().query().get_executor(), next_piece(std::move(pieces)));
}

// In the form that Accept likes best; JSON for who likes none of them.
influxql::Pieces pieces_for(const http::Request& request, const std::shared_ptr<const influxql::Response>& result,
                            const influxql::SerializeOptions& format, std::string& content_type) {
  static constexpr std::array<std::string_view, 4> kOffers = {"application/json", "text/csv", "application/csv",
                                                              "application/x-msgpack"};
  const std::string_view best = kOffers[http::best_offer(request.header("accept"), kOffers).value_or(0)];
  if (best.ends_with("/csv")) {
    content_type = "text/csv";
    return influxql::csv_pieces(result, format);
  }
  if (best == "application/x-msgpack") {
    content_type = best;
    return influxql::msgpack_pieces(result, format);
  }
  return influxql::json_pieces(result, format);
}

influxql::SerializeOptions format_of(const http::Request& request) {
  influxql::SerializeOptions format;
  format.epoch = influxql::parse_epoch(request.parameter("epoch"));
  format.pretty = request.parameter("pretty") == "true";
  const std::string digits(request.parameter("digits"));
  format.digits = static_cast<int>(std::clamp(std::strtol(digits.c_str(), nullptr, 10), 0L, 15L));
  if (request.parameter("chunked") == "true") {
    format.chunk_rows = kDefaultChunkRows;
    const std::string size(request.parameter("chunk_size"));
    if (const auto n = std::strtoull(size.c_str(), nullptr, 10); n > 0) format.chunk_rows = n;
  }
  return format;
}

// A header's value has no control characters.
std::string header_text(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = ' ';
  return text.substr(0, kMostHeaderText);
}

http::Response respond(App& app, const http::Request& request, std::shared_ptr<const influxql::Response> result,
                       const std::string& lacking) {
  http::Response response;
  response.status = result->error.empty() ? 200 : 400;
  if (!result->error.empty()) add_influx_error(response, result->error);
  response.headers.emplace_back("X-Influxdb-Version", "1.6.7-resmon");
  if (!lacking.empty()) response.headers.emplace_back("X-Resmon-Partial", header_text(lacking));
  const auto pieces =
      std::make_shared<influxql::Pieces>(pieces_for(request, result, format_of(request), response.content_type));
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

influxql::QueryLimits limits_of(App& app, const http::Request& request, const RunningQueries::Entry& entry,
                                std::chrono::steady_clock::time_point deadline) {
  influxql::QueryLimits limits;
  limits.cancelled = request.gone.get();
  limits.stopping = &app.stopping();
  limits.killed = &entry.killed();
  limits.deadline = deadline;
  limits.memory = &app.queries().memory;
  limits.helpers = &app.pools().query_helpers();
  limits.max_points = static_cast<std::uint64_t>(app.options().query_max_rows);
  limits.max_series = static_cast<std::uint64_t>(app.options().query_max_series);
  limits.max_buckets = static_cast<std::uint64_t>(app.options().query_max_rows);
  limits.max_buffer_bytes = app.options().query_memory_bytes;
  return limits;
}

// From the database that all servers write to, else from the servers' own stores; `lacking` says what was not there.
influxql::Response from_all(App& app, const std::function<influxql::Response(const store::Reader&)>& from,
                            std::string& lacking) {
  if (Database* const database = app.database()) {
    if (!database->away()) {
      // Where the answer began, as rows may be delivered meanwhile.
      const RecentReader recent(app.storage().store(), database->bridge_from());
      const PeerReader reader(recent, *database);
      influxql::Response answered = from(reader);
      lacking = reader.lacking();
      if (lacking.empty()) return answered;
    } else {
      lacking = database->lacking();
    }
    lacking += "; this is what the servers' own stores have";
  }
  if (app.peers().views().empty()) return from(app.storage().store());
  const PeerReader reader(app.storage().store(), app.peers());
  influxql::Response answered = from(reader);
  if (lacking.empty()) lacking = reader.lacking();
  return answered;
}

http::Response answer(App& app, const http::Request& request, std::chrono::steady_clock::time_point deadline) {
  auto params = influxql::parse_params(request.parameter("params"));
  if (!params) return influx_error(400, params.error().message);
  QueryStats& stats = app.queries().stats;
  const Count running(stats.running);
  const RunningQueries::Entry entry(app.queries().running, query_text(request), request.parameter("db"));
  const QueryBackend backend(app, request, deadline);
  const Names names(app.storage().database_names(), app.listeners().http().allowed(request, http::Access::kWrite));
  influxql::ExecuteOptions options;
  options.databases = &names;
  options.backend = &backend;
  options.requested_database = request.parameter("db");
  options.retention_policy = request.parameter("rp");
  options.now = Clock::system().wall();
  options.params = std::move(*params);
  options.limits = limits_of(app, request, entry, deadline);
  const auto patience = std::chrono::steady_clock::now() + kVisiblePatience;
  const bool of_data = !is_about_queries(query_text(request));
  if (of_data && !app.intake().shows_acknowledged(std::min(deadline, patience))) ++stats.early;
  logs::Bounds bounds;
  bounds.until = deadline;
  bounds.cancelled = [gone = request.gone, &app, &entry] { return *gone || app.stopping() || entry.killed(); };
  const auto from = [&](const store::Reader& stored) {
    const SyslogReader reader(stored, app.storage().logs(), query_text(request), options.params, options.now, bounds);
    return influxql::execute(reader, query_text(request), options);
  };
  std::string lacking;
  influxql::Response answered =
      of_data && request.parameter("peers") != "false" ? from_all(app, from, lacking) : from(app.storage().store());
  if (!lacking.empty()) {
    ++stats.partial;
    for (influxql::StatementResult& one : answered.results) one.warning = "partial: " + lacking;
  }
  const auto result = std::make_shared<const influxql::Response>(std::move(answered));
  count_errors(stats, *result);
  return respond(app, request, result, lacking);
}

asio::awaitable<http::Response> on_pool(App& app, RequestPointer request,
                                        std::chrono::steady_clock::time_point deadline) {
  --app.queries().stats.waiting;
  co_return answer(app, *request, deadline);
}

asio::awaitable<http::Response> beside_the_pool(App& app, RequestPointer request) {
  co_return answer(app, *request, std::chrono::steady_clock::now() + app.options().query_timeout);
}

// Reading and decoding block; the network's threads do not wait for them.
asio::awaitable<http::Response> query(App& app, RequestPointer request) {
  if (query_text(*request).empty()) co_return influx_error(400, R"(missing required parameter "q")");
  QueryStats& stats = app.queries().stats;
  ++stats.queries;
  if (is_about_queries(query_text(*request)))
    co_return co_await net::run(app.pools().write().get_executor(), beside_the_pool(app, std::move(request)));
  if (!stats.begin_waiting(static_cast<std::uint64_t>(app.options().query_queue))) co_return too_many_queries();
  const auto deadline = std::chrono::steady_clock::now() + app.options().query_timeout;
  co_return co_await net::run(app.pools().query().get_executor(), on_pool(app, std::move(request), deadline));
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

http::Response too_many_queries() {
  http::Response busy = http::Response::error(503, "too many queries are waiting: limits.query_queue");
  busy.headers.emplace_back("Retry-After", "1");
  return busy;
}

void add_query_routes(App& app, http::Router& router) {
  const auto handler = [&app](RequestPointer request) { return query(app, std::move(request)); };
  router.add("GET", "/query", http::Access::kRead, handler);
  router.add("POST", "/query", http::Access::kRead, handler, kQueryBodyBytes, http::Body::kForm);
  router.add("POST", "/api/v2/query", http::Access::kRead, [](RequestPointer request) { return flux(request); });
}

}  // namespace resmon::server
