#include "log_requests.h"

#include <algorithm>
#include <charconv>

#include "app.h"
#include "influxql/parse/time_text.h"
#include "json.h"
#include "logs/store.h"
#include "net/spawn.h"
#include "options.h"
#include "routes_query.h"
#include "storage.h"
#include "work_pools.h"

namespace resmon::server {

namespace {

constexpr std::uint64_t kMostMemory = 64U << 20U;

std::vector<std::string> split_names(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    if (comma > 0) out.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return out;
}

boost::asio::awaitable<http::Response> answer_on_pool(App& app, std::shared_ptr<const http::Request> request,
                                                      LogAnswer answer) {
  --app.queries().stats.waiting;
  co_return answer(app, request);
}

}  // namespace

Result<UnixNanos> parse_log_time(std::string_view text, UnixNanos now) {
  const auto bad = [&] {
    return fail(
        ErrorKind::kInvalid,
        "'" + std::string(text) + "' is not a time; write 2026-01-02T03:04:05Z, a number since 1970, now, or -15m");
  };
  if (text == "now") return now;
  if (text.starts_with('-')) {
    const auto before = logs::parse_duration(text.substr(1));
    if (!before) return bad();
    return now - before->count();
  }
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) {
    const auto time = logs::time_of_number(number);
    if (!time) return bad();
    return *time;
  }
  // Seconds with decimals, as Grafana's plugins send them.
  double seconds = 0;
  const auto [stop, wrong] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (wrong == std::errc() && stop == text.data() + text.size() && seconds >= 0 && seconds < 1e11)
    return static_cast<UnixNanos>(std::min(seconds * 1e9, 9e18));
  const auto parsed = influxql::parse_time(text, nullptr);
  if (!parsed || parsed->seconds > INT64_MAX / 1'000'000'000 - 1 || parsed->seconds < INT64_MIN / 1'000'000'000 + 1)
    return bad();
  return parsed->seconds * 1'000'000'000 + parsed->nanos;
}

bool in_scope(const logs::Scope& scope, std::string_view host, std::string_view source) {
  const auto wanted = [](const std::vector<std::string>& patterns, std::string_view name) {
    return patterns.empty() || std::any_of(patterns.begin(), patterns.end(),
                                           [&](const auto& one) { return logs::matches_name(one, name); });
  };
  return wanted(scope.hosts, host) && wanted(scope.sources, source);
}

Result<std::uint64_t> parse_count(const http::Request& request, std::string_view name, std::uint64_t otherwise,
                                  std::uint64_t most) {
  const std::string_view text = request.parameter(name);
  if (text.empty()) return otherwise;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number > most)
    return fail(ErrorKind::kInvalid, std::string(name) + " must be a number up to " + std::to_string(most));
  return number;
}

Result<LogQuestion> parse_question(const App& app, const std::shared_ptr<const http::Request>& request) {
  LogQuestion out;
  std::string_view text = request->parameter("q");
  if (text.empty()) text = request->parameter("query");
  auto query = logs::Query::parse(text);
  if (!query) return fail(std::move(query).error().wrap("q"));
  out.query = *std::move(query);
  const UnixNanos now = Clock::system().wall();
  for (const auto& [name, bound] : {std::pair{"start", &out.scope.start}, {"end", &out.scope.end}}) {
    const std::string_view value = request->parameter(name);
    if (value.empty()) continue;
    auto time = parse_log_time(value, now);
    if (!time) return fail(std::move(time).error().wrap(name));
    *bound = *time;
  }
  if (out.scope.start > out.scope.end) return fail(ErrorKind::kInvalid, "start is after end");
  out.scope.hosts = split_names(request->parameter("hosts"));
  out.scope.sources = split_names(request->parameter("sources"));
  std::chrono::nanoseconds patience = app.options().query_timeout;
  if (const std::string_view timeout = request->parameter("timeout"); !timeout.empty()) {
    const auto asked = logs::parse_duration(timeout);
    if (!asked) return fail(ErrorKind::kInvalid, "timeout must be a duration such as 10s");
    patience = std::min(patience, *asked);
  }
  out.bounds.until = std::chrono::steady_clock::now() + patience;
  out.bounds.memory_bytes = std::min(kMostMemory, app.options().query_memory_bytes / 4);
  out.bounds.cancelled = [gone = request->gone, &app] { return *gone || app.stopping(); };
  return out;
}

std::string time_text(UnixNanos time) {
  std::string out;
  influxql::append_rfc3339(out, time, nullptr);
  return out;
}

logs::FoundLine found_line(const std::string& host, std::string_view source, const logline::Line& line) {
  logs::FoundLine out;
  out.time = line.time;
  out.level = line.level;
  out.cut = line.cut;
  out.pid = line.pid;
  out.host = host;
  out.source = source;
  out.unit = line.unit;
  out.message = line.message;
  for (const logline::Field& field : line.fields) out.fields.emplace_back(field.name, field.value);
  return out;
}

void append_line_json(std::string& out, const logs::FoundLine& line) {
  JsonObject object;
  object.text("time", time_text(line.time)).text("host", line.host).text("source", line.source);
  if (line.level != logline::Level::kNone) object.text("level", logline::level_name(line.level));
  if (!line.unit.empty()) object.text("unit", line.unit);
  if (line.pid != 0) object.number("pid", line.pid);
  object.text("message", line.message);
  if (line.cut) object.boolean("cut", true);
  if (!line.fields.empty()) {
    JsonObject fields;
    for (const auto& [name, value] : line.fields) fields.text(name, value);
    object.raw("fields", fields.finish());
  }
  out += object.finish();
}

void append_victoria_line(std::string& out, const logs::FoundLine& line) {
  JsonObject object;
  object.text("_time", time_text(line.time))
      .text("_stream", "{host=" + http::json_string(line.host) + ",source=" + http::json_string(line.source) + "}")
      .text("_msg", line.message.empty() ? " " : line.message)
      .text("host", line.host)
      .text("source", line.source);
  if (line.level != logline::Level::kNone) object.text("level", logline::level_name(line.level));
  if (!line.unit.empty()) object.text("unit", line.unit);
  if (line.pid != 0) object.text("pid", std::to_string(line.pid));
  for (const auto& [name, value] : line.fields) object.text(name, value);
  out += object.finish();
  out += '\n';
}

std::string effort_json(const logs::Effort& effort) {
  return JsonObject()
      .number("blocks", effort.blocks)
      .number("blocks_read", effort.blocks_read)
      .number("blocks_damaged", effort.blocks_damaged)
      .number("lines_read", effort.lines_read)
      .number("bytes_read", effort.bytes_read)
      .finish();
}

boost::asio::awaitable<http::Response> answer_logs(App& app, std::shared_ptr<const http::Request> request,
                                                   LogAnswer answer) {
  if (app.storage().logs() == nullptr)
    co_return http::Response::error(404, "this server stores no log lines: logs.enabled is false");
  const auto most = static_cast<std::uint64_t>(app.options().query_queue);
  if (!app.queries().stats.begin_waiting(most)) co_return too_many_queries();
  co_return co_await net::run(app.pools().query().get_executor(), answer_on_pool(app, std::move(request), answer));
}

}  // namespace resmon::server
