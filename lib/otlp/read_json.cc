// OTLP/JSON: names in lower camel case, 64-bit integers as texts or numbers, ids in hexadecimal, enumerations as
// numbers. Unknown members are skipped.

#include <boost/json.hpp>
#include <charconv>
#include <cmath>

#include "otlp/read.h"
#include "otlp/values.h"

namespace resmon::otlp {

namespace {

namespace json = boost::json;

std::string_view view(const json::string& text) {
  return {text.data(), text.size()};
}

const json::value* member(const json::value& value, std::string_view name) {
  const json::object* object = value.if_object();
  return object != nullptr ? object->if_contains(name) : nullptr;
}

const json::array* items(const json::value& value, std::string_view name) {
  const json::value* found = member(value, name);
  return found != nullptr ? found->if_array() : nullptr;
}

std::string text(const json::value& value, std::string_view name) {
  const json::value* found = member(value, name);
  return found != nullptr && found->is_string() ? std::string(view(found->get_string())) : std::string();
}

// An integer as a number or a text. False: there is none.
template <class T>
bool integer(const json::value* value, T& out) {
  if (value == nullptr) return false;
  if (const auto* text = value->if_string()) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), out);
    return error == std::errc() && end == text->data() + text->size();
  }
  boost::system::error_code error;
  out = value->to_number<T>(error);
  return !error;
}

// A float as a number or one of the texts "NaN", "Infinity", "-Infinity".
bool floating(const json::value* value, double& out) {
  if (value == nullptr) return false;
  if (const auto* text = value->if_string()) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), out);
    return error == std::errc() && end == text->data() + text->size();
  }
  boost::system::error_code error;
  out = value->to_number<double>(error);
  return !error;
}

void append_any(const json::value& any, bool inside, std::size_t depth, std::string& out) {
  if (const json::value* found = member(any, "stringValue"); found != nullptr && found->is_string()) {
    out += inside ? json::serialize(*found) : std::string(view(found->get_string()));
  } else if (found = member(any, "boolValue"); found != nullptr && found->is_bool()) {
    out += found->get_bool() ? "true" : "false";
  } else if (std::int64_t number = 0; integer(member(any, "intValue"), number)) {
    out += std::to_string(number);
  } else if (double real = 0; floating(member(any, "doubleValue"), real)) {
    out += number_text(real);
  } else if (found = member(any, "bytesValue"); found != nullptr && found->is_string()) {
    out += inside ? json::serialize(*found) : std::string(view(found->get_string()));
  } else if (found = member(any, "arrayValue"); found != nullptr && depth < kMostDepth) {
    out += '[';
    if (const json::array* list = items(*found, "values"))
      for (std::size_t i = 0; i < list->size(); ++i) {
        if (i > 0) out += ',';
        append_any((*list)[i], true, depth + 1, out);
      }
    out += ']';
  } else if (found = member(any, "kvlistValue"); found != nullptr && depth < kMostDepth) {
    out += '{';
    if (const json::array* list = items(*found, "values"))
      for (std::size_t i = 0; i < list->size(); ++i) {
        if (i > 0) out += ',';
        out += json::serialize(json::string(text((*list)[i], "key"))) + ":";
        if (const json::value* value = member((*list)[i], "value"))
          append_any(*value, true, depth + 1, out);
        else
          out += "null";
      }
    out += '}';
  } else if (inside) {
    out += "null";
  }
}

void read_attributes(const json::value& of, Attributes& out) {
  AttributeList list(out);
  const json::array* all = items(of, "attributes");
  if (all == nullptr) return;
  for (const json::value& one : *all) {
    std::string value;
    if (const json::value* any = member(one, "value")) append_any(*any, false, 0, value);
    list.add(text(one, "key"), std::move(value));
  }
}

Result<json::value> parse(std::string_view body, const char* what) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 64;
  json::value out = json::parse(json::string_view(body.data(), body.size()), error, {}, options);
  if (error) return fail(ErrorKind::kInvalid, "the body is no JSON: " + error.message());
  if (!out.is_object()) return fail(ErrorKind::kInvalid, std::string("the body is no ") + what + " in JSON");
  return out;
}

std::optional<double> optional_number(const json::value& of, std::string_view name) {
  double out = 0;
  return floating(member(of, name), out) ? std::optional(out) : std::nullopt;
}

// f(resource's attributes, item) for each of `scopes`' `what`.
template <class F>
Status for_items(const json::value& body, std::string_view resources, std::string_view scopes, std::string_view what,
                 const F& f) {
  const json::array* all = items(body, resources);
  if (all == nullptr) return {};
  Attributes attributes;
  for (const json::value& one : *all) {
    const json::value* resource = member(one, "resource");
    read_attributes(resource != nullptr ? *resource : json::value(), attributes);
    const json::array* of = items(one, scopes);
    if (of == nullptr) continue;
    for (const json::value& scope : *of)
      if (const json::array* list = items(scope, what))
        for (const json::value& item : *list) RESMON_TRY(f(attributes, item));
  }
  return {};
}

void read_point(const json::value& item, Kind kind, Point& out) {
  out = {};
  integer(member(item, "timeUnixNano"), out.time);
  std::uint32_t flags = 0;
  if (integer(member(item, "flags"), flags)) out.no_value = (flags & 1U) != 0;
  read_attributes(item, out.attributes);
  if (kind == Kind::kGauge || kind == Kind::kSum) {
    std::int64_t number = 0;
    out.has_value = floating(member(item, "asDouble"), out.value);
    if (!out.has_value && integer(member(item, "asInt"), number)) {
      out.value = static_cast<double>(number);
      out.has_value = true;
    }
    return;
  }
  integer(member(item, "count"), out.count);
  out.sum = optional_number(item, "sum");
  out.least = optional_number(item, "min");
  out.most = optional_number(item, "max");
  const auto within = [&](std::size_t size) {
    if (size > kMostBuckets) out.too_many_buckets = true;
    return size <= kMostBuckets;
  };
  if (const json::array* list = items(item, "bucketCounts"); list != nullptr && within(list->size()))
    for (const json::value& one : *list) integer(&one, out.buckets.emplace_back());
  if (const json::array* list = items(item, "explicitBounds"); list != nullptr && within(list->size()))
    for (const json::value& one : *list) floating(&one, out.bounds.emplace_back());
  if (const json::array* list = items(item, "quantileValues"); list != nullptr && within(list->size()))
    for (const json::value& one : *list)
      out.quantiles.emplace_back(optional_number(one, "quantile").value_or(0),
                                 optional_number(one, "value").value_or(0));
}

}  // namespace

Status read_metrics_json(std::string_view body, const TakePoint& take) {
  RESMON_ASSIGN(const json::value parsed, parse(body, "ExportMetricsServiceRequest"));
  std::size_t points = 0;
  Point point;
  return for_items(parsed, "resourceMetrics", "scopeMetrics", "metrics",
                   [&](const Attributes& resource, const json::value& item) -> Status {
                     Metric metric;
                     metric.name = text(item, "name");
                     const json::value* data = nullptr;
                     for (const auto& [name, kind] : {std::pair{"gauge", Kind::kGauge},
                                                      {"sum", Kind::kSum},
                                                      {"histogram", Kind::kHistogram},
                                                      {"exponentialHistogram", Kind::kExponentialHistogram},
                                                      {"summary", Kind::kSummary}})
                       if (const json::value* found = member(item, name)) {
                         data = found;
                         metric.kind = kind;
                       }
                     if (data == nullptr) return {};
                     std::uint32_t temporality = 0;
                     if (integer(member(*data, "aggregationTemporality"), temporality) && temporality <= 2)
                       metric.temporality = static_cast<Temporality>(temporality);
                     const json::array* list = items(*data, "dataPoints");
                     if (list == nullptr) return {};
                     for (const json::value& one : *list) {
                       if (++points > kMostPoints)
                         return fail(ErrorKind::kLimit,
                                     "more than " + std::to_string(kMostPoints) + " points in one request");
                       if (metric.kind == Kind::kExponentialHistogram)
                         point = {};
                       else
                         read_point(one, metric.kind, point);
                       RESMON_TRY(take(resource, metric, point));
                     }
                     return {};
                   });
}

Status read_logs_json(std::string_view body, const TakeRecord& take) {
  RESMON_ASSIGN(const json::value parsed, parse(body, "ExportLogsServiceRequest"));
  Record record;
  return for_items(parsed, "resourceLogs", "scopeLogs", "logRecords",
                   [&](const Attributes& resource, const json::value& item) -> Status {
                     record = {};
                     integer(member(item, "timeUnixNano"), record.time);
                     if (record.time == 0) integer(member(item, "observedTimeUnixNano"), record.time);
                     integer(member(item, "severityNumber"), record.severity);
                     record.severity_text = text(item, "severityText");
                     if (const json::value* any = member(item, "body")) append_any(*any, false, 0, record.body);
                     read_attributes(item, record.attributes);
                     record.trace_id = text(item, "traceId").substr(0, 32);
                     record.span_id = text(item, "spanId").substr(0, 16);
                     record.event_name = text(item, "eventName");
                     return take(resource, record);
                   });
}

}  // namespace resmon::otlp
