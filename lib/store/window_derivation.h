#pragma once

// What two aggregates of a window let expect of a third, so that a chunk stores only what is left. Pure, no I/O. The
// rules are in docs/storage_format.md, the reasons in window_derivation.cc.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "store/reader.h"

namespace resmon::store {

// A chunk has the aggregates of a column in the order maximum, last, count, minimum, sum: references and derivations
// point backwards only. stored_id() is the id that the chunk has for a window column.
ColumnId stored_id(ColumnId id);
ColumnId id_of_stored(ColumnId stored);

// What a window column is derived from, in ascending order of stored ids; empty where it is never derived.
std::span<const Aggregate> sources_of(ColumnId id);
inline constexpr std::size_t kMostSources = 3;

// The numbers of those, in the same order.
struct Sources {
  std::array<std::span<const std::int64_t>, kMostSources> columns{};
  std::size_t count = 0;

  void add(std::span<const std::int64_t> numbers) { columns.at(count++) = numbers; }
};

// left[i] = numbers[i] - what is expected of it. REQUIRES: each source has as many numbers; `left` is another vector.
void subtract_expected(const Sources& sources, std::span<const std::int64_t> numbers, std::vector<std::int64_t>& left);
// The inverse, in place.
void add_expected(const Sources& sources, std::span<std::int64_t> numbers);

}  // namespace resmon::store
