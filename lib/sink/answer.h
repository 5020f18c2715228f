#pragma once

// What an answer to a write means, and which product gave an answer. Sources: the write handlers of InfluxDB 1.x, 2.x
// and 3.x, VictoriaMetrics, QuestDB and GreptimeDB. All of them acknowledge a write with 204 and no other status, so
// 204 alone is the receipt: log-in pages, proxies and the page of InfluxDB's own UI answer any path with 200.

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
  kDenied,        // 200, 302, 401, 404…: the same again later, when the configuration has been corrected
  kNoDatabase,    // 404 of 1.x: the database is not there
  kTooLarge,      // 413: in smaller pieces
  kRefused,       // 400, 415, 422: something in it is wrong, and will be wrong again
  kPartlyTooOld,  // all is stored but for points that the database will never store: beyond its retention
};

struct Meaning {
  Verdict verdict = Verdict::kRetry;
  std::string reason;                                  // one line for people: "503 Service Unavailable: …"
  std::optional<std::chrono::nanoseconds> not_before;  // Retry-After, at most an hour
  bool about_lines = false;                            // of kRefused: the text says that lines are what is wrong
  bool partial = false;                                // the other lines of the request are stored
  std::optional<std::uint64_t> dropped_points;         // with `partial`, where the text has the number
};

Meaning meaning_of(const HttpAnswer& answer, UnixNanos now);

// What answered: "InfluxDB 2.9.1", "InfluxDB 1.8.10 (OSS)"; empty when the answer does not say. Of the answers to GET
// /ping and /health.
std::string product_of(const HttpAnswer& answer);

// Of VictoriaMetrics' page /flags, which lists the flags that were given: whether it stores samples that come twice
// twice. False for other pages.
bool keeps_repeats(std::string_view flags);

// The message in an error body: `error` or `message` of a JSON object, else the text itself; one line, bounded.
std::string error_message(std::string_view body);

// "120" or an HTTP date.
std::optional<std::chrono::nanoseconds> parse_retry_after(std::string_view value, UnixNanos now);

}  // namespace resmon::sink
