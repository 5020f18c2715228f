#pragma once

// All processes of the machine, read when somebody asks: nothing of it costs anything while nobody does. Reading three
// thousand of them takes some tens of milliseconds, so it is a job for a helper thread. Rates are of the time since the
// reading before; the first reading has none.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collect/collector.h"
#include "collect/container_names.h"
#include "collect/helper_pool.h"
#include "collect/process_identity.h"

namespace resmon::collect {

struct LiveProcess {
  std::uint32_t id = 0;
  char state = '?';
  std::string user;
  std::string name;
  std::string command_line;  // where it is asked for; without secrets
  std::string service;
  std::string container;
  double cpu_percent = 0;  // of one core
  std::uint64_t resident_bytes = 0;
  std::optional<double> read_bytes_per_second;  // empty: it may not be read, or was not yet
  std::optional<double> written_bytes_per_second;
  std::uint64_t threads = 0;
  std::uint64_t age_seconds = 0;
};

class ProcessListing final : public HelperPool::Job {
 public:
  static constexpr std::size_t kMostProcesses = 100'000;

  ProcessListing(const Roots& roots, bool command_lines);

  // REQUIRES for all: not queued and not running. Those that use most CPU first, then those with most memory.
  const std::vector<LiveProcess>& processes() const { return processes_; }
  const Status& status() const { return status_; }
  std::chrono::steady_clock::time_point read_at() const { return read_at_; }
  void forget();

 private:
  struct Seen {
    std::uint32_t id = 0;
    std::uint64_t start_ticks = 0;
    std::uint64_t ticks = 0;
    std::optional<std::uint64_t> read_bytes;
    std::optional<std::uint64_t> written_bytes;
  };
  void run() override;
  Status list();
  bool read(std::uint32_t id, double uptime, double seconds);
  void read_io(std::uint32_t id, const Seen* before, double seconds, Seen& now, LiveProcess& out);
  const Seen* seen_before(std::uint32_t id, std::uint64_t start_ticks) const;

  const std::string proc_;
  const bool command_lines_;
  ContainerNames names_;
  ProcessIdentities identities_;
  const double ticks_a_second_;
  const std::uint64_t page_bytes_;
  ReadBuffer buffer_;
  std::vector<Seen> seen_;  // ascending by id
  std::vector<Seen> now_;
  std::chrono::steady_clock::time_point read_at_;
  std::vector<LiveProcess> processes_;
  Status status_;
};

}  // namespace resmon::collect
