#pragma once

// What node_exporter would say of every host, made of the newest stored rows, in Prometheus' text format. Thread-safe.

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "store/reader.h"

namespace resmon::server {

class HostMetrics {
 public:
  // `store` must outlive it.
  explicit HostMetrics(const store::Reader& store) : store_(store) {}

  // Of all hosts, or of one. kLimit: it would be longer than kMostBytes. Blocks for as long as reading takes.
  Result<std::string> text(std::string_view host, UnixNanos now);

  static constexpr std::size_t kMostBytes = 128U << 20U;
  static constexpr std::size_t kModes = 10;

 private:
  class Writer;
  // Shares of CPU time, added up to seconds since the first request that saw the CPU.
  struct CpuTime {
    UnixNanos until = 0;  // of the newest row that is in it
    UnixNanos step = 0;   // between its last two
    UnixNanos asked = 0;
    std::array<double, kModes> seconds{};
  };

  Status add_cpus(Writer& out, std::string_view host, UnixNanos now);

  const store::Reader& store_;
  Mutex mutex_;
  std::map<std::string, CpuTime, std::less<>> cpus_ GUARDED_BY(mutex_);  // by host and CPU
};

}  // namespace resmon::server
