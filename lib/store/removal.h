#pragma once

// A deletion that has begun, as the file keeps it until it is done.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/reader.h"

namespace resmon::store {

struct Removal {
  TimeRange range;
  std::vector<GroupId> groups;  // ascending
};

std::string encode_removal(const Removal& removal);
// Nothing, where the bytes are not one. Ids are below `group_bound`.
std::optional<Removal> decode_removal(std::string_view bytes, std::size_t group_bound);

}  // namespace resmon::store
