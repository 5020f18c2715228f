#pragma once

// Rows to Influx line protocol, as every reader of it takes them.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lineproto/precision.h"
#include "metric/batch.h"
#include "metric/schema.h"
#include "metric/schema_cache.h"

namespace resmon::lineproto {

struct EncoderOptions {
  // Tags put on every line, such as host. A row's own tag of the same key wins.
  std::vector<metric::Tag> extra_tags{};
  // Coarser timestamps make shorter lines, and merge the points of a series that fall into one unit.
  Precision precision = Precision::kNanosecond;
  // Unsigned integers as signed ones, clipped at INT64_MAX, as Telegraf writes them: InfluxDB 1.x refuses the `u`
  // suffix.
  bool unsigned_as_integer = true;
  // Documented fields in their documented types (metric/pinned_types.h), whatever a writer sent them as, so that a
  // database has one type for all writers. A value that the type does not hold exactly is left out.
  bool pin_types = false;
  // What the encoder remembers of the schemas it has met. When it holds more it forgets all and begins again.
  std::size_t cache_limit_bytes = 64U << 20U;
};

// Encodes one row after the other; what does not change between rows of a schema is made once and kept. Not
// thread-safe.
//
// What line protocol cannot carry is made safe, so that no content of a sample can break a line or make a second one:
// control characters in names and tags, and line breaks in string values, become a backslash and a letter; backslashes
// at the end of names and tag values are taken off (they would escape the separator), as Telegraf does, and so are
// those before a comma, '=' or space in a field's name; a leading '#' of a measurement gets a backslash; the names that
// InfluxDB keeps for itself (time, _field, _measurement) get a '_' at the end.
class LineEncoder {
 public:
  // `schemas` must outlive the encoder.
  explicit LineEncoder(const metric::SchemaTable& schemas, EncoderOptions options = {});
  ~LineEncoder();
  LineEncoder(LineEncoder&&) noexcept;
  LineEncoder& operator=(LineEncoder&&) noexcept;

  // Appends the row's line with its line feed and returns how many values are in it. 0: nothing was appended, because
  // no value is there that line protocol can carry.
  std::size_t append(const metric::Batch& batch, const metric::Row& row, std::string& out);
  // All rows.
  std::size_t append(const metric::Batch& batch, std::string& out);

  // Values that were left out: NaN and infinite ones, and those that a pinned type does not hold.
  std::uint64_t skipped_values() const { return skipped_values_; }

 private:
  struct Shape;

  std::unique_ptr<Shape> shape_of(const metric::Schema& schema, std::size_t& bytes) const;

  EncoderOptions options_;
  metric::SchemaCache<Shape> shapes_;
  std::uint64_t skipped_values_ = 0;
};

}  // namespace resmon::lineproto
