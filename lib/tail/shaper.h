#pragma once

// Turns the events of one source into lines that may leave the machine: it removes secrets, parses, filters and limits
// the rate. Fills one batch, with its marks, until its owner has stored it. Not thread-safe.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "logline/line.h"
#include "tail/container_unit.h"
#include "tail/event_taker.h"
#include "tail/parse.h"
#include "tail/redact.h"

namespace resmon::tail {

struct ShapeOptions {
  Format format = Format::kAuto;
  std::string pattern;                            // of Format::kRegex
  std::string own_host;                           // syslog's other host names become a field; empty: none does
  std::vector<std::string> include;               // RE2: a line must match one of them; empty: all do
  std::vector<std::string> exclude;               // and none of these
  logline::Level least = logline::Level::kDebug;  // less severe lines are left out; those without a level never
  RedactOptions redact;
  std::uint32_t rate_limit = 0;        // lines a second; 0: any number
  std::size_t max_bytes = 64U << 10U;  // of a line that comes in parts
};

struct ShapeStats {
  std::uint64_t lines = 0;
  std::uint64_t bytes = 0;
  std::uint64_t cut = 0;
  std::uint64_t excluded = 0;    // by include, exclude and level, and blank ones
  std::uint64_t suppressed = 0;  // by the rate limit
  std::uint64_t redacted = 0;    // secrets
};

class Shaper final : public EventTaker {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // kInvalid names the pattern that is none. `clock` must outlive it.
  static Result<std::unique_ptr<Shaper>> make(std::string source, const ShapeOptions& options,
                                              const Clock& clock = Clock::system());
  ~Shaper() override;

  // Sees each line that is read, also those that are left out, with secrets replaced: `text` as it was written. Both
  // are valid during the call.
  using Watcher = std::function<void(const logline::Line& line, std::string_view text)>;
  void watch(Watcher watcher) { watcher_ = std::move(watcher); }

  bool has_room() const override;
  void take(const Event& event, std::string_view unit) override;
  void take_line(const logline::Line& line) override;
  void mark(const std::string& key, std::string value) override;
  // Reports lines that the rate limit suppressed, when that is due.
  void tick();

  // The batch under way.
  const logline::Lines& lines() const { return lines_; }
  const std::map<std::string, std::string>& marks() const { return marks_; }
  // It was put away.
  void clear();

  const ShapeStats& stats() const { return stats_; }

 private:
  struct Patterns;
  Shaper(std::string source, const ShapeOptions& options, Redactor redactor, const Clock& clock);
  bool wanted(std::string_view text) const;
  bool may_pass();
  void finish(const logline::Line& line);

  const std::string source_;
  const ShapeOptions options_;
  const Redactor redactor_;
  const Clock& clock_;
  std::unique_ptr<Patterns> patterns_;
  Watcher watcher_;
  Parser parser_;
  ContainerUnits containers_;
  logline::Lines lines_;
  std::map<std::string, std::string> marks_;
  ShapeStats stats_;
  std::string scratch_;
  // The rate limit's bucket.
  double tokens_ = 0;
  TimePoint filled_at_{};
  std::uint64_t suppressed_now_ = 0;
  TimePoint suppressed_since_{};
};

}  // namespace resmon::tail
