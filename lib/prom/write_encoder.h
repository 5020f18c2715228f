#pragma once

// Rows as Prometheus' remote write 1.0. A metric is named MEASUREMENT_FIELD, as VictoriaMetrics names Influx lines, and
// MEASUREMENT alone where the field is `value`, so that what came from Prometheus keeps its name. Tags are labels. What
// is no letter, digit, '_' or (in metrics) ':' becomes '_'. No I/O.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metric/batch.h"
#include "metric/schema.h"
#include "metric/schema_cache.h"

namespace resmon::prom {

std::string metric_name(std::string_view measurement, std::string_view field);
std::string label_name(std::string_view tag);
// In quotes, as the text format has a label's value.
void append_quoted(std::string_view text, std::string& out);

// Encodes one row after the other. Not thread-safe.
class WriteEncoder {
 public:
  // `extra_tags`: for rows that do not have them. `schemas` must outlive it. Beyond `cache_bytes` of remembered labels
  // it forgets all and begins again.
  explicit WriteEncoder(const metric::SchemaTable& schemas, std::vector<metric::Tag> extra_tags = {},
                        std::size_t cache_bytes = 64U << 20U);
  ~WriteEncoder();

  // Appends one TimeSeries of a WriteRequest for each value, and returns how many: any number of them behind each other
  // is a request. Integers and booleans become floats; texts, NaN and infinite values are left out. Times are rounded
  // down to milliseconds.
  std::size_t append(const metric::Batch& batch, const metric::Row& row, std::string& out);
  std::uint64_t skipped_values() const { return skipped_values_; }  // that were left out

 private:
  struct Shape;
  std::unique_ptr<Shape> shape_of(const metric::Schema& schema, std::size_t& bytes) const;

  const std::vector<metric::Tag> extra_tags_;
  metric::SchemaCache<Shape> shapes_;
  std::uint64_t skipped_values_ = 0;
};

// A request's samples as lines of text, for people: NAME{LABEL="VALUE"} VALUE MILLISECONDS. Bytes that are no request
// end it.
std::string write_request_text(std::string_view request);

}  // namespace resmon::prom
