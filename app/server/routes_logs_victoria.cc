// The part of VictoriaLogs' HTTP interface that its Grafana plugin, vlogscli and scripts use most, over the same lines
// (https://docs.victoriametrics.com/victorialogs/querying/, "HTTP API"). The query language is the common subset
// (docs/logs.md).

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "app.h"
#include "json.h"
#include "log_requests.h"
#include "logs/store.h"
#include "net/spawn.h"
#include "routes.h"
#include "storage.h"
#include "work_pools.h"

namespace resmon::server {

namespace {

namespace asio = boost::asio;
using VictoriaRequest = std::shared_ptr<const http::Request>;

constexpr std::size_t kPageLines = 1'000;
constexpr std::uint64_t kMostVictoriaLines = 100'000'000;
constexpr std::uint64_t kMostHits = 10'000;
constexpr std::size_t kFormBytes = 1U << 20U;
constexpr auto kVictoriaTailEvery = std::chrono::milliseconds(500);

http::Response victoria_error(const Error& error) {
  return http::Response::text(error.message + "\n", error.kind == ErrorKind::kInvalid ? 400 : 503);
}

// The rest of a long answer.
struct Pages {
  logs::SearchRequest request;
  std::uint64_t left;
  bool done;
  std::shared_ptr<bool> cut;  // a bound or an error ended it; not null
  std::string reason;         // of that
};

// The next lines; nothing where there are no more.
std::optional<std::string> next_page(App& app, Pages& pages) {
  if (pages.done || pages.left == 0 || *pages.cut) return std::nullopt;
  pages.request.limit = static_cast<std::size_t>(std::min<std::uint64_t>(pages.left, kPageLines));
  auto found = logs::search(*app.storage().logs(), pages.request);
  if (!found) {
    *pages.cut = true;
    pages.reason = found.error().message;
    return std::nullopt;
  }
  std::string out;
  for (const logs::FoundLine& line : found->lines) append_victoria_line(out, line);
  pages.left -= found->lines.size();
  pages.request.cursor = found->cursor;
  pages.done = found->cursor.empty() && found->effort.partial.empty();
  if (pages.left > 0 && !found->effort.partial.empty()) {
    *pages.cut = true;
    pages.reason = found->effort.partial;
  }
  if (out.empty()) return std::nullopt;
  return out;
}

asio::awaitable<std::optional<std::string>> page_on_pool(App& app, std::shared_ptr<Pages> pages) {
  co_return next_page(app, *pages);
}
asio::awaitable<std::optional<std::string>> spawn_page(App& app, std::shared_ptr<Pages> pages) {
  co_return co_await net::run(app.pools().query().get_executor(), page_on_pool(app, std::move(pages)));
}

http::Response victoria_query(App& app, const VictoriaRequest& request) {
  auto question = parse_question(app, request);
  if (!question) return victoria_error(question.error());
  const auto limit =
      parse_count(*request, "limit", question->query.limit().value_or(kMostVictoriaLines), kMostVictoriaLines);
  if (!limit) return victoria_error(limit.error());
  const auto pages = std::make_shared<Pages>(
      Pages{{question->query, question->scope, logs::Direction::kNewestFirst, 0, {}, question->bounds},
            *limit == 0 ? kMostVictoriaLines : *limit,
            false,
            std::make_shared<bool>(false),
            {}});
  http::Response response;
  response.content_type = "application/stream+json";
  response.body = next_page(app, *pages).value_or("");
  // As VictoriaLogs: an error as long as nothing was sent, and later a connection that ends in the middle of the
  // answer.
  if (*pages->cut && response.body.empty()) return victoria_error({ErrorKind::kUnavailable, pages->reason});
  if (!pages->done && pages->left > 0) {
    response.cut = pages->cut;
    response.more = [&app, pages] { return spawn_page(app, pages); };
  }
  return response;
}

http::Response victoria_hits(App& app, const VictoriaRequest& request) {
  const auto question = parse_question(app, request);
  if (!question) return victoria_error(question.error());
  logs::Scope scope = question->scope;
  if (scope.end == INT64_MAX) scope.end = Clock::system().wall();
  if (scope.start == INT64_MIN) scope.start = scope.end - logs::kDayNanos;
  const std::string_view text = request->parameter("step");
  const auto asked = logs::parse_duration(text.empty() ? "1d" : text);
  if (!asked || asked->count() == 0) return http::Response::text("step is a duration such as 1m\n", 400);
  const std::int64_t step = asked->count();
  scope.start = scope.start / step * step;
  if ((scope.end - scope.start) / step >= static_cast<std::int64_t>(kMostHits))
    return http::Response::text("step is too short for this time: there are more than 10000 of it\n", 400);
  const logs::Histogram counts = logs::histogram(*app.storage().logs(), question->query, scope, step, question->bounds);
  if (!counts.effort.partial.empty()) return victoria_error({ErrorKind::kUnavailable, counts.effort.partial});
  const bool by_level = request->parameter("field") == "level";
  std::string hits;
  const auto add = [&](const std::string& fields, const auto& value_of) {
    std::string times;
    std::string values;
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < counts.buckets.size(); ++i) {
      const std::uint64_t value = value_of(counts.buckets[i]);
      if (value == 0) continue;
      total += value;
      times +=
          (times.empty() ? "" : ",") + http::json_string(time_text(scope.start + static_cast<std::int64_t>(i) * step));
      values += (values.empty() ? "" : ",") + std::to_string(value);
    }
    if (total == 0) return;
    hits += (hits.empty() ? "" : ",") + JsonObject()
                                            .raw("fields", fields)
                                            .raw("timestamps", "[" + times + "]")
                                            .raw("values", "[" + values + "]")
                                            .number("total", total)
                                            .finish();
  };
  if (by_level) {
    for (std::size_t level = 0; level < logs::kLevels; ++level)
      add(JsonObject().text("level", logline::level_name(static_cast<logline::Level>(level))).finish(),
          [&](const auto& bucket) { return bucket[level]; });
  } else {
    add("{}", [](const auto& bucket) {
      std::uint64_t sum = 0;
      for (const std::uint64_t lines : bucket) sum += lines;
      return sum;
    });
  }
  return http::Response::json(JsonObject().raw("hits", "[" + hits + "]").finish() + "\n");
}

std::string values_json(const std::vector<std::pair<std::string, std::uint64_t>>& values) {
  std::string out = "[";
  for (const auto& [value, hits] : values)
    out += (out.size() > 1 ? "," : "") + JsonObject().text("value", value).number("hits", hits).finish();
  return JsonObject().raw("values", out + "]").finish() + "\n";
}

http::Response victoria_field_names(App& app, const VictoriaRequest& request) {
  const auto question = parse_question(app, request);
  if (!question) return victoria_error(question.error());
  const logs::Facets found = logs::facets(*app.storage().logs(), question->query, question->scope, 1, question->bounds);
  if (!found.effort.partial.empty()) return victoria_error({ErrorKind::kUnavailable, found.effort.partial});
  std::vector<std::pair<std::string, std::uint64_t>> names = {
      {"_time", found.lines}, {"_msg", found.lines}, {"_stream", found.lines}};
  for (const logs::Facet& facet : found.facets) {
    std::uint64_t lines = facet.others;
    for (const auto& [value, count] : facet.values) lines += count;
    if (lines > 0) names.emplace_back(facet.name, lines);
  }
  return http::Response::json(values_json(names));
}

http::Response victoria_field_values(App& app, const VictoriaRequest& request) {
  const auto question = parse_question(app, request);
  if (!question) return victoria_error(question.error());
  const std::string_view name = request->parameter("field");
  const auto limit = parse_count(*request, "limit", 100, 10'000);
  if (name.empty() || !limit) return http::Response::text("field is needed; limit is a number up to 10000\n", 400);
  const logs::Facets found = logs::facets(*app.storage().logs(), question->query, question->scope,
                                          *limit == 0 ? 10'000 : static_cast<std::size_t>(*limit), question->bounds);
  if (!found.effort.partial.empty()) return victoria_error({ErrorKind::kUnavailable, found.effort.partial});
  for (const logs::Facet& facet : found.facets)
    if (facet.name == name) return http::Response::json(values_json(facet.values));
  return http::Response::json(values_json({}));
}

struct VictoriaTail {
  std::shared_ptr<logs::Tail> tail;
  LogQuestion question;
};

// The protocol has no other place for it.
logs::FoundLine left_out(std::uint64_t lines) {
  logs::FoundLine told;
  told.time = Clock::system().wall();
  told.level = logline::Level::kWarning;
  told.host = "-";
  told.source = told.unit = "resmon-server";
  told.message =
      std::to_string(lines) + " lines came faster than this view reads, and are left out here; they are stored";
  return told;
}

asio::awaitable<std::optional<std::string>> tail_lines(App& app, std::shared_ptr<VictoriaTail> viewer) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  std::string out;
  while (out.empty() && !app.stopping()) {
    timer.expires_after(kVictoriaTailEvery);
    co_await net::wait(timer);
    if (viewer->question.bounds.cancelled()) co_return std::nullopt;
    std::uint64_t dropped = 0;
    for (const logs::Arrival& arrival : viewer->tail->take(dropped)) {
      if (!in_scope(viewer->question.scope, arrival.host, arrival.lines->source())) continue;
      for (std::size_t i = 0; i < arrival.lines->size(); ++i) {
        const logline::Line line = (*arrival.lines)[i];
        if (viewer->question.query.matches(arrival.host, arrival.lines->source(), line))
          append_victoria_line(out, found_line(arrival.host, arrival.lines->source(), line));
      }
    }
    if (dropped > 0) append_victoria_line(out, left_out(dropped));
  }
  if (out.empty()) co_return std::nullopt;
  co_return out;
}

http::Response victoria_tail(App& app, const VictoriaRequest& request) {
  auto question = parse_question(app, request);
  if (!question) return victoria_error(question.error());
  auto tail = app.storage().logs()->follow();
  if (!tail) return http::Response::text("too many live views are open\n", 503);
  const auto viewer = std::make_shared<VictoriaTail>(VictoriaTail{std::move(tail), *std::move(question)});
  http::Response response;
  response.content_type = "application/stream+json";
  response.more = [&app, viewer] { return tail_lines(app, viewer); };
  return response;
}

}  // namespace

void add_victoria_routes(App& app, http::Router& router) {
  const auto add = [&](const char* path, LogAnswer answer) {
    const auto handler = [&app, answer](VictoriaRequest request) {
      return answer_logs(app, std::move(request), answer);
    };
    router.add("GET", path, http::Access::kRead, handler);
    router.add("POST", path, http::Access::kRead, handler, kFormBytes, http::Body::kForm);
  };
  add("/select/logsql/query", victoria_query);
  add("/select/logsql/hits", victoria_hits);
  add("/select/logsql/field_names", victoria_field_names);
  add("/select/logsql/field_values", victoria_field_values);
  add("/select/logsql/tail", victoria_tail);
}

}  // namespace resmon::server
