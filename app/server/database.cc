#include "database.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "app.h"
#include "base/log.h"
#include "listeners.h"
#include "net/spawn.h"
#include "peer/influx.h"
#include "pipeline.h"
#include "row_intake.h"
#include "sink/http_client.h"
#include "sink/sink.h"
#include "sinks.h"

namespace resmon::server {

namespace {

constexpr std::size_t kMostDatabaseAnswerBytes = 256U << 20U;
constexpr std::size_t kMostDatabaseCatalogs = 2000;
constexpr auto kCatalogAge = std::chrono::seconds(5);  // a series that is new to others shows after this at the latest
constexpr auto kDatabaseInterval = std::chrono::seconds(2);
constexpr int kDatabaseFailures = 2;  // in a row: it is away

Error refusal_of(const sink::HttpAnswer& answer) {
  std::string reason = "it answers " + std::to_string(answer.status);
  if (answer.status == 401 || answer.status == 403) reason = "it refuses the sink's token or password for reading";
  if (answer.status == 404)
    reason =
        "it has no /query, or no such database: InfluxDB 2 needs a mapping of the bucket to a database and a "
        "retention policy (influx v1 dbrp create)";
  return {ErrorKind::kUnavailable, reason};
}

}  // namespace

Database::Database(App& app, const sink::SinkOptions& options, sink::Endpoint endpoint,
                   boost::asio::any_io_executor executor)
    : app_(app),
      options_(options),
      endpoint_(std::move(endpoint)),
      name_("sink." + options.name),
      executor_(std::move(executor)),
      pool_(executor_, [this] { return connect(); }),
      hosts_(app),
      undelivered_(app.intake().pipeline().position()),
      failures_(kDatabaseFailures) {
  app.intake().pipeline().on_entry([this](const ingest::Entry& entry) {
    UnixNanos oldest = INT64_MAX;
    for (const metric::Row& row : entry.batch->rows()) oldest = std::min(oldest, row.time);
    undelivered_.note(entry.position, oldest);
  });
}

Result<std::unique_ptr<Database>> Database::make(App& app, const sink::SinkOptions& options,
                                                 boost::asio::any_io_executor executor) {
  RESMON_ASSIGN(sink::Endpoint endpoint, sink::make_endpoint(options));
  auto out = std::unique_ptr<Database>(new Database(app, options, std::move(endpoint), std::move(executor)));
  RESMON_ASSIGN(out->poll_, out->connect());
  return out;
}

Result<std::unique_ptr<sink::Transport>> Database::connect() const {
  sink::HttpClientOptions options = sink::http_client_options(options_);
  options.answer_bytes = kMostDatabaseAnswerBytes;
  return sink::make_http_client(executor_, endpoint_.url, options);
}

void Database::start() {
  hosts_.start();
  net::start(executor_, watch());
}

void Database::stop() {
  hosts_.stop();
  pool_.stop();
  net::post(executor_, [this] { poll_->close(); });
}

UnixNanos Database::bridge_from() {
  for (const SinkUnit& unit : app_.sinks().units())
    if (unit.sink->stats().name == options_.name) return undelivered_.since(unit.reader->stats().committed);
  return INT64_MIN;
}

bool Database::away() const {
  const MutexLock lock(mutex_);
  return failures_ >= kDatabaseFailures;
}

std::vector<std::size_t> Database::present() const {
  return away() ? std::vector<std::size_t>() : std::vector<std::size_t>{0};
}

std::string Database::lacking() const {
  const MutexLock lock(mutex_);
  return failures_ < kDatabaseFailures ? "" : shown(0) + " does not answer: " + reason_;
}

// As the sink writes: to the same database and retention policy, with the same rights. The secrets are read each time,
// as they may have been changed.
sink::HttpRequest Database::request_of(const std::string& statement) const {
  sink::HttpRequest request;
  const std::string& database =
      endpoint_.version == 2 && !options_.bucket.empty() ? options_.bucket : options_.database;
  request.target = endpoint_.url.path + "/query?epoch=ns&db=" + sink::percent_encode(database);
  if (!options_.retention_policy.empty()) request.target += "&rp=" + sink::percent_encode(options_.retention_policy);
  request.body = "q=" + sink::percent_encode(statement);
  request.content_type = "application/x-www-form-urlencoded";
  const auto now = sink::make_endpoint(options_);
  request.authorization = now ? now->authorization : endpoint_.authorization;
  return request;
}

Result<std::string> Database::ask(const std::string& statement) {
  RESMON_ASSIGN(sink::HttpAnswer answer, pool_.ask(request_of(statement)));
  // InfluxDB says with 400 what it does not like about a statement: whoever reads the answer says so.
  if (answer.status != 200 && answer.status != 400) return fail(refusal_of(answer));
  return std::move(answer.body);
}

Result<peer::CatalogAnswer> Database::read_catalog(const std::string& measurement) {
  if (measurement.empty()) {
    RESMON_ASSIGN(const std::string answer, ask(peer::influx_measurements_statement()));
    return peer::read_influx_measurements(answer);
  }
  RESMON_ASSIGN(const std::string answer, ask(peer::influx_catalog_statement(measurement)));
  Result<peer::CatalogAnswer> read = peer::read_influx_catalog(answer);
  if (read) return read;
  RESMON_ASSIGN(const std::string by_rows, ask(peer::influx_catalog_statement_by_rows(measurement)));
  Result<peer::CatalogAnswer> again = peer::read_influx_catalog(by_rows);
  return again ? std::move(again) : std::move(read);
}

Result<RowSources::Catalog> Database::catalog(std::size_t, const std::string& measurement) {
  const auto now = std::chrono::steady_clock::now();
  {
    const MutexLock lock(mutex_);
    if (const auto found = catalogs_.find(measurement);
        found != catalogs_.end() && now - found->second.asked < kCatalogAge)
      return found->second.catalog;
  }
  Result<peer::CatalogAnswer> read = read_catalog(measurement);
  if (!read) return fail(std::move(read).error());
  const auto catalog = std::make_shared<const peer::CatalogAnswer>(std::move(*read));
  const MutexLock lock(mutex_);
  if (catalogs_.size() >= kMostDatabaseCatalogs) catalogs_.clear();
  catalogs_[measurement] = {catalog, now};
  return Catalog(catalog);
}

Result<peer::Page> Database::rows(std::size_t, const peer::RowsRequest& request, const peer::CatalogAnswer& catalog) {
  const peer::InfluxRowsQuestion question = peer::influx_rows_question(request, catalog);
  if (question.statement.empty()) return peer::read_influx_rows(R"({"results":[{}]})", request, question);
  RESMON_ASSIGN(const std::string answer, ask(question.statement));
  return peer::read_influx_rows(answer, request, question);
}

boost::asio::awaitable<void> Database::watch() {
  boost::asio::steady_timer timer(executor_);
  while (!app_.stopping()) {
    const auto next = std::chrono::steady_clock::now() + kDatabaseInterval;
    const sink::HttpRequest request = request_of(hosts_.statement());
    auto answer = co_await poll_->send(request);
    if (app_.stopping()) co_return;
    co_await net::run(app_.listeners().http_workers().get_executor(), take(std::move(answer)));
    timer.expires_at(next);
    co_await net::wait(timer);
  }
}

boost::asio::awaitable<void> Database::take(Result<sink::HttpAnswer> answer) {
  if (!answer)
    note(fail(std::move(answer).error()));
  else if (answer->status != 200 && answer->status != 400)
    note(fail(refusal_of(*answer)));
  else
    note(hosts_.take(answer->body));
  co_return;
}

void Database::note(const Status& answered) {
  bool changed = false;
  {
    const MutexLock lock(mutex_);
    const bool first = !std::exchange(asked_, true);
    if (answered) {
      changed = std::exchange(failures_, 0) >= kDatabaseFailures;
      reason_.clear();
    } else {
      failures_ = std::min(failures_ + 1, 1000);
      changed = failures_ == kDatabaseFailures || first;
      reason_ = answered.error().message;
    }
  }
  if (!changed) return;
  if (answered)
    log::info("query", "the database answers: queries read from it", {{"backend", name_}});
  else
    log::warn("query", "the database does not answer: queries read the servers' own stores",
              {{"backend", name_}, {"reason", answered.error().message}});
}

}  // namespace resmon::server
