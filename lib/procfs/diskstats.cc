#include "procfs/diskstats.h"

namespace resmon::procfs {

Status parse_diskstats(std::string_view text, std::vector<Disk>& out, Skipped& skipped) {
  out.clear();
  Lines lines(text);
  std::string_view line;
  while (lines.next(line)) {
    Fields fields(line);
    std::string_view device_number;
    Disk disk;
    if (!fields.word(device_number) || !fields.word(device_number) || !fields.word(disk.name) || !is_name(disk.name)) {
      skipped.add(lines.number(), line.empty() ? "empty" : "no device's name", line);
      continue;
    }
    if (out.size() >= kMostDisks) {
      skipped.add(lines.number(), "too many devices", line);
      continue;
    }
    Number* const columns[] = {
        &disk.reads,       &disk.reads_merged,    &disk.sectors_read,         &disk.read_milliseconds,
        &disk.writes,      &disk.writes_merged,   &disk.sectors_written,      &disk.write_milliseconds,
        &disk.in_progress, &disk.io_milliseconds, &disk.weighted_milliseconds};
    std::size_t count = 0;
    std::size_t good = 0;
    for (; count < std::size(columns) && !fields.at_end(); ++count) good += fields.take(*columns[count]) ? 1U : 0U;
    if (count == 4) continue;
    if (good < std::size(columns))
      skipped.add(lines.number(), count < std::size(columns) ? "fewer than 14 columns" : "not a number", line);
    if (good != 0) out.push_back(disk);
  }
  if (out.empty() && skipped.lines() != 0) return nothing_of_use(skipped, "");
  return {};
}

}  // namespace resmon::procfs
