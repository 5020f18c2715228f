#include <charconv>
#include <cmath>

#include "base/hex.h"
#include "base/json_text.h"
#include "base/protobuf.h"
#include "otlp/read.h"
#include "otlp/row_encoder.h"
#include "otlp/values.h"

namespace resmon::otlp {

std::string_view Attributes::get(std::string_view key) const {
  for (const Attribute& one : all)
    if (one.key == key) return one.value;
  return {};
}

std::string number_text(double value) {
  char text[64];
  if (std::isfinite(value) && std::abs(value) < 1e15 && value == std::trunc(value))
    return {text, std::to_chars(text, text + sizeof text, static_cast<std::int64_t>(value)).ptr};
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

namespace {

// A value as text. False: malformed, or deeper than kMostDepth. Inside a list texts have quotes.
bool read_value(std::string_view message, bool inside, std::size_t depth, std::string& out);

bool read_pair(std::string_view message, std::size_t depth, bool inside, std::string& key, std::string& value) {
  ProtobufReader fields(message);
  std::string_view name;
  std::string_view content;
  bool has_value = false;
  while (fields.next()) {
    if (fields.number() == 1 && fields.is_bytes()) name = fields.bytes();
    if (fields.number() == 2 && fields.is_bytes()) {
      content = fields.bytes();
      has_value = true;
    }
  }
  if (fields.failed()) return false;
  key = name;
  value.clear();
  return !has_value || read_value(content, inside, depth, value);
}

bool read_list(std::string_view message, bool pairs, std::size_t depth, std::string& out) {
  if (depth >= kMostDepth) return false;
  out += pairs ? '{' : '[';
  ProtobufReader items(message);
  bool first = true;
  while (items.next()) {
    if (items.number() != 1 || !items.is_bytes()) continue;
    if (!std::exchange(first, false)) out += ',';
    if (!pairs) {
      if (!read_value(items.bytes(), true, depth + 1, out)) return false;
      continue;
    }
    std::string key;
    std::string value;
    if (!read_pair(items.bytes(), depth + 1, true, key, value)) return false;
    out += '"';
    append_json_escaped(out, key);
    out.append("\":").append(value.empty() ? "null" : value);
  }
  out += pairs ? '}' : ']';
  return !items.failed();
}

bool read_value(std::string_view message, bool inside, std::size_t depth, std::string& out) {
  ProtobufReader fields(message);
  std::string text;
  bool empty = true;
  while (fields.next()) {
    std::string one;
    bool quoted = false;
    switch (fields.number()) {
      case 1:
        if (!fields.is_bytes()) continue;
        one = fields.bytes();
        quoted = true;
        break;
      case 2:
        if (!fields.is_varint()) continue;
        one = fields.varint() != 0 ? "true" : "false";
        break;
      case 3:
        if (!fields.is_varint()) continue;
        one = std::to_string(static_cast<std::int64_t>(fields.varint()));
        break;
      case 4:
        if (!fields.is_fixed64()) continue;
        one = number_text(fields.number_double());
        break;
      case 5:
      case 6:
        if (!fields.is_bytes()) continue;
        if (!read_list(fields.bytes(), fields.number() == 6, depth, one)) return false;
        break;
      case 7:
        if (!fields.is_bytes()) continue;
        one = hex_text(fields.bytes());
        quoted = true;
        break;
      default:
        continue;
    }
    empty = false;
    text.clear();  // the last one counts
    if (inside && quoted) {
      text += '"';
      append_json_escaped(text, one);
      text += '"';
    } else {
      text = std::move(one);
    }
  }
  if (inside && empty) text = "null";
  out += text;
  return !fields.failed();
}

bool read_attribute(std::string_view message, AttributeList& out) {
  std::string key;
  std::string value;
  if (!read_pair(message, 0, false, key, value)) return false;
  out.add(std::move(key), std::move(value));
  return true;
}

bool read_resource(std::string_view message, Attributes& out) {
  AttributeList list(out);
  ProtobufReader fields(message);
  while (fields.next())
    if (fields.number() == 1 && fields.is_bytes() && !read_attribute(fields.bytes(), list)) return false;
  return !fields.failed();
}

// The first field `number` of the message; empty where there is none.
std::string_view bytes_field(std::string_view message, std::uint64_t number) {
  ProtobufReader fields(message);
  while (fields.next())
    if (fields.number() == number && fields.is_bytes()) return fields.bytes();
  return {};
}

// Eight bytes each, packed or alone.
template <class F>
bool for_fixed64(const ProtobufReader& field, const F& f) {
  if (field.is_fixed64()) {
    f(std::bit_cast<std::uint64_t>(field.number_double()));
    return true;
  }
  if (!field.is_bytes()) return true;
  if (field.bytes().size() % 8 != 0) return false;
  ByteReader in(field.bytes());
  while (in.remaining() > 0) f(in.u64());
  return true;
}

class MetricsReading {
 public:
  explicit MetricsReading(const TakePoint& take) : take_(take) {}

  Status run(std::string_view body) {
    ProtobufReader all(body);
    while (all.next())
      if (all.number() == 1 && all.is_bytes()) RESMON_TRY(resource(all.bytes()));
    if (all.failed()) return malformed();
    return {};
  }

 private:
  static Unexpected<Error> malformed() {
    return fail(ErrorKind::kInvalid, "the body is no ExportMetricsServiceRequest in protobuf");
  }

  Status resource(std::string_view message) {
    if (!read_resource(bytes_field(message, 1), resource_)) return malformed();
    ProtobufReader fields(message);
    while (fields.next()) {
      if (fields.number() != 2 || !fields.is_bytes()) continue;
      ProtobufReader scope(fields.bytes());
      while (scope.next())
        if (scope.number() == 2 && scope.is_bytes()) RESMON_TRY(metric(scope.bytes()));
      if (scope.failed()) return malformed();
    }
    if (fields.failed()) return malformed();
    return {};
  }

  Status metric(std::string_view message) {
    metric_ = {};
    std::string_view data;
    ProtobufReader fields(message);
    while (fields.next()) {
      if (!fields.is_bytes()) continue;
      Kind kind = Kind::kNone;
      switch (fields.number()) {
        case 1:
          metric_.name = fields.bytes();
          continue;
        case 5:
          kind = Kind::kGauge;
          break;
        case 7:
          kind = Kind::kSum;
          break;
        case 9:
          kind = Kind::kHistogram;
          break;
        case 10:
          kind = Kind::kExponentialHistogram;
          break;
        case 11:
          kind = Kind::kSummary;
          break;
        default:
          continue;
      }
      metric_.kind = kind;
      data = fields.bytes();
    }
    if (fields.failed()) return malformed();
    ProtobufReader first(data);
    while (first.next())
      if (first.number() == 2 && first.is_varint() && first.varint() <= 2)
        metric_.temporality = static_cast<Temporality>(first.varint());
    if (first.failed()) return malformed();
    ProtobufReader points(data);
    while (points.next()) {
      if (points.number() != 1 || !points.is_bytes()) continue;
      if (++points_ > kMostPoints)
        return fail(ErrorKind::kLimit, "more than " + std::to_string(kMostPoints) + " points in one request");
      point_ = {};
      if (metric_.kind != Kind::kExponentialHistogram && !point(points.bytes())) return malformed();
      RESMON_TRY(take_(resource_, metric_, point_));
    }
    return {};
  }

  bool point(std::string_view message) {
    const bool number = metric_.kind == Kind::kGauge || metric_.kind == Kind::kSum;
    AttributeList attributes(point_.attributes);
    ProtobufReader fields(message);
    while (fields.next()) {
      const std::uint64_t field = fields.number();
      if (field == 3) {
        if (fields.is_fixed64()) point_.time = bits(fields);
      } else if (field == (number ? 7U : metric_.kind == Kind::kHistogram ? 9U : 7U)) {
        if (fields.is_bytes() && !read_attribute(fields.bytes(), attributes)) return false;
      } else if (field == (metric_.kind == Kind::kHistogram ? 10U : 8U) && fields.is_varint()) {
        point_.no_value = (fields.varint() & 1U) != 0;
      } else if (number) {
        if (field == 4 && fields.is_fixed64()) set(fields.number_double());
        if (field == 6 && fields.is_fixed64()) set(static_cast<double>(static_cast<std::int64_t>(bits(fields))));
      } else if (!distribution(fields)) {
        return false;
      }
    }
    return !fields.failed();
  }

  bool distribution(const ProtobufReader& fields) {
    const std::uint64_t field = fields.number();
    if (field == 4 && fields.is_fixed64()) point_.count = bits(fields);
    if (field == 5 && fields.is_fixed64()) point_.sum = fields.number_double();
    if (metric_.kind == Kind::kSummary) {
      if (field != 6 || !fields.is_bytes()) return true;
      ProtobufReader pair(fields.bytes());
      std::pair<double, double> quantile;
      while (pair.next()) {
        if (pair.number() == 1 && pair.is_fixed64()) quantile.first = pair.number_double();
        if (pair.number() == 2 && pair.is_fixed64()) quantile.second = pair.number_double();
      }
      if (!too_many(point_.quantiles)) point_.quantiles.push_back(quantile);
      return !pair.failed();
    }
    if (field == 11 && fields.is_fixed64()) point_.least = fields.number_double();
    if (field == 12 && fields.is_fixed64()) point_.most = fields.number_double();
    if (field == 6)
      return for_fixed64(fields, [&](std::uint64_t value) {
        if (!too_many(point_.buckets)) point_.buckets.push_back(value);
      });
    if (field == 7)
      return for_fixed64(fields, [&](std::uint64_t value) {
        if (!too_many(point_.bounds)) point_.bounds.push_back(std::bit_cast<double>(value));
      });
    return true;
  }

  template <class T>
  bool too_many(const std::vector<T>& list) {
    if (list.size() <= kMostBuckets) return false;
    return point_.too_many_buckets = true;
  }
  static std::uint64_t bits(const ProtobufReader& field) { return std::bit_cast<std::uint64_t>(field.number_double()); }
  void set(double value) {
    point_.value = value;
    point_.has_value = true;
  }

  const TakePoint& take_;
  Attributes resource_;
  Metric metric_;
  Point point_;
  std::size_t points_ = 0;
};

class LogsReading {
 public:
  explicit LogsReading(const TakeRecord& take) : take_(take) {}

  Status run(std::string_view body) {
    ProtobufReader all(body);
    while (all.next()) {
      if (all.number() != 1 || !all.is_bytes()) continue;
      if (!read_resource(bytes_field(all.bytes(), 1), resource_)) return malformed();
      ProtobufReader fields(all.bytes());
      while (fields.next()) {
        if (fields.number() != 2 || !fields.is_bytes()) continue;
        ProtobufReader scope(fields.bytes());
        while (scope.next()) {
          if (scope.number() != 2 || !scope.is_bytes()) continue;
          if (++records_ > kMostPoints)
            return fail(ErrorKind::kLimit, "more than " + std::to_string(kMostPoints) + " records in one request");
          if (!record(scope.bytes())) return malformed();
          RESMON_TRY(take_(resource_, record_));
        }
        if (scope.failed()) return malformed();
      }
      if (fields.failed()) return malformed();
    }
    if (all.failed()) return malformed();
    return {};
  }

 private:
  static Unexpected<Error> malformed() {
    return fail(ErrorKind::kInvalid, "the body is no ExportLogsServiceRequest in protobuf");
  }

  bool record(std::string_view message) {
    record_ = {};
    std::uint64_t observed = 0;
    AttributeList attributes(record_.attributes);
    ProtobufReader fields(message);
    while (fields.next()) {
      const std::uint64_t field = fields.number();
      if (field == 1 && fields.is_fixed64()) record_.time = std::bit_cast<std::uint64_t>(fields.number_double());
      if (field == 11 && fields.is_fixed64()) observed = std::bit_cast<std::uint64_t>(fields.number_double());
      if (field == 2 && fields.is_varint()) record_.severity = static_cast<std::int64_t>(fields.varint());
      if (!fields.is_bytes()) continue;
      if (field == 3) record_.severity_text = fields.bytes();
      if (field == 5) {
        record_.body.clear();
        if (!read_value(fields.bytes(), false, 0, record_.body)) return false;
      }
      if (field == 6 && !read_attribute(fields.bytes(), attributes)) return false;
      if (field == 9) record_.trace_id = hex_text(fields.bytes().substr(0, 16));
      if (field == 10) record_.span_id = hex_text(fields.bytes().substr(0, 8));
      if (field == 12) record_.event_name = fields.bytes();
    }
    if (record_.time == 0) record_.time = observed;
    return !fields.failed();
  }

  const TakeRecord& take_;
  Attributes resource_;
  Record record_;
  std::size_t records_ = 0;
};

}  // namespace

Status read_metrics(std::string_view body, Encoding encoding, const TakePoint& take) {
  return encoding == Encoding::kJson ? read_metrics_json(body, take) : MetricsReading(take).run(body);
}

Status read_logs(std::string_view body, Encoding encoding, const TakeRecord& take) {
  return encoding == Encoding::kJson ? read_logs_json(body, take) : LogsReading(take).run(body);
}

std::optional<PartialSuccess> read_answer(std::string_view body) {
  PartialSuccess out;
  ProtobufReader fields(body);
  while (fields.next()) {
    if (fields.number() != 1 || !fields.is_bytes()) continue;
    ProtobufReader partial(fields.bytes());
    while (partial.next()) {
      if (partial.number() == 1 && partial.is_varint()) out.rejected = partial.varint();
      if (partial.number() == 2 && partial.is_bytes()) out.message = partial.bytes();
    }
    if (partial.failed()) return std::nullopt;
  }
  if (fields.failed()) return std::nullopt;
  return out;
}

}  // namespace resmon::otlp
