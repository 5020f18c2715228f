// Prints Settings: the commented sample file and the effective values.

#include <algorithm>
#include <cctype>
#include <charconv>

#include "config/settings_impl.h"

namespace resmon::config {

namespace {

constexpr std::size_t kCommentColumns = 100;

// `text` in lines that begin with "# ", broken between words.
void append_comment(std::string& out, std::string_view text) {
  std::size_t column = 0;
  while (!text.empty()) {
    const std::size_t end = text.find_first_of(" \n");
    const std::string_view word = text.substr(0, end);
    if (column != 0 && column + 1 + word.size() > kCommentColumns) {
      out += '\n';
      column = 0;
    }
    if (!word.empty()) {
      out += column == 0 ? "# " : " ";
      out += word;
      column += word.size() + (column == 0 ? 2 : 1);
    }
    if (end == std::string_view::npos) break;
    if (text[end] == '\n') {
      out += column == 0 ? "#\n" : "\n";
      column = 0;
    }
    text.remove_prefix(end + 1);
  }
  if (column != 0) out += '\n';
}

bool bare_key(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(),
                                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; });
}

std::string table_of(const std::string& key) {
  const std::size_t dot = key.rfind('.');
  return dot == std::string::npos ? std::string() : key.substr(0, dot);
}

std::string last_part(const std::string& key) {
  return key.substr(key.rfind('.') + 1);
}

std::string value_literal(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kText:
      return toml_quoted(node.text);
    case Node::Kind::kInteger:
      return std::to_string(node.integer);
    case Node::Kind::kNumber: {
      char buffer[32];
      const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, node.number);
      const std::string text(buffer, end);
      return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
    }
    case Node::Kind::kBoolean:
      return node.boolean ? "true" : "false";
    case Node::Kind::kArray: {
      std::string out;
      for (const Node& item : node.items) out += (out.empty() ? "" : ", ") + value_literal(item);
      return "[" + out + "]";
    }
    case Node::Kind::kTable: {
      std::string out;
      for (const Node& member : node.members)
        out.append(out.empty() ? " " : ", ")
            .append(bare_key(member.key) ? member.key : toml_quoted(member.key))
            .append(" = ")
            .append(value_literal(member));
      return "{" + out + " }";
    }
    case Node::Kind::kTime:
      break;
  }
  return "\"\"";
}

void append_array(std::string& out, const Setting& setting, bool comment_out) {
  append_comment(out, setting.meaning);
  append_comment(out, "Takes " + setting.values + ".");
  if (const std::string literal = setting.literal(); !comment_out && literal != setting.default_literal) {
    out += last_part(setting.key) + " = " + literal + "\n\n";
    return;
  }
  for (std::string_view rest = setting.example; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    out.append("#").append(rest.substr(0, end)).append("\n");
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  out += '\n';
}

void append_setting(std::string& out, const Setting& setting, bool comment_out) {
  if (setting.read_array) return append_array(out, setting, comment_out);
  append_comment(out, setting.meaning);
  append_comment(out, "Takes " + setting.values + ". Environment: " + environment_name(setting.key) + ".");
  const std::string literal = setting.literal();
  if (comment_out || literal == setting.default_literal)
    out += "#" + last_part(setting.key) + " = " + setting.default_literal + "\n\n";
  else
    out += last_part(setting.key) + " = " + literal + "\n\n";
}

void append_map(std::string& out, const Setting& setting, bool comment_out) {
  append_comment(out, setting.meaning);
  append_comment(out,
                 "Takes " + setting.values + ". Environment: " + environment_name(setting.key) + " with KEY=VALUE,….");
  out += (comment_out ? "#[" : "[") + setting.key + "]\n";
  if (setting.pairs()->empty()) out += "#key = \"value\"\n";
  for (const auto& [name, value] : *setting.pairs())
    out += (comment_out ? "#" : "") + (bare_key(name) ? name : toml_quoted(name)) + " = " + toml_quoted(value) + "\n";
  out += '\n';
}

// The settings whose key begins with `prefix` (empty: all but those in `apart`), table by table in the order of
// declaration.
void append_tables(std::string& out, const std::vector<Setting>& settings, std::string_view prefix,
                   const std::vector<std::string>& apart, bool comment_out) {
  const auto wanted = [&](const Setting& setting) {
    return setting.key.starts_with(prefix) &&
           std::none_of(apart.begin(), apart.end(), [&](const std::string& p) { return setting.key.starts_with(p); });
  };
  std::vector<std::string> order;
  for (const Setting& setting : settings) {
    if (!wanted(setting)) continue;
    const std::string table = setting.is_map ? setting.key : table_of(setting.key);
    // Keys without a table must come first: in TOML they would otherwise belong to the table above them.
    if (std::find(order.begin(), order.end(), table) == order.end())
      order.insert(table.empty() ? order.begin() : order.end(), table);
  }
  for (const std::string& table : order) {
    bool headed = false;
    for (const Setting& setting : settings) {
      if (!wanted(setting)) continue;
      if (setting.is_map && setting.key == table) {
        append_map(out, setting, comment_out);
      } else if (!setting.is_map && table_of(setting.key) == table) {
        if (!headed && !table.empty()) out += (comment_out ? "#[" : "[") + table + "]\n";
        headed = true;
        append_setting(out, setting, comment_out);
      }
    }
  }
}

// `text` with what stands between "://" and "@" hidden, where a password may be.
std::string without_user_information(const std::string& text) {
  const std::size_t scheme = text.find("://");
  if (scheme == std::string::npos) return text;
  const std::size_t begin = scheme + 3;
  const std::size_t end = text.find_first_of("/?#", begin);
  const std::size_t at = text.substr(0, end).rfind('@');
  if (at == std::string::npos || at < begin) return text;
  return text.substr(0, begin) + "***" + text.substr(at);
}

}  // namespace

bool holds_secret(std::string_view key) {
  return key.ends_with("token") || key.ends_with("password") || key.ends_with("secret") || key.ends_with("tokens");
}

std::string toml_quoted(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += kHex[byte >> 4U];
      out += kHex[byte & 15U];
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string environment_name(std::string_view key) {
  std::string name = "RESMON_";
  for (const char c : key)
    name += c == '.' || c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

std::string array_literal(const Node& array) {
  std::string out;
  for (const Node& item : array.items) out += (out.empty() ? "\n  " : ",\n  ") + value_literal(item);
  return out.empty() ? "[]" : "[" + out + "\n]";
}

std::string Settings::sample() const {
  std::string out;
  append_comment(out, "Configuration of the resmon " + impl_->program + ".");
  append_comment(
      out,
      "Every key is listed with its effect, its possible values and, commented out, its default. Remove the # and "
      "change the value to change it. A key that is not known is an error. The environment variable named with a "
      "key wins over this file, and --set KEY=VALUE over both.");
  out += '\n';

  std::vector<std::string> repeated;  // prefixes of keys in repeating tables, which come last
  for (const TableSetting& table : impl_->tables) repeated.push_back(table.key + ".");
  append_tables(out, impl_->settings, "", repeated, false);

  for (const TableSetting& table : impl_->tables) {
    append_comment(out, table.meaning + "\nThis table may repeat: [" + table.key + ".NAME].");
    out += '\n';
    for (const std::string& name : table.names)
      append_tables(out, impl_->settings, table.key + "." + name + ".", {}, false);
    if (table.names.contains(table.example_name)) continue;
    Settings example(impl_->program);
    table.declare(example, table.example_name, table.key + "." + table.example_name);
    append_tables(out, example.impl_->settings, "", {}, true);
  }
  while (out.ends_with("\n\n")) out.pop_back();
  return out;
}

std::string Settings::show() const {
  std::string out;
  for (const Setting& setting : impl_->settings) {
    const std::string literal = setting.literal();
    const bool hidden = holds_secret(setting.key) && literal != "\"\"" && literal != "[]" && literal != "{}";
    out += setting.key + " = " + (hidden ? "\"***\"" : without_user_information(literal)) + "\n";
  }
  return out;
}

}  // namespace resmon::config
