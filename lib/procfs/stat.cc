#include "procfs/stat.h"

#include "procfs/scan.h"

namespace resmon::procfs {

namespace {

bool parse_times(Fields& fields, CpuTimes& times) {
  times = {};
  if (!fields.number(times.user) || !fields.number(times.nice) || !fields.number(times.system) ||
      !fields.number(times.idle))
    return false;
  std::uint64_t* const later[] = {&times.iowait, &times.irq,   &times.softirq,
                                  &times.steal,  &times.guest, &times.guest_nice};
  for (std::uint64_t* column : later) {
    if (fields.at_end()) return true;
    if (!fields.number(*column)) return false;
  }
  return true;
}

}  // namespace

Status parse_stat(std::string_view text, Stat& out) {
  out.cpus.clear();
  out.interrupts = out.context_switches = out.boot_time_seconds = out.processes_forked = 0;
  bool total = false;
  Lines lines(text);
  std::string_view line;
  while (lines.next(line)) {
    if (line.size() < 4) continue;
    Fields fields(line);
    std::uint64_t* counter = nullptr;
    switch (line[0]) {
      case 'c':
        if (fields.literal("cpu ")) {
          if (!parse_times(fields, out.total)) return fail(lines.error("a cpu line without four numbers"));
          total = true;
        } else if (fields.literal("cpu")) {
          std::uint64_t index = 0;
          if (!fields.number(index) || index >= kMostCpus || out.cpus.size() >= kMostCpus)
            return fail(lines.error("not the number of a CPU: " + quoted(line)));
          Cpu& cpu = out.cpus.emplace_back();
          cpu.index = static_cast<std::uint32_t>(index);
          if (!parse_times(fields, cpu.times)) return fail(lines.error("a cpu line without four numbers"));
        } else if (fields.literal("ctxt ")) {
          counter = &out.context_switches;
        }
        break;
      case 'i':
        if (fields.literal("intr ")) counter = &out.interrupts;
        break;
      case 'b':
        if (fields.literal("btime ")) counter = &out.boot_time_seconds;
        break;
      case 'p':
        if (fields.literal("processes ")) counter = &out.processes_forked;
        break;
      default:
        break;
    }
    if (counter != nullptr && !fields.number(*counter)) return fail(lines.error("not a number: " + quoted(line)));
  }
  if (lines.cut()) return fail(lines.error("cut off"));
  if (!total) return fail(malformed("no line \"cpu\""));
  return {};
}

}  // namespace resmon::procfs
