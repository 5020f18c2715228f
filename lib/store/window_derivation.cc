// Windows (windows.h) have five columns for each, of which two follow from the others where a counter was counted. A
// window's minimum is its first value, so what is left of it after the last value of the window before is one step of
// the counter. The sum of values that rise evenly is their number times the middle between minimum and maximum.
//
// Rejected: codes whose scale is the window's range (no shorter, since they lose what all values are multiples of); the
// sum first and extremes as offsets from the mean (longer for counters, next to nothing gained for other columns).

#include "store/window_derivation.h"

#include "store/windows.h"

namespace resmon::store {

namespace {

// What is expected of number i, modulo 2^64.
std::uint64_t expected(const Sources& sources, std::size_t i) {
  const auto of = [&](std::size_t source, std::size_t at) {
    return static_cast<std::uint64_t>(sources.columns[source][at]);
  };
  if (sources.count == 1) return i == 0 ? 0 : of(0, i - 1);
  const std::uint64_t twice = of(1, i) * (of(0, i) + of(2, i));
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(twice) >> 1);
}

}  // namespace

ColumnId stored_id(ColumnId id) {
  constexpr std::array<ColumnId, 8> kPlaces{3, 0, 4, 2, 1, 5, 6, 7};  // by Aggregate
  return id / 8 * 8 + kPlaces.at(id % 8);
}

ColumnId id_of_stored(ColumnId stored) {
  constexpr std::array<ColumnId, 8> kAggregates{1, 4, 3, 0, 2, 5, 6, 7};
  return stored / 8 * 8 + kAggregates.at(stored % 8);
}

std::span<const Aggregate> sources_of(ColumnId id) {
  static constexpr std::array kOfMin{Aggregate::kLast};
  static constexpr std::array kOfSum{Aggregate::kMax, Aggregate::kCount, Aggregate::kMin};
  if (id == window_column(id / 8, Aggregate::kMin)) return kOfMin;
  if (id == window_column(id / 8, Aggregate::kSum)) return kOfSum;
  return {};
}

void subtract_expected(const Sources& sources, std::span<const std::int64_t> numbers, std::vector<std::int64_t>& left) {
  left.resize(numbers.size());
  for (std::size_t i = 0; i < numbers.size(); ++i)
    left[i] = static_cast<std::int64_t>(static_cast<std::uint64_t>(numbers[i]) - expected(sources, i));
}

void add_expected(const Sources& sources, std::span<std::int64_t> numbers) {
  for (std::size_t i = 0; i < numbers.size(); ++i)
    numbers[i] = static_cast<std::int64_t>(static_cast<std::uint64_t>(numbers[i]) + expected(sources, i));
}

}  // namespace resmon::store
