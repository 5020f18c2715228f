// HTTP routes of alerts: active ones, history, rules, silences. docs/alerts.md is the reference.

#include <boost/json.hpp>
#include <charconv>

#include "alerts.h"
#include "app.h"
#include "config/units.h"
#include "json.h"
#include "json_body.h"
#include "net/spawn.h"
#include "routes.h"
#include "work_pools.h"

namespace resmon::server {

namespace {

namespace asio = boost::asio;
using RequestPtr = std::shared_ptr<const http::Request>;
using Work = http::Response (*)(App&, const http::Request&);

constexpr std::string_view kSilences = "/api/v1/alerts/silences/";
constexpr std::string_view kRules = "/api/v1/alerts/rules/";
constexpr std::size_t kMostEntries = 1000;
constexpr std::size_t kLongestReason = 500;
constexpr std::size_t kMostRuleText = 64U << 10U;  // more than a rule may have, so that it is refused and not cut
constexpr const char* kNameLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

http::Response alert_error(const Error& error) {
  switch (error.kind) {
    case ErrorKind::kInvalid:
      return http::Response::error(400, error.message);
    case ErrorKind::kNotFound:
      return http::Response::error(404, error.message);
    case ErrorKind::kLimit:
      return http::Response::error(429, error.message);
    default:
      return http::Response::error(503, error.message);
  }
}

std::string author_of(const http::Request& request) {
  return request.user ? request.user->name : "token";
}

std::string member(const boost::json::object& object, std::string_view key, std::size_t most = kLongestReason) {
  return text_member(object, key).substr(0, most);
}

http::Response get_active(App& app, const http::Request&) {
  return http::Response::json(app.alerts().active_json());
}

http::Response get_history(App& app, const http::Request& request) {
  std::int64_t before = 0;
  std::size_t most = 100;
  const auto read = [&](std::string_view name, auto& target) {
    const std::string_view text = request.parameter(name);
    if (text.empty()) return true;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), target);
    return error == std::errc() && end == text.data() + text.size();
  };
  if (!read("before", before) || !read("limit", most) || most == 0 || most > kMostEntries || before < 0)
    return http::Response::error(400, "limit must be 1 to 1000, and before the id of an entry");
  auto answer = app.alerts().history_json(before, most, std::string(request.parameter("host")),
                                          std::string(request.parameter("rule")));
  return answer ? http::Response::json(*answer) : alert_error(answer.error());
}

http::Response get_rules(App& app, const http::Request&) {
  return http::Response::json(app.alerts().rules_json());
}

http::Response get_silences(App& app, const http::Request&) {
  auto answer = app.alerts().silences_json();
  return answer ? http::Response::json(*answer) : alert_error(answer.error());
}

// Whom and what it silences.
alert::Silence silence_of(const boost::json::object& object) {
  alert::Silence silence;
  silence.hosts = member(object, "hosts");
  silence.rule = member(object, "rule");
  if (silence.rule.empty()) silence.rule = "*";
  return silence;
}

http::Response add_silence(App& app, const http::Request& request) {
  auto object = json_body(request);
  if (!object) return alert_error(object.error());
  alert::Silence silence = silence_of(*object);
  silence.reason = member(*object, "reason");
  silence.author = author_of(request);
  if (silence.author == "token")
    if (const std::string said = member(*object, "author"); !said.empty()) silence.author = said;
  silence.begins = Clock::system().wall();
  const auto span = config::parse_duration(member(*object, "for"));
  if (!span || span->count() <= 0 || *span > std::chrono::hours(24 * 366))
    return http::Response::error(400, "for must be a duration such as \"2h\", at most 366d");
  silence.ends = silence.begins + span->count();
  auto id = app.alerts().add_silence(std::move(silence));
  if (!id) return alert_error(id.error());
  return http::Response::json(JsonObject().number("id", *id).finish() + "\n", 201);
}

http::Response preview_silence(App& app, const http::Request& request) {
  auto object = json_body(request);
  if (!object) return alert_error(object.error());
  alert::Silence silence = silence_of(*object);
  return http::Response::json(app.alerts().silence_preview_json(silence));
}

// The name at the end of the path. kInvalid: it is none of a rule.
Result<std::string> rule_name(const http::Request& request) {
  const std::string name = request.path.substr(kRules.size());
  const bool good = !name.empty() && name.size() <= 64 && name.find_first_not_of(kNameLetters) == std::string::npos;
  if (!good)
    return fail(ErrorKind::kInvalid, "the name of a rule has letters of ASCII, digits, '-' and '_', at most 64");
  return name;
}

http::Response get_rule(App& app, const http::Request& request) {
  const auto name = rule_name(request);
  if (!name) return alert_error(name.error());
  auto answer = app.alerts().rule_text_json(*name);
  return answer ? http::Response::json(*answer) : alert_error(answer.error());
}

http::Response preview_rule(App& app, const http::Request& request) {
  const auto name = rule_name(request);
  if (!name) return alert_error(name.error());
  auto object = json_body(request);
  if (!object) return alert_error(object.error());
  const std::string since = member(*object, "since");
  const auto span = config::parse_duration(since.empty() ? "30d" : since);
  if (!span || span->count() <= 0 || *span > std::chrono::hours(24 * 366))
    return http::Response::error(400, "since is how far back, as \"30d\", at most 366d");
  auto answer = app.alerts().preview_rule_json(*name, member(*object, "text", kMostRuleText), *span);
  return answer ? http::Response::json(*answer) : alert_error(answer.error());
}

http::Response write_rule(App& app, const http::Request& request) {
  using Kind = Alerts::RuleWritten::Kind;
  const auto name = rule_name(request);
  if (!name) return alert_error(name.error());
  auto object = json_body(request);
  if (!object) return alert_error(object.error());
  const bool removes = request.method == "DELETE";
  const std::string text = removes ? std::string() : member(*object, "text", kMostRuleText);
  if (!removes && text.find_first_not_of(" \t\r\n") == std::string::npos)
    return http::Response::error(400, "text is the rule as TOML; DELETE removes it");
  Alerts::RuleWritten done =
      app.alerts().write_rule(*name, text, member(*object, "was", kMostRuleText), author_of(request));
  switch (done.kind) {
    case Kind::kChanged:
      return http::Response::error(409, done.text);
    case Kind::kRefused:
      return http::Response::json(done.text, 422);
    case Kind::kFailed:
      return http::Response::error(503, done.text);
    case Kind::kDone:
      break;
  }
  return http::Response::no_content();
}

http::Response end_silence(App& app, const http::Request& request) {
  const std::string_view text = std::string_view(request.path).substr(kSilences.size());
  std::int64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size())
    return http::Response::error(400, "the id of a silence must be a number");
  Status ended = app.alerts().end_silence(id);
  return ended ? http::Response::no_content() : alert_error(ended.error());
}

http::Response acknowledge(App& app, const http::Request& request) {
  auto object = json_body(request);
  if (!object) return alert_error(object.error());
  std::string author = author_of(request);
  if (author == "token")
    if (const std::string said = member(*object, "author"); !said.empty()) author = said;
  Status done = app.alerts().acknowledge(member(*object, "id"), author);
  return done ? http::Response::no_content() : alert_error(done.error());
}

http::Response send_test(App& app, const http::Request& request) {
  auto object = json_body(request);
  if (!object) return alert_error(object.error());
  Status done = app.alerts().send_test(member(*object, "channel"), author_of(request));
  return done ? http::Response::no_content() : alert_error(done.error());
}

asio::awaitable<http::Response> run_work(App& app, RequestPtr request, Work work) {
  co_return work(app, *request);
}

asio::awaitable<http::Response> on_query_pool(App& app, RequestPtr request, Work work) {
  co_return co_await net::run(app.pools().query().get_executor(), run_work(app, std::move(request), work));
}

http::Handler pooled(App& app, Work work) {
  return [&app, work](RequestPtr request) { return on_query_pool(app, std::move(request), work); };
}

}  // namespace

void add_alert_routes(App& app, http::Router& router) {
  using http::Access;
  router.add("GET", "/api/v1/alerts", Access::kRead, pooled(app, get_active));
  router.add("GET", "/api/v1/alerts/history", Access::kRead, pooled(app, get_history));
  router.add("GET", "/api/v1/alerts/rules", Access::kRead, pooled(app, get_rules));
  router.add_under("GET", std::string(kRules), Access::kAdmin, pooled(app, get_rule));
  router.add_under("POST", std::string(kRules), Access::kAdmin, pooled(app, preview_rule));
  router.add_under("PUT", std::string(kRules), Access::kAdmin, pooled(app, write_rule));
  router.add_under("DELETE", std::string(kRules), Access::kAdmin, pooled(app, write_rule));
  router.add("POST", "/api/v1/alerts/silences/preview", Access::kRead, pooled(app, preview_silence));
  router.add("GET", "/api/v1/alerts/silences", Access::kRead, pooled(app, get_silences));
  router.add("POST", "/api/v1/alerts/silences", Access::kWrite, pooled(app, add_silence));
  router.add_under("DELETE", std::string(kSilences), Access::kWrite, pooled(app, end_silence));
  router.add("POST", "/api/v1/alerts/ack", Access::kWrite, pooled(app, acknowledge));
  router.add("POST", "/api/v1/alerts/send-test", Access::kWrite, pooled(app, send_test));
}

}  // namespace resmon::server
