#pragma once

// One line an event: `time level component message key=value…`, so that grep and awk can take it apart:
//
//   2026-11-22T17:05:09.123Z INFO ingest client connected host=web1 address=10.0.0.5:41312
//
// The time is UTC. A value with a space, a quote, '=' or a character that is not printable is quoted and escaped as in
// JSON (base/json_text.h), so a line is always one line, and harmless to a terminal, whatever a client sends. With
// Format::kJson each event is one JSON object with the same keys. Thread-safe. Never throws. Lines go to standard
// error, or to a file that is rotated by size.

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace resmon::log {

enum class Level { kDebug, kInfo, kWarn, kError };
enum class Format { kText, kJson };

struct Options {
  Level level = Level::kInfo;
  Format format = Format::kText;
  std::string file;  // empty: standard error
  std::uint64_t rotate_bytes = 16U << 20U;
  int keep_files = 5;  // rotated ones (log_file.h)
};

// Applies to all later events. Until it is called, events of level info and above go to standard error as text.
Status configure(const Options& options);

// "debug", "info", "warn", "error", in either case.
Result<Level> parse_level(std::string_view name);

struct Pair {
  std::string_view key;
  std::string value;
  bool number = false;  // JSON writes the value without quotes

  Pair(std::string_view k, std::string_view v) : key(k), value(v) {}
  Pair(std::string_view k, const std::string& v) : key(k), value(v) {}
  Pair(std::string_view k, const char* v) : key(k), value(v) {}
  Pair(std::string_view k, bool v) : key(k), value(v ? "true" : "false"), number(true) {}
  Pair(std::string_view k, std::integral auto v) : key(k), value(std::to_string(v)), number(true) {}
  Pair(std::string_view k, double v);  // up to three decimals
};

// What was logged lately, for a person who looks from far away. Nothing is kept until this is called; then the newest
// `events`, each cut to kRecentBytes. 0 ends it.
inline constexpr std::size_t kRecentBytes = 2048;
void keep_recent(std::size_t events);

struct Event {
  std::uint64_t sequence = 0;  // 1, 2, 3, … of this process
  std::int64_t unix_milliseconds = 0;
  Level level = Level::kInfo;
  std::string component;
  std::string text;  // message and pairs, as in a text line
};
// The newest `limit` of the kept events that are at least `level` and come after sequence `after`, oldest first.
std::vector<Event> recent(std::uint64_t after, Level level, std::size_t limit);

// For whoever started the program and nobody else, such as a password that was made: formatted like an event, but on
// standard error only, never in a log file nor among recent events.
void tell(std::string_view component, std::string_view message, std::initializer_list<Pair> pairs = {});

bool enabled(Level level);
void write(Level level, std::string_view component, std::string_view message, std::initializer_list<Pair> pairs = {});

inline void debug(std::string_view component, std::string_view message, std::initializer_list<Pair> pairs = {}) {
  if (enabled(Level::kDebug)) write(Level::kDebug, component, message, pairs);
}
inline void info(std::string_view component, std::string_view message, std::initializer_list<Pair> pairs = {}) {
  write(Level::kInfo, component, message, pairs);
}
inline void warn(std::string_view component, std::string_view message, std::initializer_list<Pair> pairs = {}) {
  write(Level::kWarn, component, message, pairs);
}
inline void error(std::string_view component, std::string_view message, std::initializer_list<Pair> pairs = {}) {
  write(Level::kError, component, message, pairs);
}

// The text of one event, without the end of line; what `write` writes. For tests.
std::string format_event(Format format, std::int64_t unix_milliseconds, Level level, std::string_view component,
                         std::string_view message, std::initializer_list<Pair> pairs);

}  // namespace resmon::log
