#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace resmon::fleet {
class Fleet;
}

namespace resmon::server {

class Storage;

// Something that is kept of what comes and goes, in memory, and how much of it there may be.
struct Table {
  std::string_view name;
  std::uint64_t size = 0;
  std::uint64_t limit = 0;
  // What is refused when the table is full; empty if the oldest entry is replaced.
  std::string_view refused;

  bool full() const { return size >= limit && !refused.empty(); }
};

// Any thread.
std::vector<Table> tables(const Storage& storage, const fleet::Fleet& hosts);

}  // namespace resmon::server
