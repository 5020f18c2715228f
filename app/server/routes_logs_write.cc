// Log lines from other programs: JSON lines as VictoriaLogs takes them, and Loki's push in protobuf and in JSON, which
// Docker's driver, Alloy, Vector and Fluent Bit send. Answered when the lines are durable. Nothing numbers these lines,
// so who sends a request again, because the answer was lost, sends its lines twice.

#include <boost/json.hpp>
#include <optional>

#include "app.h"
#include "base/snappy.h"
#include "durable.h"
#include "json.h"
#include "line_taking.h"
#include "listeners.h"
#include "log_requests.h"
#include "logs/loki_push.h"
#include "logs/store.h"
#include "net/spawn.h"
#include "routes.h"
#include "storage.h"

namespace resmon::server {

namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using LinesRequest = std::shared_ptr<const http::Request>;

constexpr std::size_t kLinesBodyBytes = 32'000'000;

std::string_view view(const json::string& text) {
  return {text.data(), text.size()};
}

std::string peer_host(const http::Request& request) {
  return std::string(request.peer_address());
}

// Snappy around protobuf, which is what Loki's own clients send; they do not name the Snappy in Content-Encoding.
Status take_loki_protobuf(const http::Request& request, LineTaking& taking) {
  std::string unpacked;
  std::string_view message = request.body;
  if (request.header("content-encoding").empty()) {
    RESMON_ASSIGN(unpacked, unpack_snappy(message, kLinesBodyBytes));
    message = unpacked;
  }
  const std::string peer = peer_host(request);
  std::vector<logline::Field> space;
  RESMON_TRY(logs::read_loki_push(message, [&](const logs::LokiLabels& labels, const logs::LokiEntry& entry) {
    LineMembers line;
    for (const auto& [name, value] : labels) line.take(name, value);
    for (const auto& [name, value] : entry.metadata) line.take(name, value);
    if (line.host.empty()) line.host = peer;
    line.message = entry.line;
    line.time = entry.time;
    return taking.add(line.host, "loki", line.line(space));
  }));
  return taking.flush();
}

// {"streams":[{"stream":{"label":"value"},"values":[["nanoseconds","line",{"name":"value"}]]}]}
Status take_loki(const http::Request& request, UnixNanos now, LineTaking& taking) {
  if (!request.header("content-type").starts_with("application/json")) {
    const std::size_t begin = request.body.find_first_not_of(" \t\r\n");
    if (begin == std::string::npos || request.body[begin] != '{') return take_loki_protobuf(request, taking);
  }
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 16;
  const json::value body = json::parse(request.body, error, {}, options);
  if (error) return fail(ErrorKind::kInvalid, "the body is not JSON: " + error.message());
  const json::array* streams = nullptr;
  if (const json::object* object = body.if_object())
    if (const json::value* found = object->if_contains("streams")) streams = found->if_array();
  if (streams == nullptr) return fail(ErrorKind::kInvalid, "the body has no array \"streams\"");
  std::vector<logline::Field> space;
  for (std::size_t s = 0; s < streams->size(); ++s) {
    const auto wrong = [&](const std::string& what) {
      return fail(ErrorKind::kInvalid, "stream " + std::to_string(s + 1) + ": " + what);
    };
    const json::object* stream = (*streams)[s].if_object();
    const json::value* labels = stream != nullptr ? stream->if_contains("stream") : nullptr;
    const json::value* values = stream != nullptr ? stream->if_contains("values") : nullptr;
    if (labels == nullptr || !labels->is_object() || values == nullptr || !values->is_array())
      return wrong("\"stream\" is an object and \"values\" an array");
    LineMembers shared;
    for (const auto& [name, value] : labels->get_object())
      if (value.is_string()) shared.take({name.data(), name.size()}, view(value.get_string()));
    if (shared.host.empty()) shared.host = peer_host(request);
    for (const json::value& entry : values->get_array()) {
      const json::array* one = entry.if_array();
      if (one == nullptr || one->size() < 2 || !(*one)[0].is_string() || !(*one)[1].is_string())
        return wrong("a value is [\"nanoseconds\", \"line\"]");
      LineMembers line = shared;
      line.message = view((*one)[1].get_string());
      const auto time = parse_log_time(view((*one)[0].get_string()), now);
      if (!time) return wrong(time.error().message);
      line.time = *time;
      if (one->size() > 2 && (*one)[2].is_object())
        for (const auto& [name, value] : (*one)[2].get_object())
          if (value.is_string()) line.take({name.data(), name.size()}, view(value.get_string()));
      RESMON_TRY(taking.add(line.host, "loki", line.line(space)));
    }
  }
  return taking.flush();
}

std::string text_of(const json::value& value) {
  if (value.is_string()) return std::string(view(value.get_string()));
  return json::serialize(value);
}

struct JsonNames {
  std::string message;
  std::string time;
  std::string source;
};

Status take_object(const json::object& object, const JsonNames& names, const std::string& peer, UnixNanos now,
                   LineTaking& taking) {
  LineMembers line;
  line.time = now;
  bool has_message = false;
  bool has_time = false;
  for (const auto& [key, value] : object) {
    const std::string_view name(key.data(), key.size());
    const bool names_message =
        !names.message.empty() ? name == names.message : name == "_msg" || name == "message" || name == "msg";
    const bool names_time = !names.time.empty() ? name == names.time
                                                : name == "_time" || name == "time" || name == "timestamp" ||
                                                      name == "@timestamp" || name == "ts";
    if (names_message && !has_message) {
      line.message = text_of(value);
      has_message = true;
    } else if (names_time && !has_time) {
      const std::string text = text_of(value);
      has_time = true;
      if (text.empty() || text == "0") continue;  // now
      RESMON_ASSIGN(line.time, parse_log_time(text, now));
    } else if (!value.is_null()) {
      line.take(name, text_of(value));
    }
  }
  if (line.host.empty()) line.host = peer;
  std::vector<logline::Field> space;
  return taking.add(line.host, names.source, line.line(space));
}

// One JSON object a line.
Status take_json_lines(const http::Request& request, UnixNanos now, LineTaking& taking) {
  JsonNames names{std::string(request.parameter("_msg_field")), std::string(request.parameter("_time_field")),
                  std::string(request.parameter("source"))};
  if (names.source.empty()) names.source = "jsonline";
  const std::string peer = peer_host(request);
  std::string_view rest = request.body;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view text = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (text.empty()) continue;
    boost::system::error_code error;
    json::parse_options options;
    options.max_depth = 16;
    const json::value value = json::parse(text, error, {}, options);
    const auto wrong = [&](const std::string& why) {
      // The lines before it are taken all the same.
      (void)taking.flush();
      return fail(ErrorKind::kInvalid, "line " + std::to_string(number) + ": " + why);
    };
    if (error) return wrong("not JSON: " + error.message());
    if (!value.is_object()) return wrong("not an object");
    if (Status taken = take_object(value.get_object(), names, peer, now, taking); !taken) {
      if (taken.error().kind != ErrorKind::kInvalid) return taken;
      return wrong(taken.error().message);
    }
  }
  return taking.flush();
}

struct TakenLines {
  http::Response response;
  std::uint64_t position = 0;
};

using Take = Status (*)(const http::Request&, UnixNanos, LineTaking&);

asio::awaitable<TakenLines> take_on_pool(App& app, LinesRequest request, Take take) {
  const UnixNanos now = Clock::system().wall();
  LineTaking taking(*app.storage().logs(), now);
  const Status taken = take(*request, now, taking);
  TakenLines out;
  out.position = taking.position();
  out.response.status = 204;
  if (!taken)
    out.response = http::Response::error(taken.error().kind == ErrorKind::kInvalid ? 400
                                         : taken.error().kind == ErrorKind::kLimit ? 413
                                                                                   : 503,
                                         taken.error().message);
  co_return out;
}

asio::awaitable<http::Response> take_request(App& app, LinesRequest request, Take take) {
  if (app.storage().logs() == nullptr)
    co_return http::Response::error(404, "this server stores no log lines: logs.enabled is false");
  TakenLines taken = co_await net::run(app.listeners().http_workers().get_executor(), take_on_pool(app, request, take));
  if (taken.position == 0) co_return std::move(taken.response);
  if (!co_await wait_until_lines_durable(*app.storage().logs(), taken.position))
    co_return http::Response::error(503, kNotDurable);
  co_return std::move(taken.response);
}

}  // namespace

void add_log_write_routes(App& app, http::Router& router) {
  for (const auto& [path, take] : {std::pair{"/insert/jsonline", &take_json_lines}, {"/loki/api/v1/push", &take_loki}})
    router.add(
        "POST", path, http::Access::kWrite,
        [&app, which = take](LinesRequest request) { return take_request(app, std::move(request), which); },
        kLinesBodyBytes);
}

}  // namespace resmon::server
