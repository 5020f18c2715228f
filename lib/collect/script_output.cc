// Both formats are rewritten as line protocol rather than turned into rows here: escapes, number syntax, limits and
// the memory of shapes exist once, in lineproto, and are fuzzed there. The price, a second pass over a few hundred
// bytes, is nothing beside starting a process.

#include "collect/script_output.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <cmath>
#include <utility>

#include "procfs/scan.h"

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
  if (name == "time" && !measurement) out += '_';
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

enum class Word { kNumber, kNotFinite, kText };

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// What a bare word is. Where it is a number, `number` is what line protocol takes.
Word judge(std::string_view word, std::string& number) {
  number.clear();
  const bool negative = word.starts_with('-');
  std::string_view digits = word.substr(negative || word.starts_with('+') ? 1 : 0);
  if (digits.empty()) return Word::kText;
  std::string lower(digits.substr(0, 9));
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (lower == "nan" || lower.starts_with("nan(") || lower == "inf" || lower == "infinity") return Word::kNotFinite;
  const bool integer = digits.back() == 'i' && is_digits(digits.substr(0, digits.size() - 1));
  number = (negative ? "-" : "") + std::string(digits);
  const char* const begin = number.data();
  const char* const end = begin + number.size() - (integer ? 1 : 0);
  if (integer) {
    std::int64_t ignored = 0;
    return std::from_chars(begin, end, ignored).ec == std::errc{} ? Word::kNumber : Word::kNotFinite;
  }
  if (digits.front() == '+' || digits.front() == '-') return Word::kText;
  double value = 0;
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (stop != end || error == std::errc::invalid_argument) return Word::kText;
  if (error == std::errc{}) return std::isfinite(value) ? Word::kNumber : Word::kNotFinite;
  if (number.find("e-") == std::string::npos && number.find("E-") == std::string::npos) return Word::kNotFinite;
  number = "0";  // too small to be told from it
  return Word::kNumber;
}

void refuse(ScriptLines& out, std::string_view why, std::string_view text) {
  if (out.refused++ == 0) out.error = std::string(why) + ": " + procfs::quoted(text);
}

std::string_view line_at(std::string_view text, std::size_t at) {
  return text.substr(at, text.find('\n', at) - at);
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

void add_json(const std::string& name, const json::value& value, Line& line, ScriptLines& out) {
  switch (value.kind()) {
    case json::kind::object:
      for (const auto& member : value.get_object()) {
        std::string inner = name.empty() ? std::string() : name + '_';
        inner.append(member.key());
        add_json(inner, member.value(), line, out);
      }
      return;
    case json::kind::array: {
      std::size_t index = 0;
      for (const json::value& item : value.get_array()) add_json(name + '_' + std::to_string(index++), item, line, out);
      return;
    }
    case json::kind::null:
      return;
    default:
      break;
  }
  if (name.empty()) return;
  if (value.is_double() && !std::isfinite(value.get_double())) {
    ++out.left_out;
  } else if (line.is_tag(name)) {
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

// Takes one object or array, whose first byte is at `at`, into `clean` and moves `at` behind it. NaN and Infinity,
// which some languages print there and JSON does not have, become null. False where it does not end: then `at` stays.
bool take_json(std::string_view text, std::size_t& at, std::string& clean, std::uint64_t& left_out) {
  clean.clear();
  std::size_t depth = 0;
  for (std::size_t i = at; i < text.size();) {
    const char c = text[i];
    if (c == '"') {
      const std::size_t begin = i++;
      while (i < text.size() && text[i] != '"' && text[i] != '\n') i += text[i] == '\\' ? 2U : 1U;
      if (i >= text.size() || text[i] == '\n') return false;
      clean.append(text.substr(begin, ++i - begin));
      continue;
    }
    bool replaced = false;
    for (const std::string_view name : {"-Infinity", "Infinity", "-NaN", "NaN", "-inf", "inf", "-nan", "nan"}) {
      if (!text.substr(i).starts_with(name)) continue;
      clean += "null";
      ++left_out;
      i += name.size();
      replaced = true;
      break;
    }
    if (replaced) continue;
    clean += c;
    ++i;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) {
      at = i;
      return true;
    }
  }
  return false;
}

void add_json_value(const json::value& value, std::string_view text, Line& line, ScriptLines& out) {
  if (value.is_object()) {
    add_json({}, value, line, out);
    return line.end(out.text);
  }
  for (const json::value& item : value.get_array()) {
    if (item.is_object()) {
      add_json({}, item, line, out);
      line.end(out.text);
    } else {
      refuse(out, "JSON: an array of something else than objects", text);
    }
  }
}

void add_json_text(std::string_view text, Line& line, ScriptLines& out) {
  json::parse_options options;
  options.max_depth = kDeepestJson;
  std::string clean;
  std::size_t at = 0;
  while ((at = text.find_first_not_of(" \t\r\n,", at)) != std::string_view::npos) {
    const std::size_t begin = at;
    if (text[at] != '{' && text[at] != '[') {
      refuse(out, "JSON: neither an object nor an array of objects", line_at(text, at));
      at += line_at(text, at).size();
      continue;
    }
    if (!take_json(text, at, clean, out.left_out)) {
      refuse(out, "not JSON: it does not end", line_at(text, at));
      at += line_at(text, at).size();
      continue;
    }
    boost::system::error_code error;
    const json::value value = json::parse(clean, error, {}, options);
    const std::string_view source = text.substr(begin, at - begin);
    if (error)
      refuse(out, "not JSON: " + error.message(), source);
    else
      add_json_value(value, source, line, out);
  }
}

// The value that begins at `at`: quoted with "…" (backslash escapes), or up to the next blank. Moves `at` behind it.
// False where a quote is not closed.
bool read_value(std::string_view text, std::size_t& at, std::string& value, bool& quoted) {
  value.clear();
  quoted = at < text.size() && text[at] == '"';
  if (!quoted) {
    const std::size_t end = std::min(text.find_first_of(kBlank, at), text.size());
    value = text.substr(at, end - at);
    at = end;
    return true;
  }
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\' && at + 1 < text.size()) ++at;
    value += text[at];
  }
  if (at >= text.size()) return false;
  ++at;
  return true;
}

void add_key_value(std::string_view name, const std::string& value, bool quoted, Line& line, ScriptLines& out) {
  if (line.is_tag(name)) return line.tag(name, value);
  if (!quoted && (value == "true" || value == "false")) {
    line.field(name) += value;
    return;
  }
  std::string number;
  switch (quoted ? Word::kText : judge(value, number)) {
    case Word::kNumber:
      line.field(name) += number;
      return;
    case Word::kNotFinite:
      ++out.left_out;
      return;
    case Word::kText:
      append_text(value, line.field(name));
  }
}

struct KeyValue {
  std::string_view name;
  std::string value;
  bool quoted = false;
};

// Words to rows. A line that has a tag and a field is a row of its own, so that no value gets another line's tag. All
// other words are one row, on however many lines: `vmstat | awk '{print "runnable=" $1}'` and one word a line both
// work. A key that comes again begins the next row.
class KeyValueRows {
 public:
  KeyValueRows(Line& line, ScriptLines& out) : line_(line), out_(out) {}

  void add(KeyValue word) { words_.push_back(std::move(word)); }
  void end_of_line() {
    const auto is_tag = [this](const KeyValue& word) { return line_.is_tag(word.name); };
    const bool whole =
        std::any_of(words_.begin(), words_.end(), is_tag) && !std::all_of(words_.begin(), words_.end(), is_tag);
    if (whole) end_of_row();
    for (const KeyValue& word : words_) {
      if (std::find(seen_.begin(), seen_.end(), word.name) != seen_.end()) end_of_row();
      seen_.push_back(word.name);
      add_key_value(word.name, word.value, word.quoted, line_, out_);
    }
    if (whole) end_of_row();
    words_.clear();
  }
  void end_of_row() {
    line_.end(out_.text);
    seen_.clear();
  }

 private:
  Line& line_;
  ScriptLines& out_;
  std::vector<KeyValue> words_;  // of the line under way
  std::vector<std::string_view> seen_;
};

void add_key_values(std::string_view text, Line& line, ScriptLines& out) {
  KeyValueRows rows(line, out);
  std::size_t at = 0;
  while (true) {
    const std::size_t word = std::min(text.find_first_not_of(kBlank, at), text.size());
    if (text.substr(at, word - at).find('\n') != std::string_view::npos) rows.end_of_line();
    at = word;
    if (at == text.size()) break;
    if (text[at] == '#') {
      at = std::min(text.find('\n', at), text.size());
      continue;
    }
    const std::size_t equals = std::min(text.find_first_of("= \t\r\n", at), text.size());
    if (equals == text.size() || text[equals] != '=' || equals == at) {
      refuse(out, "key=value: a word without '='", line_at(text, at));
      at = std::min(text.find_first_of(kBlank, at), text.size());
      continue;
    }
    KeyValue found{text.substr(at, equals - at), {}, false};
    const std::size_t begin = at;
    at = equals + 1;
    if (!read_value(text, at, found.value, found.quoted)) {
      refuse(out, "key=value: a quote that is not closed", line_at(text, begin));
      at = begin + line_at(text, begin).size();
      continue;
    }
    rows.add(std::move(found));
  }
  rows.end_of_line();
  rows.end_of_row();
}

// Where an unescaped one of `ends` is in `text`, from `at` on; its size where there is none.
std::size_t find_plain(std::string_view text, std::size_t at, std::string_view ends) {
  for (; at < text.size() && ends.find(text[at]) == std::string_view::npos; ++at)
    if (text[at] == '\\') ++at;
  return std::min(at, text.size());
}

// Copies the fields of one line, from `at` on, without those that are no finite numbers. False where they are not as
// they should be, which the decoder then says better.
bool copy_fields(std::string_view text, std::size_t& at, std::string& fields, std::uint64_t& left_out) {
  std::string number;
  while (true) {
    const std::size_t equals = find_plain(text, at, "=\n");
    if (equals == text.size() || text[equals] != '=') return false;
    const std::string_view name = text.substr(at, equals - at);
    const std::size_t value = equals + 1;
    const bool quoted = value < text.size() && text[value] == '"';
    std::size_t end =
        quoted ? find_plain(text, value + 1, "\"") : std::min(text.find_first_of(", \n", value), text.size());
    if (quoted && end++ == text.size()) return false;
    if (!quoted && judge(text.substr(value, end - value), number) == Word::kNotFinite) {
      ++left_out;
    } else {
      if (!fields.empty()) fields += ',';
      fields.append(name).append(name == "time" ? "_=" : "=").append(text.substr(value, end - value));
    }
    at = end;
    if (at == text.size() || text[at] != ',') return true;
    ++at;
  }
}

// Lines that are Influx's already.
void add_influx_lines(std::string_view text, ScriptLines& out) {
  std::string fields;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const std::uint64_t left_out = out.left_out;
    fields.clear();
    at = find_plain(text, at, " \n");
    const bool has_fields = at < text.size() && text[at] == ' ' && text[begin] != '#';
    if (has_fields && copy_fields(text, ++at, fields, out.left_out)) {
      const std::string_view rest = line_at(text, at);  // its time, if it has one
      if (!fields.empty())
        out.text.append(text.substr(begin, find_plain(text, begin, " ") - begin))
            .append(" ")
            .append(fields)
            .append(rest)
            .append("\n");
      at += rest.size();
    } else {
      out.left_out = left_out;
      out.text.append(line_at(text, begin)).append("\n");
      at = begin + line_at(text, begin).size();
    }
    ++at;
  }
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

void script_lines(ScriptFormat format, std::string_view text, const ScriptShape& shape, ScriptLines& out) {
  out = {};
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  if (format == ScriptFormat::kAuto) format = guess_script_format(text);
  Line line(shape);
  switch (format) {
    case ScriptFormat::kJson:
      return add_json_text(text, line, out);
    case ScriptFormat::kKeyValue:
      return add_key_values(text, line, out);
    default:
      return add_influx_lines(text, out);
  }
}

}  // namespace resmon::collect
