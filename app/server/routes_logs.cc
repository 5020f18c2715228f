// Questions about log lines, for the page and for scripts. docs/http_api.md, "Log lines", is the specification.

#include <algorithm>

#include "app.h"
#include "json.h"
#include "listeners.h"
#include "log_requests.h"
#include "logs/store.h"
#include "net/spawn.h"
#include "routes.h"
#include "storage.h"

namespace resmon::server {

namespace {

namespace asio = boost::asio;
using RequestPointer = std::shared_ptr<const http::Request>;

constexpr std::uint64_t kMostLines = 10'000;
constexpr std::uint64_t kMostBuckets = 2'000;
constexpr std::uint64_t kMostContext = 1'000;
constexpr auto kTailEvery = std::chrono::milliseconds(250);
constexpr std::size_t kTailLines = 2'000;  // of one message

http::Response bad_request(const Error& error) {
  return http::Response::error(error.kind == ErrorKind::kInvalid ? 400 : 503, error.message);
}

std::string lines_json(const std::vector<logs::FoundLine>& lines) {
  std::string out = "[";
  for (const logs::FoundLine& line : lines) {
    if (out.size() > 1) out += ",\n";
    append_line_json(out, line);
  }
  return out + "]";
}

Result<logs::Direction> parse_direction(const http::Request& request) {
  const std::string_view text = request.parameter("direction");
  if (text.empty() || text == "newest" || text == "backward") return logs::Direction::kNewestFirst;
  if (text == "oldest" || text == "forward") return logs::Direction::kOldestFirst;
  return fail(ErrorKind::kInvalid, "direction must be newest or oldest");
}

http::Response lines(App& app, const RequestPointer& request) {
  auto question = parse_question(app, request);
  if (!question) return bad_request(question.error());
  const auto limit = parse_count(*request, "limit", question->query.limit().value_or(100), kMostLines);
  if (!limit) return bad_request(limit.error());
  const auto direction = parse_direction(*request);
  if (!direction) return bad_request(direction.error());
  const auto found = logs::search(*app.storage().logs(),
                                  {question->query, question->scope, *direction, static_cast<std::size_t>(*limit),
                                   std::string(request->parameter("cursor")), question->bounds});
  if (!found) return bad_request(found.error());
  return http::Response::json(JsonObject()
                                  .raw("lines", lines_json(found->lines))
                                  .text("cursor", found->cursor)
                                  .text("partial", found->effort.partial)
                                  .raw("effort", effort_json(found->effort))
                                  .finish() +
                              "\n");
}

// Both ends are needed: a histogram of all time has no sensible buckets.
Result<logs::Scope> finite(logs::Scope scope) {
  const UnixNanos now = Clock::system().wall();
  if (scope.end == INT64_MAX) scope.end = now;
  if (scope.start == INT64_MIN) scope.start = scope.end - 3'600'000'000'000;
  if (scope.start >= scope.end) return fail(ErrorKind::kInvalid, "start is not before end");
  return scope;
}

http::Response histogram_of(App& app, const RequestPointer& request) {
  auto question = parse_question(app, request);
  if (!question) return bad_request(question.error());
  const auto buckets = parse_count(*request, "buckets", 60, kMostBuckets);
  if (!buckets || *buckets == 0) return http::Response::error(400, "buckets must be a number from 1 to 2000");
  const auto scope = finite(question->scope);
  if (!scope) return bad_request(scope.error());
  constexpr std::int64_t kMillisecond = 1'000'000;
  const std::int64_t width = (scope->end - scope->start) / static_cast<std::int64_t>(*buckets);
  const std::int64_t step = std::max<std::int64_t>((width + kMillisecond - 1) / kMillisecond, 1) * kMillisecond;
  const logs::Histogram counts =
      logs::histogram(*app.storage().logs(), question->query, *scope, step, question->bounds);
  JsonObject levels;
  std::uint64_t total = 0;
  for (std::size_t level = 0; level < logs::kLevels; ++level) {
    std::string values = "[";
    std::uint64_t sum = 0;
    for (const auto& bucket : counts.buckets) {
      values += (values.size() > 1 ? "," : "") + std::to_string(bucket[level]);
      sum += bucket[level];
    }
    if (sum > 0) levels.raw(logline::level_name(static_cast<logline::Level>(level)), values + "]");
    total += sum;
  }
  return http::Response::json(JsonObject()
                                  .number("start", counts.start / kMillisecond)
                                  .number("step", counts.step / kMillisecond)
                                  .number("buckets", counts.buckets.size())
                                  .raw("levels", levels.finish())
                                  .number("total", total)
                                  .text("partial", counts.effort.partial)
                                  .number("complete_from", counts.complete_from / kMillisecond)
                                  .raw("effort", effort_json(counts.effort))
                                  .finish() +
                              "\n");
}

http::Response facets_of(App& app, const RequestPointer& request) {
  const auto question = parse_question(app, request);
  if (!question) return bad_request(question.error());
  const auto limit = parse_count(*request, "limit", 10, 1000);
  if (!limit) return bad_request(limit.error());
  const logs::Facets found = logs::facets(*app.storage().logs(), question->query, question->scope,
                                          static_cast<std::size_t>(*limit), question->bounds);
  std::string out = "[";
  for (const logs::Facet& facet : found.facets) {
    std::string values = "[";
    for (const auto& [value, count] : facet.values)
      values += (values.size() > 1 ? "," : "") + JsonObject().text("value", value).number("lines", count).finish();
    out +=
        (out.size() > 1 ? "," : "") +
        JsonObject().text("name", facet.name).raw("values", values + "]").number("other_lines", facet.others).finish();
  }
  return http::Response::json(JsonObject()
                                  .raw("facets", out + "]")
                                  .number("lines", found.lines)
                                  .text("partial", found.effort.partial)
                                  .raw("effort", effort_json(found.effort))
                                  .finish() +
                              "\n");
}

http::Response patterns_of(App& app, const RequestPointer& request) {
  const auto question = parse_question(app, request);
  if (!question) return bad_request(question.error());
  const auto limit = parse_count(*request, "limit", 50, 1000);
  if (!limit) return bad_request(limit.error());
  const logs::Patterns found = logs::patterns(*app.storage().logs(), question->query, question->scope,
                                              static_cast<std::size_t>(*limit), question->bounds);
  std::string out = "[";
  for (const logs::Pattern& pattern : found.patterns) {
    JsonObject levels;
    for (std::size_t level = 0; level < logs::kLevels; ++level)
      if (pattern.levels[level] > 0)
        levels.number(logline::level_name(static_cast<logline::Level>(level)), pattern.levels[level]);
    out += (out.size() > 1 ? ",\n" : "") + JsonObject()
                                               .text("pattern", pattern.text)
                                               .number("lines", pattern.lines)
                                               .raw("levels", levels.finish())
                                               .text("first_time", time_text(pattern.first_time))
                                               .text("last_time", time_text(pattern.last_time))
                                               .text("example", pattern.example)
                                               .boolean("new", pattern.is_new)
                                               .finish();
  }
  return http::Response::json(JsonObject()
                                  .raw("patterns", out + "]")
                                  .number("lines", found.lines)
                                  .text("partial", found.effort.partial)
                                  .raw("effort", effort_json(found.effort))
                                  .finish() +
                              "\n");
}

// The lines of one stream around a time: those before, those of this very time, and those after, oldest first.
http::Response context_of(App& app, const RequestPointer& request) {
  auto question = parse_question(app, request);
  if (!question) return bad_request(question.error());
  const std::string host(request->parameter("host"));
  const std::string source(request->parameter("source"));
  if (host.empty() || source.empty() || request->parameter("time").empty())
    return http::Response::error(400, "host, source and time of the line are needed");
  const auto time = parse_log_time(request->parameter("time"), Clock::system().wall());
  if (!time) return bad_request(Error(time.error()).wrap("time"));
  const auto before = parse_count(*request, "before", 10, kMostContext);
  const auto after = parse_count(*request, "after", 10, kMostContext);
  if (!before || !after) return bad_request(before ? after.error() : before.error());
  logs::SearchRequest wanted{question->query, {}, logs::Direction::kNewestFirst, 0, {}, question->bounds};
  wanted.scope.exact_host = host;
  wanted.scope.exact_source = source;
  std::vector<logs::FoundLine> all;
  std::string partial;
  const auto add = [&](UnixNanos start, UnixNanos end, std::uint64_t limit, logs::Direction direction) {
    wanted.scope.start = start;
    wanted.scope.end = end;
    wanted.limit = static_cast<std::size_t>(limit);
    wanted.direction = direction;
    auto found = logs::search(*app.storage().logs(), wanted);
    if (!found || limit == 0) return;
    if (direction == logs::Direction::kNewestFirst) std::reverse(found->lines.begin(), found->lines.end());
    std::move(found->lines.begin(), found->lines.end(), std::back_inserter(all));
    if (partial.empty()) partial = found->effort.partial;
  };
  const UnixNanos next = *time == INT64_MAX ? *time : *time + 1;
  add(INT64_MIN, *time, *before, logs::Direction::kNewestFirst);
  const std::size_t begins = all.size();
  add(*time, next, kMostContext, logs::Direction::kOldestFirst);
  const std::size_t ends = all.size();
  add(next, INT64_MAX, *after, logs::Direction::kOldestFirst);
  return http::Response::json(JsonObject()
                                  .raw("lines", lines_json(all))
                                  .number("first_of_time", begins)
                                  .number("lines_of_time", ends - begins)
                                  .text("partial", partial)
                                  .finish() +
                              "\n");
}

// The next message for one live viewer.
asio::awaitable<std::string> tail_message(std::shared_ptr<logs::Tail> tail,
                                          std::shared_ptr<const LogQuestion> question) {
  std::uint64_t dropped = 0;
  std::vector<logs::FoundLine> found;
  for (const logs::Arrival& arrival : tail->take(dropped)) {
    const std::string_view source = arrival.lines->source();
    if (!in_scope(question->scope, arrival.host, source)) continue;
    for (std::size_t i = 0; i < arrival.lines->size(); ++i) {
      const logline::Line line = (*arrival.lines)[i];
      if (!question->query.matches(arrival.host, source, line)) continue;
      if (found.size() < kTailLines)
        found.push_back(found_line(arrival.host, source, line));
      else
        ++dropped;
    }
  }
  if (found.empty() && dropped == 0) co_return std::string();
  co_return JsonObject().text("type", "lines").raw("lines", lines_json(found)).number("dropped", dropped).finish();
}

asio::awaitable<void> follow(App& app, RequestPointer request, std::shared_ptr<http::Socket> socket) {
  const auto question =
      app.storage().logs() == nullptr
          ? Result<LogQuestion>(fail(ErrorKind::kNotFound, "this server stores no log lines: logs.enabled is false"))
          : parse_question(app, request);
  std::shared_ptr<logs::Tail> tail = question ? app.storage().logs()->follow() : nullptr;
  if (!tail) {
    const std::string why = question ? "too many live views are open" : question.error().message;
    (void)co_await socket->send(JsonObject().text("type", "error").text("error", why).finish());
    co_return;
  }
  const auto shared = std::make_shared<const LogQuestion>(*question);
  Status sent = co_await socket->send(JsonObject().text("type", "following").finish());
  while (sent && !app.stopping()) {
    std::string message = co_await net::run(app.listeners().http_workers().get_executor(), tail_message(tail, shared));
    if (!message.empty()) sent = co_await socket->send(std::move(message));
    if (!sent) co_return;
    auto received = co_await socket->receive(kTailEvery);
    if (!received) co_return;
  }
}

}  // namespace

void add_log_routes(App& app, http::Router& router) {
  const auto add = [&](const char* path, LogAnswer answer) {
    router.add("GET", path, http::Access::kRead,
               [&app, answer](RequestPointer request) { return answer_logs(app, std::move(request), answer); });
  };
  add("/api/v1/logs", lines);
  add("/api/v1/logs/histogram", histogram_of);
  add("/api/v1/logs/facets", facets_of);
  add("/api/v1/logs/patterns", patterns_of);
  add("/api/v1/logs/context", context_of);
  router.add_socket("/api/v1/logs/tail", http::Access::kRead,
                    [&app](RequestPointer request, std::shared_ptr<http::Socket> socket) {
                      return follow(app, std::move(request), std::move(socket));
                    });
}

}  // namespace resmon::server
