#include "procfs/diskstats.h"

#include "procfs/scan.h"

namespace resmon::procfs {

Status parse_diskstats(std::string_view text, std::vector<Disk>& out) {
  out.clear();
  Lines lines(text);
  std::string_view line;
  while (lines.next(line)) {
    Fields fields(line);
    if (fields.at_end()) continue;
    std::uint64_t device_number = 0;
    std::string_view name;
    if (!fields.number(device_number) || !fields.number(device_number) || !fields.word(name))
      return fail(lines.error("no device numbers and name: " + quoted(line)));
    std::uint64_t columns[11] = {};
    std::size_t count = 0;
    for (; count < 11 && !fields.at_end(); ++count)
      if (!fields.number(columns[count])) return fail(lines.error("not a number: " + quoted(fields.rest())));
    if (count == 4) continue;
    if (count < 11) return fail(lines.error("fewer than 14 columns: " + quoted(line)));
    if (out.size() >= kMostDisks) return fail(lines.error("too many devices"));
    out.push_back(Disk{name, columns[0], columns[1], columns[2], columns[3], columns[4], columns[5], columns[6],
                       columns[7], columns[8], columns[9], columns[10]});
  }
  if (lines.cut()) return fail(lines.error("cut off"));
  return {};
}

}  // namespace resmon::procfs
