#include "alert/rule_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.h"
#include "config/toml_tree.h"

namespace resmon::alert {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";

using config::Node;

constexpr std::string_view kDraftName = "draft";

// The keys of a table's header, without quotes; empty: it is none. The file is TOML, so what looks like one is one.
std::vector<std::string> header_keys(std::string_view line) {
  line = trimmed(line, kBlanks);
  if (!line.starts_with('[')) return {};
  std::vector<std::string> out(1);
  char quote = '\0';
  for (const char c : line.substr(line.starts_with("[[") ? 2 : 1)) {
    if (quote != '\0') {
      if (c == quote)
        quote = '\0';
      else
        out.back() += c;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '.') {
      out.emplace_back();
    } else if (c == ']') {
      return out;
    } else if (c != ' ' && c != '\t') {
      out.back() += c;
    }
  }
  return {};
}

// Follows texts of several lines and arrays, in which a line is no header.
class TextState {
 public:
  bool outside() const { return closing_.empty() && depth_ == 0; }

  void read(std::string_view line) {
    std::size_t i = 0;
    while (i < line.size()) {
      if (!closing_.empty()) {
        i = skip_text(line, i);
      } else if (line[i] == '#') {
        return;
      } else if (line[i] == '"' || line[i] == '\'') {
        i = open_text(line, i);
      } else {
        if (line[i] == '[' || line[i] == '{') ++depth_;
        if ((line[i] == ']' || line[i] == '}') && depth_ > 0) --depth_;
        ++i;
      }
    }
  }

 private:
  std::size_t open_text(std::string_view line, std::size_t i) {
    const std::string three(3, line[i]);
    if (line.substr(i).starts_with(three)) {
      closing_ = three;
      return i + 3;
    }
    const char quote = line[i];
    for (++i; i < line.size() && line[i] != quote; ++i)
      if (quote == '"' && line[i] == '\\') ++i;
    return i + 1;
  }
  std::size_t skip_text(std::string_view line, std::size_t i) {
    if (closing_[0] == '"' && line[i] == '\\') return i + 2;
    if (!line.substr(i).starts_with(closing_)) return i + 1;
    i += closing_.size();
    while (i < line.size() && line[i] == closing_[0]) ++i;  // quotes at the end of the text itself
    closing_.clear();
    return i;
  }

  std::string closing_;
  int depth_ = 0;
};

struct TextLine {
  std::size_t begin = 0;
  std::size_t end = 0;  // behind its newline
  bool is_header = false;
  bool is_ours = false;
  bool is_comment = false;  // and nothing else
  bool is_empty = false;
};

std::vector<TextLine> lines_of(std::string_view toml, std::string_view name) {
  std::vector<TextLine> out;
  TextState state;
  for (std::size_t at = 0; at < toml.size();) {
    const std::size_t newline = toml.find('\n', at);
    TextLine line;
    line.begin = at;
    line.end = newline == std::string_view::npos ? toml.size() : newline + 1;
    const std::string_view text = toml.substr(at, line.end - at);
    if (state.outside()) {
      const std::vector<std::string> keys = header_keys(text);
      line.is_header = !keys.empty();
      line.is_ours = keys.size() >= 2 && keys[0] == "rule" && keys[1] == name;
      const std::string_view content = trimmed(text, kBlanks);
      line.is_empty = content.empty();
      line.is_comment = content.starts_with('#');
    }
    if (!line.is_header) state.read(text);
    out.push_back(line);
    at = line.end;
  }
  return out;
}

const Node* member_of(const Node& table, std::string_view key) {
  for (const Node& member : table.members)
    if (member.key == key) return &member;
  return nullptr;
}

// All that the file says but for one rule, whatever its lines are.
void print_without(const Node& node, std::string_view left_out, int depth, std::string& out) {
  out += fmt::format("{}:{}:{}:{}:{}:{}[", node.key, static_cast<int>(node.kind), node.text.size(), node.text,
                     node.integer, node.boolean);
  if (node.kind == Node::Kind::kNumber) out += fmt::format("{}", node.number);
  for (const Node& item : node.items) print_without(item, {}, depth + 1, out);
  for (const Node& member : node.members) {
    if (depth == 1 && node.key == "rule" && member.key == left_out) continue;
    if (depth == 0 && member.key == "rule" && member.kind == Node::Kind::kTable &&
        (member.members.empty() || (member.members.size() == 1 && member.members[0].key == left_out)))
      continue;
    print_without(member, depth == 0 ? left_out : std::string_view(), depth + 1, out);
  }
  out += ']';
}

// "draft:12:3: key: reason" or, of what is no TOML, "draft:12: reason".
RuleMistake mistake_of(std::string_view text) {
  RuleMistake out;
  if (text.starts_with(kDraftName) && text.size() > kDraftName.size()) text.remove_prefix(kDraftName.size() + 1);
  for (std::uint32_t* const target : {&out.line, &out.column}) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *target);
    if (error != std::errc() || end == text.data() + text.size() || *end != ':') break;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  }
  out.reason = trimmed(text, kBlanks);
  return out;
}

std::vector<RuleMistake> mistakes_of(std::string_view text) {
  std::vector<RuleMistake> out;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (!line.empty()) out.push_back(mistake_of(line));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return out;
}

// What is wrong with the text by itself; nothing: it is TOML of this one rule.
std::vector<RuleMistake> check_alone(std::string_view text, std::string_view name) {
  if (text.size() > kLongestRuleText)
    return {{0, 0, fmt::format("the rule is longer than {} bytes", kLongestRuleText)}};
  const auto parsed = config::parse_toml(text, std::string(kDraftName));
  if (!parsed) return mistakes_of(parsed.error().message);
  const Node* const rules = member_of(*parsed, "rule");
  const Node* const rule = rules == nullptr ? nullptr : member_of(*rules, name);
  for (const Node& member : parsed->members)
    if (member.key != "rule") return {{member.line, 1, fmt::format("only [rule.{}] belongs here", name)}};
  // [rule] with `NAME.when` would be the same rule, and could not be found again.
  const auto place = find_rule_text(text, name);
  if (rule == nullptr || rules->members.size() != 1 || !place || !place->found)
    return {{1, 1, fmt::format("it must be one table, [rule.{}]", name)}};
  return {};
}

std::string joined(std::string_view toml, const RulePlace& place, std::string_view text) {
  std::string out(toml.substr(0, place.begin));
  if (!place.found && !text.empty() && !trimmed(out, kBlanks).empty()) {
    while (out.ends_with("\n\n")) out.pop_back();
    out += out.ends_with('\n') ? "\n" : "\n\n";
  }
  std::string_view rest = toml.substr(place.end);
  if (!text.empty()) return out.append(text).append("\n").append(rest);
  // One empty line between its neighbours, and none at the end.
  while (rest.starts_with('\n') && (out.empty() || out.ends_with("\n\n") || rest == "\n")) rest.remove_prefix(1);
  while (rest.empty() && out.ends_with("\n\n")) out.pop_back();
  return out.append(rest);
}

}  // namespace

Result<RulePlace> find_rule_text(std::string_view toml, std::string_view name) {
  const std::vector<TextLine> lines = lines_of(toml, name);
  std::optional<std::size_t> first, last;  // lines of it, headers and what is below them
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (!lines[i].is_header || !lines[i].is_ours) continue;
    if (last && i != *last + 1)
      return fail(ErrorKind::kInvalid, fmt::format("the tables of rule.{} are at several places of the file", name));
    if (!first) first = i;
    last = i;
    while (*last + 1 < lines.size() && !lines[*last + 1].is_header) ++*last;
  }
  if (!first) {
    const auto parsed = config::parse_toml(toml, std::string(kDraftName));
    const Node* const rules = parsed ? member_of(*parsed, "rule") : nullptr;
    if (rules != nullptr && member_of(*rules, name) != nullptr)
      return fail(ErrorKind::kInvalid, fmt::format("rule.{} is not written as a table [rule.{}]", name, name));
    return RulePlace{toml.size(), toml.size(), static_cast<std::uint32_t>(lines.size() + 1), false};
  }
  // Comments right above a header belong to it.
  while (*first > 0 && lines[*first - 1].is_comment) --*first;
  if (*last + 1 < lines.size())
    while (*last > *first && lines[*last].is_comment) --*last;
  while (*last > *first && lines[*last].is_empty) --*last;
  return RulePlace{lines[*first].begin, lines[*last].end, static_cast<std::uint32_t>(*first + 1), true};
}

RuleDraft draft_rule(std::string_view toml, std::string_view name, std::string_view text,
                     const influxql::ZoneLoader& zones) {
  RuleDraft out;
  // Only its end: lines must keep their numbers.
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ' || text.back() == '\r' || text.back() == '\t'))
    text.remove_suffix(1);
  if (!text.empty()) {
    out.mistakes = check_alone(text, name);
    if (!out.mistakes.empty()) return out;
  }
  const auto before = config::parse_toml(toml, "alerts.toml");
  const auto place = find_rule_text(toml, name);
  if (!before || !place) {
    out.mistakes.push_back({0, 0, !before ? "the file has errors: " + before.error().message : place.error().message});
    return out;
  }
  out.toml = joined(toml, *place, text);
  const auto after = config::parse_toml(out.toml, std::string(kDraftName));
  std::string was, is;
  print_without(*before, name, 0, was);
  if (after) print_without(*after, name, 0, is);
  if (!after || was != is) {
    out.mistakes.push_back({0, 0, "the rule cannot be changed without changing more of the file: edit the file"});
    return out;
  }
  auto config = read_config(out.toml, std::string(kDraftName), zones);
  if (config) {
    out.config = *std::move(config);
    return out;
  }
  out.mistakes = mistakes_of(config.error().message);
  std::uint32_t begin = place->line;
  if (!place->found) {
    const std::size_t before_it = out.toml.size() - text.size() - 1;
    begin = static_cast<std::uint32_t>(1 + std::count(out.toml.data(), out.toml.data() + before_it, '\n'));
  }
  const auto count = static_cast<std::uint32_t>(1 + std::count(text.begin(), text.end(), '\n'));
  for (RuleMistake& one : out.mistakes) {
    if (!text.empty() && one.line >= begin && one.line < begin + count) {
      one.line -= begin - 1;
      continue;
    }
    if (one.line != 0) one.reason = fmt::format("line {} of the file: {}", one.line, one.reason);
    one.line = one.column = 0;
  }
  return out;
}

std::string default_rule_text(std::string_view name) {
  const std::string_view all = default_rules();
  const auto place = find_rule_text(all, name);
  if (!place || !place->found) return {};
  return std::string(trimmed(all.substr(place->begin, place->end - place->begin), kBlanks)) + "\n";
}

}  // namespace resmon::alert
