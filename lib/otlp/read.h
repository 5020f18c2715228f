#pragma once

// OTLP's export requests of metrics and logs, in protobuf and in JSON (opentelemetry-proto 1.7), one point or record
// after the other. No I/O; bounded; fuzzed. What the format lets come in any order does.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace resmon::otlp {

enum class Encoding : std::uint8_t { kProtobuf, kJson };

inline constexpr std::size_t kMostAttributes = 256;         // of a resource, point or record
inline constexpr std::size_t kMostAttributeBytes = 65'535;  // of all names and values of one of them
inline constexpr std::size_t kMostDepth = 8;                // of lists in lists
inline constexpr std::size_t kMostBuckets = 512;            // of a histogram
// Of the attributes of all points or records of a request, each with those of its resource: what a request says once
// becomes part of each row.
inline constexpr std::size_t kMostRepeatedBytes = 64U << 20U;
inline constexpr std::size_t kMostPoints = 1'000'000;  // of a request

// Values are text: numbers and truth values as JSON writes them, bytes in hexadecimal, lists as JSON.
struct Attribute {
  std::string key;
  std::string value;
};
struct Attributes {
  std::vector<Attribute> all;
  std::size_t bytes = 0;  // of all names and values
  bool too_many = false;  // some were left out: beyond a bound

  // The value, or "".
  std::string_view get(std::string_view key) const;
};

enum class Kind : std::uint8_t { kNone, kGauge, kSum, kHistogram, kExponentialHistogram, kSummary };
enum class Temporality : std::uint8_t { kUnspecified = 0, kDelta = 1, kCumulative = 2 };

struct Metric {
  std::string name;
  Kind kind = Kind::kNone;
  Temporality temporality = Temporality::kUnspecified;
};

struct Point {
  std::uint64_t time = 0;  // ns since 1970; 0: not said
  Attributes attributes;
  bool no_value = false;  // its flag says that there is none
  double value = 0;       // of gauges and sums
  bool has_value = false;
  // Of histograms and summaries.
  std::uint64_t count = 0;
  std::optional<double> sum, least, most;
  std::vector<double> bounds;
  std::vector<std::uint64_t> buckets;
  std::vector<std::pair<double, double>> quantiles;
  bool too_many_buckets = false;
};

// Of exponential histograms only their number is read: `point` is called with an empty one.
using TakePoint = std::function<Status(const Attributes& resource, const Metric& metric, const Point& point)>;

struct Record {
  std::uint64_t time = 0;  // ns since 1970: its own, else when it was observed; 0: neither is said
  std::int64_t severity = 0;
  std::string severity_text;
  std::string body;  // as an attribute's value
  Attributes attributes;
  std::string trace_id;  // in hexadecimal
  std::string span_id;
  std::string event_name;
};
using TakeRecord = std::function<Status(const Attributes& resource, const Record& record)>;

// kInvalid: the bytes are no such request; kLimit: more than kMostPoints. What was taken before stays taken. An error
// of `take` ends it.
Status read_metrics(std::string_view body, Encoding encoding, const TakePoint& take);
Status read_logs(std::string_view body, Encoding encoding, const TakeRecord& take);

}  // namespace resmon::otlp
