#pragma once

// What exporters answer: Prometheus' text format 0.0.4 and OpenMetrics 1.0, with quoted UTF-8 names as Prometheus 3
// writes them. No I/O; linear; fuzzed.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "metric/batch.h"
#include "prom/series.h"

namespace resmon::prom {

struct ExpositionReport {
  std::uint64_t samples = 0;     // that became rows
  std::uint64_t not_finite = 0;  // NaN and infinite values, which no field can contain
  std::uint64_t refused = 0;     // lines that are malformed, or of series beyond a bound
  std::string first_refusal;     // "line 3: …"
};

struct ExpositionOptions {
  bool open_metrics = false;      // by the answer's Content-Type: times are seconds, and "# EOF" ends it
  bool use_times = true;          // of the lines; otherwise all samples have `time`
  UnixNanos time = 0;             // of samples without one
  std::vector<metric::Tag> tags;  // for series that have no such label
};

// Reads a text piece by piece, so that a large one does not keep its thread. `text`, `series` and the label values in
// `options` must outlive it.
class Exposition {
 public:
  Exposition(std::string_view text, ExpositionOptions options, Series& series)
      : rest_(text), options_(std::move(options)), series_(series) {}

  // Appends a row for each good sample of the next `lines` lines. False at the end; the report is complete then.
  bool read(std::size_t lines, metric::Batch& out);
  const ExpositionReport& report() const { return report_; }

 private:
  void line(std::string_view line, metric::Batch& out);
  std::string sample(std::string_view line, metric::Batch& out);
  std::string labels();
  bool quoted(std::string_view& out);
  bool time(std::string_view text, UnixNanos& out) const;
  void refuse(const std::string& why);
  void blanks();
  bool accept(char c);

  std::string_view rest_;
  const ExpositionOptions options_;
  Series& series_;
  ExpositionReport report_;
  std::uint64_t number_ = 0;  // of the line
  bool ended_ = false;        // by "# EOF"
  bool done_ = false;
  // Of the line that is read.
  std::string_view line_;
  std::vector<Label> labels_;
  std::string unescaped_;  // values that had escapes; never reallocated within a line
};

}  // namespace resmon::prom
