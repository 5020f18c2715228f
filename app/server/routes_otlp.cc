// OpenTelemetry over HTTP: /v1/metrics and /v1/logs, in protobuf and in JSON. What is wrong with one point or record
// costs it, and the answer's partial_success says how many and why; a sender repeats nothing then. Answered when the
// rest is durable. Log records are not numbered: who sends a request again, because the answer was lost, sends them
// twice.

#include "app.h"
#include "base/bytes.h"
#include "durable.h"
#include "ingest/log.h"
#include "json.h"
#include "line_taking.h"
#include "listeners.h"
#include "logs/store.h"
#include "net/spawn.h"
#include "otlp/read.h"
#include "otlp/rows.h"
#include "routes.h"
#include "row_intake.h"
#include "row_writer.h"
#include "storage.h"
#include "work_pools.h"

namespace resmon::server {

namespace {

namespace asio = boost::asio;
using OtlpRequest = std::shared_ptr<const http::Request>;

constexpr std::size_t kOtlpBodyBytes = 16'000'000;
constexpr std::size_t kOtlpBulkBytes = 256U << 10U;

enum class Signal { kMetrics, kLogs };

struct OtlpOutcome {
  http::Response response;
  std::uint64_t position = 0;  // to be durable before the answer goes out; 0: nothing was taken
};

std::optional<otlp::Encoding> encoding_of(const http::Request& request) {
  const std::string_view type = request.header("content-type");
  if (type.starts_with("application/x-protobuf")) return otlp::Encoding::kProtobuf;
  if (type.starts_with("application/json")) return otlp::Encoding::kJson;
  return std::nullopt;
}

void append_text(std::uint64_t number, std::string_view text, std::string& out) {
  ByteWriter writer(out);
  writer.varint(number << 3U | 2U);
  writer.text(text);
}

// google.rpc.Status, in the request's encoding.
http::Response otlp_error(otlp::Encoding encoding, unsigned status, const std::string& message) {
  const unsigned code = status == 400   ? 3
                        : status == 413 ? 8
                                        : 14;  // INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNAVAILABLE
  if (encoding == otlp::Encoding::kJson)
    return http::Response::json(JsonObject().number("code", code).text("message", message).finish() + "\n", status);
  http::Response out;
  out.status = status;
  out.content_type = "application/x-protobuf";
  ByteWriter writer(out.body);
  writer.u8(0x08);
  writer.varint(code);
  append_text(2, message, out.body);
  return out;
}

http::Response otlp_error(otlp::Encoding encoding, const Error& error) {
  return otlp_error(encoding,
                    error.kind == ErrorKind::kInvalid ? 400
                    : error.kind == ErrorKind::kLimit ? 413
                                                      : 503,
                    error.message);
}

http::Response otlp_answer(otlp::Encoding encoding, Signal signal, std::uint64_t rejected, const std::string& why) {
  http::Response out;
  if (encoding == otlp::Encoding::kJson) {
    out.body = "{}";
    if (rejected > 0)
      out.body =
          JsonObject()
              .raw("partialSuccess", JsonObject()
                                         .text(signal == Signal::kMetrics ? "rejectedDataPoints" : "rejectedLogRecords",
                                               std::to_string(rejected))
                                         .text("errorMessage", why)
                                         .finish())
              .finish();
    return out;
  }
  out.content_type = "application/x-protobuf";
  if (rejected == 0) return out;
  std::string partial;
  ByteWriter writer(partial);
  writer.u8(0x08);
  writer.varint(rejected);
  append_text(2, why, partial);
  append_text(1, partial, out.body);
  return out;
}

OtlpOutcome take_metrics(App& app, const http::Request& request, otlp::Encoding encoding) {
  DoorCounts& counts = app.listeners().other_doors().otlp;
  ++counts.requests;
  const UnixNanos now = Clock::system().wall();
  otlp::MetricRows rows(app.storage().schemas(), now);
  const Status read = otlp::read_metrics(
      request.body, encoding,
      [&](const otlp::Attributes& resource, const otlp::Metric& metric, const otlp::Point& point) -> Status {
        rows.add(resource, metric, point);
        return {};
      });
  if (!read) return {otlp_error(encoding, read.error())};
  metric::Batch batch;
  rows.finish(batch);
  const otlp::MetricsReport& report = rows.report();
  const auto taken = app.intake().row_writer().append(std::move(batch), now);
  if (!taken) return {otlp_error(encoding, taken.error())};
  OtlpOutcome out;
  out.position = taken->position;
  if (request.body.size() >= kOtlpBulkBytes) app.storage().journal().sync_soon();
  const std::uint64_t lost = std::min<std::uint64_t>(report.points, taken->dropped + taken->conflicts.rows);
  counts.samples += report.points - lost;
  counts.stale += report.no_value;
  counts.not_finite += report.not_finite;
  counts.refused += report.refused + lost;
  std::string why = report.first_refusal;
  if (why.empty() && lost > 0) why = taken->dropped > 0 ? taken->why : taken->conflicts.first;
  out.response = otlp_answer(encoding, Signal::kMetrics, report.refused + lost, why);
  return out;
}

// By severity_number: trace and debug, info, warning, error, fatal, each with four steps.
logline::Level level_of(const otlp::Record& record) {
  if (record.severity >= 1 && record.severity <= 8) return logline::Level::kDebug;
  if (record.severity >= 9 && record.severity <= 12) return logline::Level::kInfo;
  if (record.severity >= 13 && record.severity <= 16) return logline::Level::kWarning;
  if (record.severity >= 17 && record.severity <= 20) return logline::Level::kError;
  if (record.severity >= 21 && record.severity <= 24) return logline::Level::kCritical;
  return logline::parse_level(record.severity_text);
}

OtlpOutcome take_logs(App& app, const http::Request& request, otlp::Encoding encoding) {
  ++app.listeners().other_doors().otlp.requests;
  const UnixNanos now = Clock::system().wall();
  const std::string peer(request.peer_address());
  LineTaking taking(*app.storage().logs(), now);
  std::vector<logline::Field> space;
  std::uint64_t refused = 0;
  std::string why;
  std::size_t repeated_bytes = 0;  // attributes of all records so far
  Status read = otlp::read_logs(
      request.body, encoding, [&](const otlp::Attributes& resource, const otlp::Record& record) -> Status {
        if (record.time > static_cast<std::uint64_t>(INT64_MAX) || resource.too_many || record.attributes.too_many) {
          if (refused++ == 0) why = "a record with an impossible time, or with too many or too long attributes";
          return {};
        }
        repeated_bytes += resource.bytes + record.attributes.bytes;
        if (repeated_bytes > otlp::kMostRepeatedBytes) {
          if (refused++ == 0)
            why = "the attributes of all records of the request are too much together; send smaller requests";
          return {};
        }
        LineMembers line;
        line.host = resource.get("host.name").substr(0, kMostBytesOfHost);
        if (line.host.empty()) line.host = peer;
        line.unit = resource.get("service.name");
        line.time = record.time == 0 ? now : static_cast<UnixNanos>(record.time);
        line.level = level_of(record);
        line.message = record.body.empty() ? record.event_name : record.body;
        if (const std::string_view pid = resource.get("process.pid"); !pid.empty()) line.take("pid", pid);
        for (const otlp::Attribute& one : resource.all)
          if (otlp::is_kept(one.key) && one.key != "service.name") line.fields.emplace_back(one.key, one.value);
        for (const otlp::Attribute& one : record.attributes.all) line.fields.emplace_back(one.key, one.value);
        if (!record.trace_id.empty()) line.fields.emplace_back("trace_id", record.trace_id);
        if (!record.span_id.empty()) line.fields.emplace_back("span_id", record.span_id);
        return taking.add(line.host, "otlp", line.line(space));
      });
  if (read) read = taking.flush();
  OtlpOutcome out;
  out.position = taking.position();
  app.listeners().other_doors().otlp.refused += refused;
  out.response = read ? otlp_answer(encoding, Signal::kLogs, refused, why) : otlp_error(encoding, read.error());
  return out;
}

asio::awaitable<OtlpOutcome> otlp_on_pool(App& app, OtlpRequest request, Signal signal, otlp::Encoding encoding) {
  co_return signal == Signal::kMetrics ? take_metrics(app, *request, encoding) : take_logs(app, *request, encoding);
}

asio::awaitable<http::Response> otlp_request(App& app, OtlpRequest request, Signal signal) {
  const auto encoding = encoding_of(*request);
  if (!encoding)
    co_return http::Response::error(415, "Content-Type must be application/x-protobuf or application/json");
  if (signal == Signal::kLogs && app.storage().logs() == nullptr)
    co_return http::Response::error(404, "this server stores no log lines: logs.enabled is false");
  asio::thread_pool& pool = signal == Signal::kMetrics ? app.pools().write() : app.listeners().http_workers();
  OtlpOutcome out = co_await net::run(pool.get_executor(), otlp_on_pool(app, request, signal, *encoding));
  if (out.position == 0) co_return std::move(out.response);
  bool durable = false;
  if (signal == Signal::kMetrics)
    durable = co_await wait_until_durable(app.storage().journal(), app.intake().row_writer(), out.position);
  else
    durable = co_await wait_until_lines_durable(*app.storage().logs(), out.position);
  if (!durable) co_return otlp_error(*encoding, 503, std::string(kNotDurable));
  co_return std::move(out.response);
}

}  // namespace

void add_otlp_routes(App& app, http::Router& router) {
  for (const auto& [path, signal] : {std::pair{"/v1/metrics", Signal::kMetrics}, {"/v1/logs", Signal::kLogs}})
    router.add(
        "POST", path, http::Access::kWrite,
        [&app, which = signal](OtlpRequest request) { return otlp_request(app, std::move(request), which); },
        kOtlpBodyBytes);
}

}  // namespace resmon::server
