#include "procfs/host_facts.h"

namespace resmon::procfs {

namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// A value as a shell reads it: in quotes of either kind, where a backslash makes the next character plain.
bool unquoted(std::string_view text, std::string& out) {
  out.clear();
  text = trimmed(text);
  const char quote = !text.empty() && (text.front() == '"' || text.front() == '\'') ? text.front() : '\0';
  if (quote != '\0') {
    if (text.size() < 2 || text.back() != quote) return false;
    text = text.substr(1, text.size() - 2);
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && quote == '"' && i + 1 < text.size()) ++i;
    out += text[i];
  }
  return is_name(out);
}

}  // namespace

Status parse_os_release(std::string_view text, OsRelease& out, Skipped& skipped) {
  out = {};
  Lines lines(text);
  std::string_view line;
  std::string value;
  while (lines.next(line)) {
    if (line.starts_with('#')) continue;
    const std::size_t equals = line.find('=');
    const std::string_view key = line.substr(0, equals);
    if (equals == std::string_view::npos || key.empty() ||
        key.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != std::string_view::npos) {
      skipped.add(lines.number(), line.empty() ? "empty" : "no assignment", line);
      continue;
    }
    std::string* const wanted = key == "NAME"      ? &out.name
                                : key == "VERSION" ? &out.version
                                : key == "ID"      ? &out.id
                                                   : nullptr;
    if (wanted == nullptr) continue;
    if (!unquoted(line.substr(equals + 1), value))
      skipped.add(lines.number(), "no text", line);
    else if (wanted->empty())
      *wanted = value;
  }
  if (out.name.empty() && out.id.empty()) return nothing_of_use(skipped, "no name");
  return {};
}

std::string_view cpu_model(std::string_view cpuinfo) {
  Lines lines(cpuinfo);
  std::string_view line;
  while (lines.next(line)) {
    // "Processor" on old ARM, "cpu" on POWER.
    if (!line.starts_with("model name") && !line.starts_with("Processor\t") && !line.starts_with("cpu\t")) continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = trimmed(line.substr(colon + 1));
    if (is_name(name)) return name;
  }
  return {};
}

}  // namespace resmon::procfs
