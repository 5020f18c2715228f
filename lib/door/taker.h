#pragma once

// Lines of one sender to rows, and what became of each. The bounds are here: the length of a line, different series,
// lines a second. No I/O.
//
// An input has one Shared and, for each thread that reads, one Taker. A sender is a connection, or of datagrams an
// address: it has a part of the lines a second for itself, so that another that sends without end takes only what is
// left.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "door/collectd.h"
#include "door/format.h"
#include "door/splitter.h"
#include "door/statsd.h"
#include "lineproto/decoder.h"
#include "metric/batch.h"
#include "metric/schema.h"

namespace resmon::door {

struct TakerOptions {
  Format format = Format::kInflux;
  Shape shape;
  CollectdTypes types;
  bool collectd_host = false;                                          // collectd's host becomes the tag `host`
  lineproto::Precision precision = lineproto::Precision::kNanosecond;  // of times in Influx lines
  bool refuse_1970 = false;       // lines whose time would be of 1970, which is one in another unit
  std::vector<metric::Tag> tags;  // added to rows that do not have them
  std::size_t max_line_bytes = 64U << 10U;
  std::int64_t max_series = 1000;    // different measurement, tags and fields; forgotten an hour after their last line
  std::int64_t rate_limit = 10'000;  // lines a second; 0: none
};

struct TakerStats {
  std::uint64_t lines = 0;
  std::uint64_t samples = 0;
  std::uint64_t refused_lines = 0;
  std::string last_error;
};

// One connection, or one address that datagrams come from. Of one thread.
class Sender {
 public:
  Sender() = default;
  // `host`: the tag `host` of all its rows, whatever they say; empty: theirs.
  explicit Sender(std::string host) : host_(std::move(host)) {}

 private:
  friend class Shared;
  friend class Taker;
  struct Known {
    std::uint32_t own_generation = 0;
    metric::SchemaId id = 0;
    std::uint32_t generation = 0;
  };
  std::string host_;
  std::unordered_map<metric::SchemaId, Known> ids_;  // by id in Shared's table; only with a host
  std::int64_t second_ = -1;
  std::int64_t lines_ = 0;  // in that second
  std::int64_t place_ = 0;  // among the senders of that second, from 1 on
};

// What all takers of one input share. Thread-safe.
class Shared {
 public:
  explicit Shared(TakerOptions given)
      : options(std::move(given)), schemas(static_cast<std::size_t>(options.max_series)) {}

  // How many of so many lines may be taken now.
  std::int64_t within_rate(Sender& sender, std::int64_t lines, UnixNanos now);
  void count(std::uint64_t lines, std::uint64_t samples);
  void refuse(std::uint64_t lines, std::string_view reason);
  TakerStats stats() const;
  // Forgets series that no line had for an hour. Call once a minute.
  void sweep() { (void)schemas.sweep(60); }

  const TakerOptions options;
  metric::SchemaTable schemas;  // of what was sent, bounded

 private:
  std::atomic<std::int64_t> second_{-1};
  std::atomic<std::int64_t> second_lines_{0};
  std::atomic<std::int64_t> second_senders_{0};
  std::atomic<std::uint64_t> lines_{0};
  std::atomic<std::uint64_t> samples_{0};
  std::atomic<std::uint64_t> refused_lines_{0};
  mutable Mutex mutex_;
  std::string last_error_ GUARDED_BY(mutex_);
};

// What became of one line.
struct Answer {
  std::size_t rows_end = 0;  // of the taker's rows, those of this line end here
  std::size_t samples = 0;
  std::string error;  // empty: it was taken
};
// "ok N" or "error REASON", with a line feed.
void append_answer(const Answer& answer, std::string& out);

// Not thread-safe.
class Taker {
 public:
  // Both must outlive it; `schemas`: of the rows.
  Taker(Shared& shared, metric::SchemaTable& schemas);

  // Whole lines with line feeds between them. To `answers`, where it is not null, goes one for each but empty lines.
  // REQUIRES: not collectd
  void take(std::string_view lines, UnixNanos now, Sender& sender, std::vector<Answer>* answers);
  // One line, which may hold line feeds.
  void take_line(std::string_view line, UnixNanos now, Sender& sender, std::vector<Answer>* answers);
  // Lines, or one of collectd's.
  void take_datagram(std::string_view datagram, UnixNanos now, Sender& sender);
  // Of StatsD's lines: what came since the last flush.
  void flush(UnixNanos now);
  void refuse(const std::string& reason, std::vector<Answer>* answers);
  // What was taken; whoever swaps it away leaves an empty one.
  metric::Batch& rows() { return rows_; }

 private:
  // For lines without a time: another than that of the line before, which came in the same read. A second row of a
  // series at the same time would take the place of the first.
  UnixNanos next_time(UnixNanos now) const;
  lineproto::DecodeReport decode(std::string_view lines, UnixNanos now, bool line_feed_ends);
  std::string reason_of(const lineproto::DecodeReport& report) const;
  // Gives rows from `first` on their place in the other table, with tags and host; false: some were left out.
  bool translate(std::size_t first, Sender& sender);
  // Where they are not wanted: leaves out rows of 1970 from `first` on. What is wrong with the first; empty: none was.
  std::string leave_out_1970(std::size_t first);
  bool find(metric::SchemaId own, Sender::Known& known, const std::string& host);
  void take_block(std::string_view lines, UnixNanos now, Sender& sender);
  std::string take_text(std::string_view line, UnixNanos now, Sender& sender, std::size_t& samples);

  Shared& shared_;
  metric::SchemaTable& schemas_;
  lineproto::LineDecoder decoder_;
  std::vector<Sender::Known> ids_;  // by id in Shared's table; of senders without a host
  Statsd statsd_;
  std::string lines_;
  metric::Batch rows_;
  UnixNanos last_time_ = 0;
};

}  // namespace resmon::door
