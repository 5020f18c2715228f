#include "procfs/kstat.h"

namespace resmon::procfs {

namespace {

constexpr std::uint64_t kKstatText = 7;  // KSTAT_DATA_STRING
constexpr std::uint64_t kMostKstatTypes = 8;

}  // namespace

Status parse_kstat(std::string_view text, std::span<const Keyed> wanted, Skipped& skipped) {
  for (const Keyed& one : wanted) one.value->reset();
  bool useful = false;
  Lines lines(text);
  for (std::string_view line; lines.next(line);) {
    Fields fields(line);
    std::string_view name;
    std::uint64_t type = 0;
    if (!fields.word(name) || !is_ascii(name)) {
      skipped.add(lines.number(), line.empty() ? "empty" : "no name", line);
      continue;
    }
    // "13 1 0x01 98 4780 5249 2134" and "name type data"
    if (name == "name" || name.find_first_not_of("0123456789") == std::string_view::npos) continue;
    Number value;
    const bool typed = fields.number(type) && type <= kMostKstatTypes;
    if (typed && type == kKstatText) {
      useful = true;
      continue;
    }
    if (!typed || !fields.take(value)) {
      skipped.add(lines.number(), "not a type and a number", line);
      continue;
    }
    useful = true;
    for (const Keyed& one : wanted)
      if (one.name == name && !*one.value) *one.value = value;
  }
  if (!useful) return nothing_of_use(skipped, "no figures");
  return {};
}

}  // namespace resmon::procfs
