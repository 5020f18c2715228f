#pragma once

// Prometheus' remote write, versions 1.0 (prometheus.WriteRequest) and 2.0 (io.prometheus.write.v2.Request), taken out
// of its Snappy. No I/O; linear; fuzzed.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "metric/batch.h"
#include "prom/series.h"

namespace resmon::prom {

enum class WriteVersion : std::uint8_t { kOne, kTwo };

// The protocol's version by a request's Content-Type. kUnsupported: another message.
Result<WriteVersion> version_of(std::string_view content_type);

struct WriteReport {
  std::uint64_t samples = 0;     // that became rows
  std::uint64_t stale = 0;       // markers that a series has ended; there is nothing to store
  std::uint64_t not_finite = 0;  // NaN and infinite values, which no field can contain
  std::uint64_t refused = 0;     // of series with impossible labels or times
  std::uint64_t histograms = 0;  // native ones, all refused
  std::uint64_t exemplars = 0;   // not stored, and not reported
  std::string first_refusal;     // why the first of the refused samples and histograms was; names its series
};

inline constexpr std::size_t kMostWriteSamples = 1'000'000;  // a request
inline constexpr std::size_t kMostSymbols = 1'000'000;
// Of the labels of all series of a request. In 2.0 a few bytes can name a long symbol again and again.
inline constexpr std::size_t kMostLabelBytesInAll = 128U << 20U;

// Appends a row for each good sample. kInvalid: the bytes are no such message; kLimit: more than kMostWriteSamples;
// then what is in `out` is to be thrown away.
Result<WriteReport> read_remote_write(std::string_view message, WriteVersion version, Series& series,
                                      metric::Batch& out);

}  // namespace resmon::prom
