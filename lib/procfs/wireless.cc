#include "procfs/wireless.h"

#include <algorithm>

namespace resmon::procfs {

namespace {

constexpr std::size_t kMostWirelessLinks = 256;
constexpr std::uint64_t kMostQuality = 100'000;

// "60." or "-50": the dot says that it was measured since it was read last.
bool take_quality(Fields& fields, SignedNumber& out) {
  std::string_view word;
  out.reset();
  if (!fields.word(word)) return false;
  if (word.ends_with('.')) word.remove_suffix(1);
  const bool negative = word.starts_with('-');
  if (negative) word.remove_prefix(1);
  std::uint64_t value = 0;
  if (word.empty() || !Fields(word).number(value) || value > kMostQuality) return false;
  out = negative ? -static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value);
  return true;
}

bool take_wireless_status(Fields& fields, Number& out) {
  std::string_view word;
  out.reset();
  if (!fields.word(word) || word.size() > 8) return false;
  std::uint64_t value = 0;
  for (const char c : word) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'a' || c > 'f')) return false;
    value = value * 16 + static_cast<std::uint64_t>(digit ? c - '0' : c - 'a' + 10);
  }
  out = value;
  return true;
}

}  // namespace

Status parse_wireless(std::string_view text, std::vector<WirelessLink>& out, Skipped& skipped) {
  out.clear();
  bool heading = false;
  Lines lines(text);
  for (std::string_view line; lines.next(line);) {
    if (line.starts_with("Inter-|") || line.starts_with(" face |")) {
      heading = true;
      continue;
    }
    Fields fields(line);
    WirelessLink one;
    if (!fields.word(one.name) || one.name.size() < 2 || !one.name.ends_with(':')) {
      skipped.add(lines.number(), line.empty() ? "empty" : "not an interface", line);
      continue;
    }
    one.name.remove_suffix(1);
    const auto same = [&](const WirelessLink& other) { return other.name == one.name; };
    if (!is_name(one.name) || out.size() >= kMostWirelessLinks || std::any_of(out.begin(), out.end(), same)) {
      skipped.add(lines.number(), "not an interface, or one given twice", line);
      continue;
    }
    std::size_t good = take_wireless_status(fields, one.status) ? 1 : 0;
    for (SignedNumber* value : {&one.link, &one.level, &one.noise}) good += take_quality(fields, *value) ? 1U : 0U;
    for (Number* value : {&one.discarded_nwid, &one.discarded_crypt, &one.discarded_fragment, &one.discarded_retry,
                          &one.discarded_misc, &one.missed_beacons})
      good += fields.take(*value) ? 1U : 0U;
    if (good < 10) skipped.add(lines.number(), "not ten numbers", line);
    if (good != 0) out.push_back(one);
  }
  if (out.empty() && !heading) return nothing_of_use(skipped, "empty");
  return {};
}

}  // namespace resmon::procfs
