#include "procfs/cpuinfo.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "procfs/scan.h"

namespace resmon::procfs {

Result<std::uint64_t> count_cores(std::string_view text) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> cores;
  std::uint64_t package = 0;
  Lines lines(text);
  std::string_view line;
  while (lines.next(line)) {
    Fields fields(line);
    const bool is_package = fields.literal("physical id");
    if (!is_package && !fields.literal("core id")) continue;
    fields.skip_blanks();
    std::uint64_t value = 0;
    if (!fields.literal(":") || !fields.number(value)) return fail(lines.error("not a number: " + quoted(line)));
    if (is_package) {
      package = value;
    } else {
      cores.emplace_back(package, value);
    }
  }
  if (lines.cut()) return fail(lines.error("cut off"));
  std::sort(cores.begin(), cores.end());
  return static_cast<std::uint64_t>(std::unique(cores.begin(), cores.end()) - cores.begin());
}

}  // namespace resmon::procfs
