#include "procfs/interrupts.h"

namespace resmon::procfs {

namespace {

constexpr std::size_t kMostInterrupts = 8192;
constexpr std::size_t kLongestName = 32;
constexpr std::size_t kLongestDescription = 255;

bool looks_like_a_number(std::string_view word) {
  if (word.starts_with('-')) word.remove_prefix(1);
  return !word.empty() && word.find_first_not_of("0123456789") == std::string_view::npos;
}

// "NMI: 1 2  Non-maskable interrupts". How many CPUs there are is not looked up in the first line: no description
// begins with a number, and ERR and MIS have one number on any machine.
bool take_interrupt(std::string_view line, Interrupt& out) {
  Fields fields(line);
  if (!fields.word(out.name) || !out.name.ends_with(':')) return false;
  out.name.remove_suffix(1);
  if (!is_name(out.name) || !is_ascii(out.name) || out.name.size() > kLongestName) return false;
  bool any = false;
  out.total = 0;
  while (true) {
    fields.skip_blanks();
    std::string_view word;
    if (Fields ahead = fields; !ahead.word(word) || !looks_like_a_number(word)) break;
    std::uint64_t value = 0;
    if (!fields.number(value)) return false;
    out.total = out.total > UINT64_MAX - value ? UINT64_MAX : out.total + value;
    any = true;
  }
  out.description = fields.rest();
  while (out.description.ends_with(' ')) out.description.remove_suffix(1);
  return any && (out.description.empty() || is_name(out.description)) && out.description.size() <= kLongestDescription;
}

bool is_heading(std::string_view line) {
  std::string_view word;
  return Fields(line).word(word) && word.starts_with("CPU");
}

}  // namespace

Status parse_interrupts(std::string_view text, std::vector<Interrupt>& out, Skipped& skipped) {
  out.clear();
  Lines lines(text);
  for (std::string_view line; lines.next(line);) {
    if (lines.number() == 1 && is_heading(line)) continue;
    Interrupt one;
    if (out.size() >= kMostInterrupts) {
      skipped.add(lines.number(), "more interrupts than are looked at", line);
    } else if (take_interrupt(line, one)) {
      out.push_back(one);
    } else {
      skipped.add(lines.number(), line.empty() ? "empty" : "not an interrupt", line);
    }
  }
  if (out.empty()) return nothing_of_use(skipped, "no interrupts");
  return {};
}

}  // namespace resmon::procfs
