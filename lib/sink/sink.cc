// One coroutine: take items, turn rows into lines, send when a block is full or has lingered, commit, repeat. One
// request is under way at a time, which keeps order and makes the commit a plain statement after the request. Rejected:
// several requests at once (commits would need a window; a local InfluxDB is the bottleneck long before one connection
// is), and a queue in between (the log upstream is the queue, is durable, and does not care how long this takes).
//
// A 400 needs care. Where it speaks of lines, the block is cut in halves until the bad lines stand alone, and those are
// set aside. But proxies and wrong ports answer 400 too, and setting a whole log aside because of one would lose it. So
// where the text does not say that it is about lines, a line is only set aside when the server has accepted another one
// of the same block; until then the data is kept and the sink says that it is denied.

#include "sink/sink.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <random>
#include <utility>

#include "base/log.h"
#include "sink/http_client.h"

namespace resmon::sink {

namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

constexpr std::size_t kMostBlockBytes = 8U << 20U;
constexpr std::size_t kLeastBlockBytes = 4U << 10U;
constexpr std::chrono::seconds kIdleWait{1};  // how soon a stop is seen while nothing comes

lineproto::EncoderOptions encoder_options(const SinkOptions& options, const Endpoint& endpoint) {
  lineproto::EncoderOptions made;
  made.extra_tags = options.extra_tags;
  made.precision = endpoint.precision;
  made.unsigned_as_integer = endpoint.version == 1 || !options.unsigned_integers;
  return made;
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
    HttpClientOptions client;
    client.timeout = options.timeout;
    client.tls_ca_file = options.tls_ca_file;
    client.tls_verify = options.tls_verify;
    Result<std::unique_ptr<Transport>> made = make_http_client(strand, endpoint->url, client);
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
      source_(source),
      transport_(std::move(transport)),
      encoder_(schemas, encoder_options(options_, endpoint_)),
      refused_file_(options_.refused_file, options_.refused_file_bytes),
      pause_(executor_),
      deadline_(executor_),
      backoff_(options_.retry_first, options_.retry_last, seed()),
      block_bytes_(std::clamp<std::size_t>(options_.batch_bytes, kLeastBlockBytes, kMostBlockBytes)) {
  stats_.name = options_.name;
}

Sink::~Sink() = default;

asio::awaitable<void> Sink::run() {
  log::info("sink", "starting",
            {{"name", options_.name},
             {"server", endpoint_.url.authority()},
             {"version", endpoint_.version},
             {"target", endpoint_.write_target}});
  while (!expired_) {
    const bool draining = stopping_;
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
  if (!uncommitted_ && block_.empty()) set_oldest(item.received);
  for (const metric::Row& row : item.batch->rows()) {
    if (block_.empty()) linger_until_ = steady_clock::now() + options_.linger;
    if (const std::size_t samples = encoder_.append(*item.batch, row, block_.text()); samples > 0)
      block_.end_line(samples);
    if (block_.bytes() < block_bytes_) continue;
    if (!co_await deliver()) co_return false;
    set_oldest(item.received);
  }
  uncommitted_ = item.position;
  {
    std::lock_guard lock(mutex_);
    stats_.skipped_values = encoder_.skipped_values();
  }
  if (block_.empty() || steady_clock::now() >= linger_until_) co_return co_await deliver();
  co_return true;
}

// Sends the block until all of it is accepted or set aside, and commits. False: stopped before that.
asio::awaitable<bool> Sink::deliver() {
  Delivery delivery(block_.lines());
  std::uint64_t accepted_ranges = 0;
  std::size_t put_off = 0;  // lines in a row that were refused without saying that it is about them
  while (const auto range = delivery.current()) {
    if (expired_) co_return false;
    const std::string_view lines = block_.text(range->first, range->last);
    const std::uint64_t samples = block_.samples(range->first, range->last);
    Meaning meaning = co_await send(lines);
    bool go_on = true;
    switch (meaning.verdict) {
      case Verdict::kAccepted:
        ++accepted_ranges;
        accepted(samples, request_.body.size());
        delivery.done();
        break;
      case Verdict::kPartlyTooOld: {
        ++accepted_ranges;
        const std::uint64_t count = range->last - range->first;
        const std::uint64_t dropped = std::min(meaning.dropped_points, count);
        const std::uint64_t lost = samples * dropped / count;
        accepted(samples - lost, request_.body.size());
        newly_refused_lines_ += dropped;
        if (first_refusal_.empty()) first_refusal_ = meaning.reason;
        {
          std::lock_guard lock(mutex_);
          stats_.refused_lines += dropped;
          stats_.refused_samples += lost;
        }
        delivery.done();
        break;
      }
      case Verdict::kTooLarge:
        if (!delivery.split()) {
          set_aside(*range, meaning.reason);
          delivery.done();
        } else if (lines.size() / 2 < block_bytes_) {
          block_bytes_ = std::max(kLeastBlockBytes, lines.size() / 2);
          log::warn("sink", "the server finds requests too large; sending smaller ones",
                    {{"name", options_.name}, {"batch_bytes", block_bytes_}});
        }
        break;
      case Verdict::kRefused:
        if (delivery.split()) break;
        if (meaning.about_lines || accepted_ranges > 0) {
          set_aside(*range, meaning.reason);
          delivery.done();
        } else if (++put_off < delivery.ranges()) {
          delivery.put_off();
        } else {
          put_off = 0;
          go_on = co_await hold(State::kDenied, std::move(meaning.reason), meaning.not_before);
        }
        break;
      case Verdict::kNoDatabase:
        if (options_.create_database && endpoint_.version == 1 && !tried_to_create_) {
          tried_to_create_ = true;
          if (co_await create_database()) break;
        }
        [[fallthrough]];
      case Verdict::kDenied:
        refresh_secrets();
        go_on = co_await hold(State::kDenied, std::move(meaning.reason), meaning.not_before);
        break;
      case Verdict::kRetry:
        go_on = co_await hold(State::kRetrying, std::move(meaning.reason), meaning.not_before);
        break;
    }
    if (!go_on) co_return false;
  }
  report_refusals();
  block_.clear();
  if (uncommitted_) source_.commit(*std::exchange(uncommitted_, std::nullopt));
  set_oldest(0);
  co_return true;
}

// One request and what its answer means.
asio::awaitable<Meaning> Sink::send(std::string_view lines) {
  request_.target = endpoint_.write_target;
  request_.authorization = endpoint_.authorization;
  request_.content_type = "text/plain; charset=utf-8";
  request_.gzip = options_.gzip && gzip_.compress(lines, request_.body);
  if (!request_.gzip) request_.body = lines;
  {
    std::lock_guard lock(mutex_);
    ++stats_.requests;
  }
  Result<HttpAnswer> answer = co_await transport_->post(request_);
  if (!answer) {
    Meaning meaning;
    meaning.verdict = answer.error().kind == ErrorKind::kDenied ? Verdict::kDenied : Verdict::kRetry;
    meaning.reason = std::move(answer.error().message);
    co_return meaning;
  }
  if (!answer->server_version.empty()) {
    std::lock_guard lock(mutex_);
    stats_.server_version = answer->server_version;
  }
  co_return meaning_of(*answer, Clock::system().wall());
}

asio::awaitable<bool> Sink::create_database() {
  HttpRequest request;
  request.target = endpoint_.create_database_target;
  request.body = endpoint_.create_database_form;
  request.content_type = "application/x-www-form-urlencoded";
  request.authorization = endpoint_.authorization;
  const Result<HttpAnswer> answer = co_await transport_->post(request);
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
asio::awaitable<bool> Sink::hold(State state, std::string reason, std::optional<std::chrono::nanoseconds> not_before) {
  enter(state, reason);
  if (stopping_) co_return false;
  const auto wait = std::max(backoff_.next(), not_before.value_or(std::chrono::nanoseconds(0)));
  pause_.expires_after(wait);
  boost::system::error_code code;
  co_await pause_.async_wait(asio::redirect_error(asio::use_awaitable, code));
  co_return !stopping_;
}

void Sink::accepted(std::uint64_t samples, std::size_t bytes) {
  tried_to_create_ = false;
  backoff_.reset();
  enter(State::kOk, "");
  std::lock_guard lock(mutex_);
  stats_.sent_samples += samples;
  stats_.sent_bytes += bytes;
}

void Sink::set_aside(Delivery::Range range, const std::string& reason) {
  const std::string_view lines = block_.text(range.first, range.last);
  if (Status status = refused_file_.add(lines, reason, Clock::system().wall()); !status)
    log::error("sink", "cannot keep a refused line", {{"name", options_.name}, {"error", status.error().message}});
  newly_refused_lines_ += range.last - range.first;
  if (first_refusal_.empty()) first_refusal_ = reason;
  std::lock_guard lock(mutex_);
  stats_.refused_lines += range.last - range.first;
  stats_.refused_samples += block_.samples(range.first, range.last);
  stats_.last_error = reason;
}

void Sink::report_refusals() {
  if (newly_refused_lines_ == 0) return;
  log::warn("sink", "the server refused lines for good",
            {{"name", options_.name},
             {"lines", newly_refused_lines_},
             {"first_reason", first_refusal_},
             {"kept_in", options_.refused_file}});
  newly_refused_lines_ = 0;
  first_refusal_.clear();
}

// A secret may have been changed in its file.
void Sink::refresh_secrets() {
  if (options_.token_file.empty() && options_.password_file.empty()) return;
  if (Result<Endpoint> fresh = make_endpoint(options_)) endpoint_.authorization = std::move(fresh->authorization);
}

void Sink::enter(State state, const std::string& reason) {
  State before;
  std::string version;
  {
    std::lock_guard lock(mutex_);
    before = std::exchange(stats_.state, state);
    version = stats_.server_version;
    // With the state, so that nobody sees a sink that is denied and not why.
    if (!reason.empty()) {
      ++stats_.retries;
      stats_.last_error = reason;
    }
  }
  if (before == state) return;
  const UnixNanos now = Clock::system().wall();
  switch (state) {
    case State::kOk:
      if (before == State::kConnecting)
        log::info("sink", "delivering", {{"name", options_.name}, {"server_version", version}});
      else
        log::info("sink", "delivering again",
                  {{"name", options_.name}, {"after_seconds", static_cast<double>(now - failing_since_) / 1e9}});
      break;
    case State::kRetrying:
      if (before != State::kDenied) failing_since_ = now;
      log::warn("sink", "server is away; data is kept and tried again", {{"name", options_.name}, {"error", reason}});
      break;
    case State::kDenied:
      if (before != State::kRetrying) failing_since_ = now;
      log::error("sink", "server denies the data, which is kept until somebody mends the configuration",
                 {{"name", options_.name}, {"error", reason}});
      break;
    case State::kConnecting:
    case State::kStopped:
      log::info("sink", state_name(state), {{"name", options_.name}});
      break;
  }
}

void Sink::set_oldest(UnixNanos received) {
  std::lock_guard lock(mutex_);
  oldest_ = received;
}

void Sink::stop(std::chrono::nanoseconds drain) {
  asio::post(executor_, [this, drain, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) end_at_deadline(drain);
  });
}

void Sink::end_at_deadline(std::chrono::nanoseconds drain) {
  stopping_ = true;
  pause_.cancel();
  source_.wake();
  deadline_.expires_after(drain);
  deadline_.async_wait([this, alive = std::weak_ptr<int>(alive_)](const boost::system::error_code& cancelled) {
    if (cancelled || alive.expired()) return;
    expired_ = true;
    transport_->close();
  });
}

Stats Sink::stats() const {
  std::lock_guard lock(mutex_);
  Stats copy = stats_;
  if (oldest_ != 0) copy.lag_seconds = std::max(0.0, static_cast<double>(Clock::system().wall() - oldest_) / 1e9);
  return copy;
}

}  // namespace resmon::sink
