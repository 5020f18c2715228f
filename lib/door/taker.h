#pragma once

// Bytes of one connection, or one datagram, to rows: splits lines, reads them, and says of each what became of it. The
// bounds are here: the length of a line, different series, lines a second. No I/O.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "door/format.h"
#include "door/statsd.h"
#include "lineproto/decoder.h"
#include "metric/batch.h"
#include "metric/schema.h"

namespace resmon::door {

struct TakerOptions {
  Format format = Format::kInflux;
  Shape shape;
  lineproto::Precision precision = lineproto::Precision::kNanosecond;  // of times in Influx lines
  std::vector<metric::Tag> tags;                                       // added to rows that do not have them
  std::size_t max_line_bytes = 64U << 10U;
  std::int64_t max_series = 1000;    // different measurement, tags and fields
  std::int64_t rate_limit = 10'000;  // lines a second; 0: none
};

struct TakerStats {
  std::uint64_t lines = 0;
  std::uint64_t samples = 0;
  std::uint64_t refused_lines = 0;
  std::string last_error;
};

// What all connections of one input share. Not thread-safe.
class Taker {
 public:
  // `schemas`: where rows go; must outlive it.
  Taker(TakerOptions options, metric::SchemaTable& schemas);

  // One line without its end. Rows go to `out`; to `answer`, where it is not null, goes "ok N" (N samples) or "error
  // REASON" and a line feed. Empty lines are nothing.
  void take(std::string_view line, UnixNanos now, metric::Batch& out, std::string* answer);
  // Of StatsD's lines: what came since the last flush.
  void flush(UnixNanos now, metric::Batch& out);
  void refuse(const std::string& reason, std::string* answer);
  const TakerOptions& options() const { return options_; }
  const TakerStats& stats() const { return stats_; }

 private:
  bool within_rate(UnixNanos now);
  // For a line without a time: another than that of the line before, which came in the same read. A second row of a
  // series at the same time would take the place of the first.
  UnixNanos time_of_line(UnixNanos now);
  // Decodes lines_; empty, or why nothing of it is in `out`.
  std::string decode(UnixNanos now, metric::Batch& out);
  bool translate(const metric::Row& row, metric::Batch& out);

  const TakerOptions options_;
  metric::SchemaTable& schemas_;
  metric::SchemaTable own_;  // of what was sent, bounded
  lineproto::LineDecoder decoder_;
  std::vector<std::int64_t> ids_;  // by id in own_; -1: not known yet
  Statsd statsd_;
  std::string lines_;
  metric::Batch rows_;
  UnixNanos last_time_ = 0;
  UnixNanos rate_second_ = 0;
  std::int64_t rate_lines_ = 0;
  TakerStats stats_;
};

enum class Framing : std::uint8_t {
  kLine,    // a line feed ends each line
  kLength,  // before each line stands its length in bytes, as four bytes, the highest first
};

// Lines of a stream of bytes: keeps what has no end yet.
class LineSplitter {
 public:
  explicit LineSplitter(std::size_t max_line_bytes, Framing framing = Framing::kLine)
      : most_(max_line_bytes), framing_(framing) {}
  // f(line) for each that is complete, and too_long() once for each that is longer than the bound.
  template <class F, class L>
  void feed(std::string_view bytes, const F& f, const L& too_long) {
    if (framing_ == Framing::kLength) return feed_frames(bytes, f, too_long);
    while (!bytes.empty()) {
      const std::size_t end = bytes.find('\n');
      const std::string_view part = bytes.substr(0, end);
      if (!skipping_ && rest_.size() + part.size() > most_) {
        skipping_ = true;
        rest_.clear();
        too_long();
      }
      if (end == std::string_view::npos) {
        if (!skipping_) rest_ += part;
        return;
      }
      if (!std::exchange(skipping_, false)) {
        if (rest_.empty()) {
          f(part);
        } else {
          rest_ += part;
          f(std::string_view(rest_));
          rest_.clear();
        }
      }
      bytes.remove_prefix(end + 1);
    }
  }
  // What is left at the end of the stream. A frame that is not whole is nothing.
  std::string take_rest() { return framing_ == Framing::kLine ? std::exchange(rest_, {}) : std::string(); }

 private:
  template <class F, class L>
  void feed_frames(std::string_view bytes, const F& f, const L& too_long) {
    while (!bytes.empty()) {
      if (skip_bytes_ > 0) {
        const std::size_t skipped = std::min<std::size_t>(skip_bytes_, bytes.size());
        bytes.remove_prefix(skipped);
        skip_bytes_ -= skipped;
        continue;
      }
      std::size_t wanted = kHeadBytes;
      if (rest_.size() >= kHeadBytes) wanted += length();
      const std::size_t part = std::min(wanted - rest_.size(), bytes.size());
      rest_ += bytes.substr(0, part);
      bytes.remove_prefix(part);
      if (rest_.size() < kHeadBytes) return;
      if (length() > most_) {
        skip_bytes_ = length();
        rest_.clear();
        too_long();
      } else if (rest_.size() == kHeadBytes + length()) {
        f(std::string_view(rest_).substr(kHeadBytes));
        rest_.clear();
      }
    }
  }
  std::size_t length() const {
    std::size_t out = 0;
    for (std::size_t i = 0; i < kHeadBytes; ++i) out = out << 8U | static_cast<unsigned char>(rest_[i]);
    return out;
  }

  static constexpr std::size_t kHeadBytes = 4;
  const std::size_t most_;
  const Framing framing_;
  std::size_t skip_bytes_ = 0;
  std::string rest_;
  bool skipping_ = false;
};

}  // namespace resmon::door
