#include "procfs/stat.h"

#include <algorithm>

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

struct Counter {
  std::string_view key;
  Number Stat::*member;
};
// They follow the CPUs.
constexpr Counter kCounters[] = {{"intr ", &Stat::interrupts},
                                 {"ctxt ", &Stat::context_switches},
                                 {"btime ", &Stat::boot_time_seconds},
                                 {"processes ", &Stat::processes_forked}};

class Parser {
 public:
  Parser(Stat& out, Skipped& skipped) : out_(out), skipped_(skipped) {}

  void take(std::string_view line, std::size_t number) {
    Fields fields(line);
    number_ = number;
    line_ = line;
    if (fields.literal("cpu ")) return total(fields);
    if (fields.literal("cpu")) return cpu(fields);
    for (const auto& [key, member] : kCounters) {
      if (line.empty() || line[0] != key[0] || !fields.literal(key)) continue;
      past_cpus_ = true;
      return counter(fields, out_.*member);
    }
    std::string_view name;
    fields.word(name);
    if (!past_cpus_) ++doubtful_;
    // Other kernels have other lines.
    if (name.size() < 4 || !is_ascii(name)) skip(line.empty() ? "empty" : "no name");
  }

  // Whether something of use was read.
  bool finish() {
    if (numbers_ != 0 && doubtful_ == 0) out_.online = numbers_;
    return any_;
  }

 private:
  void total(Fields& fields) {
    CpuTimes times;
    if (out_.total) return skip("given twice");
    if (!parse_times(fields, times)) return skip("a cpu line without at least four numbers");
    out_.total = times;
    any_ = true;
  }

  void cpu(Fields& fields) {
    std::uint64_t index = 0;
    CpuTimes times;
    if (!fields.number(index) || index >= kMostCpus) {
      ++doubtful_;
      return skip("not the number of a CPU");
    }
    const bool good = parse_times(fields, times);
    // The kernel writes them in ascending order.
    if (numbers_ != 0 && index <= last_ &&
        (index == last_ ||
         std::any_of(out_.cpus.begin(), out_.cpus.end(), [&](const Cpu& known) { return known.index == index; }))) {
      if (!good) ++doubtful_;  // the beginning of another's line
      return skip("given twice");
    }
    last_ = index;
    ++numbers_;
    if (!good) return skip("a cpu line without at least four numbers");
    out_.cpus.push_back({static_cast<std::uint32_t>(index), times});
    any_ = true;
  }

  void counter(Fields& fields, Number& value) {
    if (value) return skip("given twice");
    if (!fields.take(value)) return skip("not a number");
    any_ = true;
  }

  void skip(std::string_view reason) { skipped_.add(number_, reason, line_); }

  Stat& out_;
  Skipped& skipped_;
  std::size_t number_ = 0;
  std::string_view line_;
  std::uint64_t last_ = 0;
  std::size_t numbers_ = 0;   // of CPUs
  std::size_t doubtful_ = 0;  // lines that may be about a CPU that no other names
  bool past_cpus_ = false;
  bool any_ = false;
};

}  // namespace

Status parse_stat(std::string_view text, Stat& out, Skipped& skipped) {
  out.cpus.clear();
  out.total.reset();
  out.online.reset();
  out.interrupts = out.context_switches = out.boot_time_seconds = out.processes_forked = {};
  Parser parser(out, skipped);
  Lines lines(text);
  std::string_view line;
  while (lines.next(line)) parser.take(line, lines.number());
  if (!parser.finish()) return nothing_of_use(skipped, "no line that is known");
  return {};
}

}  // namespace resmon::procfs
