#pragma once

// Checks whether the store has room for the series of received rows. The store itself checks only after the rows were
// acknowledged; this check before the acknowledgement makes the acknowledgement true. An admitted series that is not
// stored yet keeps its place for a minute. A store that is further behind may have no room for it after all; it then
// counts and logs the refused rows.

#include <chrono>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "metric/batch.h"
#include "metric/schema.h"
#include "schema_marks.h"
#include "store/store.h"

namespace resmon::server {

// Thread-safe.
class SeriesRoom {
 public:
  // Both must outlive it.
  SeriesRoom(const metric::SchemaTable& schemas, const store::Store& store)
      : schemas_(schemas), store_(store), stored_(schemas) {}

  // Appends to `no_room` the rows of `batch`, ascending, for whose series there is no room. Why, in InfluxDB's words;
  // empty: it appended none.
  std::string find(const metric::Batch& batch, std::vector<std::size_t>& no_room);
  // After series may have been forgotten.
  void forget();

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Coming {
    std::string measurement;
    metric::SharedList<metric::Tag> tags;
    Time at;  // when it was last let in
  };
  struct Answer {
    bool stored = false;
    std::string refusal;
  };
  Answer admit(const metric::Schema& schema) REQUIRES(mutex_);
  void sweep(Time now) REQUIRES(mutex_);

  const metric::SchemaTable& schemas_;
  const store::Store& store_;
  SchemaMarks stored_;  // schemas whose series the store has
  Mutex mutex_;
  // By measurement and tags; no more than the store's bound of series.
  std::unordered_map<std::string, Coming> coming_ GUARDED_BY(mutex_);
  Time sweep_after_ GUARDED_BY(mutex_);
};

}  // namespace resmon::server
