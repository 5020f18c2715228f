#include "influxql/parse/duration.h"

#include <array>
#include <charconv>

namespace resmon::influxql {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t nanos;
};

// Longest names first, so that "ms" is not taken for "m".
constexpr std::array kUnits = {
    Unit{"ns", 1},
    Unit{"ms", 1'000'000},
    Unit{"\u00b5", 1000},
    Unit{"u", 1000},
    Unit{"s", kNanosPerSecond},
    Unit{"m", 60 * kNanosPerSecond},
    Unit{"h", 3600 * kNanosPerSecond},
    Unit{"d", kNanosPerDay},
    Unit{"w", 7 * kNanosPerDay},
};

}  // namespace

Result<std::int64_t> parse_duration(std::string_view text) {
  const auto invalid = [] { return fail(ErrorKind::kInvalid, "invalid duration"); };
  if (text.size() < 2) return invalid();
  std::uint64_t total = 0;  // wraps as the original's does; a wrapped total is caught by its sign
  while (!text.empty()) {
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc() || count < 0 || text.front() == '-') return invalid();
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const Unit* found = nullptr;
    for (const Unit& unit : kUnits) {
      if (text.starts_with(unit.name)) {
        found = &unit;
        break;
      }
    }
    if (found == nullptr) return invalid();
    text.remove_prefix(found->name.size());
    total += static_cast<std::uint64_t>(count) * static_cast<std::uint64_t>(found->nanos);
    if (static_cast<std::int64_t>(total) < 0) {
      return fail(ErrorKind::kInvalid, "overflowed duration " + std::to_string(count) + std::string(found->name) +
                                           ": choose a smaller duration or INF");
    }
  }
  return static_cast<std::int64_t>(total);
}

std::string format_duration(std::int64_t nanos) {
  if (nanos == 0) return "0s";
  constexpr std::array kPrinted = {
      Unit{"w", 7 * kNanosPerDay},
      Unit{"d", kNanosPerDay},
      Unit{"h", 3600 * kNanosPerSecond},
      Unit{"m", 60 * kNanosPerSecond},
      Unit{"s", kNanosPerSecond},
      Unit{"ms", 1'000'000},
      Unit{"u", 1000},
  };
  for (const Unit& unit : kPrinted) {
    if (nanos % unit.nanos == 0) return std::to_string(nanos / unit.nanos) + std::string(unit.name);
  }
  return std::to_string(nanos) + "ns";
}

}  // namespace resmon::influxql
