#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace resmon::server {

class App;

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
std::vector<Table> tables(const App& app);

}  // namespace resmon::server
