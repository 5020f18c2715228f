#pragma once

// OTLP's metrics as rows. What the table in semantic_table.h names becomes resmon's own measurements and fields, so
// that the page, alerts and dashboards show it; everything else keeps its name as the measurement. No I/O; not
// thread-safe.
//
//   gauge, sum            field `value`; `delta` of a sum of deltas
//   histogram             `count`, `sum`, `min`, `max`, and one field a bound with the values up to it: `0.5`, `+Inf`
//   summary               `count`, `sum`, and one field a quantile: `0.99`
//   attributes            tags, with those of the resource but what describes the machine and the program
//   host.name             tag `host`

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "metric/batch.h"
#include "metric/schema.h"
#include "otlp/read.h"

namespace resmon::otlp {

struct MetricsReport {
  std::uint64_t points = 0;      // that are in rows
  std::uint64_t no_value = 0;    // whose flag says that there is none
  std::uint64_t not_finite = 0;  // NaN and infinite values, which no field can contain
  std::uint64_t refused = 0;
  std::string first_refusal;  // "metric NAME: …"
};

// Whether a resource's attribute is a tag of its rows, or a field of its log lines.
bool is_kept(std::string_view resource_attribute);

class MetricRows {
 public:
  // `now`: for points without a time. `schemas` must outlive it.
  MetricRows(metric::SchemaTable& schemas, UnixNanos now) : schemas_(schemas), now_(now) {}

  void add(const Attributes& resource, const Metric& metric, const Point& point);
  // Appends the rows: the points of one measurement, tags and time are one. Once.
  void finish(metric::Batch& out);
  const MetricsReport& report() const { return report_; }

 private:
  struct Value {
    std::string field;
    metric::FieldType type = metric::FieldType::kFloat;
    metric::Cell cell = 0;
  };
  struct Row {
    metric::Schema schema;  // without fields
    UnixNanos time = 0;
    std::vector<Value> values;
    std::uint64_t points = 0;
  };

  bool add_mapped(const Attributes& resource, const Metric& metric, const Point& point, UnixNanos time);
  std::string add_number(Row& row, const Metric& metric, const Point& point);
  std::string add_histogram(Row& row, const Metric& metric, const Point& point);
  void set(Row& row, std::string field, double value);
  Row& row_of(std::string measurement, std::vector<metric::Tag> tags, UnixNanos time);
  void refuse(const Metric& metric, const std::string& why);

  metric::SchemaTable& schemas_;
  const UnixNanos now_;
  std::vector<Row> rows_;
  std::unordered_map<std::string, std::size_t> known_;  // place in rows_, by measurement, tags and time
  std::size_t repeated_bytes_ = 0;                      // attributes of all points so far
  MetricsReport report_;
};

}  // namespace resmon::otlp
