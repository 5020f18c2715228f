#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace resmon::config {

// How many letters must be put in, taken out, replaced or swapped with their neighbour to make `a` of `b`.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The candidate with the least distance, or nullptr where none is close enough to be meant.
const std::string* nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace resmon::config
