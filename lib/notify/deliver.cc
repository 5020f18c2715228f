#include "notify/deliver.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/json_text.h"
#include "net/spawn.h"
#include "notify/mail.h"
#include "notify/program.h"
#include "notify/request.h"
#include "sink/answer.h"
#include "sink/endpoint.h"
#include "sink/http_client.h"

namespace resmon::notify {

namespace {

namespace asio = boost::asio;

// Telegram's token is in the path of its address, so no address is part of an error.
Status status_of(const sink::HttpAnswer& answer) {
  if (answer.status >= 200 && answer.status < 300) return {};
  const std::string reason = fmt::format("answered {}: {}", answer.status, printable(sink::error_message(answer.body)));
  // Too many requests, and what is broken at their end, may pass.
  const bool lasting = answer.status >= 400 && answer.status < 500 && answer.status != 429 && answer.status != 408;
  return fail(lasting ? ErrorKind::kDenied : ErrorKind::kUnavailable, reason);
}

// Any answer, also one that refuses.
asio::awaitable<Result<sink::HttpAnswer>> exchange(asio::any_io_executor executor, std::string origin,
                                                   sink::HttpRequest request, sink::HttpClientOptions options) {
  auto url = sink::parse_url(origin);
  if (!url) co_return fail(ErrorKind::kInvalid, "url: " + url.error().message);
  options.answer_bytes = 4096;
  auto client = sink::make_http_client(executor, *url, options);
  if (!client) co_return fail(std::move(client).error());
  auto answer = co_await (*client)->send(request);
  (*client)->close();
  co_return answer;
}

// The member of the answer's JSON, as it stands between the quotes of a JSON string; empty: there is none.
std::string member_of(const std::string& body, const std::string& key) {
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse(body, error);
  const auto* const object = error ? nullptr : value.if_object();
  const auto* const member = object == nullptr ? nullptr : object->if_contains(key);
  if (member == nullptr || !member->is_string()) return {};
  const std::string quoted = boost::json::serialize(*member);
  return quoted.substr(1, quoted.size() - 2);
}

// One request and those that come with it.
asio::awaitable<Status> send_all(asio::any_io_executor executor, Prepared one, sink::HttpClientOptions options) {
  for (;;) {
    auto answer = co_await exchange(executor, one.origin, std::move(one.request), options);
    if (!answer) {
      if (one.can_fail) co_return Status();
      co_return fail(std::move(answer).error());
    }
    Status status = status_of(*answer);
    if (!status && one.otherwise != nullptr) {
      one = Prepared(*one.otherwise);
      continue;
    }
    if (!status) co_return one.can_fail ? Status() : std::move(status);
    if (one.then == nullptr) co_return Status();
    Prepared next = *one.then;
    if (!one.answer_key.empty()) {
      const std::string named = member_of(answer->body, one.answer_key);
      const std::size_t mark = next.request.body.find(kAnswerMark);
      if (named.empty() || mark == std::string::npos) co_return Status();  // an answer of another kind
      next.request.body.replace(mark, kAnswerMark.size(), named);
    }
    one = std::move(next);
  }
}

asio::awaitable<Status> run(std::vector<std::string> command, std::string input, std::vector<std::string> environment,
                            std::chrono::nanoseconds timeout) {
  co_return run_program(command, input, environment, timeout);
}

// For programs that read no JSON.
std::vector<std::string> variables_of(const alert::Message& message) {
  std::string title = message.title;
  std::erase(title, '\0');
  std::string text = message.plain_text();
  std::erase(text, '\0');
  return {"RESMON_TITLE=" + title,
          "RESMON_TEXT=" + text,
          "RESMON_SEVERITY=" + std::string(alert::severity_name(message.severity)),
          "RESMON_RULE=" + message.rule,
          "RESMON_KIND=" + std::string(alert::message_kind_name(message.kind)),
          "RESMON_LINK=" + message.link};
}

}  // namespace

namespace {

// Requests of one message in their order: a failure leaves the rest for the next attempt, whose first ones change
// nothing.
asio::awaitable<Status> deliver_with(asio::any_io_executor executor, asio::any_io_executor blocking,
                                     const alert::Channel& channel, const alert::Message& message,
                                     const Secrets& secrets) {
  if (channel.kind == alert::ChannelKind::kSmtp) co_return co_await send_mail(channel, secrets, message);
  if (channel.kind == alert::ChannelKind::kExec) {
    std::vector<std::string> environment = variables_of(message);
    co_return co_await net::run(blocking,
                                run(channel.command, json_body(message), std::move(environment), channel.timeout));
  }
  auto prepared = prepare(channel, secrets, message);
  if (!prepared) co_return fail(ErrorKind::kInvalid, "url: it cannot be parsed");
  for (Prepared& one : *prepared) {
    sink::HttpClientOptions options;
    options.timeout = channel.timeout;
    options.tls_ca_file = channel.tls_ca_file;
    Status sent = co_await send_all(executor, std::move(one), std::move(options));
    if (!sent) co_return fail(std::move(sent).error());
  }
  co_return Status();
}

}  // namespace

asio::awaitable<Status> deliver(asio::any_io_executor executor, asio::any_io_executor blocking, alert::Channel channel,
                                alert::Message message) {
  auto secrets = read_secrets(channel);
  if (!secrets) co_return fail(ErrorKind::kUnavailable, secrets.error().message);
  Status done = co_await deliver_with(executor, blocking, channel, message, *secrets);
  if (done) co_return Status();
  co_return fail(done.error().kind, without_secrets(done.error().message, channel, *secrets));
}

asio::awaitable<Status> call(asio::any_io_executor executor, std::string url) {
  const std::size_t begin = url.find("://");
  const std::size_t path = begin == std::string::npos ? begin : url.find('/', begin + 3);
  sink::HttpRequest request;
  request.method = sink::Method::kGet;
  request.target = path == std::string::npos ? "/" : url.substr(path);
  auto answer = co_await exchange(executor, url.substr(0, path), std::move(request), {});
  if (!answer) co_return fail(std::move(answer).error());
  co_return status_of(*answer);
}

}  // namespace resmon::notify
