#pragma once

// Rows as OTLP's export requests of metrics, in protobuf: each value is a gauge named MEASUREMENT.FIELD, the tag `host`
// is the resource's host.name, and the other tags are attributes. No I/O.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metric/batch.h"
#include "metric/schema.h"
#include "metric/schema_cache.h"

namespace resmon::otlp {

// Encodes one row after the other. Not thread-safe.
class RowEncoder {
 public:
  // `extra_tags`: for rows that do not have them. `schemas` must outlive it. Beyond `cache_bytes` of remembered names
  // it forgets all and begins again.
  explicit RowEncoder(const metric::SchemaTable& schemas, std::vector<metric::Tag> extra_tags = {},
                      std::size_t cache_bytes = 64U << 20U);
  ~RowEncoder();

  // Appends one ResourceMetrics with a point for each value, and returns how many: any number of them behind each other
  // is a request. 0: nothing was appended. Texts, NaN and infinite values are left out.
  std::size_t append(const metric::Batch& batch, const metric::Row& row, std::string& out);
  std::uint64_t skipped_values() const { return skipped_values_; }  // that were left out

 private:
  struct Shape;
  std::unique_ptr<Shape> shape_of(const metric::Schema& schema, std::size_t& bytes) const;

  const std::vector<metric::Tag> extra_tags_;
  metric::SchemaCache<Shape> shapes_;
  std::uint64_t skipped_values_ = 0;
};

// The points of such requests as lines of text, for people: NAME{KEY="VALUE"} VALUE NANOSECONDS.
std::string request_text(std::string_view request);

struct PartialSuccess {
  std::uint64_t rejected = 0;
  std::string message;
};
// Of an answer to a request of metrics in protobuf. Nothing: the body is no such answer.
std::optional<PartialSuccess> read_answer(std::string_view body);

}  // namespace resmon::otlp
