#include "procfs/cpuinfo.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "procfs/scan.h"

namespace resmon::procfs {

std::uint64_t count_cores(std::string_view text) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> cores;  // package, core
  std::vector<std::uint64_t> processors;
  Number package;
  std::size_t with_core = 0;  // processors
  Lines lines(text);
  std::string_view line;
  while (lines.next(line)) {
    Fields fields(line);
    const auto value = [&]() -> Number {
      fields.skip_blanks();
      Number number;
      if (fields.literal(":")) fields.take(number);
      return number;
    };
    if (fields.literal("processor\t") || fields.literal("processor ")) {
      const Number processor = value();
      if (!processor) return 0;
      if (!processors.empty() && processors.back() == *processor) continue;
      processors.push_back(*processor);
      package.reset();
    } else if (fields.literal("physical id")) {
      package = value();
    } else if (fields.literal("core id")) {
      const Number core = value();
      if (!core || !package) return 0;
      const std::pair pair(*package, *core);
      if (with_core == processors.size() && !cores.empty() && cores.back() == pair) continue;  // given twice
      ++with_core;
      cores.push_back(pair);
    }
  }
  // A line that is missing is a core that is not counted.
  if (with_core != processors.size()) return 0;
  std::sort(cores.begin(), cores.end());
  return static_cast<std::uint64_t>(std::unique(cores.begin(), cores.end()) - cores.begin());
}

}  // namespace resmon::procfs
