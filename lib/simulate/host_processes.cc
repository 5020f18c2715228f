// The processes of the simulated machine: a dozen programs that share its CPU, memory and disk I/O, each with a rhythm
// of its own, and a row `other`, so that the rows add up to the machine's totals. No random numbers are drawn here, so
// that a seed's other values stay the same.

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "simulate/host_model.h"

namespace resmon::simulate {

namespace {

constexpr auto kF = metric::FieldType::kFloat;
constexpr auto kI = metric::FieldType::kInteger;

struct Program {
  std::string_view name;
  std::string_view user;
  std::string_view unit;
  double cpu;  // shares of the machine's use
  double memory;
  double disk;
  int threads;
};
constexpr Program kPrograms[] = {
    {"postgres", "postgres", "postgresql@15-main.service", 0.30, 0.28, 0.60, 9},
    {"java", "app", "search.service", 0.22, 0.34, 0.12, 57},
    {"nginx", "www-data", "nginx.service", 0.12, 0.03, 0.02, 4},
    {"node", "app", "web.service", 0.10, 0.09, 0.01, 11},
    {"redis-server", "redis", "redis-server.service", 0.05, 0.08, 0.05, 5},
    {"python3", "backup", "backup.service", 0.04, 0.02, 0.10, 1},
    {"rsyslogd", "syslog", "rsyslog.service", 0.02, 0.01, 0.06, 4},
    {"dockerd", "root", "docker.service", 0.02, 0.04, 0.01, 14},
    {"systemd-journal", "root", "systemd-journald.service", 0.01, 0.03, 0.02, 1},
    {"sshd", "root", "ssh.service", 0.005, 0.01, 0, 3},
    {"kworker", "root", "", 0.02, 0, 0, 60},
};
constexpr double kOtherShare = 0.07;  // of memory and CPU, beside what the programs leave

// 0.2 to 1.8, slowly.
double rhythm(double seconds, std::size_t program, double phase) {
  const double period = 600 + 400 * static_cast<double>(program);
  return 1 + 0.8 * std::sin(seconds / period * 2 * M_PI + phase + static_cast<double>(program));
}

double two_places(double v) {
  return std::round(v * 100) / 100;
}

}  // namespace

void HostModel::make_processes(std::uint64_t seed) {
  phase_ = static_cast<double>(seed % 628) / 100;
  for (const Program& program : kPrograms) {
    Process process;
    std::vector<metric::Tag> tags{{"process_name", std::string(program.name)}, {"user", std::string(program.user)}};
    if (!program.unit.empty()) tags.push_back({"systemd_unit", std::string(program.unit)});
    process.shape = shape("procstat", std::move(tags),
                          {{"cpu_usage", kF},
                           {"memory_rss", kI},
                           {"disk_read_bytes", kI},
                           {"disk_write_bytes", kI},
                           {"pid", kI},
                           {"num_threads", kI}});
    process.id = static_cast<std::int64_t>(400 + (seed * 97 + processes_by_name_.size() * 131) % 20'000);
    processes_by_name_.push_back(process);
  }
  Process other;
  other.shape = shape("procstat", {{"process_name", "other"}},
                      {{"cpu_usage", kF}, {"memory_rss", kI}, {"disk_read_bytes", kI}, {"disk_write_bytes", kI}});
  processes_by_name_.push_back(other);
}

void HostModel::by_process(UnixNanos time, double seconds, metric::Batch& out) {
  if (seconds <= 0) return;  // a rate needs two readings
  const double now = static_cast<double>(time) / 1e9;
  const auto used_io = [this](double Disk::*counter) {
    return std::accumulate(disks_.begin(), disks_.end(), 0.0,
                           [&](double sum, const Disk& disk) { return sum + disk.*counter; });
  };
  const double read = used_io(&Disk::read_bytes) - read_before_;
  const double written = used_io(&Disk::write_bytes) - written_before_;
  read_before_ += read;
  written_before_ += written;
  double weights[std::size(kPrograms)];
  double all_weights = kOtherShare;
  for (std::size_t i = 0; i < std::size(kPrograms); ++i)
    all_weights += weights[i] = kPrograms[i].cpu * rhythm(now, i, phase_);
  double cpu_left = busy_cores_ * 100;
  double memory_left = used_memory_ * memory_total_;
  const double cpu = cpu_left;
  const double memory = memory_left;
  double io_share = 0;
  const bool details = ++process_gathers_ % 12 == 1;
  for (std::size_t i = 0; i < processes_by_name_.size(); ++i) {
    Process& process = processes_by_name_[i];
    const bool other = i == std::size(kPrograms);
    const double share = other ? 1 - io_share : kPrograms[i].disk;
    io_share += share;
    process.read += std::floor(read * share);
    process.written += std::floor(written * share);
    const double its_cpu = other ? cpu_left : std::floor(cpu * weights[i] / all_weights * 5) / 5;  // ticks at 5 s
    const double its_memory = other ? memory_left : std::floor(memory * kPrograms[i].memory / 4096) * 4096;
    cpu_left -= its_cpu;
    memory_left -= its_memory;
    metric::RowWriter row = out.add(process.shape.id, process.shape.fields, time);
    row.set(0, two_places(std::max(its_cpu, 0.0)));
    row.set(1, static_cast<std::int64_t>(std::max(its_memory, 0.0)));
    if (share > 0) {
      row.set(2, static_cast<std::int64_t>(process.read));
      row.set(3, static_cast<std::int64_t>(process.written));
    }
    if (other || !details) continue;
    row.set(4, process.id);
    row.set(5, static_cast<std::int64_t>(kPrograms[i].threads));
  }
}

}  // namespace resmon::simulate
