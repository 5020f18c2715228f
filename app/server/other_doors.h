#pragma once

// What came in formats of others than InfluxDB: Prometheus' remote write and OTLP. Any thread.

#include <atomic>
#include <cstdint>

namespace resmon::server {

struct DoorCounts {
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> samples{0};     // that were taken
  std::atomic<std::uint64_t> stale{0};       // Prometheus' markers that a series has ended
  std::atomic<std::uint64_t> not_finite{0};  // NaN and infinite values
  std::atomic<std::uint64_t> refused{0};
};

struct OtherDoors {
  DoorCounts remote_write;
  DoorCounts otlp;
};

}  // namespace resmon::server
