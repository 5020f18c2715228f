#pragma once

// Shared by requests about log lines: their parameters, the pool on which they run, and lines as JSON.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "http/router.h"
#include "logs/search.h"

namespace resmon::server {

class App;

// RFC 3339, a date, a number since 1970 (seconds, milliseconds, microseconds or nanoseconds, by its digits), "now", or
// a time before now: "-15m".
Result<UnixNanos> parse_log_time(std::string_view text, UnixNanos now);

struct LogQuestion {
  logs::Query query;
  logs::Scope scope;
  logs::Bounds bounds;
};
// `q` (or `query`), `start`, `end`, `hosts`, `sources`, `timeout`. kInvalid names the parameter.
Result<LogQuestion> parse_question(const App& app, const std::shared_ptr<const http::Request>& request);

// Whether lines of this stream are asked for, by hosts and sources.
bool in_scope(const logs::Scope& scope, std::string_view host, std::string_view source);

// A number up to `most`; `otherwise` where there is no such parameter.
Result<std::uint64_t> parse_count(const http::Request& request, std::string_view name, std::uint64_t otherwise,
                                  std::uint64_t most);

// One line as the page and scripts read it.
void append_line_json(std::string& out, const logs::FoundLine& line);
// One as VictoriaLogs writes it, with the end of the line.
void append_victoria_line(std::string& out, const logs::FoundLine& line);
logs::FoundLine found_line(const std::string& host, std::string_view source, const logline::Line& line);
std::string time_text(UnixNanos time);
std::string effort_json(const logs::Effort& effort);

using LogAnswer = http::Response (*)(App& app, const std::shared_ptr<const http::Request>& request);
// Runs the answer where it may block. 503 where too many wait; 404 where the server keeps no lines.
boost::asio::awaitable<http::Response> answer_logs(App& app, std::shared_ptr<const http::Request> request,
                                                   LogAnswer answer);

}  // namespace resmon::server
