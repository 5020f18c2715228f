#pragma once

// Rows that nobody numbered on their way into the log: lines of /write, points of SELECT INTO. Thread-safe.

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "field_types.h"
#include "ingest/log.h"
#include "metric/batch.h"
#include "options.h"
#include "rules.h"
#include "series_room.h"
#include "store/store.h"

namespace resmon::server {

class RowWriter {
 public:
  // All must outlive the writer. `rules`: null where there are none.
  RowWriter(const Options& options, metric::SchemaTable& schemas, ingest::Log& log, const store::Store& store,
            SeriesRoom& room, Rules* rules)
      : options_(options),
        schemas_(schemas),
        log_(log),
        store_(store),
        room_(room),
        rules_(rules),
        types_(schemas, store),
        acknowledged_(log.durable_position()) {}

  struct Taken {
    std::uint64_t position = 0;  // in the log, once durable; 0: nothing was taken
    std::size_t dropped = 0;     // rows that were not taken
    std::string why;             // of the first of them, in InfluxDB's words
    UnixNanos too_old = 0;       // the time of the first that is beyond the retention, and its measurement
    std::string too_old_measurement;
    TypeCheck::Conflicts conflicts;  // rows that were taken, with values that the store will refuse
  };
  // kLimit: larger than the log takes. kUnavailable: try again later.
  Result<Taken> append(metric::Batch batch, UnixNanos now);

  // The same in two steps, for whoever tries again later.
  struct Prepared {
    metric::Batch batch;
    Taken taken;
  };
  // Lines that are answered one by one: where the rows of each end, and then why nothing of it is taken, empty where it
  // is. Of a line with a row that is not taken, or with a value that the store would refuse, no row is.
  struct Lines {
    std::vector<std::size_t> ends;
    std::vector<std::string> refused;  // empty: none was
  };
  // Applies the rules, and leaves out rows that would be refused.
  Prepared prepare(metric::Batch batch, UnixNanos now, Lines* lines = nullptr);
  // The errors of append(); then nothing is lost, and it can be called again.
  Status write(Prepared& rows, UnixNanos now);

  // After an answer that says that everything up to `position` is durable: a query that comes later is to show it.
  void acknowledged(std::uint64_t position);
  std::uint64_t acknowledged_position() const { return acknowledged_; }

  // After series and measurements may have been forgotten, with the types of their fields.
  void forget_types() {
    room_.forget();
    types_.forget();
  }

 private:
  // Adds those that are taken to `good`; false: some are not.
  bool find_good(const metric::Batch& batch, UnixNanos now, Taken& taken, std::vector<std::size_t>& good);
  metric::Batch without_bad_lines(const metric::Batch& batch, UnixNanos now, Lines& lines, Taken& taken);
  std::string too_long(const metric::Batch& batch, const metric::Row& row) const;
  std::size_t text_bytes(const metric::Batch& batch, const metric::Row& row) const;

  const Options& options_;
  metric::SchemaTable& schemas_;
  ingest::Log& log_;
  const store::Store& store_;
  SeriesRoom& room_;
  Rules* const rules_;
  FieldTypes types_;
  std::atomic<std::uint64_t> acknowledged_;  // at first all that an earlier process may have acknowledged
};

}  // namespace resmon::server
