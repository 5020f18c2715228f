#pragma once

// The text of one rule within alerts.toml, and the file with another text in its place: for an editor that keeps
// comments, order and whatever it does not know. A rule's text is its table [rule.NAME], the tables below it
// ([[rule.NAME.override]]) and the comment lines right above it. Linear. No I/O.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "alert/rules.h"
#include "base/result.h"

namespace resmon::alert {

inline constexpr std::size_t kLongestRuleText = 16U << 10U;

// Where a rule's text is: bytes of the file. `found` is false where the file has no such table.
struct RulePlace {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::uint32_t line = 1;  // of `begin`, from 1
  bool found = false;
};
// kInvalid: its tables are at several places of the file, or it is written in another way than as a table.
Result<RulePlace> find_rule_text(std::string_view toml, std::string_view name);

// A mistake in the text of a rule. Line and column are of that text, from 1; 0: of the file as a whole.
struct RuleMistake {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string reason;
};

// What the file would be, or why not.
struct RuleDraft {
  std::string toml;
  Config config;
  std::vector<RuleMistake> mistakes;  // empty: the others are set
};
// The file with `text` as the rule's; an empty text removes it. Nothing but this rule may be in the text.
RuleDraft draft_rule(std::string_view toml, std::string_view name, std::string_view text,
                     const influxql::ZoneLoader& zones = influxql::load_system_zone);

// A built-in rule as TOML; empty: there is none of this name.
std::string default_rule_text(std::string_view name);

}  // namespace resmon::alert
