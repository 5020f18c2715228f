#include "config/units.h"
#include "base/text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <limits>
#include <utility>

namespace resmon::config {

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<Unit, 7> kDurationUnits{{{"d", 86'400'000'000'000ULL},
                                              {"h", 3'600'000'000'000ULL},
                                              {"m", 60'000'000'000ULL},
                                              {"s", 1'000'000'000ULL},
                                              {"ms", 1'000'000ULL},
                                              {"us", 1'000ULL},
                                              {"ns", 1ULL}}};

constexpr std::array<Unit, 10> kByteUnits{{{"TiB", 1ULL << 40U},
                                           {"GiB", 1ULL << 30U},
                                           {"MiB", 1ULL << 20U},
                                           {"KiB", 1ULL << 10U},
                                           {"TB", 1'000'000'000'000ULL},
                                           {"GB", 1'000'000'000ULL},
                                           {"MB", 1'000'000ULL},
                                           {"kB", 1'000ULL},
                                           {"B", 1ULL},
                                           {"", 1ULL}}};

// Takes digits off the front of `text`.
Result<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) return fail(ErrorKind::kInvalid, "too large");
  if (error != std::errc()) return fail(ErrorKind::kInvalid, "not a number");
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

}  // namespace

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  if (text == "0") return std::chrono::nanoseconds{0};
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  std::uint64_t total = 0;
  do {
    RESMON_ASSIGN(const std::uint64_t count, take_number(text));
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    std::size_t length = 0;
    while (length < text.size() && std::isalpha(static_cast<unsigned char>(text[length])) != 0) ++length;
    const std::string_view name = text.substr(0, length);
    const Unit* unit = nullptr;
    for (const Unit& candidate : kDurationUnits)
      if (candidate.name == name) unit = &candidate;
    if (unit == nullptr) return fail(ErrorKind::kInvalid, "the unit is missing or unknown (ns, us, ms, s, m, h, d)");
    text.remove_prefix(length);
    if (count > (kMost - total) / unit->factor) return fail(ErrorKind::kInvalid, "too large");
    total += count * unit->factor;
    // A blank that nothing follows is no part of a duration.
    if (const std::size_t next = text.find_first_not_of(' '); next != std::string_view::npos) text.remove_prefix(next);
  } while (!text.empty());
  return std::chrono::nanoseconds{static_cast<std::int64_t>(total)};
}

std::string print_duration(std::chrono::nanoseconds duration) {
  const std::int64_t count = duration.count();
  if (count <= 0) return "0";
  for (const Unit& unit : kDurationUnits) {
    const auto factor = static_cast<std::int64_t>(unit.factor);
    if (count % factor == 0) return std::to_string(count / factor) + std::string(unit.name);
  }
  return std::to_string(count) + "ns";
}

Result<std::uint64_t> parse_bytes(std::string_view text) {
  RESMON_ASSIGN(const std::uint64_t count, take_number(text));
  for (const Unit& unit : kByteUnits) {
    if (!same_word(unit.name, text)) continue;
    if (count > std::numeric_limits<std::uint64_t>::max() / unit.factor) return fail(ErrorKind::kInvalid, "too large");
    return count * unit.factor;
  }
  return fail(ErrorKind::kInvalid, "unknown unit (B, KiB, MiB, GiB, TiB, kB, MB, GB, TB)");
}

std::string print_bytes(std::uint64_t bytes) {
  if (bytes != 0)
    for (const Unit& unit : kByteUnits)
      if (bytes % unit.factor == 0 && unit.factor != 1)
        return std::to_string(bytes / unit.factor) + std::string(unit.name);
  return std::to_string(bytes);
}

}  // namespace resmon::config
