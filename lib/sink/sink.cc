// One coroutine: take items, turn rows into lines, send when a block is full or has lingered, commit, repeat. One
// request is under way at a time, which keeps order and makes the commit a plain statement after the request. Rejected:
// several requests at once (commits would need a window; a local InfluxDB is the bottleneck long before one connection
// is), and a queue in between (the log upstream is the queue, is durable, and does not care how long this takes).
//
// A 400 needs care. Where it speaks of lines, the block is cut in halves until the bad lines stand alone, and those are
// set aside. But proxies and wrong ports answer 400 too, and a box in between that drops "Content-Encoding: gzip" makes
// nonsense of good lines; setting a whole log aside because of one would lose it. So a line is only set aside when the
// server has stored another one: of the same block where the text does not say that it is about lines, else since the
// sink started. Until then a few lines are tried alone, the data is kept, and the sink says that it is denied. What is
// refused compressed before anything of the block was accepted is tried without compression.
//
// InfluxDB answers a partial write with how many points it dropped and has stored the rest. Points beyond the retention
// policy will never be stored, so they are counted and nothing is searched for; so are others once the search for them
// has cost many requests.

// A database may acknowledge what it has only in memory (VictoriaMetrics: up to 10 s), and forget it when it is killed.
// So the cursor follows `resend_window` behind deliveries, and everything behind it is sent again once the database
// answers after a time in which it did not: a request failed, a kept connection was found closed, a gateway said that
// nobody is there. Repeats are bounded: a rewind comes no sooner than a sixth of the window after the last, and nothing
// is sent more than kMostRewinds times again. Rejected: asking for a start time (each product has another way, and a
// gateway or the front of a cluster answers for itself); keeping what was sent in memory (a kill of the server would
// lose it).

#include "sink/sink.h"

#include <algorithm>
#include <boost/asio/strand.hpp>
#include <random>
#include <utility>

#include "base/log.h"
#include "base/snappy.h"
#include "net/spawn.h"
#include "sink/http_client.h"
#include "sink/loki.h"

namespace resmon::sink {

namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

constexpr std::size_t kMostBlockBytes = 8U << 20U;
constexpr std::size_t kLeastBlockBytes = 4U << 10U;
constexpr std::string_view kPing = "/ping";
constexpr std::string_view kHealth = "/health";
constexpr std::chrono::seconds kIdleWait{1};  // how soon a stop is seen while nothing comes
constexpr std::size_t kMostAlone = 8;         // lines tried alone before the data is held
constexpr std::size_t kMostRewinds = 8;       // of the same data
constexpr int kRewindsPerWindow = 6;
constexpr int kKeptSteps = 64;              // of the window
constexpr std::size_t kMostSearches = 128;  // refused requests before what a partial write dropped is only counted

lineproto::EncoderOptions encoder_options(const SinkOptions& options, const Endpoint& endpoint) {
  lineproto::EncoderOptions made;
  made.extra_tags = options.extra_tags;
  made.precision = endpoint.precision;
  made.pin_types = true;
  made.unsigned_as_integer = endpoint.version == 1 || !options.unsigned_integers;
  return made;
}

// Of a request that was not accepted.
State state_of(Verdict verdict) {
  return verdict == Verdict::kRetry ? State::kRetrying : State::kDenied;
}

Meaning failed(Error error) {
  Meaning meaning;
  meaning.verdict = error.kind == ErrorKind::kDenied ? Verdict::kDenied : Verdict::kRetry;
  meaning.reason = std::move(error.message);
  return meaning;
}

// "200 OK: <!doctype html>…", for the log.
std::string summary_of(const HttpAnswer& answer) {
  std::string text = std::to_string(answer.status);
  if (const std::string body = error_message(std::string_view(answer.body).substr(0, 100)); !body.empty())
    text += " " + body;
  return text;
}

// A program may have many sinks and start them at once; each must draw its own waits.
std::uint64_t seed() {
  return std::random_device()();
}

}  // namespace

std::string_view state_name(State state) {
  switch (state) {
    case State::kConnecting:
      return "connecting";
    case State::kOk:
      return "ok";
    case State::kRetrying:
      return "retrying";
    case State::kDenied:
      return "denied";
    case State::kStopped:
      return "stopped";
  }
  return "unknown";
}

Result<std::unique_ptr<Sink>> Sink::make(asio::any_io_executor executor, SinkOptions options,
                                         const metric::SchemaTable& schemas, Source& source,
                                         std::unique_ptr<Transport> transport) {
  const std::string context = "sink " + options.name;
  Result<Endpoint> endpoint = make_endpoint(options);
  if (!endpoint) return fail(std::move(endpoint).error().wrap(context));
  const asio::any_io_executor strand = asio::make_strand(std::move(executor));
  if (!transport) {
    Result<std::unique_ptr<Transport>> made = make_http_client(strand, endpoint->url, http_client_options(options));
    if (!made) return fail(std::move(made).error().wrap(context));
    transport = std::move(made).value();
  }
  return std::unique_ptr<Sink>(
      new Sink(strand, std::move(options), std::move(endpoint).value(), schemas, source, std::move(transport)));
}

Sink::Sink(asio::any_io_executor executor, SinkOptions options, Endpoint endpoint, const metric::SchemaTable& schemas,
           Source& source, std::unique_ptr<Transport> transport)
    : executor_(std::move(executor)),
      options_(std::move(options)),
      endpoint_(std::move(endpoint)),
      schemas_(schemas),
      source_(source),
      transport_(std::move(transport)),
      encoder_(schemas, encoder_options(options_, endpoint_)),
      refused_file_(options_.refused_file, options_.refused_file_bytes),
      pause_(executor_),
      deadline_(executor_),
      backoff_(options_.retry_first, options_.retry_last, seed()),
      block_bytes_(std::clamp<std::size_t>(options_.batch_bytes, kLeastBlockBytes, kMostBlockBytes)) {
  stats_.name = options_.name;
  if (endpoint_.kind == Kind::kRemoteWrite) remote_.emplace(schemas, options_.extra_tags);
  if (endpoint_.kind == Kind::kOtlp) otlp_.emplace(schemas, options_.extra_tags);
}

Sink::~Sink() = default;

asio::awaitable<void> Sink::run() {
  log::info("sink", "starting",
            {{"name", options_.name},
             {"server", endpoint_.url.authority()},
             {"version", endpoint_.version},
             {"target", endpoint_.write_target}});
  if (const Meaning found = co_await prove(); !answers_ && !stopping_) enter(state_of(found.verdict), found.reason);
  while (!expired_) {
    const bool draining = stopping_;
    let_go();
    if (!draining && block_.empty() && !uncommitted_ && rewind_due()) rewind();
    const auto now = steady_clock::now();
    const auto idle_until = now + kIdleWait;
    const auto wait_until = draining ? now : block_.empty() ? idle_until : std::min(idle_until, linger_until_);
    const std::optional<Item> item = co_await source_.next(wait_until);
    bool good = true;
    if (item)
      good = co_await take(*item);
    else if (!block_.empty() && (stopping_ || steady_clock::now() >= linger_until_))
      good = co_await deliver();
    else if (block_.empty() && draining)
      break;
    if (!good) break;
  }
  transport_->close();
  deadline_.cancel();
  enter(State::kStopped, "");
}

// Adds the item's lines to the block, sending it as often as it is full. False: stop.
asio::awaitable<bool> Sink::take(const Item& item) {
  if (resend_until_ != 0 && item.position > resend_until_) {
    if (!block_.empty() && !co_await deliver()) co_return false;
    resend_until_ = 0;
  }
  if (!uncommitted_ && block_.empty() && resend_until_ == 0) set_oldest(item.received);
  for (const metric::Row& row : item.batch->rows()) {
    if (block_.empty()) linger_until_ = steady_clock::now() + options_.linger;
    if (const std::size_t samples = encode(*item.batch, row); samples > 0) block_.end_line(samples);
    if (block_.bytes() < block_bytes_) continue;
    if (!co_await deliver()) co_return false;
    if (resend_until_ == 0) set_oldest(item.received);
  }
  uncommitted_ = item.position;
  {
    const MutexLock lock(mutex_);
    stats_.skipped_values = skipped_values();
  }
  if (block_.empty() || steady_clock::now() >= linger_until_ || rewind_due()) co_return co_await deliver();
  co_return true;
}

std::size_t Sink::encode(const metric::Batch& batch, const metric::Row& row) {
  if (endpoint_.kind == Kind::kLoki) return append_loki_entry(schemas_[row.schema], batch, row, block_.text());
  if (remote_) return remote_->append(batch, row, block_.text());
  if (otlp_) return otlp_->append(batch, row, block_.text());
  return encoder_.append(batch, row, block_.text());
}

// Sends the block until all of it is accepted or set aside, and commits. False: stopped before that.
asio::awaitable<bool> Sink::deliver() {
  Delivery delivery(block_.lines());
  search_ = {};
  while (const auto range = delivery.current()) {
    if (expired_) co_return false;
    if (!answers_) {
      Meaning found = co_await prove();
      if (!answers_ && !co_await hold(state_of(found.verdict), std::move(found))) co_return false;
      continue;
    }
    if (!co_await send_range(delivery, *range)) co_return false;
  }
  report_refusals();
  block_.clear();
  if (uncommitted_) delivered(*std::exchange(uncommitted_, std::nullopt));
  set_oldest(0);
  co_return true;
}

// One request, and what follows from its answer. False: stop.
asio::awaitable<bool> Sink::send_range(Delivery& delivery, Delivery::Range range) {
  const std::string_view lines = block_.text(range.first, range.last);
  const std::uint64_t count = range.last - range.first;
  Meaning meaning = co_await send(lines);
  switch (meaning.verdict) {
    case Verdict::kAccepted:
      if (search_.compressed_lines == count && !std::exchange(uncompressed_, true))
        log::warn("sink", "the database accepts only uncompressed requests: a proxy drops Content-Encoding",
                  {{"name", options_.name}});
      accepted(block_.samples(range.first, range.last));
      delivery.done();
      break;
    case Verdict::kPartlyTooOld: {
      const std::uint64_t dropped = std::min(meaning.dropped_points.value_or(count), count);
      const std::uint64_t samples = block_.samples(range.first, range.last);
      accepted(samples - samples * dropped / count);
      if (resend_until_ == 0) give_up(range, dropped, meaning.reason);
      delivery.done();
      break;
    }
    case Verdict::kTooLarge:
      if (!delivery.split()) {
        give_up_once(range, count, meaning.reason);
        delivery.done();
      } else {
        send_smaller(lines.size() / 2);
      }
      break;
    case Verdict::kRefused:
      co_return co_await refused(delivery, range, std::move(meaning));
    case Verdict::kNoDatabase:
      if (options_.create_database && endpoint_.version == 1 && !tried_to_create_) {
        tried_to_create_ = true;
        if (co_await create_database()) break;
      }
      [[fallthrough]];
    case Verdict::kDenied:
      refresh_secrets();
      [[fallthrough]];
    case Verdict::kRetry:
      co_return co_await hold(state_of(meaning.verdict), std::move(meaning));
  }
  co_return true;
}

// The server finds something wrong in these lines. False: stop.
asio::awaitable<bool> Sink::refused(Delivery& delivery, Delivery::Range range, Meaning meaning) {
  const std::size_t count = range.last - range.first;
  // Prometheus refuses repeats, having all of them: it writes a log ahead.
  if (resend_until_ != 0 && endpoint_.kind != Kind::kInflux) {
    delivery.done();
    co_return true;
  }
  ++search_.requests;
  if (request_.gzip && !meaning.partial && !search_.accepted && !std::exchange(search_.uncompressed, true)) {
    search_.compressed_lines = count;
    co_return true;  // the same once more
  }
  if (search_.compressed_lines == count) search_.compressed_lines.reset();  // compression was not what was wrong
  const std::uint64_t dropped = meaning.dropped_points.value_or(0);
  if (meaning.partial && dropped > 0 && dropped < count) search_.accepted = proven_ = true;
  const bool about_them = meaning.about_lines ? proven_ : search_.accepted;
  const bool all_of_them = count == 1 || dropped >= count;
  const bool searched_enough = dropped > 0 && search_.requests > kMostSearches;
  if (about_them && (all_of_them || searched_enough)) {
    give_up_once(range, all_of_them ? count : dropped, meaning.reason);
    delivery.done();
    co_return true;
  }
  if (delivery.split()) co_return true;
  if (++search_.alone < std::min(kMostAlone, delivery.ranges())) {
    delivery.put_off();
    co_return true;
  }
  delivery = Delivery(block_.lines());
  search_ = {};
  co_return co_await hold(State::kDenied, std::move(meaning));
}

// One request and what its answer means.
asio::awaitable<Meaning> Sink::send(std::string_view lines) {
  request_.method = Method::kPost;
  request_.target = endpoint_.write_target;
  request_.authorization = endpoint_.authorization;
  const bool loki = endpoint_.kind == Kind::kLoki;
  request_.content_type = loki               ? "application/json"
                          : remote_ || otlp_ ? "application/x-protobuf"
                                             : "text/plain; charset=utf-8";
  request_.headers.clear();
  if (!endpoint_.tenant.empty()) request_.headers.emplace_back("X-Scope-OrgID", endpoint_.tenant);
  if (remote_) {
    request_.headers.emplace_back("Content-Encoding", "snappy");
    request_.headers.emplace_back("X-Prometheus-Remote-Write-Version", "0.1.0");
  }
  const std::string wrapped = loki ? loki_body(lines) : std::string();
  const std::string_view body = loki ? std::string_view(wrapped) : lines;
  request_.gzip = !remote_ && options_.gzip && !uncompressed_ && !search_.uncompressed &&
                  gzip_.compress(body, request_.body).has_value();
  if (remote_) {
    request_.body.clear();
    pack_snappy(body, request_.body);
  } else if (!request_.gzip) {
    request_.body = body;
  }
  {
    const MutexLock lock(mutex_);
    ++stats_.requests;
  }
  Result<HttpAnswer> answer = co_await transport_->send(request_);
  if (!answer) {
    suspect();
    co_return failed(std::move(answer.error()));
  }
  // A gateway whose database is away. One that is busy says when to come again.
  const bool gateway = answer->status >= 502 && answer->status <= 504 && answer->retry_after.empty();
  if (answer->after_loss || gateway) suspect();
  if (!answer->server_version.empty()) {
    const MutexLock lock(mutex_);
    stats_.server_version = answer->server_version;
  }
  // VictoriaLogs and Mimir say so with nothing in it; a log-in page has a text.
  if ((loki || remote_) && answer->status / 100 == 2 && error_message(answer->body).empty()) answer->status = 204;
  if (otlp_ && answer->status == 200)
    if (const auto partial = otlp::read_answer(answer->body)) {
      answer->status = 204;
      if (partial->rejected > 0) {
        Meaning meaning;
        meaning.verdict = Verdict::kPartlyTooOld;
        meaning.reason = "partial success: " + error_message(partial->message);
        meaning.dropped_points = partial->rejected;
        co_return meaning;
      }
    }
  co_return meaning_of(*answer, Clock::system().wall());
}

// Asks who is there, before anything is sent: /ping of InfluxDB 1.x to 3.x and all that take its lines, which answer
// 204, most with a version; else /health of InfluxDB 2.x. Only tells: whether lines are stored, only a write can say.
// Without an answer the meaning says why, and `answers_` stays false.
asio::awaitable<Meaning> Sink::prove() {
  if (endpoint_.kind != Kind::kInflux) {  // what takes its push has no common way to say what it is
    answers_ = true;
    co_return Meaning();
  }
  HttpRequest request;
  request.method = Method::kGet;
  request.authorization = endpoint_.authorization;
  std::string answered;
  bool pong = false;
  for (const std::string_view path : {kPing, kHealth}) {
    request.target = endpoint_.url.path + std::string(path);
    proving_ = true;
    Result<HttpAnswer> answer = co_await transport_->send(request);
    proving_ = false;
    if (!answer) co_return failed(std::move(answer.error()));
    const std::string product = product_of(*answer);
    pong = pong || answer->status == 204;
    answered += (answered.empty() ? "" : "; ") + std::string(path) + ": " + summary_of(*answer);
    if (product.empty()) continue;
    answers_ = true;
    log::info("sink", "the database answers", {{"name", options_.name}, {"product", product}});
    {
      const MutexLock lock(mutex_);
      stats_.server_version = answer->server_version.empty() ? product : answer->server_version;
    }
    co_await check_deduplication();
    co_return Meaning();
  }
  answers_ = true;
  if (pong)
    log::info("sink", "an unknown database answers", {{"name", options_.name}, {"answers", answered}});
  else
    log::warn("sink", "the answer may not come from a database", {{"name", options_.name}, {"answers", answered}});
  co_await check_deduplication();
  co_return Meaning();
}

// VictoriaMetrics keeps what comes twice twice, and says at /flags whether it was told not to. Others have no such
// page.
asio::awaitable<void> Sink::check_deduplication() {
  if (options_.resend_window.count() == 0) co_return;
  HttpRequest request;
  request.method = Method::kGet;
  request.target = "/flags";
  request.authorization = endpoint_.authorization;
  proving_ = true;
  const Result<HttpAnswer> answer = co_await transport_->send(request);
  proving_ = false;
  if (!answer || answer->status != 200 || !keeps_repeats(answer->body)) co_return;
  const MutexLock lock(mutex_);
  stats_.warning =
      "VictoriaMetrics stores samples that are sent again twice: start it with -dedup.minScrapeInterval=1ms";
  log::warn("sink", stats_.warning, {{"name", options_.name}, {"server", endpoint_.url.authority()}});
}

asio::awaitable<bool> Sink::create_database() {
  HttpRequest request;
  request.target = endpoint_.create_database_target;
  request.body = endpoint_.create_database_form;
  request.content_type = "application/x-www-form-urlencoded";
  request.authorization = endpoint_.authorization;
  const Result<HttpAnswer> answer = co_await transport_->send(request);
  const bool made = answer && answer->status == 200 && answer->body.find("\"error\"") == std::string::npos;
  if (made)
    log::info("sink", "database created", {{"name", options_.name}, {"database", options_.database}});
  else
    log::error("sink", "cannot create the database",
               {{"name", options_.name},
                {"database", options_.database},
                {"error", answer ? meaning_of(*answer, 0).reason : answer.error().message}});
  co_return made;
}

// Says what is wrong, once for each change, and waits. False: stopping, so do not try again.
asio::awaitable<bool> Sink::hold(State state, Meaning meaning) {
  enter(state, meaning.reason);
  if (stopping_) co_return false;
  const auto wait = std::max(backoff_.next(), meaning.not_before.value_or(std::chrono::nanoseconds(0)));
  pause_.expires_after(wait);
  co_await net::wait(pause_);
  co_return !stopping_;
}

void Sink::accepted(std::uint64_t samples) {
  tried_to_create_ = false;
  search_.accepted = proven_ = true;
  backoff_.reset();
  enter(State::kOk, "");
  const MutexLock lock(mutex_);
  stats_.sent_samples += samples;
  if (resend_until_ != 0) stats_.resent_samples += samples;
  stats_.sent_bytes += request_.body.size();
}

// Refused lines that are sent again were set aside the first time.
void Sink::give_up_once(Delivery::Range range, std::uint64_t lines, const std::string& reason) {
  if (resend_until_ != 0) return;
  keep_in_file(range, reason);
  give_up(range, lines, reason);
}

// All up to `position` is with the database. It is committed a window later.
void Sink::delivered(std::uint64_t position) {
  source_.delivered(position);
  delivered_ = position;
  if (options_.resend_window.count() == 0) {
    source_.commit(position);
    return;
  }
  const auto now = steady_clock::now();
  if (!kept_.empty() && now - kept_.back().time < options_.resend_window / kKeptSteps)
    kept_.back().position = position;
  else
    kept_.push_back({position, now});
}

void Sink::suspect() {
  if (!kept_.empty()) suspect_ = true;
}

bool Sink::rewind_due() const {
  return suspect_ && steady_clock::now() - rewound_at_ >= options_.resend_window / kRewindsPerWindow;
}

// Commits what the database had for a window's length. Of what it may have forgotten, nothing.
void Sink::let_go() {
  if (suspect_) return;
  const auto old = steady_clock::now() - options_.resend_window - options_.resend_window / kKeptSteps;
  std::optional<std::uint64_t> position;
  for (; !kept_.empty() && kept_.front().time <= old; kept_.pop_front()) position = kept_.front().position;
  if (!position) return;
  source_.commit(*position);
  while (!rewound_from_.empty() && rewound_from_.front() <= *position) rewound_from_.pop_front();
}

// Goes back to the last commit, to send everything since once more.
void Sink::rewind() {
  suspect_ = false;
  rewound_from_.push_back(delivered_);
  if (rewound_from_.size() > kMostRewinds) {
    source_.commit(rewound_from_.front());
    rewound_from_.pop_front();
  }
  if (!source_.rewind()) return;
  rewound_at_ = steady_clock::now();
  kept_.clear();
  resend_until_ = delivered_;
  log::info(
      "sink", "the database was away; sending again what it may have forgotten",
      {{"name", options_.name}, {"window_seconds", std::chrono::duration<double>(options_.resend_window).count()}});
}

// `lines` of the range will never be stored; which, only the server knows where they are not all.
void Sink::give_up(Delivery::Range range, std::uint64_t lines, const std::string& reason) {
  const std::uint64_t samples = block_.samples(range.first, range.last) * lines / (range.last - range.first);
  newly_refused_lines_ += lines;
  if (first_refusal_.empty()) first_refusal_ = reason;
  const MutexLock lock(mutex_);
  stats_.refused_lines += lines;
  stats_.refused_samples += samples;
  stats_.last_refusal = reason;
  stats_.last_refusal_time = Clock::system().wall();
}

std::uint64_t Sink::skipped_values() const {
  return remote_ ? remote_->skipped_values() : otlp_ ? otlp_->skipped_values() : encoder_.skipped_values();
}

// What people can read of it.
std::string Sink::readable(std::string_view lines) const {
  return remote_ ? prom::write_request_text(lines) : otlp_ ? otlp::request_text(lines) : std::string(lines);
}

void Sink::keep_in_file(Delivery::Range range, const std::string& reason) {
  if (Status status = refused_file_.add(readable(block_.text(range.first, range.last)), reason, Clock::system().wall());
      !status)
    log::error("sink", "cannot write a refused line to its file",
               {{"name", options_.name}, {"error", status.error().message}});
  else
    newly_kept_in_ = options_.refused_file;
}

void Sink::send_smaller(std::size_t bytes) {
  if (bytes >= block_bytes_) return;
  block_bytes_ = std::max(kLeastBlockBytes, bytes);
  log::warn("sink", "the database rejects requests of this size; sending smaller ones",
            {{"name", options_.name}, {"batch_bytes", block_bytes_}});
}

void Sink::report_refusals() {
  if (newly_refused_lines_ == 0) return;
  log::warn("sink", "the database rejected lines",
            {{"name", options_.name},
             {"lines", newly_refused_lines_},
             {"first_reason", first_refusal_},
             {"kept_in", newly_kept_in_.empty() ? "nowhere" : newly_kept_in_}});
  newly_refused_lines_ = 0;
  newly_kept_in_.clear();
  first_refusal_.clear();
}

// A secret may have been changed in its file.
void Sink::refresh_secrets() {
  if (options_.token_file.empty() && options_.password_file.empty()) return;
  if (Result<Endpoint> fresh = make_endpoint(options_)) endpoint_.authorization = std::move(fresh->authorization);
}

void Sink::enter(State state, const std::string& reason) {
  const UnixNanos now = Clock::system().wall();
  State before;
  UnixNanos since = 0;
  {
    const MutexLock lock(mutex_);
    before = std::exchange(stats_.state, state);
    if (state == State::kOk) {
      since = std::exchange(stats_.failing_since, 0);
      stats_.last_error.clear();
      stats_.last_error_time = 0;
    } else if (!reason.empty()) {
      // With the state, so that nobody sees a sink that is denied and not why.
      if (stats_.failing_since == 0) stats_.failing_since = now;
      ++stats_.retries;
      stats_.last_error = reason;
      stats_.last_error_time = now;
    }
  }
  if (before == state) return;
  switch (state) {
    case State::kOk:
      if (since == 0)
        log::info("sink", "delivering", {{"name", options_.name}});
      else
        log::info("sink", "delivering again",
                  {{"name", options_.name}, {"after_seconds", static_cast<double>(now - since) / 1e9}});
      break;
    case State::kRetrying:
      log::warn("sink", "the database does not answer; samples are kept and retried",
                {{"name", options_.name}, {"error", reason}});
      break;
    case State::kDenied:
      log::error("sink", "the database denies access; samples are kept until the configuration is corrected",
                 {{"name", options_.name}, {"error", reason}});
      break;
    case State::kConnecting:
    case State::kStopped:
      log::info("sink", state_name(state), {{"name", options_.name}});
      break;
  }
}

void Sink::set_oldest(UnixNanos received) {
  const MutexLock lock(mutex_);
  oldest_ = received;
}

void Sink::stop(std::chrono::nanoseconds drain) {
  net::post(executor_, [this, drain, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) end_at_deadline(drain);
  });
}

void Sink::end_at_deadline(std::chrono::nanoseconds drain) {
  stopping_ = true;
  pause_.cancel();
  if (proving_) transport_->close();  // nothing is lost with it
  source_.wake();
  deadline_.expires_after(drain);
  deadline_.async_wait([this, alive = std::weak_ptr<int>(alive_)](const boost::system::error_code& cancelled) {
    if (cancelled || alive.expired()) return;
    expired_ = true;
    transport_->close();
  });
}

Stats Sink::stats() const {
  const MutexLock lock(mutex_);
  Stats copy = stats_;
  if (oldest_ != 0) copy.lag_seconds = std::max(0.0, static_cast<double>(Clock::system().wall() - oldest_) / 1e9);
  return copy;
}

}  // namespace resmon::sink
