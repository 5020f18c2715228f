#include "otlp/row_encoder.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/bytes.h"
#include "base/json_text.h"
#include "otlp/read.h"
#include "otlp/values.h"

namespace resmon::otlp {

namespace {

void append_field(std::uint64_t number, std::string_view bytes, std::string& out) {
  ByteWriter writer(out);
  writer.varint(number << 3U | 2U);
  writer.text(bytes);
}

// A KeyValue with a text.
void append_attribute(std::uint64_t number, std::string_view key, std::string_view value, std::string& out) {
  std::string any;
  append_field(1, value, any);
  std::string pair;
  append_field(1, key, pair);
  append_field(2, any, pair);
  append_field(number, pair, out);
}

bool is_sent(metric::FieldType type, metric::Cell cell) {
  return type != metric::FieldType::kString &&
         (type != metric::FieldType::kFloat || std::isfinite(metric::as_float(cell)));
}

// A NumberDataPoint without its attributes.
std::string point_head(metric::FieldType type, metric::Cell cell, UnixNanos time) {
  std::string out;
  ByteWriter writer(out);
  writer.u8(3U << 3U | 1U);  // time_unix_nano
  writer.u64(static_cast<std::uint64_t>(time));
  // What a signed integer does not hold is a float.
  const bool large = type == metric::FieldType::kUnsigned && cell > static_cast<std::uint64_t>(INT64_MAX);
  if (type == metric::FieldType::kFloat || large) {
    writer.u8(4U << 3U | 1U);  // as_double
    writer.u64(large ? std::bit_cast<std::uint64_t>(static_cast<double>(cell)) : cell);
  } else {
    writer.u8(6U << 3U | 1U);  // as_int
    writer.u64(cell);
  }
  return out;
}

}  // namespace

struct RowEncoder::Shape {
  std::string resource;    // encoded
  std::string attributes;  // of each point, encoded
  std::vector<metric::FieldType> types;
  std::vector<std::string> names;
};

RowEncoder::RowEncoder(const metric::SchemaTable& schemas, std::vector<metric::Tag> extra_tags, std::size_t cache_bytes)
    : extra_tags_(std::move(extra_tags)), shapes_(schemas, cache_bytes) {}

RowEncoder::~RowEncoder() = default;

std::unique_ptr<RowEncoder::Shape> RowEncoder::shape_of(const metric::Schema& schema, std::size_t& bytes) const {
  std::vector<metric::Tag> tags = extra_tags_;
  tags.insert(tags.end(), schema.tags.begin(), schema.tags.end());
  metric::normalise_tags(tags);  // a row's own tag wins
  auto made = std::make_unique<Shape>();
  for (const metric::Tag& tag : tags)
    if (tag.key == "host")
      append_attribute(1, "host.name", tag.value, made->resource);
    else
      append_attribute(7, tag.key, tag.value, made->attributes);
  for (const metric::Field& field : schema.fields) {
    made->types.push_back(field.type);
    made->names.push_back(field.name == "value" ? schema.measurement : schema.measurement + "." + field.name);
    bytes += made->names.back().size() + sizeof(std::string) + 1;
  }
  bytes += made->resource.size() + made->attributes.size();
  return made;
}

std::size_t RowEncoder::append(const metric::Batch& batch, const metric::Row& row, std::string& out) {
  const Shape& shape =
      shapes_.of(row.schema, [this](const auto& schema, auto& bytes) { return shape_of(schema, bytes); });
  std::size_t points = 0;
  std::string scope;
  for (std::size_t i = 0; i < row.fields; ++i) {
    if (!batch.has(row, i)) continue;
    const metric::Cell cell = batch.value(row, i);
    if (!is_sent(shape.types[i], cell)) {
      ++skipped_values_;
      continue;
    }
    std::string data;
    append_field(1, point_head(shape.types[i], cell, row.time) + shape.attributes, data);
    std::string metric;
    append_field(1, shape.names[i], metric);
    append_field(5, data, metric);  // gauge
    append_field(2, metric, scope);
    ++points;
  }
  if (points == 0) return 0;
  std::string whole;
  append_field(1, shape.resource, whole);
  append_field(2, scope, whole);
  append_field(1, whole, out);
  return points;
}

std::string request_text(std::string_view request) {
  std::string out;
  (void)read_metrics(request, Encoding::kProtobuf,
                     [&](const Attributes& resource, const Metric& metric, const Point& point) -> Status {
                       out += metric.name + "{";
                       bool first = true;
                       for (const Attributes* list : {&resource, &point.attributes})
                         for (const Attribute& one : list->all) {
                           if (!std::exchange(first, false)) out += ',';
                           out.append(one.key).append("=\"");
                           append_json_escaped(out, one.value);
                           out += '"';
                         }
                       out += "} " + number_text(point.value) + " " + std::to_string(point.time) + "\n";
                       return {};
                     });
  return out;
}

}  // namespace resmon::otlp
