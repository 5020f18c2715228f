// A line is a constant head (measurement and tags), then for each field a constant name and a changing value, then the
// time. The constant parts are escaped once for each schema and copied from then on; numbers go through std::to_chars,
// which writes the shortest text that reads back as the same double. So a value costs a copy and a conversion, and no
// allocation once the output has grown to its size.

#include "lineproto/encoder.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "metric/number.h"
#include "metric/pinned_types.h"

namespace resmon::lineproto {

namespace {

void append_control(std::string& out, char c) {
  switch (c) {
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default: {
      static constexpr char kHex[] = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(c);
      out += "\\x";
      out += kHex[byte >> 4U];
      out += kHex[byte & 15U];
    }
  }
}

enum class Name { kMeasurement, kTag, kField };

// InfluxDB ends the name of a field, and no other name, at a separator that two backslashes precede. So a field's name
// loses the backslashes before a separator.
void append_name(std::string& out, std::string_view name, Name kind) {
  const std::size_t begin = out.size();
  while (name.ends_with('\\')) name.remove_suffix(1);
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20) {
      append_control(out, c);
      continue;
    }
    if (c == ',' || c == ' ' || (c == '=' && kind != Name::kMeasurement)) {
      while (kind == Name::kField && out.size() > begin && out.back() == '\\') out.pop_back();
      out += '\\';
    }
    out += c;
  }
}

bool only_backslashes(std::string_view name) {
  return name.find_first_not_of('\\') == std::string_view::npos;
}

std::string without_reserved(std::string name) {
  if (name == "time" || name == "_field" || name == "_measurement") name += '_';
  return name;
}

void append_text(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '\n') {
      out += "\\\\n";
      continue;
    }
    if (c == '\r') {
      out += "\\\\r";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

template <class Number>
void append_number(std::string& out, Number number) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, number);
  out.append(buffer, end);
}

std::int64_t floor_divide(std::int64_t value, std::int64_t by) {
  const std::int64_t quotient = value / by;
  return value % by < 0 ? quotient - 1 : quotient;
}

}  // namespace

struct LineEncoder::Shape {
  struct Field {
    std::string name;  // escaped, with '='; empty: cannot be written
    metric::FieldType type;
    metric::FieldType from;  // of the cells
  };
  std::string head;
  std::vector<Field> fields;
  bool writable = true;  // false: the measurement's name is empty
};

LineEncoder::LineEncoder(const metric::SchemaTable& schemas, EncoderOptions options)
    : options_(std::move(options)), shapes_(schemas, options_.cache_limit_bytes) {}
LineEncoder::~LineEncoder() = default;
LineEncoder::LineEncoder(LineEncoder&&) noexcept = default;
LineEncoder& LineEncoder::operator=(LineEncoder&&) noexcept = default;

std::unique_ptr<LineEncoder::Shape> LineEncoder::shape_of(const metric::Schema& schema, std::size_t& bytes) const {
  auto shape = std::make_unique<Shape>();
  shape->writable = !only_backslashes(schema.measurement);
  if (schema.measurement.starts_with('#')) shape->head += '\\';
  append_name(shape->head, schema.measurement, Name::kMeasurement);

  std::map<std::string, std::string_view> tags;  // sorted by key, as the servers like it
  for (const metric::Tag& tag : schema.tags) tags.emplace(without_reserved(tag.key), tag.value);
  for (const metric::Tag& tag : options_.extra_tags) tags.emplace(without_reserved(tag.key), tag.value);
  for (const auto& [key, value] : tags) {
    if (only_backslashes(key) || only_backslashes(value)) continue;
    shape->head += ',';
    append_name(shape->head, key, Name::kTag);
    shape->head += '=';
    append_name(shape->head, value, Name::kTag);
  }
  shape->head += ' ';

  bytes += shape->head.size();
  for (const metric::Field& field : schema.fields) {
    Shape::Field& made = shape->fields.emplace_back();
    made.type = made.from = field.type;
    if (const auto pinned = metric::pinned_type(schema.measurement, field.name);
        options_.pin_types && pinned && metric::is_number(*pinned) && metric::is_number(field.type))
      made.type = *pinned;
    if (!only_backslashes(field.name)) {
      append_name(made.name, without_reserved(field.name), Name::kField);
      made.name += '=';
    }
    bytes += sizeof(Shape::Field) + made.name.size();
  }
  return shape;
}

std::size_t LineEncoder::append(const metric::Batch& batch, const metric::Row& row, std::string& out) {
  const Shape& shape =
      shapes_.of(row.schema, [this](const auto& schema, auto& bytes) { return shape_of(schema, bytes); });
  if (!shape.writable) return 0;
  const std::size_t begin = out.size();
  out += shape.head;
  std::size_t written = 0;
  const std::size_t fields = std::min<std::size_t>(row.fields, shape.fields.size());
  const auto presence = batch.presence(row);
  const auto values = batch.values(row);
  for (std::size_t i = 0; i < fields; ++i) {
    if ((presence[i / 64] >> (i % 64) & 1U) == 0) continue;
    const Shape::Field& field = shape.fields[i];
    const auto converted =
        field.from == field.type ? std::optional(values[i]) : metric::convert_number(values[i], field.from, field.type);
    if (!converted) {
      ++skipped_values_;
      continue;
    }
    const metric::Cell cell = *converted;
    if (field.name.empty() || (field.type == metric::FieldType::kFloat && !std::isfinite(metric::as_float(cell)))) {
      ++skipped_values_;
      continue;
    }
    if (written++ != 0) out += ',';
    out += field.name;
    switch (field.type) {
      case metric::FieldType::kFloat:
        append_number(out, metric::as_float(cell));
        break;
      case metric::FieldType::kInteger:
        append_number(out, metric::as_integer(cell));
        out += 'i';
        break;
      case metric::FieldType::kUnsigned:
        if (options_.unsigned_as_integer) {
          append_number(out, std::min<std::uint64_t>(cell, std::numeric_limits<std::int64_t>::max()));
          out += 'i';
        } else {
          append_number(out, cell);
          out += 'u';
        }
        break;
      case metric::FieldType::kBoolean:
        out += metric::as_boolean(cell) ? "true" : "false";
        break;
      case metric::FieldType::kString:
        append_text(out, metric::as_string(cell, batch.text()));
        break;
    }
  }
  if (written == 0) {
    out.resize(begin);
    return 0;
  }
  out += ' ';
  append_number(out, floor_divide(row.time, nanoseconds_per(options_.precision)));
  out += '\n';
  return written;
}

std::size_t LineEncoder::append(const metric::Batch& batch, std::string& out) {
  std::size_t written = 0;
  for (const metric::Row& row : batch.rows()) written += append(batch, row, out);
  return written;
}

}  // namespace resmon::lineproto
