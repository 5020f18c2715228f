#pragma once

// Reads a range of time from the store and hands it to a sink: hour by hour, and in an hour series by series, so that a
// run that ended early can go on at an hour, and a database gets each series in order of time.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backfill_source.h"
#include "base/result.h"
#include "metric/schema.h"
#include "rule/engine.h"
#include "store/reader.h"

namespace resmon::server {

class Backfill {
 public:
  // `reader` and `schemas` must outlive it. Finds the series of `hosts` (empty: all, also those without a host) that
  // have rows in `range`. `rules` (of the sink, without windows) change rows on their way. kNotFound: a host has no
  // series; kUnavailable: `go_on` said no.
  static Result<std::unique_ptr<Backfill>> plan(const store::Reader& reader, metric::SchemaTable& schemas,
                                                store::TimeRange range, const std::vector<std::string>& hosts,
                                                const rule::Config& rules, const std::function<bool()>& go_on);

  // From the first row to behind the last one; empty (first == last) without rows.
  const store::TimeRange& range() const { return range_; }
  // Until the database has all of it. False: `watch` said so.
  Result<bool> run(BackfillSource& source, std::chrono::steady_clock::duration settle,
                   const BackfillSource::Watch& watch);
  // The part of the work that was read, from 0 to 1. The thread of run().
  double done() const;
  // Rows that were read; those that were read again count once.
  std::uint64_t rows() const { return rows_; }

 private:
  struct Table {
    std::string measurement;
    std::vector<store::ColumnId> ids;
    std::vector<metric::Field> fields;
  };
  struct Series {
    std::size_t table = 0;
    store::GroupId group = 0;
    metric::SchemaId schema = 0;
    store::TimeRange range;  // of its rows
  };
  Backfill(const store::Reader& reader, metric::SchemaTable& schemas, const rule::Config& rules);

  Result<store::TimeRange> extent(const Table& table, store::GroupId group, store::TimeRange range) const;
  Result<BackfillSource::Next> read_hour(store::TimeRange hour, BackfillSource& source,
                                         const BackfillSource::Watch& watch);
  BackfillSource::Next hand_over(BackfillSource& source, const BackfillSource::Watch& watch);

  const store::Reader& reader_;
  std::unique_ptr<rule::Engine> rules_;  // null: there are none
  std::vector<Table> tables_;
  std::vector<Series> series_;
  store::TimeRange range_{0, 0};
  double work_ = 0;  // nanoseconds of all series
  std::shared_ptr<metric::Batch> batch_ = std::make_shared<metric::Batch>();
  UnixNanos at_ = 0;
  UnixNanos counted_until_ = 0;
  std::uint64_t rows_ = 0;
  std::uint64_t hour_rows_ = 0;
};

}  // namespace resmon::server
