// Containers, services and hardware of a machine that does not exist. All of it goes by the machine's own state: what
// is hot has worked, and what a container used is a part of what the machine used. No random numbers are drawn here, so
// what a seed gives for everything else stays the same.

#include <algorithm>
#include <cmath>
#include <string>

#include "simulate/host_model.h"

namespace resmon::simulate {

namespace {

constexpr auto kFloats = metric::FieldType::kFloat;
constexpr auto kInts = metric::FieldType::kInteger;
constexpr auto kTexts = metric::FieldType::kString;
constexpr auto kBools = metric::FieldType::kBoolean;
constexpr UnixNanos kASecond = 1'000'000'000;
constexpr double kMebibyte = 1024.0 * 1024.0;

struct Container {
  std::string_view name;
  std::string_view image;
  std::string_view version;
  double cpu;  // shares of the machine's use
  double memory_mebibytes;
  double traffic;
};
constexpr Container kContainers[] = {{"web", "registry.example.org/shop/web", "1.4", 0.20, 320, 0.6},
                                     {"search", "opensearch", "2.11", 0.28, 1900, 0.1},
                                     {"cache", "redis", "7.2", 0.06, 140, 0.2},
                                     {"worker", "registry.example.org/shop/worker", "1.4", 0.12, 260, 0.05}};
struct Unit {
  std::string_view name;
  double cpu;
  double memory_mebibytes;
};
constexpr Unit kUnits[] = {{"postgresql@15-main.service", 0.30, 1400},
                           {"nginx.service", 0.12, 60},
                           {"docker.service", 0.02, 110},
                           {"rsyslog.service", 0.02, 12},
                           {"ssh.service", 0.005, 9},
                           {"cron.service", 0.001, 4}};
constexpr std::string_view kKernels[] = {"6.1.0-18-amd64", "6.1.0-21-amd64", "5.10.0-28-amd64", "6.8.0-31-generic"};
constexpr std::string_view kDisksWatched[] = {"sda", "sdb"};

double one_place(double value) {
  return std::round(value * 10) / 10;
}

bool due(UnixNanos time, UnixNanos last, int seconds) {
  return last == 0 || time / (seconds * kASecond) != last / (seconds * kASecond);
}

}  // namespace

void HostModel::make_hardware(std::uint64_t seed) {
  machine_ = seed;
  facts_ = shape("host_info", {},
                 {{"os", kTexts},
                  {"os_version", kTexts},
                  {"os_id", kTexts},
                  {"kernel", kTexts},
                  {"architecture", kTexts},
                  {"cpu_model", kTexts},
                  {"virtualization", kTexts},
                  {"memory_total", kInts}});
  for (const char* sensor : {"coretemp_package_id_0", "nvme_composite", "acpitz"})
    temperatures_.push_back(shape("temp", {{"sensor", sensor}}, {{"temp", kFloats}}));
  for (const char* fan : {"cpu_fan", "chassis_fan"})
    fans_.push_back(shape("sensors", {{"chip", "nct6775-isa-0290"}, {"feature", fan}}, {{"fan_input", kFloats}}));
  power_ = shape("powerstat_package", {{"package_id", "0"}}, {{"current_power_consumption_watts", kFloats}});
  clock_ = shape("timex", {}, {{"sync_status", kInts}, {"offset_seconds", kFloats}, {"maxerror_seconds", kFloats}});
  const bool broken = seed % 17 == 3;  // of some machines an array lacks a disk
  raid_ = shape("mdstat", {{"Name", "md0"}, {"ActivityState", "active"}, {"Devices", broken ? "sda1" : "sda1,sdb1"}},
                {{"DisksActive", kInts}, {"DisksTotal", kInts}, {"DisksFailed", kInts}, {"BlocksTotal", kInts}});
  for (const std::string_view disk : kDisksWatched)
    smart_.push_back(shape("smart_device", {{"device", std::string(disk)}, {"model", "ACME 4 TB"}, {"serial_no", "S1"}},
                           {{"health_ok", kBools},
                            {"temp_c", kInts},
                            {"power_on_hours", kInts},
                            {"reallocated_sectors_count", kInts},
                            {"pending_sector_count", kInts}}));
}

void HostModel::make_services() {
  for (const Container& one : kContainers) {
    const metric::Tag name{"container_name", std::string(one.name)};
    SimulatedContainer made;
    made.cpu = shape("docker_container_cpu", {name, {"cpu", "cpu-total"}},
                     {{"usage_percent", kFloats}, {"usage_total", kInts}, {"tasks", kInts}});
    made.memory = shape("docker_container_mem", {name}, {{"usage", kInts}, {"limit", kInts}, {"oom_kills", kInts}});
    made.net = shape("docker_container_net", {name, {"network", "eth0"}}, {{"rx_bytes", kInts}, {"tx_bytes", kInts}});
    const std::vector<metric::Tag> image = {
        name, {"container_image", std::string(one.image)}, {"container_version", std::string(one.version)}};
    made.status = shape("docker_container_status", image,
                        {{"state", kTexts}, {"started_at", kInts}, {"exitcode", kInts}, {"restart_count", kInts}});
    made.health = shape("docker_container_health", image, {{"health_status", kTexts}, {"failing_streak", kInts}});
    containers_.push_back(made);
  }
  for (const Unit& one : kUnits) {
    const metric::Tag name{"name", std::string(one.name)};
    units_.push_back(
        {shape("systemd_units", {name}, {{"cpu_usage", kFloats}, {"mem_current", kInts}, {"tasks", kInts}}),
         shape("systemd_units", {name},
               {{"active", kTexts}, {"sub", kTexts}, {"active_code", kInts}, {"restarts", kInts}, {"since", kInts}})});
  }
  failed_unit_ =
      shape("systemd_units", {{"name", "backup.service"}},
            {{"active", kTexts}, {"sub", kTexts}, {"active_code", kInts}, {"restarts", kInts}, {"since", kInts}});
}

void HostModel::hardware(UnixNanos time, UnixNanos last, metric::Batch& out) {
  // Again in the second gather, the first that a recording keeps.
  const bool begins = hardware_gathers_++ < 2;
  if (begins || due(time, last, 3600)) {
    metric::RowWriter row = out.add(facts_.id, facts_.fields, time);
    const std::string_view kernel = kKernels[machine_ % std::size(kKernels)];
    const bool ubuntu = kernel.ends_with("generic");
    row.set(0, std::string_view(ubuntu ? "Ubuntu" : "Debian GNU/Linux"));
    row.set(1, std::string_view(ubuntu ? "24.04 LTS (Noble Numbat)" : "12 (bookworm)"));
    row.set(2, std::string_view(ubuntu ? "ubuntu" : "debian"));
    row.set(3, kernel);
    row.set(4, std::string_view("x86_64"));
    row.set(5, std::string_view("ACME 9000 at 3.00 GHz"));
    if (machine_ % 2 == 0) row.set(6, std::string_view("kvm"));
    row.set(7, static_cast<std::int64_t>(memory_total_));
  }
  if (begins || due(time, last, 30)) {
    const double load = std::min(1.0, busy_cores_ / std::max(cpus_, 1));
    const double degrees[] = {38 + 40 * load, 34 + 8 * load, 29 + 3 * load};
    for (std::size_t i = 0; i < temperatures_.size(); ++i)
      out.add(temperatures_[i].id, 1, time).set(0, one_place(degrees[i]));
    for (std::size_t i = 0; i < fans_.size(); ++i)
      out.add(fans_[i].id, 1, time).set(0, std::round(700 + 900 * load + 120 * static_cast<double>(i)));
    out.add(power_.id, 1, time).set(0, one_place(18 + 70 * load));
    metric::RowWriter raid = out.add(raid_.id, raid_.fields, time);
    const bool broken = machine_ % 17 == 3;
    raid.set(0, std::int64_t{broken ? 1 : 2});
    raid.set(1, std::int64_t{2});
    raid.set(2, std::int64_t{0});
    raid.set(3, std::int64_t{3'906'886'464});
  }
  if (begins || due(time, last, 60)) {
    metric::RowWriter clock = out.add(clock_.id, clock_.fields, time);
    clock.set(0, std::int64_t{machine_ % 23 == 5 ? 0 : 1});
    clock.set(1, std::round(std::abs(std::sin(static_cast<double>(time / kASecond % 3600) / 600)) * 400) / 1e6);
    clock.set(2, 0.012);
  }
  if (!begins && !due(time, last, 3600)) return;
  for (std::size_t i = 0; i < smart_.size(); ++i) {
    metric::RowWriter row = out.add(smart_[i].id, smart_[i].fields, time);
    const bool ageing = machine_ % 11 == 4 && i == 1;
    row.set(0, true);
    row.set(1, static_cast<std::int64_t>(33 + i));
    row.set(2, static_cast<std::int64_t>(9000 + machine_ % 9000));
    row.set(3, std::int64_t{ageing ? 24 : 0});
    row.set(4, std::int64_t{ageing ? 8 : 0});
  }
}

void HostModel::services(UnixNanos time, UnixNanos last, double seconds, metric::Batch& out) {
  const bool begins = hardware_gathers_ < 2;
  if (seconds <= 0 || (!begins && !due(time, last, 10))) return;
  const bool states = begins || due(time, last, 60);
  const std::int64_t since = boot_time_ / kASecond + 40;
  for (std::size_t i = 0; i < containers_.size(); ++i) {
    SimulatedContainer& one = containers_[i];
    const Container& is = kContainers[i];
    const double percent = busy_cores_ * 100 * is.cpu;
    one.cpu_ns += percent / 100 * 10 * 1e9;
    one.received += 40'000 * activity_ * is.traffic * 10;
    one.sent += 90'000 * activity_ * is.traffic * 10;
    metric::RowWriter cpu = out.add(one.cpu.id, one.cpu.fields, time);
    cpu.set(0, std::round(percent * 100) / 100);
    cpu.set(1, static_cast<std::int64_t>(one.cpu_ns));
    cpu.set(2, static_cast<std::int64_t>(4 + 7 * i));
    metric::RowWriter memory = out.add(one.memory.id, one.memory.fields, time);
    memory.set(0, static_cast<std::int64_t>(is.memory_mebibytes * kMebibyte * (0.9 + 0.1 * activity_)));
    memory.set(1, static_cast<std::int64_t>(4096 * kMebibyte));
    memory.set(2, std::int64_t{i == 3 && machine_ % 5 == 0 ? 2 : 0});
    metric::RowWriter net = out.add(one.net.id, one.net.fields, time);
    net.set(0, static_cast<std::int64_t>(one.received));
    net.set(1, static_cast<std::int64_t>(one.sent));
    if (!states) continue;
    metric::RowWriter status = out.add(one.status.id, one.status.fields, time);
    status.set(0, std::string_view("running"));
    status.set(1, since * kASecond);
    status.set(2, std::int64_t{0});
    status.set(3, std::int64_t{i == 3 && machine_ % 5 == 0 ? 2 : 0});
    metric::RowWriter health = out.add(one.health.id, one.health.fields, time);
    const bool bad = i == 0 && machine_ % 13 == 7;
    health.set(0, std::string_view(bad ? "unhealthy" : "healthy"));
    health.set(1, std::int64_t{bad ? 5 : 0});
  }
  const auto state = [&](const Shape& of, bool failed, std::int64_t restarts) {
    metric::RowWriter row = out.add(of.id, of.fields, time);
    row.set(0, std::string_view(failed ? "failed" : "active"));
    row.set(1, std::string_view(failed ? "failed" : "running"));
    row.set(2, std::int64_t{failed ? 3 : 0});
    row.set(3, restarts);
    row.set(4, since + (failed ? 7200 : 0));
  };
  for (std::size_t i = 0; i < units_.size(); ++i) {
    metric::RowWriter row = out.add(units_[i].numbers.id, units_[i].numbers.fields, time);
    row.set(0, std::round(busy_cores_ * kUnits[i].cpu * 10'000) / 100);
    row.set(1, static_cast<std::int64_t>(kUnits[i].memory_mebibytes * kMebibyte));
    row.set(2, static_cast<std::int64_t>(1 + 3 * (units_.size() - i)));
    if (states) state(units_[i].state, false, i == 1 ? 1 : 0);
  }
  if (states && machine_ % 6 == 1) state(failed_unit_, true, 3);
}

}  // namespace resmon::simulate
