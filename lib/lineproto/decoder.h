#pragma once

// Influx line protocol to rows, line by line: good lines become rows whatever stands beside them, bad ones are reported
// in the words of InfluxDB 1.x ("unable to parse 'cpu': missing fields"). Bounded and allocation-free for shapes met
// before.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "lineproto/precision.h"
#include "metric/batch.h"
#include "metric/schema.h"

namespace resmon::lineproto {

struct DecodeOptions {
  Precision precision = Precision::kNanosecond;
  // The time of lines that have none; rounded down to the precision.
  UnixNanos default_time = 0;
  // Instead of that, each line without a time has one of its own: the first exactly the default, the others 1 ns more
  // than the one before.
  bool own_default_times = false;
  // Each line feed ends a line, also within the quotes of a string value.
  bool line_feed_ends = false;
};

struct DecoderLimits {
  // Longer lines are refused, and skipped up to their end. A string of 1 MiB fits, whatever is escaped in it.
  std::size_t line_bytes = 4U << 20U;
  // Errors kept with their text; all are counted.
  std::size_t errors_kept = 32;
  // What the decoder remembers of line shapes. When it holds more it forgets all and begins again.
  std::size_t cache_bytes = 64U << 20U;
};

struct LineError {
  std::uint64_t line_number = 0;  // from 1, of the text's or the stream's lines
  std::string message;            // "unable to parse '…': reason"
};

struct DecodeReport {
  std::uint64_t lines = 0;    // that hold something: no comments, no blanks
  std::uint64_t samples = 0;  // values that became part of rows
  std::uint64_t refused_lines = 0;
  std::uint64_t without_time = 0;  // lines that became rows at the default time
  std::vector<LineError> errors;   // the first ones
  // The errors' messages, one a line, as InfluxDB 1.x puts them into its answer. Empty: none.
  std::string error_text() const;
};

// Not thread-safe: one for each stream or request, or one for each thread, whose memory of shapes then serves all.
class LineDecoder {
 public:
  // `schemas` must outlive the decoder.
  explicit LineDecoder(metric::SchemaTable& schemas, DecoderLimits limits = {});
  ~LineDecoder();
  LineDecoder(LineDecoder&&) noexcept;
  LineDecoder& operator=(LineDecoder&&) noexcept;

  // A whole text, such as a request's body. REQUIRES: no stream is begun.
  DecodeReport decode(std::string_view text, const DecodeOptions& options, metric::Batch& out);

  // A stream: bytes as they come. Rows of every complete line are appended to `out`, which the caller takes away
  // between calls; the report is of this call. `finish` takes what is left as a last line, and ends the stream.
  DecodeReport feed(std::string_view bytes, const DecodeOptions& options, metric::Batch& out);
  DecodeReport finish(const DecodeOptions& options, metric::Batch& out);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace resmon::lineproto
