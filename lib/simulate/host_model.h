#pragma once

// A simulated machine with CPUs, memory, disks, interfaces and a working day. It returns the rows that a real client
// would send (docs/schema.md), with values that change slowly and are consistent. The same seed and times give the same
// values. Used by resmon-load, tests and benchmarks.

#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "metric/batch.h"

namespace resmon::simulate {

enum class Profile { kIdle, kNormal, kBusy };
Result<Profile> parse_profile(std::string_view name);  // "idle", "normal", "busy"

class HostModel {
 public:
  // `schemas` must outlive the model. All models of one table share its schemas.
  HostModel(std::uint64_t seed, Profile profile, metric::SchemaTable& schemas);

  // Appends one gather at `time`. Times must ascend; a first gather has no rates, like a real one.
  void gather(UnixNanos time, metric::Batch& out);

  int cpus() const { return cpus_; }

 private:
  using Fields = std::initializer_list<std::pair<std::string_view, metric::FieldType>>;
  struct Shape {
    metric::SchemaId id = 0;
    std::size_t fields = 0;
  };
  struct Disk {
    Shape space, io;
    double total = 0, used_ratio = 0, growth = 0;
    double reads = 0, writes = 0, read_bytes = 0, write_bytes = 0, read_time = 0, write_time = 0, io_time = 0;
  };
  struct Interface {
    Shape shape;
    double received = 0, sent = 0, packets_in = 0, packets_out = 0;
    std::int64_t drops = 0;
  };

  struct Process {
    Shape shape;
    std::int64_t id = 0;
    double read = 0, written = 0;
  };

  struct SimulatedContainer {
    Shape cpu, memory, net, status, health;
    double cpu_ns = 0, received = 0, sent = 0;
  };
  struct SimulatedUnit {
    Shape numbers, state;
  };

  Shape shape(std::string_view measurement, std::vector<metric::Tag> tags, Fields fields);
  double noise(double width);                                      // normal, mean 0
  void walk(double& value, double to, double pull, double width);  // towards `to`, within [0, 1]
  void cpu(UnixNanos time, double seconds, metric::Batch& out);
  void memory(UnixNanos time, metric::Batch& out);
  void disks(UnixNanos time, double seconds, metric::Batch& out);
  void network(UnixNanos time, double seconds, metric::Batch& out);
  void system(UnixNanos time, double seconds, metric::Batch& out);
  void make_cpus();
  void make_memory();
  void make_counters();
  void make_pressure();
  void make_disks();
  void make_interfaces();
  void make_processes(std::uint64_t seed);
  void by_process(UnixNanos time, double seconds, metric::Batch& out);

  // `last`: the gather before, 0 at the first.
  void make_hardware(std::uint64_t seed);
  void make_services();
  void hardware(UnixNanos time, UnixNanos last, metric::Batch& out);
  void services(UnixNanos time, UnixNanos last, double seconds, metric::Batch& out);

  metric::SchemaTable& schemas_;
  std::mt19937_64 random_;
  Profile profile_;
  int cpus_;
  double memory_total_;
  UnixNanos last_time_ = 0;
  UnixNanos boot_time_ = 0;

  double activity_ = 0.2;  // how busy the machine is, 0 to 1
  double used_memory_ = 0.4;
  double cached_ = 0.3;
  double load_[3] = {0, 0, 0};
  double context_switches_ = 0, interrupts_ = 0, forks_ = 0;
  double pressure_total_[3][2] = {};

  std::vector<Shape> cpu_;
  Shape mem_, swap_, swap_io_, netstat_, load_shape_, uptime_, uptime_format_, processes_, kernel_, sysctl_fs_;
  Shape pressure_[3][2], pressure_totals_[3][2];
  std::vector<Disk> disks_;
  std::vector<Interface> interfaces_;

  std::vector<Process> processes_by_name_;  // the last is `other`
  double phase_ = 0;                        // of their rhythms
  double busy_cores_ = 0;                   // in the last gather
  double read_before_ = 0, written_before_ = 0;
  std::uint64_t process_gathers_ = 0;

  std::uint64_t hardware_gathers_ = 0;
  std::uint64_t machine_ = 0;  // the seed: which of what may be broken is
  Shape facts_, power_, clock_, raid_, failed_unit_;
  std::vector<Shape> temperatures_, fans_, smart_;
  std::vector<SimulatedContainer> containers_;
  std::vector<SimulatedUnit> units_;
};

}  // namespace resmon::simulate
