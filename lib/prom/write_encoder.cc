#include "prom/write_encoder.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "base/protobuf.h"
#include "metric/number.h"
#include "prom/series.h"

namespace resmon::prom {

namespace {

std::string clean_name(std::string_view text, bool colons) {
  std::string out;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || digit || (colons && c == ':');
    if (digit && out.empty()) out += '_';
    out += good ? c : '_';
  }
  return out.empty() ? "_" : out;
}

void append_label(std::string_view name, std::string_view value, std::string& out) {
  std::string label;
  ByteWriter writer(label);
  writer.u8(0x0a);
  writer.text(name);
  writer.u8(0x12);
  writer.text(value);
  ByteWriter whole(out);
  whole.u8(0x0a);
  whole.text(label);
}

std::size_t varint_bytes(std::uint64_t value) {
  std::size_t out = 1;
  while (value >= 0x80) {
    value >>= 7U;
    ++out;
  }
  return out;
}

// False for what is no number that a sample holds.
bool sample_value(metric::FieldType type, metric::Cell cell, double& out) {
  out = metric::as_number(type, cell);
  return type != metric::FieldType::kString && std::isfinite(out);
}

std::int64_t milliseconds_of(UnixNanos time) {
  constexpr std::int64_t kNanos = 1'000'000;
  return time / kNanos - (time % kNanos < 0 ? 1 : 0);
}

}  // namespace

void append_quoted(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  out += '"';
}

std::string metric_name(std::string_view measurement, std::string_view field) {
  if (field == kValueField) return clean_name(measurement, true);
  return clean_name(std::string(measurement) + "_" + std::string(field), true);
}

std::string label_name(std::string_view tag) {
  std::string out = clean_name(tag, false);
  return out == kNameLabel ? "exported" + out : out;
}

struct WriteEncoder::Shape {
  std::vector<metric::FieldType> types;
  std::vector<std::string> labels;  // of each field's series, encoded; empty for texts
};

WriteEncoder::WriteEncoder(const metric::SchemaTable& schemas, std::vector<metric::Tag> extra_tags,
                           std::size_t cache_bytes)
    : extra_tags_(std::move(extra_tags)), shapes_(schemas, cache_bytes) {}

WriteEncoder::~WriteEncoder() = default;

std::unique_ptr<WriteEncoder::Shape> WriteEncoder::shape_of(const metric::Schema& schema, std::size_t& bytes) const {
  std::map<std::string, std::string> labels;  // sorted, as receivers want them; the first of equal names stays
  for (const metric::Tag& tag : static_cast<const std::vector<metric::Tag>&>(schema.tags))
    labels.emplace(label_name(tag.key), tag.value);
  for (const metric::Tag& tag : extra_tags_) labels.emplace(label_name(tag.key), tag.value);
  auto made = std::make_unique<Shape>();
  for (const metric::Field& field : schema.fields) {
    made->types.push_back(field.type);
    std::string& encoded = made->labels.emplace_back();
    if (field.type != metric::FieldType::kString) {
      labels[std::string(kNameLabel)] = metric_name(schema.measurement, field.name);
      for (const auto& [name, value] : labels) append_label(name, value, encoded);
    }
    bytes += encoded.capacity() + sizeof(std::string) + 1;
  }
  return made;
}

std::size_t WriteEncoder::append(const metric::Batch& batch, const metric::Row& row, std::string& out) {
  const Shape& shape =
      shapes_.of(row.schema, [this](const auto& schema, auto& bytes) { return shape_of(schema, bytes); });
  const auto milliseconds = static_cast<std::uint64_t>(milliseconds_of(row.time));
  const std::size_t sample_bytes = 1 + 8 + 1 + varint_bytes(milliseconds);
  std::size_t samples = 0;
  ByteWriter writer(out);
  for (std::size_t i = 0; i < row.fields; ++i) {
    if (!batch.has(row, i)) continue;
    double value = 0;
    if (!sample_value(shape.types[i], batch.value(row, i), value)) {
      ++skipped_values_;
      continue;
    }
    writer.u8(0x0a);
    writer.varint(shape.labels[i].size() + 2 + sample_bytes);
    writer.bytes(shape.labels[i]);
    writer.u8(0x12);
    writer.u8(static_cast<std::uint8_t>(sample_bytes));
    writer.u8(0x09);
    writer.u64(metric::cell_of(value));
    writer.u8(0x10);
    writer.varint(milliseconds);
    ++samples;
  }
  return samples;
}

std::string write_request_text(std::string_view request) {
  std::string out;
  ProtobufReader all(request);
  while (all.next()) {
    if (all.number() != 1 || !all.is_bytes()) continue;
    std::string name;
    std::string labels;
    std::string samples;
    ProtobufReader series(all.bytes());
    while (series.next()) {
      if (!series.is_bytes()) continue;
      ProtobufReader fields(series.bytes());
      std::string_view first;
      std::string_view second;
      double value = 0;
      std::int64_t milliseconds = 0;
      while (fields.next()) {
        if (fields.number() == 1 && fields.is_bytes()) first = fields.bytes();
        if (fields.number() == 2 && fields.is_bytes()) second = fields.bytes();
        if (fields.number() == 1 && fields.is_fixed64()) value = fields.number_double();
        if (fields.number() == 2 && fields.is_varint()) milliseconds = static_cast<std::int64_t>(fields.varint());
      }
      if (series.number() == 1 && first == kNameLabel) {
        name = second;
      } else if (series.number() == 1) {
        labels.append(labels.empty() ? "" : ",").append(first).append("=");
        append_quoted(second, labels);
      } else if (series.number() == 2) {
        char text[64];
        const auto end = std::to_chars(text, text + sizeof text, value).ptr;
        samples.append(" ").append(text, end).append(" ").append(std::to_string(milliseconds));
      }
    }
    out.append(name).append("{").append(labels).append("}").append(samples).append("\n");
  }
  return out;
}

}  // namespace resmon::prom
