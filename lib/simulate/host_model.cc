#include "simulate/host_model.h"

// One number drives the machine: its activity, which drifts around a level given by the profile and the time of day.
// CPU, load, processes, disk, network and pressure follow it, each with noise of its own, so that charts of a simulated
// host look like one machine's and compress about as real ones do.

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

namespace resmon::simulate {

using metric::FieldType;
using metric::RowWriter;

namespace {

constexpr auto F = FieldType::kFloat;
constexpr auto I = FieldType::kInteger;
constexpr double kDaySeconds = 86'400;
constexpr double kPageBytes = 4096;

double two_decimals(double v) {
  return std::round(v * 100) / 100;
}
std::int64_t whole(double v) {
  return static_cast<std::int64_t>(v);
}
std::int64_t pages(double bytes) {
  return static_cast<std::int64_t>(bytes / kPageBytes) * static_cast<std::int64_t>(kPageBytes);
}

double level_of(Profile profile) {
  switch (profile) {
    case Profile::kIdle:
      return 0.03;
    case Profile::kNormal:
      return 0.25;
    case Profile::kBusy:
      return 0.7;
  }
  return 0.25;
}

// As Telegraf writes it: "3 days,  4:05", " 4:05".
std::string uptime_text(std::int64_t seconds) {
  const std::int64_t days = seconds / 86'400;
  const std::int64_t hours = seconds / 3600 % 24;
  const std::int64_t minutes = seconds / 60 % 60;
  std::string text;
  if (days > 0) text = std::to_string(days) + (days == 1 ? " day, " : " days, ");
  std::string h = std::to_string(hours);
  std::string m = std::to_string(minutes);
  return text + std::string(2 - h.size(), ' ') + h + ":" + std::string(2 - m.size(), '0') + m;
}

}  // namespace

Result<Profile> parse_profile(std::string_view name) {
  if (name == "idle") return Profile::kIdle;
  if (name == "normal") return Profile::kNormal;
  if (name == "busy") return Profile::kBusy;
  return fail(ErrorKind::kInvalid, "profile '" + std::string(name) + "' is not one of idle, normal, busy");
}

HostModel::Shape HostModel::shape(std::string_view measurement, std::vector<metric::Tag> tags, Fields fields) {
  metric::Schema schema;
  schema.measurement = measurement;
  schema.tags = std::move(tags);
  metric::normalise_tags(schema.tags);
  for (const auto& [name, type] : fields) schema.fields.push_back({std::string(name), type});
  const std::size_t count = schema.fields.size();
  return {schemas_.intern(std::move(schema)).value_or(0), count};
}

HostModel::HostModel(std::uint64_t seed, Profile profile, metric::SchemaTable& schemas)
    : schemas_(schemas), random_(seed * 0x9e3779b97f4a7c15ULL + 1), profile_(profile) {
  cpus_ = 1 << (1 + random_() % 3);
  memory_total_ = static_cast<double>(1ULL << (32 + random_() % 4));
  activity_ = level_of(profile_);
  used_memory_ = 0.2 + 0.3 * static_cast<double>(random_() % 100) / 100;
  make_cpus();
  make_memory();
  make_counters();
  make_pressure();
  make_disks();
  make_interfaces();
  make_processes(seed);
  make_hardware(seed);
  make_services();
}

void HostModel::make_cpus() {
  for (int i = 0; i <= cpus_; ++i)
    cpu_.push_back(shape("cpu", {{"cpu", i == cpus_ ? "cpu-total" : "cpu" + std::to_string(i)}},
                         {{"usage_user", F},
                          {"usage_system", F},
                          {"usage_idle", F},
                          {"usage_nice", F},
                          {"usage_iowait", F},
                          {"usage_irq", F},
                          {"usage_softirq", F},
                          {"usage_steal", F},
                          {"usage_guest", F},
                          {"usage_guest_nice", F},
                          {"usage_active", F}}));
}

void HostModel::make_memory() {
  mem_ = shape("mem", {},
               {{"total", I},
                {"available", I},
                {"used", I},
                {"free", I},
                {"active", I},
                {"inactive", I},
                {"buffered", I},
                {"cached", I},
                {"commit_limit", I},
                {"committed_as", I},
                {"dirty", I},
                {"mapped", I},
                {"page_tables", I},
                {"shared", I},
                {"slab", I},
                {"sreclaimable", I},
                {"sunreclaim", I},
                {"swap_cached", I},
                {"swap_free", I},
                {"swap_total", I},
                {"write_back", I},
                {"huge_pages_total", I},
                {"huge_pages_free", I},
                {"used_percent", F},
                {"available_percent", F}});
  swap_ = shape("swap", {}, {{"total", I}, {"used", I}, {"free", I}, {"used_percent", F}});
  swap_io_ = shape("swap", {}, {{"in", I}, {"out", I}});
}

void HostModel::make_counters() {
  netstat_ = shape("netstat", {},
                   {{"tcp_established", I},
                    {"tcp_syn_sent", I},
                    {"tcp_syn_recv", I},
                    {"tcp_fin_wait1", I},
                    {"tcp_fin_wait2", I},
                    {"tcp_time_wait", I},
                    {"tcp_close", I},
                    {"tcp_close_wait", I},
                    {"tcp_last_ack", I},
                    {"tcp_listen", I},
                    {"tcp_closing", I},
                    {"tcp_none", I},
                    {"udp_socket", I}});
  load_shape_ = shape("system", {},
                      {{"load1", F},
                       {"load5", F},
                       {"load15", F},
                       {"n_cpus", I},
                       {"n_physical_cpus", I},
                       {"n_users", I},
                       {"n_unique_users", I}});
  uptime_ = shape("system", {}, {{"uptime", I}});
  uptime_format_ = shape("system", {}, {{"uptime_format", FieldType::kString}});
  processes_ = shape("processes", {},
                     {{"running", I},
                      {"sleeping", I},
                      {"blocked", I},
                      {"stopped", I},
                      {"zombies", I},
                      {"dead", I},
                      {"idle", I},
                      {"paging", I},
                      {"unknown", I},
                      {"total", I},
                      {"total_threads", I}});
  kernel_ = shape(
      "kernel", {},
      {{"boot_time", I}, {"context_switches", I}, {"interrupts", I}, {"processes_forked", I}, {"entropy_avail", I}});
  sysctl_fs_ =
      shape("linux_sysctl_fs", {},
            {{"file-nr", I}, {"file-max", I}, {"inode-nr", I}, {"inode-free-nr", I}, {"aio-nr", I}, {"aio-max-nr", I}});
}

void HostModel::make_pressure() {
  static constexpr std::string_view kResources[] = {"cpu", "memory", "io"};
  static constexpr std::string_view kTypes[] = {"some", "full"};
  for (std::size_t r = 0; r < 3; ++r)
    for (std::size_t t = 0; t < 2; ++t) {
      const std::vector<metric::Tag> tags{{"resource", std::string(kResources[r])}, {"type", std::string(kTypes[t])}};
      pressure_[r][t] = shape("pressure", tags, {{"avg10", F}, {"avg60", F}, {"avg300", F}});
      pressure_totals_[r][t] = shape("pressure", tags, {{"total", I}});
    }
}

void HostModel::make_disks() {
  static constexpr std::pair<std::string_view, std::string_view> kDisks[] = {{"sda1", "/"}, {"sdb1", "/srv"}};
  for (const auto& [device, path] : kDisks) {
    Disk disk;
    disk.space = shape(
        "disk", {{"path", std::string(path)}, {"device", std::string(device)}, {"fstype", "ext4"}, {"mode", "rw"}},
        {{"total", I},
         {"free", I},
         {"used", I},
         {"inodes_total", I},
         {"inodes_free", I},
         {"inodes_used", I},
         {"used_percent", F},
         {"inodes_used_percent", F}});
    disk.io = shape("diskio", {{"name", std::string(device)}},
                    {{"reads", I},
                     {"writes", I},
                     {"read_bytes", I},
                     {"write_bytes", I},
                     {"read_time", I},
                     {"write_time", I},
                     {"io_time", I},
                     {"weighted_io_time", I},
                     {"iops_in_progress", I},
                     {"merged_reads", I},
                     {"merged_writes", I},
                     {"io_util", F},
                     {"io_await", F},
                     {"io_svctm", F}});
    disk.total = static_cast<double>(1ULL << (35 + random_() % 4));
    disk.used_ratio = 0.2 + 0.6 * static_cast<double>(random_() % 100) / 100;
    disk.growth = 0.02 * static_cast<double>(random_() % 100) / 100 / kDaySeconds;
    disks_.push_back(disk);
  }
}

void HostModel::make_interfaces() {
  for (const std::string_view name : {"eth0", "eth1"})
    interfaces_.push_back({shape("net", {{"interface", std::string(name)}},
                                 {{"bytes_sent", I},
                                  {"bytes_recv", I},
                                  {"packets_sent", I},
                                  {"packets_recv", I},
                                  {"err_in", I},
                                  {"err_out", I},
                                  {"drop_in", I},
                                  {"drop_out", I},
                                  {"speed", I}})});
}

double HostModel::noise(double width) {
  return std::normal_distribution<double>(0, width)(random_);
}

void HostModel::walk(double& value, double to, double pull, double width) {
  value = std::clamp(value + (to - value) * pull + noise(width), 0.0, 1.0);
}

void HostModel::gather(UnixNanos time, metric::Batch& out) {
  const double seconds = last_time_ == 0 ? 0 : static_cast<double>(time - last_time_) / 1e9;
  if (last_time_ == 0) boot_time_ = time - static_cast<std::int64_t>(1 + random_() % 5'000'000) * 1'000'000'000;
  const UnixNanos last = std::exchange(last_time_, time);
  const double day = std::fmod(static_cast<double>(time) / 1e9, kDaySeconds) / kDaySeconds;
  const double level = level_of(profile_) * (1 + 0.3 * std::sin((day - 0.25) * 2 * M_PI));
  const double pull = std::min(0.02 * std::max(seconds, 1.0), 1.0);
  walk(activity_, level, pull, 0.02 * std::sqrt(pull) * 4);
  cpu(time, seconds, out);
  memory(time, out);
  disks(time, seconds, out);
  network(time, seconds, out);
  system(time, seconds, out);
  by_process(time, seconds, out);
  services(time, last, seconds, out);
  hardware(time, last, out);
}

void HostModel::cpu(UnixNanos time, double seconds, metric::Batch& out) {
  if (seconds <= 0) return;  // a rate needs two readings
  double sum[4] = {};
  for (int i = 0; i <= cpus_; ++i) {
    double user = 0;
    double sys = 0;
    double wait = 0;
    double soft = 0;
    if (i < cpus_) {
      const double busy = std::clamp(activity_ * 100 + noise(2 + activity_ * 12), 0.0, 100.0);
      user = busy * 0.7;
      sys = busy * 0.2;
      wait = busy * 0.07;
      soft = busy * 0.03;
      sum[0] += user, sum[1] += sys, sum[2] += wait, sum[3] += soft;
    } else {
      user = sum[0] / cpus_, sys = sum[1] / cpus_, wait = sum[2] / cpus_, soft = sum[3] / cpus_;
    }
    if (i == cpus_) busy_cores_ = (user + sys + soft) / 100 * cpus_;
    RowWriter row = out.add(cpu_[static_cast<std::size_t>(i)].id, 11, time);
    user = two_decimals(user), sys = two_decimals(sys), wait = two_decimals(wait), soft = two_decimals(soft);
    const double values[] = {user, sys, two_decimals(100 - user - sys - wait - soft), 0, wait, 0, soft, 0,
                             0,    0,   two_decimals(user + sys + wait + soft)};
    for (std::size_t f = 0; f < std::size(values); ++f) row.set(f, values[f]);
  }
}

void HostModel::memory(UnixNanos time, metric::Batch& out) {
  walk(used_memory_, 0.25 + 0.4 * activity_, 0.003, 0.0008);
  walk(cached_, std::max(0.0, 0.9 - used_memory_) * 0.7, 0.002, 0.0005);
  const double total = memory_total_;
  const double used = used_memory_ * total;
  const double cached = std::min(cached_ * total, total - used);
  const double free = total - used - cached;
  RowWriter row = out.add(mem_.id, mem_.fields, time);
  const double values[] = {total,
                           total - used,
                           used,
                           free,
                           used * 0.8,
                           cached * 0.6,
                           total * 0.01,
                           cached,
                           total * 0.5,
                           used * 1.3,
                           total * 0.0001 * (1 + activity_ * 10),
                           used * 0.1,
                           total * 0.002,
                           total * 0.005,
                           total * 0.03,
                           total * 0.02,
                           total * 0.01,
                           0,
                           0,
                           0,
                           0,
                           0,
                           0};
  for (std::size_t f = 0; f < std::size(values); ++f) row.set(f, pages(values[f]));
  row.set(23, two_decimals(used / total * 100));
  row.set(24, two_decimals((total - used) / total * 100));
  RowWriter swap = out.add(swap_.id, swap_.fields, time);
  for (std::size_t f = 0; f < 3; ++f) swap.set(f, std::int64_t{0});
  swap.set(3, 0.0);
  RowWriter io = out.add(swap_io_.id, swap_io_.fields, time);
  io.set(0, std::int64_t{0});
  io.set(1, std::int64_t{0});
}

void HostModel::disks(UnixNanos time, double seconds, metric::Batch& out) {
  for (Disk& disk : disks_) {
    disk.used_ratio = std::clamp(disk.used_ratio + disk.growth * seconds + noise(0.00001), 0.05, 0.98);
    const double used = disk.used_ratio * disk.total;
    RowWriter space = out.add(disk.space.id, disk.space.fields, time);
    const auto inodes = whole(disk.total / 16384);
    const auto inodes_used = whole(static_cast<double>(inodes) * disk.used_ratio * 0.3);
    space.set(0, pages(disk.total));
    space.set(1, pages(disk.total * 0.95 - used));
    space.set(2, pages(used));
    space.set(3, inodes);
    space.set(4, inodes - inodes_used);
    space.set(5, inodes_used);
    space.set(6, two_decimals(used / (disk.total * 0.95) * 100));
    space.set(7, two_decimals(static_cast<double>(inodes_used) / static_cast<double>(inodes) * 100));

    const double writes = std::max(0.0, std::floor((1 + activity_ * 200 + noise(5)) * seconds));
    const double reads = random_() % 3 == 0 ? std::max(0.0, std::floor((activity_ * 60 + noise(3)) * seconds)) : 0;
    disk.writes += writes;
    disk.reads += reads;
    disk.write_bytes += writes * 4096 * static_cast<double>(1 + random_() % 8);
    disk.read_bytes += reads * 4096 * static_cast<double>(1 + random_() % 16);
    disk.write_time += std::floor(writes * 0.6);
    disk.read_time += std::floor(reads * 0.3);
    const double busy = std::floor(std::min((writes + reads) * 0.4, seconds * 1000));
    disk.io_time += busy;
    RowWriter io = out.add(disk.io.id, disk.io.fields, time);
    const double counters[] = {disk.reads,
                               disk.writes,
                               disk.read_bytes,
                               disk.write_bytes,
                               disk.read_time,
                               disk.write_time,
                               disk.io_time,
                               disk.read_time + disk.write_time,
                               activity_ > 0.5 ? 1.0 : 0.0,
                               disk.reads * 0.1,
                               disk.writes * 0.5};
    for (std::size_t f = 0; f < std::size(counters); ++f) io.set(f, whole(counters[f]));
    if (seconds > 0) {
      io.set(11, two_decimals(busy / (seconds * 10)));
      if (reads + writes > 0) {
        io.set(12, two_decimals((writes * 0.6 + reads * 0.3) / (reads + writes)));
        io.set(13, two_decimals(busy / (reads + writes)));
      }
    }
  }
}

void HostModel::network(UnixNanos time, double seconds, metric::Batch& out) {
  double share = 1;
  for (Interface& i : interfaces_) {
    const double in = std::max(0.0, (500 + activity_ * 2e6 * share) * (1 + noise(0.2)) * seconds);
    const double sent = std::max(0.0, (300 + activity_ * 5e6 * share) * (1 + noise(0.2)) * seconds);
    i.received += std::floor(in);
    i.sent += std::floor(sent);
    i.packets_in += std::floor(in / 700);
    i.packets_out += std::floor(sent / 900);
    if (random_() % 500 == 0) ++i.drops;
    RowWriter row = out.add(i.shape.id, 9, time);
    row.set(0, whole(i.sent));
    row.set(1, whole(i.received));
    row.set(2, whole(i.packets_out));
    row.set(3, whole(i.packets_in));
    row.set(4, std::int64_t{0});
    row.set(5, std::int64_t{0});
    row.set(6, i.drops);
    row.set(7, std::int64_t{0});
    row.set(8, std::int64_t{1000});
    share *= 0.1;
  }
  RowWriter row = out.add(netstat_.id, netstat_.fields, time);
  const auto some = [&](double most) { return whole(std::max(0.0, activity_ * most + noise(most * 0.02))); };
  const std::int64_t states[] = {5 + some(200), 0, some(2), 0, some(3), some(80), 0, some(4), 0, 12, 0, 0, 6};
  for (std::size_t f = 0; f < std::size(states); ++f) row.set(f, states[f]);
}

void HostModel::system(UnixNanos time, double seconds, metric::Batch& out) {
  const double busy = activity_ * cpus_;
  static constexpr double kMinutes[] = {1, 5, 15};
  RowWriter load = out.add(load_shape_.id, load_shape_.fields, time);
  for (std::size_t i = 0; i < 3; ++i) {
    const double keep = seconds <= 0 ? 0 : std::exp(-seconds / (60 * kMinutes[i]));
    load_[i] = load_[i] * keep + std::max(0.0, busy + noise(0.2)) * (1 - keep);
    load.set(i, two_decimals(load_[i]));
  }
  load.set(3, static_cast<std::int64_t>(cpus_));
  load.set(4, static_cast<std::int64_t>(cpus_ / 2));
  load.set(5, std::int64_t{1});
  load.set(6, std::int64_t{1});
  const std::int64_t up = (time - boot_time_) / 1'000'000'000;
  out.add(uptime_.id, 1, time).set(0, up);
  out.add(uptime_format_.id, 1, time).set(0, std::string_view(uptime_text(up)));

  const std::int64_t running = 1 + whole(std::max(0.0, busy + noise(0.5)));
  const std::int64_t sleeping = 90 + whole(activity_ * 100);
  RowWriter processes = out.add(processes_.id, processes_.fields, time);
  const std::int64_t states[] = {running,
                                 sleeping,
                                 activity_ > 0.6 ? 1 : 0,
                                 0,
                                 0,
                                 0,
                                 60,
                                 0,
                                 0,
                                 running + sleeping + 60,
                                 running + sleeping * 3 + 60};
  for (std::size_t f = 0; f < std::size(states); ++f) processes.set(f, states[f]);

  context_switches_ += std::floor((300 + activity_ * 20'000) * (1 + noise(0.05)) * seconds);
  interrupts_ += std::floor((200 + activity_ * 9'000) * (1 + noise(0.05)) * seconds);
  forks_ += std::floor(std::max(0.0, 0.5 + activity_ * 20 + noise(1)) * seconds);
  RowWriter kernel = out.add(kernel_.id, kernel_.fields, time);
  kernel.set(0, boot_time_ / 1'000'000'000);
  kernel.set(1, whole(context_switches_));
  kernel.set(2, whole(interrupts_));
  kernel.set(3, whole(forks_));
  kernel.set(4, std::int64_t{256});

  RowWriter fs = out.add(sysctl_fs_.id, sysctl_fs_.fields, time);
  const std::int64_t files[] = {1500 + whole(activity_ * 2000) / 32 * 32, 9'223'372, 60'000 + up / 60, 900, 0, 65'536};
  for (std::size_t f = 0; f < std::size(files); ++f) fs.set(f, files[f]);

  for (std::size_t r = 0; r < 3; ++r)
    for (std::size_t t = 0; t < 2; ++t) {
      if (r == 0 && t == 1) continue;  // cpu has no full
      const double share = std::max(0.0, activity_ * (r == 0 ? 20 : 3) * (t == 0 ? 1 : 0.4) - 1);
      RowWriter averages = out.add(pressure_[r][t].id, 3, time);
      averages.set(0, two_decimals(share));
      averages.set(1, two_decimals(share * 0.9));
      averages.set(2, two_decimals(share * 0.8));
      pressure_total_[r][t] += std::floor(share * 1e4 * seconds);
      out.add(pressure_totals_[r][t].id, 1, time).set(0, whole(pressure_total_[r][t]));
    }
}

}  // namespace resmon::simulate
