#pragma once

// What an answer to a write means. Sources: InfluxDB 1.x, 2.x and 3.x write handlers; VictoriaMetrics answers in plain
// text.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "sink/transport.h"

namespace resmon::sink {

enum class Verdict {
  kAccepted,
  kRetry,         // busy or broken: the same again later
  kDenied,        // 401, 403, 404…: the same again later, when somebody has mended the configuration
  kNoDatabase,    // 404 of 1.x: the database is not there
  kTooLarge,      // 413: in smaller pieces
  kRefused,       // 400, 422: something in it is wrong, and will be wrong again
  kPartlyTooOld,  // 400 of 1.x: all is stored but for points beyond the retention policy, which nothing will store
};

struct Meaning {
  Verdict verdict = Verdict::kRetry;
  std::string reason;                                  // one line for people: "503 Service Unavailable: …"
  std::optional<std::chrono::nanoseconds> not_before;  // Retry-After, at most an hour
  bool about_lines = false;                            // of kRefused: the text says that lines are what is wrong
  std::uint64_t dropped_points = 0;                    // of kPartlyTooOld
};

Meaning meaning_of(const HttpAnswer& answer, UnixNanos now);

// The message in an error body: `error` or `message` of a JSON object, else the text itself; one line, bounded.
std::string error_message(std::string_view body);

// "120" or an HTTP date.
std::optional<std::chrono::nanoseconds> parse_retry_after(std::string_view value, UnixNanos now);

}  // namespace resmon::sink
