#include "door/format.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <cmath>
#include <optional>

#include "door/line_text.h"
#include "tail/time_text.h"

namespace resmon::door {

namespace {

namespace json = boost::json;

constexpr std::size_t kDeepestJson = 16;
constexpr std::size_t kMostFields = 1000;
constexpr std::size_t kMostItems = 10'000;
constexpr std::size_t kLongestName = 1024;

void append_text(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' || c == '\r' || c == '\0' ? ' ' : c;
  }
  out += '"';
}

std::optional<UnixNanos> scaled(double value, double nanoseconds) {
  const double out = std::round(value * nanoseconds);
  if (!(std::abs(out) < 9.2e18)) return std::nullopt;
  return static_cast<UnixNanos>(out);
}

// Whole numbers exactly: a double has no room for nanoseconds since 1970.
std::optional<UnixNanos> scaled(std::int64_t value, std::int64_t nanoseconds) {
  std::int64_t out = 0;
  if (__builtin_mul_overflow(value, nanoseconds, &out)) return std::nullopt;
  return out;
}

std::int64_t nanoseconds_of(std::string_view unit) {
  return unit == "s" ? 1'000'000'000 : unit == "ms" ? 1'000'000 : unit == "us" ? 1'000 : 1;
}

// By its size: 1e11 seconds are the year 5138.
std::int64_t guessed_unit(double value) {
  const double size = std::abs(value);
  return size < 1e11 ? 1'000'000'000 : size < 1e14 ? 1'000'000 : size < 1e17 ? 1'000 : 1;
}

std::optional<UnixNanos> time_of(const json::value& value, const Shape& shape) {
  if (value.is_string()) {
    if (shape.time_unit != "auto" && shape.time_unit != "rfc3339") return std::nullopt;
    thread_local tail::LocalZone zone;  // remembers an hour, so that not each value asks the C library
    const std::string_view text(value.get_string());
    const auto read = tail::read_time(text, Clock::system().wall(), zone);
    if (!read || read->length != text.size()) return std::nullopt;
    return read->time;
  }
  if (shape.time_unit == "rfc3339") return std::nullopt;
  if (value.is_int64()) {
    const std::int64_t whole = value.get_int64();
    return scaled(
        whole, shape.time_unit == "auto" ? guessed_unit(static_cast<double>(whole)) : nanoseconds_of(shape.time_unit));
  }
  if (!value.is_double()) return std::nullopt;
  const double number = value.get_double();
  const std::int64_t unit = shape.time_unit == "auto" ? guessed_unit(number) : nanoseconds_of(shape.time_unit);
  return scaled(number, static_cast<double>(unit));
}

class JsonRow {
 public:
  explicit JsonRow(const Shape& shape) : shape_(shape), measurement_(shape.measurement) {}

  Status read(const json::object& object) {
    for (const auto& member : object) RESMON_TRY(add(std::string(member.key()), member.value(), true));
    if (fields_.empty()) return fail(ErrorKind::kInvalid, "the object has no field");
    return {};
  }
  void append(std::string& out) const {
    append_name(measurement_, NameOf::kMeasurement, out);
    out += tags_ + " " + fields_;
    if (time_) out += " " + std::to_string(*time_);
    out += '\n';
  }

 private:
  Status add(const std::string& name, const json::value& value, bool top) {
    if (top && !shape_.time_key.empty() && name == shape_.time_key) {
      time_ = time_of(value, shape_);
      if (time_) return {};
      return fail(ErrorKind::kInvalid, "'" + name + "' is no time in the unit " + shape_.time_unit);
    }
    if (value.is_object()) {
      for (const auto& member : value.get_object())
        RESMON_TRY(add(name + "_" + std::string(member.key()), member.value(), false));
      return {};
    }
    if (value.is_array()) {
      std::size_t index = 0;
      for (const json::value& item : value.get_array())
        RESMON_TRY(add(name + "_" + std::to_string(index++), item, false));
      return {};
    }
    if (value.is_null() || name.empty() || name.size() > kLongestName) return {};
    return add_scalar(name, value, top);
  }

  Status add_scalar(const std::string& name, const json::value& value, bool top) {
    const bool is_host = !shape_.host_key.empty() && name == shape_.host_key;
    const bool is_tag =
        is_host || std::find(shape_.tag_keys.begin(), shape_.tag_keys.end(), name) != shape_.tag_keys.end();
    std::string text;
    if (value.is_string())
      text = value.get_string();
    else if (value.is_bool())
      text = value.get_bool() ? "true" : "false";
    else if (value.is_double())
      text = number_text(value.get_double());
    else
      text = value.is_int64() ? std::to_string(value.get_int64()) : std::to_string(value.get_uint64());
    if (top && !shape_.measurement_key.empty() && name == shape_.measurement_key) {
      if (text.empty()) return fail(ErrorKind::kInvalid, "'" + name + "' is empty");
      measurement_ = std::move(text);
      return {};
    }
    if (++count_ > kMostFields) return fail(ErrorKind::kInvalid, "more than 1000 members");
    if (is_tag) {
      while (!text.empty() && text.back() == '\\') text.pop_back();
      if (text.empty()) return {};
      tags_ += ',';
      append_name(is_host ? "host" : name, NameOf::kKey, tags_);
      tags_ += '=';
      append_name(text, NameOf::kValue, tags_);
      return {};
    }
    if (!fields_.empty()) fields_ += ',';
    append_name(name, NameOf::kKey, fields_);
    fields_ += '=';
    if (value.is_string())
      append_text(text, fields_);
    else
      fields_ += text;
    return {};
  }

  const Shape& shape_;
  std::string measurement_;
  std::string tags_;
  std::string fields_;
  std::size_t count_ = 0;
  std::optional<UnixNanos> time_;
};

Status append_json(std::string_view line, const Shape& shape, std::string& out) {
  json::parse_options options;
  options.max_depth = kDeepestJson;
  boost::system::error_code error;
  const json::value value = json::parse(line, error, {}, options);
  if (error) return fail(ErrorKind::kInvalid, "not JSON: " + error.message());
  std::string lines;
  const auto add = [&](const json::value& one) -> Status {
    if (!one.is_object()) return fail(ErrorKind::kInvalid, "JSON: neither an object nor an array of objects");
    JsonRow row(shape);
    RESMON_TRY(row.read(one.get_object()));
    row.append(lines);
    return {};
  };
  if (!value.is_array()) {
    RESMON_TRY(add(value));
  } else {
    if (value.get_array().size() > kMostItems) return fail(ErrorKind::kInvalid, "an array of more than 10,000 objects");
    for (const json::value& one : value.get_array()) RESMON_TRY(add(one));
  }
  out += lines;
  return {};
}

Status append_graphite(std::string_view line, std::string& out) {
  std::vector<std::string_view> words;
  while (!line.empty() && words.size() < 5) {
    const std::size_t begin = std::min(line.find_first_not_of(" \t"), line.size());
    const std::size_t end = std::min(line.find_first_of(" \t", begin), line.size());
    if (end > begin) words.push_back(line.substr(begin, end - begin));
    line.remove_prefix(end);
  }
  if (words.size() != 2 && words.size() != 3) return fail(ErrorKind::kInvalid, "must be PATH VALUE [SECONDS]");
  double value = 0;
  const auto number = [](std::string_view word, double& to) {
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), to);
    return error == std::errc() && end == word.data() + word.size() && std::isfinite(to);
  };
  if (!number(words[1], value)) return fail(ErrorKind::kInvalid, "the value is no number");
  std::optional<UnixNanos> time;
  if (words.size() == 3 && words[2] != "-1" && words[2] != "N") {  // the time at which it came
    double seconds = 0;
    if (number(words[2], seconds)) time = scaled(seconds, 1e9);
    if (!time) return fail(ErrorKind::kInvalid, "the time is no number of seconds");
  }
  std::string_view path = words[0];
  std::string tags;
  const std::size_t first = std::min(path.find(';'), path.size());
  for (std::string_view rest = path.substr(first); !rest.empty();) {
    rest.remove_prefix(1);
    const std::size_t end = std::min(rest.find(';'), rest.size());
    const std::string_view tag = rest.substr(0, end);
    const std::size_t equals = tag.find('=');
    if (equals == std::string_view::npos || equals == 0 || equals + 1 == tag.size())
      return fail(ErrorKind::kInvalid, "a tag must be NAME=VALUE");
    tags += ',';
    append_name(tag.substr(0, equals), NameOf::kKey, tags);
    tags += '=';
    append_name(tag.substr(equals + 1), NameOf::kValue, tags);
    rest.remove_prefix(end);
  }
  path = path.substr(0, first);
  if (path.empty()) return fail(ErrorKind::kInvalid, "the path is empty");
  append_name(path, NameOf::kMeasurement, out);
  out += tags + " value=" + number_text(value);
  if (time) out += " " + std::to_string(*time);
  out += '\n';
  return {};
}

}  // namespace

Result<Format> parse_format(std::string_view name) {
  if (name == "influx") return Format::kInflux;
  if (name == "json") return Format::kJson;
  if (name == "graphite") return Format::kGraphite;
  if (name == "statsd") return Format::kStatsd;
  if (name == "collectd") return Format::kCollectd;
  return fail(ErrorKind::kInvalid, "must be influx, json, graphite, statsd or collectd");
}

Status append_lines(Format format, std::string_view line, const Shape& shape, std::string& out) {
  switch (format) {
    case Format::kJson:
      return append_json(line, shape, out);
    case Format::kGraphite:
      return append_graphite(line, out);
    case Format::kInflux:
    case Format::kStatsd:
    case Format::kCollectd:
      break;
  }
  out.append(line).append("\n");
  return {};
}

}  // namespace resmon::door
