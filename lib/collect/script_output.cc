// Both formats are rewritten as line protocol rather than turned into rows here: escapes, number syntax, limits and
// the memory of shapes exist once, in lineproto, and are fuzzed there. The price, a second pass over a few hundred
// bytes, is nothing beside starting a process.

#include "collect/script_output.h"

#include <algorithm>
#include <boost/json/stream_parser.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <cmath>

namespace resmon::collect {

namespace {

namespace json = boost::json;

constexpr std::string_view kBlank = " \t\r\n";
constexpr std::size_t kDeepestJson = 16;
constexpr std::size_t kLongestName = 1024;

// Control characters have no place in names, and a backslash at the end would escape what follows.
void append_name(std::string_view name, bool measurement, std::string& out) {
  while (!name.empty() && name.back() == '\\') name.remove_suffix(1);
  for (const char c : name.substr(0, kLongestName)) {
    if (c == ',' || c == ' ' || (c == '=' && !measurement)) out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  }
}

void append_text(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n' || c == '\r' || c == '\0')
      out += ' ';
    else
      out += c;
  }
  out += '"';
}

void append_number(double value, std::string& out) {
  char digits[32];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  if (error == std::errc{}) out.append(digits, end);
}

// One row under way: tags and fields are gathered apart, because a row may name them in any order.
class Line {
 public:
  explicit Line(const ScriptShape& shape) : shape_(shape) {}

  bool is_tag(std::string_view name) const {
    return std::find(shape_.tag_keys.begin(), shape_.tag_keys.end(), name) != shape_.tag_keys.end();
  }
  void tag(std::string_view name, std::string_view value) {
    while (!value.empty() && value.back() == '\\') value.remove_suffix(1);
    if (value.empty()) return;
    tags_ += ',';
    append_name(name, false, tags_);
    tags_ += '=';
    append_name(value, false, tags_);
  }
  // The caller appends the value to what is returned.
  std::string& field(std::string_view name) {
    if (!fields_.empty()) fields_ += ',';
    append_name(name, false, fields_);
    fields_ += '=';
    return fields_;
  }
  // Appends the line, and begins the next. A row without a field is none.
  void end(std::string& out) {
    if (!fields_.empty()) {
      append_name(shape_.measurement, true, out);
      out += tags_;
      out += ' ';
      out += fields_;
      out += '\n';
    }
    tags_.clear();
    fields_.clear();
  }

 private:
  const ScriptShape& shape_;
  std::string tags_;
  std::string fields_;
};

void add_json(const std::string& name, const json::value& value, Line& line) {
  switch (value.kind()) {
    case json::kind::object:
      for (const auto& member : value.get_object()) {
        std::string inner = name.empty() ? std::string() : name + '_';
        inner.append(member.key());
        add_json(inner, member.value(), line);
      }
      return;
    case json::kind::array: {
      std::size_t index = 0;
      for (const json::value& item : value.get_array()) add_json(name + '_' + std::to_string(index++), item, line);
      return;
    }
    case json::kind::null:
      return;
    default:
      break;
  }
  if (name.empty()) return;
  if (line.is_tag(name)) {
    std::string text;
    if (value.is_string())
      text = value.get_string();
    else if (value.is_bool())
      text = value.get_bool() ? "true" : "false";
    else if (value.is_double())
      append_number(value.get_double(), text);
    else
      text = value.is_int64() ? std::to_string(value.get_int64()) : std::to_string(value.get_uint64());
    line.tag(name, text);
  } else if (value.is_string()) {
    append_text(value.get_string(), line.field(name));
  } else if (value.is_bool()) {
    line.field(name) += value.get_bool() ? "true" : "false";
  } else if (value.is_double()) {
    append_number(value.get_double(), line.field(name));
  } else if (value.is_int64()) {
    line.field(name) += std::to_string(value.get_int64());
  } else {
    line.field(name) += std::to_string(value.get_uint64());
  }
}

Status add_json_text(std::string_view text, Line& line, std::string& lines) {
  json::parse_options options;
  options.max_depth = kDeepestJson;
  json::stream_parser parser({}, options);
  std::size_t at = 0;
  while (true) {
    at = text.find_first_not_of(kBlank, at);
    if (at == std::string_view::npos) return {};
    boost::system::error_code error;
    parser.reset();
    const std::size_t used = parser.write_some(text.data() + at, text.size() - at, error);
    if (!error) parser.finish(error);
    if (error)
      return fail(ErrorKind::kInvalid, "not JSON at byte " + std::to_string(at + used) + ": " + error.message());
    at += used;
    const json::value value = parser.release();
    if (value.is_array()) {
      for (const json::value& item : value.get_array()) {
        if (!item.is_object()) return fail(ErrorKind::kInvalid, "JSON: an array of something else than objects");
        add_json({}, item, line);
        line.end(lines);
      }
    } else if (value.is_object()) {
      add_json({}, value, line);
      line.end(lines);
    } else {
      return fail(ErrorKind::kInvalid, "JSON: neither an object nor an array of objects");
    }
  }
}

// Whether line protocol takes it as it stands: a finite number, or one with i or u.
bool is_number(std::string_view word) {
  if (word.empty()) return false;
  const char* end = word.data() + word.size();
  if (word.back() == 'i') {
    std::int64_t integer = 0;
    const auto [stop, error] = std::from_chars(word.data(), end - 1, integer);
    return error == std::errc{} && stop == end - 1;
  }
  double number = 0;
  const auto [stop, error] = std::from_chars(word.data(), end, number);
  return error == std::errc{} && stop == end && std::isfinite(number);
}

// The value that begins at `at`: quoted with "…" (backslash escapes), or up to the next blank. Moves `at` behind it.
Status read_value(std::string_view text, std::size_t& at, std::string& value, bool& quoted) {
  value.clear();
  quoted = at < text.size() && text[at] == '"';
  if (!quoted) {
    const std::size_t end = std::min(text.find_first_of(kBlank, at), text.size());
    value = text.substr(at, end - at);
    at = end;
    return {};
  }
  const std::size_t begin = at++;
  for (; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\' && at + 1 < text.size()) ++at;
    value += text[at];
  }
  if (at == text.size())
    return fail(ErrorKind::kInvalid, "key=value: the quote at byte " + std::to_string(begin) + " is not closed");
  ++at;
  return {};
}

// One row from all words, on however many lines: `vmstat | awk '{print "runnable=" $1}'` and one word a line both work.
// A key that comes again begins the next row.
Status add_key_values(std::string_view text, Line& line, std::string& lines) {
  std::vector<std::string_view> seen;
  std::string value;
  std::size_t at = 0;
  while ((at = text.find_first_not_of(kBlank, at)) != std::string_view::npos) {
    if (text[at] == '#') {
      at = std::min(text.find('\n', at), text.size());
      continue;
    }
    const std::size_t equals = text.find_first_of("= \t\r\n", at);
    if (equals == std::string_view::npos || text[equals] != '=' || equals == at)
      return fail(ErrorKind::kInvalid, "key=value: the word at byte " + std::to_string(at) + " has no '='");
    const std::string_view name = text.substr(at, equals - at);
    at = equals + 1;
    bool quoted = false;
    RESMON_TRY(read_value(text, at, value, quoted));
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
      line.end(lines);
      seen.clear();
    }
    seen.push_back(name);
    if (line.is_tag(name))
      line.tag(name, value);
    else if (!quoted && (is_number(value) || value == "true" || value == "false"))
      line.field(name) += value;
    else
      append_text(value, line.field(name));
  }
  line.end(lines);
  return {};
}

}  // namespace

Result<ScriptFormat> parse_script_format(std::string_view name) {
  if (name == "auto") return ScriptFormat::kAuto;
  if (name == "influx") return ScriptFormat::kInflux;
  if (name == "json") return ScriptFormat::kJson;
  if (name == "key_value") return ScriptFormat::kKeyValue;
  return fail(ErrorKind::kInvalid, "no such format");
}

ScriptFormat guess_script_format(std::string_view text) {
  std::size_t at = text.find_first_not_of(kBlank);
  // Comments mean the same in both line formats.
  while (at != std::string_view::npos && text[at] == '#') {
    at = text.find('\n', at);
    if (at != std::string_view::npos) at = text.find_first_not_of(kBlank, at);
  }
  if (at == std::string_view::npos) return ScriptFormat::kInflux;
  if (text[at] == '{' || text[at] == '[') return ScriptFormat::kJson;
  for (; at < text.size(); ++at) {
    if (text[at] == '\\')
      ++at;
    else if (text[at] == ',' || kBlank.find(text[at]) != std::string_view::npos)
      return ScriptFormat::kInflux;
    else if (text[at] == '=')
      return ScriptFormat::kKeyValue;
  }
  return ScriptFormat::kInflux;
}

Status script_lines(ScriptFormat format, std::string_view text, const ScriptShape& shape, std::string& lines) {
  lines.clear();
  if (format == ScriptFormat::kAuto) format = guess_script_format(text);
  Line line(shape);
  switch (format) {
    case ScriptFormat::kJson:
      return add_json_text(text, line, lines);
    case ScriptFormat::kKeyValue:
      return add_key_values(text, line, lines);
    default:
      lines.assign(text);
      return {};
  }
}

}  // namespace resmon::collect
