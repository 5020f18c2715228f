#include "lineproto/line_parser.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <limits>

namespace resmon::lineproto {

namespace {

using metric::FieldType;

constexpr std::int64_t kLeastTime = std::numeric_limits<std::int64_t>::min() + 2;
constexpr std::int64_t kMostTime = std::numeric_limits<std::int64_t>::max() - 1;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The first of `wanted` at or after `from` that no backslash precedes.
std::size_t find_unescaped(std::string_view text, std::size_t from, std::string_view wanted) {
  for (std::size_t at = from; at < text.size(); ++at)
    if (wanted.find(text[at]) != std::string_view::npos && (at == 0 || text[at - 1] != '\\')) return at;
  return std::string_view::npos;
}

bool refuse(std::string& error, std::string_view reason) {
  error = reason;
  return false;
}

std::string out_of_range(std::string_view function, std::string_view token) {
  return std::string("strconv.") + std::string(function) + ": parsing \"" + std::string(token) +
         "\": value out of range";
}

// Reads a number: `token` begins with a digit, '.', '-', 'N' or 'n'.
bool read_number(std::string_view token, RawField& field, std::string& error) {
  const char* const begin = token.data();
  const char* const end = begin + token.size();
  const char suffix = token.back();
  if (suffix == 'i' || suffix == 'u') {
    const std::string_view digits = token.substr(0, token.size() - 1);
    if (suffix == 'i') {
      std::int64_t value = 0;
      const auto [stop, problem] = std::from_chars(begin, end - 1, value);
      if (problem == std::errc::result_out_of_range && stop == end - 1)
        return refuse(error,
                      "unable to parse integer " + std::string(digits) + ": " + out_of_range("ParseInt", digits));
      if (problem != std::errc() || stop != end - 1) return refuse(error, "invalid number");
      field.type = FieldType::kInteger;
      field.cell = metric::cell_of(value);
      return true;
    }
    std::uint64_t value = 0;
    const auto [stop, problem] = std::from_chars(begin, end - 1, value);
    if (problem == std::errc::result_out_of_range && stop == end - 1)
      return refuse(error,
                    "unable to parse unsigned " + std::string(digits) + ": " + out_of_range("ParseUint", digits));
    if (problem != std::errc() || stop != end - 1) return refuse(error, "invalid number");
    field.type = FieldType::kUnsigned;
    field.cell = metric::cell_of(value);
    return true;
  }
  double value = 0;
  const auto [stop, problem] = std::from_chars(begin, end, value);
  // from_chars takes "inf" and "nan" too: a number has a digit first, or behind its sign and point.
  const std::size_t first = token.find_first_not_of("-.");
  if (first == std::string_view::npos || !is_digit(token[first])) return refuse(error, "invalid number");
  if (stop != end) {
    const std::string_view rest(stop, static_cast<std::size_t>(end - stop));
    const bool exponent = (rest[0] == 'e' || rest[0] == 'E') && rest.find_first_not_of("eE+-0123456789") == rest.npos;
    return refuse(error, exponent ? "invalid float" : "invalid number");
  }
  if (problem == std::errc::result_out_of_range) {
    // Too small is 0, too large is an error; from_chars does not say which.
    value = std::strtod(std::string(token).c_str(), nullptr);
    if (value > std::numeric_limits<double>::max() || value < std::numeric_limits<double>::lowest())
      return refuse(error, "invalid float");
  } else if (problem != std::errc()) {
    return refuse(error, "invalid number");
  }
  field.type = FieldType::kFloat;
  field.cell = metric::cell_of(value);
  return true;
}

bool read_boolean(std::string_view token, RawField& field, std::string& error) {
  const bool yes = token == "t" || token == "T" || token == "true" || token == "True" || token == "TRUE";
  if (!yes && token != "f" && token != "F" && token != "false" && token != "False" && token != "FALSE")
    return refuse(error, "invalid boolean");
  field.type = FieldType::kBoolean;
  field.cell = metric::cell_of(yes);
  return true;
}

// Reads the value at `at` and moves behind it.
bool read_value(std::string_view line, std::size_t& at, RawField& field, std::string& error) {
  if (at >= line.size() || line[at] == ',' || line[at] == ' ') return refuse(error, "missing field value");
  if (line[at] == '"') {
    const std::size_t begin = ++at;
    while (at < line.size() && line[at] != '"') at += line[at] == '\\' ? 2U : 1U;
    if (at >= line.size()) return refuse(error, "unbalanced quotes");
    field.type = FieldType::kString;
    field.cell = 0;
    field.text = line.substr(begin, at - begin);
    ++at;
    if (at < line.size() && line[at] != ',' && line[at] != ' ') return refuse(error, "invalid field format");
    return true;
  }
  const std::size_t begin = at;
  while (at < line.size() && line[at] != ',' && line[at] != ' ') ++at;
  const std::string_view token = line.substr(begin, at - begin);
  const char c = token.front();
  if (is_digit(c) || c == '.' || c == '-' || c == 'N' || c == 'n') return read_number(token, field, error);
  return read_boolean(token, field, error);
}

bool read_fields(std::string_view line, std::size_t& at, RawLine& out, std::string& error) {
  if (at >= line.size()) return refuse(error, "invalid field format");
  while (true) {
    const std::size_t begin = at;
    while (at < line.size() && line[at] != '=' && line[at] != ',' && line[at] != ' ') at += line[at] == '\\' ? 2U : 1U;
    if (at >= line.size() || line[at] != '=') return refuse(error, "invalid field format");
    if (at == begin) return refuse(error, "missing field key");
    RawField& field = out.fields.emplace_back();
    field.name = line.substr(begin, at - begin);
    // InfluxDB's limit is on the series key, which joins both with a separator of four bytes.
    if (const std::size_t bytes = out.key.size() + 4 + field.name.size(); bytes > kMostKeyBytes)
      return refuse(error, "max key length exceeded: " + std::to_string(bytes) + " > " + std::to_string(kMostKeyBytes));
    ++at;
    if (!read_value(line, at, field, error)) return false;
    if (at >= line.size() || line[at] == ' ') return true;
    ++at;  // the comma
  }
}

bool read_time(std::string_view line, std::size_t at, Precision precision, RawLine& out, std::string& error) {
  while (at < line.size() && line[at] == ' ') ++at;
  out.has_time = at < line.size();
  if (!out.has_time) return true;
  const std::size_t end = std::min(line.find(' ', at), line.size());
  const std::string_view token = line.substr(at, end - at);
  std::int64_t time = 0;
  const auto [stop, problem] = std::from_chars(token.data(), token.data() + token.size(), time);
  if (stop != token.data() + token.size()) return refuse(error, "bad timestamp");
  if (problem == std::errc::result_out_of_range) return refuse(error, out_of_range("ParseInt", token));
  if (problem != std::errc()) return refuse(error, "bad timestamp");
  if (line.find_first_not_of(' ', end) != std::string_view::npos) return refuse(error, "point is invalid");
  const std::int64_t unit = nanoseconds_per(precision);
  if (time > kMostTime / unit || time < kLeastTime / unit)
    return refuse(error, "time outside range " + std::to_string(kLeastTime) + " - " + std::to_string(kMostTime));
  out.time = time * unit;
  return true;
}

void unescape(std::string_view raw, std::string_view escapable, std::string& out) {
  out.clear();
  std::size_t at = 0;
  while (at < raw.size()) {
    std::size_t backslash = raw.find('\\', at);
    if (backslash == std::string_view::npos) backslash = raw.size();
    out.append(raw, at, backslash - at);
    at = backslash;
    if (at == raw.size()) return;
    if (at + 1 < raw.size() && escapable.find(raw[at + 1]) != std::string_view::npos) ++at;
    out += raw[at++];
  }
}

}  // namespace

bool parse_line(std::string_view line, Precision precision, RawLine& out, std::string& error) {
  out.fields.clear();
  out.has_time = false;
  // A measurement may begin with a space that is escaped, or odd: its first byte never ends it.
  std::size_t at = 0;
  do {
    at = line.find(' ', at + 1);
  } while (at != std::string_view::npos && line[at - 1] == '\\');
  const bool complete = at != std::string_view::npos;
  out.key = line.substr(0, at);
  bool good = complete;
  if (good && out.key.size() > kMostKeyBytes)
    good = refuse(error,
                  "max key length exceeded: " + std::to_string(out.key.size()) + " > " + std::to_string(kMostKeyBytes));
  if (good) {
    while (at < line.size() && line[at] == ' ') ++at;
    good = read_fields(line, at, out, error) && read_time(line, at, precision, out, error);
  }
  if (good) return true;
  // What is wrong with the key comes first, as it does in the line.
  RawKey key;
  std::string key_error;
  if (!parse_key(out.key, complete, key, key_error)) error = key_error;
  return false;
}

bool parse_key(std::string_view key, bool complete, RawKey& out, std::string& error) {
  out.tags.clear();
  if (key.empty() || key.front() == ',') return refuse(error, "missing measurement");
  std::size_t end = find_unescaped(key, 1, ",");
  out.measurement = key.substr(0, end);
  while (end != std::string_view::npos) {
    const std::size_t begin = end + 1;
    if (begin >= key.size() || key[begin] == ',' || key[begin] == '=') return refuse(error, "missing tag key");
    const std::size_t equals = find_unescaped(key, begin + 1, "=,");
    if (equals == std::string_view::npos || key[equals] == ',') return refuse(error, "missing tag value");
    const std::size_t value = equals + 1;
    if (value >= key.size() || key[value] == ',') return refuse(error, "missing tag value");
    // The value's first byte is taken as it is, unless it is a separator.
    if (key[value] == '=') return refuse(error, "invalid tag format");
    end = find_unescaped(key, value + 1, "=,");
    if (end != std::string_view::npos && key[end] == '=') return refuse(error, "invalid tag format");
    out.tags.emplace_back(key.substr(begin, equals - begin), key.substr(value, end - value));
  }
  if (!complete) return refuse(error, "missing fields");
  return true;
}

void unescape_measurement(std::string_view raw, std::string& out) {
  unescape(raw, ", ", out);
}
void unescape_key(std::string_view raw, std::string& out) {
  unescape(raw, ",= ", out);
}
void unescape_text(std::string_view raw, std::string& out) {
  unescape(raw, "\"\\", out);
}

}  // namespace resmon::lineproto
