// Line protocol over HTTP, as InfluxDB takes it: /write of 1.x and /api/v2/write. Good lines are kept whatever stands
// beside them; what is wrong with the others is in the answer, in InfluxDB's words, so that Telegraf and client
// libraries understand it. The answer comes when the lines are durable: they are encoded on a thread of their own, and
// the connection's coroutine waits for the journal as a client's session does.

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <mutex>

#include "app.h"
#include "ingest/rows.h"
#include "json.h"
#include "lineproto/decoder.h"
#include "routes.h"
#include "type_check.h"

namespace resmon::server {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kPieceCells = 100'000;
constexpr auto kDurablePatience = std::chrono::seconds(10);
constexpr std::size_t kWriteBodyBytes = 25'000'000;  // InfluxDB 1.x's own bound
// Whoever writes so much waits for the answer to write more, and pays for a sync of its own; a gather can wait for
// others.
constexpr std::size_t kBulkBytes = 256U << 10U;
constexpr std::size_t kSpareDecoders = 4;  // each remembers the line shapes that it has met

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

// What all writes share.
struct Writer {
  explicit Writer(App& app) : decoders(app.schemas()), types(app.schemas(), app.store()) {}
  Decoders decoders;
  TypeCheck types;
};

struct Outcome {
  http::Response response;
  std::uint64_t position = 0;  // to be durable before the answer goes out; 0: nothing was taken
};

Outcome write(App& app, Writer& writer, Api api, const http::Request& request) {
  const std::string_view target = request.parameter(api == Api::kOne ? "db" : "bucket");
  const std::string_view database = api == Api::kOne ? target : target.substr(0, target.find('/'));  // "db/rp"
  // Telegraf's influxdb_v2 output without a bucket of its own says `bucket=`: there is only one it can mean.
  const bool any = api == Api::kTwo && target.empty() && request.has_parameter("bucket");
  if (database.empty() && !any)
    return {refuse(api, 400, "invalid", api == Api::kOne ? "database is required" : "bucket is required")};
  if (!any && !app.database_names().has(database))
    return {
        refuse(api, 404, "not found",
               (api == Api::kOne ? "database not found: \"" : "bucket not found: \"") + std::string(database) + "\"")};
  lineproto::DecodeOptions options;
  const auto parsed = lineproto::parse_precision(request.parameter("precision"));
  if (!parsed) return {refuse(api, 400, "invalid", parsed.error().message)};
  options.precision = *parsed;
  const UnixNanos now = Clock::system().wall();
  options.default_time = now;

  lineproto::LineDecoder decoder = writer.decoders.take();
  metric::Batch batch;
  const lineproto::DecodeReport report = decoder.decode(request.body, options, batch);
  writer.decoders.give_back(std::move(decoder));
  const TypeCheck::Conflicts conflicts = writer.types.find(batch);

  const auto believed = ingest::TimeBounds::around(now, app.options().max_past, app.options().max_future);
  std::size_t dropped = 0;
  for (const metric::Row& row : batch.rows()) dropped += believed.has(row.time) ? 0U : 1U;
  if (dropped > 0) {
    std::vector<std::size_t> good;
    for (std::size_t i = 0; i < batch.rows().size(); ++i)
      if (believed.has(batch.rows()[i].time)) good.push_back(i);
    batch = ingest::copy_rows(app.schemas(), batch, good);
  }
  Outcome outcome;
  // In pieces that a record of the journal surely holds.
  const std::size_t rows = batch.rows().size();
  for (std::size_t first = 0; first < rows;) {
    std::size_t last = first + 1;
    while (last < rows && batch.rows()[last].first_cell - batch.rows()[first].first_cell < kPieceCells) ++last;
    const bool whole = first == 0 && last == rows;
    metric::Batch piece;
    if (!whole) piece = ingest::copy_rows(app.schemas(), batch, ingest::row_range(first, last));
    const auto appended = app.mutable_log().append(whole ? batch : piece, now);
    if (!appended)
      return {appended.error().kind == ErrorKind::kLimit
                  ? refuse(api, 413, "request too large", appended.error().message)
                  : refuse(api, 503, "unavailable", appended.error().message)};
    outcome.position = appended->position;
    first = last;
  }
  if (request.body.size() >= kBulkBytes) app.mutable_log().sync_soon();
  if (report.refused_lines > 0 || dropped > 0) {
    const bool partial = report.refused_lines < report.lines;
    std::string text = report.refused_lines > 0 ? report.error_text() : "points too far from the server's time";
    outcome.response =
        refuse(api, 400, "invalid", partial ? "partial write: " + text + " dropped=" + std::to_string(dropped) : text);
    return outcome;
  }
  if (conflicts.rows > 0) {
    outcome.response = refuse(api, api == Api::kOne ? 400 : 422, "unprocessable entity",
                              "partial write: " + conflicts.first + " dropped=" + std::to_string(conflicts.rows));
    return outcome;
  }
  outcome.response.status = 204;
  outcome.response.headers.emplace_back("X-Influxdb-Version", "1.6.7-resmon");
  return outcome;
}

asio::awaitable<Outcome> write_on_pool(App& app, std::shared_ptr<Writer> writer, Api api,
                                       std::shared_ptr<const http::Request> request) {
  co_return write(app, *writer, api, *request);
}

struct Waiter {
  explicit Waiter(const asio::any_io_executor& executor) : timer(executor) {}
  asio::steady_timer timer;
  bool durable = false;
};

asio::awaitable<http::Response> write_request(App& app, std::shared_ptr<Writer> writer, Api api,
                                              std::shared_ptr<const http::Request> request) {
  Outcome outcome = co_await asio::co_spawn(app.write_pool().get_executor(), write_on_pool(app, writer, api, request),
                                            asio::use_awaitable);
  if (outcome.position == 0) co_return std::move(outcome.response);
  const auto waiter = std::make_shared<Waiter>(co_await asio::this_coro::executor);
  waiter->timer.expires_after(kDurablePatience);
  app.mutable_log().lane(waiter->timer.get_executor())->wait(outcome.position, [waiter] {
    waiter->durable = true;
    waiter->timer.cancel();
  });
  if (!waiter->durable) co_await waiter->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  // Writing it again changes nothing.
  if (!waiter->durable)
    co_return refuse(api, 503, "unavailable", "not durable yet: the disk is full, failing or slow; try again");
  co_return std::move(outcome.response);
}

}  // namespace

void add_write_routes(App& app, http::Router& router) {
  const auto writer = std::make_shared<Writer>(app);
  for (const auto& [path, api] : {std::pair{"/write", Api::kOne}, {"/api/v2/write", Api::kTwo}})
    router.add(
        "POST", path, http::Access::kWrite,
        [&app, writer, which = api](std::shared_ptr<const http::Request> request) {
          return write_request(app, writer, which, std::move(request));
        },
        kWriteBodyBytes);
}

}  // namespace resmon::server
