#include "simulate/recording.h"

namespace resmon::simulate {

namespace {
constexpr UnixNanos kStart = 1'700'000'000'000'000'000;  // any time will do: rows get their own
}

Recording::Recording(std::uint64_t seed, Profile profile, metric::SchemaTable& schemas, std::size_t gathers,
                     std::chrono::nanoseconds interval) {
  HostModel model(seed, profile, schemas);
  metric::Batch without_rates;
  model.gather(kStart, without_rates);
  for (std::size_t i = 1; i <= gathers; ++i) {
    metric::Batch& batch = batches_.emplace_back();
    model.gather(kStart + static_cast<std::int64_t>(i) * interval.count(), batch);
  }
}

void Recording::gather(std::uint64_t number, UnixNanos time, metric::Batch& out) const {
  out = batches_[number % batches_.size()];
  out.set_times(time);
}

}  // namespace resmon::simulate
