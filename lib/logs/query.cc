#include "logs/query.h"

#include <fnmatch.h>
#include <re2/re2.h>

#include <algorithm>
#include <charconv>

#include "logs/query_node.h"

namespace resmon::logs {

namespace {

using Node = Query::Node;

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

// `phrase` is in lower case. Where it begins or ends with a word, that is a whole word of the text.
bool has_phrase(std::string_view text, std::string_view phrase, bool prefix) {
  if (phrase.size() > text.size()) return false;
  const bool begins = is_word_char(phrase.front());
  const bool ends = is_word_char(phrase.back()) && !prefix;
  const char first = phrase.front();
  const std::size_t last = text.size() - phrase.size();
  for (std::size_t i = 0; i <= last; ++i) {
    if (lower(text[i]) != first) continue;
    if (begins && i > 0 && is_word_char(text[i - 1])) continue;
    if (ends && i < last && is_word_char(text[i + phrase.size()])) continue;
    std::size_t k = 1;
    while (k < phrase.size() && lower(text[i + k]) == phrase[k]) ++k;
    if (k == phrase.size()) return true;
  }
  return false;
}

std::string_view file_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

// A unit is meant by its whole name, by a service's without ".service", and a file's without its directories.
bool is_unit(const std::string& pattern, std::string_view unit) {
  constexpr std::string_view kService = ".service";
  if (matches_name(pattern, unit)) return true;
  if (unit.ends_with(kService)) return matches_name(pattern, unit.substr(0, unit.size() - kService.size()));
  return unit.starts_with('/') && matches_name(pattern, file_name(unit));
}

template <class Test>
bool any_text(const Node& node, std::string_view host, std::string_view source, const logline::Line& line, Test test) {
  switch (node.target) {
    case Target::kText:
      if (test(line.message) || test(line.unit)) return true;
      return std::any_of(line.fields.begin(), line.fields.end(), [&](const auto& field) { return test(field.value); });
    case Target::kMessage:
      return test(line.message);
    case Target::kUnit:
      return test(line.unit);
    case Target::kHost:
      return test(host);
    case Target::kSource:
      return test(source);
    case Target::kField:
      return std::any_of(line.fields.begin(), line.fields.end(),
                         [&](const auto& field) { return field.name == node.field && test(field.value); });
    case Target::kPid: {
      char text[16];
      return line.pid != 0 &&
             test(std::string_view(
                 text, static_cast<std::size_t>(std::to_chars(text, text + sizeof text, line.pid).ptr - text)));
    }
    case Target::kLevel:
      return test(logline::level_name(line.level));
  }
  return false;
}

bool line_matches(const Node& node, std::string_view host, std::string_view source, const logline::Line& line) {
  const auto child = [&](const auto& one) { return line_matches(*one, host, source, line); };
  switch (node.kind) {
    case Node::Kind::kEverything:
      return true;
    case Node::Kind::kAnd:
      return std::all_of(node.children.begin(), node.children.end(), child);
    case Node::Kind::kOr:
      return std::any_of(node.children.begin(), node.children.end(), child);
    case Node::Kind::kNot:
      return !child(node.children.front());
    case Node::Kind::kPhrase:
      return any_text(node, host, source, line,
                      [&](std::string_view text) { return has_phrase(text, node.value, node.prefix); });
    case Node::Kind::kName:
      return any_text(node, host, source, line, [&](std::string_view text) {
        return node.target == Target::kUnit ? is_unit(node.value, text) : matches_name(node.value, text);
      });
    case Node::Kind::kRegex:
      return any_text(node, host, source, line, [&](std::string_view text) {
        return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *node.regex);
      });
    case Node::Kind::kLevel:
      return ((node.levels >> static_cast<unsigned>(line.level)) & 1U) != 0;
    case Node::Kind::kExists:
      return std::any_of(line.fields.begin(), line.fields.end(),
                         [&](const auto& field) { return field.name == node.field; });
  }
  return false;
}

Match known(bool matches) {
  return matches ? Match::kAll : Match::kNone;
}

Match level_match(const Node& node, const BlockInfo& block) {
  std::uint64_t matching = 0;
  for (std::size_t level = 0; level < kLevels; ++level)
    if (((node.levels >> level) & 1U) != 0) matching += block.levels[level];
  return matching == 0 ? Match::kNone : matching == block.lines ? Match::kAll : Match::kSome;
}

// `block` and `filter` may be null: nothing is known of levels or words.
Match block_match(const Node& node, std::string_view host, std::string_view source, const BlockInfo* block,
                  const WordFilter* filter) {
  const bool of_stream = node.target == Target::kHost || node.target == Target::kSource;
  switch (node.kind) {
    case Node::Kind::kEverything:
      return Match::kAll;
    case Node::Kind::kAnd:
    case Node::Kind::kOr: {
      const bool all = node.kind == Node::Kind::kAnd;
      Match out = all ? Match::kAll : Match::kNone;
      for (const auto& one : node.children) {
        const Match match = block_match(*one, host, source, block, filter);
        out = all ? std::min(out, match) : std::max(out, match);
      }
      return out;
    }
    case Node::Kind::kNot: {
      const Match match = block_match(*node.children.front(), host, source, block, filter);
      return match == Match::kSome ? match : known(match == Match::kNone);
    }
    case Node::Kind::kLevel:
      return block == nullptr ? Match::kSome : level_match(node, *block);
    case Node::Kind::kPhrase:
    case Node::Kind::kName:
    case Node::Kind::kRegex: {
      logline::Line none;
      if (of_stream) return known(line_matches(node, host, source, none));
      if (filter != nullptr)
        for (const std::uint64_t hash : node.hashes)
          if (!filter->may_have(hash)) return Match::kNone;
      return Match::kSome;
    }
    case Node::Kind::kExists:
      return block != nullptr && block->column_bytes[kFields] == 0 ? Match::kNone : Match::kSome;
  }
  return Match::kSome;
}

ColumnSet columns_of(const Node& node) {
  ColumnSet out = 0;
  for (const auto& child : node.children) out = static_cast<ColumnSet>(out | columns_of(*child));
  if (node.kind == Node::Kind::kExists) return column_bit(kFields);
  if (node.kind == Node::Kind::kLevel) return column_bit(kLevelsAndCuts);
  if (node.kind != Node::Kind::kPhrase && node.kind != Node::Kind::kName && node.kind != Node::Kind::kRegex) return out;
  switch (node.target) {
    case Target::kText:
      return static_cast<ColumnSet>(column_bit(kMessages) | column_bit(kUnits) | column_bit(kFields));
    case Target::kMessage:
      return column_bit(kMessages);
    case Target::kUnit:
      return column_bit(kUnits);
    case Target::kPid:
      return static_cast<ColumnSet>(column_bit(kPids) | column_bit(kUnits));
    case Target::kField:
      return column_bit(kFields);
    case Target::kLevel:
      return column_bit(kLevelsAndCuts);
    case Target::kHost:
    case Target::kSource:
      return 0;
  }
  return 0;
}

const LineFilter* filter_of(const Node& node, const BlockInfo& block, std::span<const std::string> units) {
  if (node.kind == Node::Kind::kAnd) {
    for (const auto& child : node.children)
      if (const LineFilter* const found = filter_of(*child, block, units)) return found;
    return nullptr;
  }
  if (!node.filter || node.target == Target::kMessage) return node.filter.get();
  const auto in_unit = [&](const std::string& unit) {
    logline::Line line;
    line.unit = unit;
    return line_matches(node, {}, {}, line);
  };
  return block.column_bytes[kFields] == 0 && std::none_of(units.begin(), units.end(), in_unit) ? node.filter.get()
                                                                                               : nullptr;
}

const LineFilter* regex_of(const Node& node) {
  if (node.kind == Node::Kind::kAnd) {
    for (const auto& child : node.children)
      if (const LineFilter* const found = regex_of(*child)) return found;
    return nullptr;
  }
  const bool any_text = node.kind == Node::Kind::kRegex && node.target == Target::kText;
  return any_text && node.filter && node.filter->automaton() != nullptr ? node.filter.get() : nullptr;
}

bool has_hashes(const Node& node) {
  return !node.hashes.empty() ||
         std::any_of(node.children.begin(), node.children.end(), [](const auto& child) { return has_hashes(*child); });
}

}  // namespace

bool matches_name(const std::string& pattern, std::string_view value) {
  if (pattern.find_first_of("*?[") == std::string::npos) return equals_ignoring_case(pattern, value);
  return ::fnmatch(pattern.c_str(), std::string(value).c_str(), FNM_CASEFOLD) == 0;
}

bool Query::matches(std::string_view host, std::string_view source, const logline::Line& line) const {
  return line_matches(*root_, host, source, line);
}
Match Query::matches(const BlockInfo& block, const WordFilter* filter) const {
  return block_match(*root_, block.host, block.source, &block, filter);
}
Match Query::matches(std::string_view host, std::string_view source) const {
  return block_match(*root_, host, source, nullptr, nullptr);
}
ColumnSet Query::columns() const {
  return columns_of(*root_);
}
const LineFilter* Query::message_filter(const BlockInfo& block, std::span<const std::string> units) const {
  return filter_of(*root_, block, units);
}
const LineFilter* Query::regex_filter() const {
  return regex_of(*root_);
}
bool Query::has_words() const {
  return has_hashes(*root_);
}

}  // namespace resmon::logs
