// A rules file and the text of a rule, with a NUL between them, of any bytes: what is drafted is the rest of the file
// and that rule, or there are mistakes with their places.

#include <string>
#include <string_view>

#include "alert/rule_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::string_view toml = all.substr(0, all.find('\0'));
  const std::string_view text = all.substr(std::min(toml.size() + 1, all.size()));
  const auto place = resmon::alert::find_rule_text(toml, "a");
  if (place && (place->begin > place->end || place->end > toml.size() || place->line == 0)) __builtin_trap();
  const auto draft = resmon::alert::draft_rule(toml, "a", text);
  for (const auto& one : draft.mistakes)
    if (one.reason.empty()) __builtin_trap();
  const bool removed = text.find_first_not_of(" \t\r\n") == std::string_view::npos;
  if (!draft.mistakes.empty() || removed) return 0;
  if (draft.config.rule("a") == nullptr) __builtin_trap();
  const auto again = resmon::alert::find_rule_text(draft.toml, "a");
  if (!again || !again->found) __builtin_trap();
  return 0;
}
