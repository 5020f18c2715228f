// One coroutine a target: sleep until the next multiple of the interval, ask, read the answer in pieces with the event
// loop in between, sleep. A scrape that takes longer than the interval leaves out the next ones.
//
// Series are interned in a table of the scraper's own, which is bounded, and from there in the client's: an exporter
// that makes a new label value each time fills the one, and no more than that of the other.

#include "scrape/scraper.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>

#include "base/file.h"
#include "base/log.h"
#include "net/spawn.h"
#include "prom/exposition.h"
#include "sink/http_client.h"

namespace resmon::scrape {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kLinesAtOnce = 500;
constexpr std::size_t kMostSecretBytes = 64U << 10U;
constexpr std::chrono::nanoseconds kLongestSleep = std::chrono::minutes(1);
constexpr std::string_view kAccept =
    "text/plain;version=0.0.4;q=1,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1";

struct Target {
  sink::Url url;
  std::string target;  // path and query
};

Result<Target> target_of(const std::string& text) {
  Target out;
  const std::size_t query = std::min(text.find('?'), text.size());
  RESMON_ASSIGN(out.url, sink::parse_url(text.substr(0, query)));
  if (text.find_first_of(" #\r\n\t", query) != std::string::npos)
    return fail(ErrorKind::kInvalid, "url: a query holds no blanks, and no fragment follows it");
  out.target = (out.url.path.empty() ? "/metrics" : out.url.path) + text.substr(query);
  return out;
}

Result<std::string> first_line(const std::string& key, const std::string& file) {
  Result<std::string> content = read_file(file, kMostSecretBytes);
  if (!content) return fail(std::move(content).error().wrap(key));
  std::string line = content->substr(0, content->find_first_of("\r\n"));
  if (line.empty() || std::any_of(line.begin(), line.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }))
    return fail(ErrorKind::kInvalid, key + ": the first line of " + file + " is no secret");
  return line;
}

}  // namespace

Status ScrapeOptions::check() const {
  if (url.empty()) return fail(ErrorKind::kInvalid, "url: must not be empty");
  RESMON_TRY(target_of(url));
  if (!bearer_file.empty() && (!username.empty() || !password_file.empty()))
    return fail(ErrorKind::kInvalid, "bearer_file: one of it and username");
  if (username.find_first_of(":\r\n") != std::string::npos)
    return fail(ErrorKind::kInvalid, "username: must not hold a ':' or a line break");
  return {};
}

struct Scraper::State : std::enable_shared_from_this<Scraper::State> {
  State(asio::any_io_executor at, ScrapeOptions from, Target to, metric::SchemaTable& table, Deliver hand_on)
      : executor(std::move(at)),
        options(std::move(from)),
        target(std::move(to)),
        schemas(table),
        deliver(std::move(hand_on)),
        own(static_cast<std::size_t>(options.max_series)),
        series(own),
        timer(executor),
        deadline(executor) {
    tags = options.tags;
    const auto add = [&](std::string_view key, std::string value) {
      if (std::none_of(tags.begin(), tags.end(), [&](const metric::Tag& tag) { return tag.key == key; }))
        tags.push_back({std::string(key), std::move(value)});
    };
    add("instance", target.url.authority());
    add("job", options.name);
    metric::normalise_tags(tags);
    const auto intern = [&](const char* measurement) {
      return schemas.intern({measurement, tags, {{std::string(prom::kValueField), metric::FieldType::kFloat}}})
          .value_or(0);
    };
    up = intern("up");
    duration = intern("scrape_duration_seconds");
    scraped = intern("scrape_samples_scraped");
  }

  Status connect() {
    sink::HttpClientOptions client;
    client.timeout = options.timeout;
    client.answer_bytes = static_cast<std::size_t>(options.max_bytes) + 1;
    client.tls_ca_file = options.tls_ca_file;
    client.tls_verify = options.tls_verify;
    client.names = net::Names::kOwn;  // this is part of the client, a static program
    RESMON_ASSIGN(transport, sink::make_http_client(executor, target.url, client));
    return {};
  }

  asio::awaitable<void> run(std::shared_ptr<State> self);
  asio::awaitable<void> scrape(UnixNanos due);
  asio::awaitable<Result<sink::HttpAnswer>> ask();
  asio::awaitable<std::uint64_t> take(const sink::HttpAnswer& answer, UnixNanos due);
  Result<std::string> authorization() const;
  void translate();
  void note(const std::string& error, const prom::ExpositionReport& report);

  const asio::any_io_executor executor;
  const ScrapeOptions options;
  const Target target;
  metric::SchemaTable& schemas;
  const Deliver deliver;
  metric::SchemaTable own;  // of what was scraped, bounded
  prom::Series series;
  std::vector<std::int64_t> ids;  // by id in own; -1: not known yet
  std::unique_ptr<sink::Transport> transport;
  asio::steady_timer timer;
  asio::steady_timer deadline;
  std::vector<metric::Tag> tags;
  metric::SchemaId up = 0;
  metric::SchemaId duration = 0;
  metric::SchemaId scraped = 0;
  metric::Batch rows;  // with ids of `own`
  metric::Batch out;
  ScrapeStats stats;
  std::string told_refusal;
  bool stopped = false;
  bool late = false;  // the scrape under way is
  bool logs = true;
};

asio::awaitable<void> Scraper::State::run(std::shared_ptr<State> self) {
  (void)self;
  const std::int64_t step = options.interval.count();
  UnixNanos last = 0;
  while (!stopped) {
    const UnixNanos asked = Clock::system().wall();
    UnixNanos due = (asked / step + 1) * step;
    if (due == last) due += step;
    // A long sleep is cut up, because the wall clock may be set meanwhile.
    while (!stopped) {
      const std::int64_t left = due - Clock::system().wall();
      if (left <= 0 || left > 2 * step) break;
      timer.expires_after(std::min(std::chrono::nanoseconds(left), kLongestSleep));
      co_await net::wait(timer);
    }
    if (stopped) break;
    if (due - Clock::system().wall() > 2 * step) continue;  // set back
    last = due;
    co_await scrape(due);
  }
}

Result<std::string> Scraper::State::authorization() const {
  if (!options.bearer_file.empty()) {
    RESMON_ASSIGN(const std::string token, first_line("bearer_file", options.bearer_file));
    return "Bearer " + token;
  }
  std::string user = options.username.empty() ? target.url.user : options.username;
  if (user.empty()) return std::string();
  std::string password = target.url.password;
  if (!options.password_file.empty()) {
    RESMON_ASSIGN(password, first_line("password_file", options.password_file));
  }
  return "Basic " + sink::base64(user + ":" + password);
}

asio::awaitable<Result<sink::HttpAnswer>> Scraper::State::ask() {
  sink::HttpRequest request;
  request.method = sink::Method::kGet;
  request.target = target.target;
  Result<std::string> secret = authorization();
  if (!secret) co_return fail(std::move(secret).error());
  request.authorization = *std::move(secret);
  request.headers.emplace_back("Accept", kAccept);
  Result<sink::HttpAnswer> answer = co_await transport->send(request);
  if (late) co_return fail(ErrorKind::kUnavailable, "no answer within the timeout");
  if (!answer) co_return answer;
  if (answer->status != 200)
    co_return fail(ErrorKind::kUnavailable, "it answers with status " + std::to_string(answer->status));
  if (answer->body.size() > options.max_bytes)
    co_return fail(ErrorKind::kLimit, "the answer has more than max_bytes, " + std::to_string(options.max_bytes));
  co_return answer;
}

// The row's schema in the client's table. Rows of the scraper's own table go out with it.
void Scraper::State::translate() {
  out.clear();
  for (const metric::Row& row : rows.rows()) {
    if (row.schema >= ids.size()) ids.resize(row.schema + 1, -1);
    std::int64_t& id = ids[row.schema];
    if (id < 0) {
      const auto found = schemas.intern(own[row.schema]);
      if (!found) {
        ++stats.refused_lines;
        continue;
      }
      id = *found;
    }
    out.add(static_cast<metric::SchemaId>(id), 1, row.time).set_cell(0, rows.value(row, 0));
  }
  rows.clear();
}

// Hands on what the answer holds; returns how many samples that is.
asio::awaitable<std::uint64_t> Scraper::State::take(const sink::HttpAnswer& answer, UnixNanos due) {
  prom::ExpositionOptions reading;
  reading.open_metrics = answer.content_type.starts_with("application/openmetrics-text");
  reading.use_times = options.use_times;
  reading.time = due;
  reading.tags = tags;
  prom::Exposition text(answer.body, std::move(reading), series);
  for (bool more = true; more && !stopped;) {
    more = text.read(kLinesAtOnce, rows);
    translate();
    if (!out.empty()) deliver(out);
    if (more) co_await net::yield(executor);
  }
  const prom::ExpositionReport& report = text.report();
  stats.samples += report.samples;
  stats.refused_lines += report.refused;
  stats.not_finite += report.not_finite;
  note("", report);
  co_return report.samples;
}

asio::awaitable<void> Scraper::State::scrape(UnixNanos due) {
  const auto begin = std::chrono::steady_clock::now();
  late = false;
  deadline.expires_after(options.timeout);
  deadline.async_wait([weak = weak_from_this()](const boost::system::error_code& cancelled) {
    const auto self = weak.lock();
    if (cancelled || !self) return;
    self->late = true;
    self->transport->close();
  });
  const Result<sink::HttpAnswer> answer = co_await ask();
  deadline.cancel();
  if (stopped) co_return;
  ++stats.scrapes;
  std::uint64_t samples = 0;
  if (answer) {
    samples = co_await take(*answer, due);
  } else {
    ++stats.failures;
    note(answer.error().message, {});
  }
  if (stopped) co_return;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  out.clear();
  out.add(up, 1, due).set(0, answer ? 1.0 : 0.0);
  out.add(duration, 1, due).set(0, took.count());
  out.add(scraped, 1, due).set(0, static_cast<double>(samples));
  deliver(out);
}

// Logs what is wrong when it begins and when it ends.
void Scraper::State::note(const std::string& error, const prom::ExpositionReport& report) {
  if (!logs) {
    stats.last_error = error;
    return;
  }
  if (!error.empty() && stats.last_error.empty())
    log::warn("scrape", "no metrics", {{"scrape", options.name}, {"url", target.url.authority()}, {"reason", error}});
  if (error.empty() && !stats.last_error.empty())
    log::info("scrape", "metrics again", {{"scrape", options.name}, {"url", target.url.authority()}});
  stats.last_error = error;
  if (!error.empty()) return;
  if (report.refused > 0 && told_refusal.empty())
    log::warn("scrape", "lines are refused",
              {{"scrape", options.name}, {"lines", report.refused}, {"first", report.first_refusal}});
  told_refusal = report.first_refusal;
}

Result<std::unique_ptr<Scraper>> Scraper::make(asio::any_io_executor executor, ScrapeOptions options,
                                               metric::SchemaTable& schemas, Deliver deliver) {
  RESMON_TRY(options.check());
  RESMON_ASSIGN(Target target, target_of(options.url));
  options.timeout = std::min(options.timeout, options.interval);
  auto state =
      std::make_shared<State>(std::move(executor), std::move(options), std::move(target), schemas, std::move(deliver));
  RESMON_TRY(state->connect());
  return std::unique_ptr<Scraper>(new Scraper(std::move(state)));
}

Scraper::~Scraper() {
  stop();
}

void Scraper::start() {
  net::start(state_->executor, state_->run(state_));
}

void Scraper::run_once(std::function<void()> done) {
  state_->logs = false;
  net::start(state_->executor, state_->scrape(Clock::system().wall() / 1'000'000 * 1'000'000),
             [state = state_, done = std::move(done)](const std::exception_ptr&) {
               state->transport->close();
               done();
             });
}

void Scraper::stop() {
  state_->stopped = true;
  state_->timer.cancel();
  state_->deadline.cancel();
  state_->transport->close();
}

const std::string& Scraper::name() const {
  return state_->options.name;
}

const ScrapeStats& Scraper::stats() const {
  return state_->stats;
}

}  // namespace resmon::scrape
