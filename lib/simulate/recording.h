#pragma once

// Gathers of a HostModel made once and given out again and again with new times, because making one costs more than
// sending it: for load beyond what the models themselves could keep up with. At the end of the recording counters step
// back, as after a reboot.

#include <vector>

#include "simulate/host_model.h"

namespace resmon::simulate {

class Recording {
 public:
  // `gathers` of them, `interval` apart. The first gather of a model, which has no rates, is left out.
  Recording(std::uint64_t seed, Profile profile, metric::SchemaTable& schemas, std::size_t gathers,
            std::chrono::nanoseconds interval);

  // Makes `out` the `number`th gather, modulo their count, with all its rows at `time`.
  void gather(std::uint64_t number, UnixNanos time, metric::Batch& out) const;

 private:
  std::vector<metric::Batch> batches_;
};

}  // namespace resmon::simulate
