#pragma once

// What the subcommands share: progress on standard error, and times on the command line.

#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

#include "base/clock.h"
#include "base/exit_code.h"
#include "base/result.h"
#include "influxql/parse/time_text.h"

namespace resmon::server {

// One line on standard error, rewritten, where a person looks on; or one every ten seconds with --progress.
class CommandProgress {
 public:
  CommandProgress(std::string what, bool wanted)
      : what_(std::move(what)), terminal_(::isatty(STDERR_FILENO) == 1), wanted_(wanted || terminal_) {}
  ~CommandProgress() {
    if (shown_ && terminal_) std::fputs("\r\x1b[K", stderr);
  }
  CommandProgress(const CommandProgress&) = delete;
  CommandProgress& operator=(const CommandProgress&) = delete;

  void show(const std::string& text) {
    const auto now = std::chrono::steady_clock::now();
    if (!wanted_ || now < next_) return;
    next_ = now + (terminal_ ? std::chrono::milliseconds(200) : std::chrono::milliseconds(10'000));
    std::fprintf(stderr, terminal_ ? "\r\x1b[K%s: %s" : "%s: %s\n", what_.c_str(), text.c_str());
    std::fflush(stderr);
    shown_ = true;
  }
  void show(std::uint64_t done, std::uint64_t all) { show(std::to_string(all == 0 ? 100 : done * 100 / all) + " %"); }

 private:
  const std::string what_;
  const bool terminal_;
  const bool wanted_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point next_{};
};

// The end of a command that read the store: what was left out, and the exit code that says so.
inline int end_with_damage(const char* command, std::uint64_t damaged_chunks) {
  if (damaged_chunks == 0) return kExitDone;
  std::fprintf(stderr, "%s: %llu damaged chunks were left out; 'resmon-server check' names them\n", command,
               static_cast<unsigned long long>(damaged_chunks));
  return kExitDamaged;
}

// A time as people and programs write it: RFC 3339, a date, or nanoseconds since 1970.
inline Result<UnixNanos> parse_bound(const std::string& text, const char* flag) {
  UnixNanos nanos = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), nanos);
  if (error == std::errc() && end == text.data() + text.size()) return nanos;
  const auto parsed = influxql::parse_time(text, nullptr);
  if (!parsed || parsed->seconds > INT64_MAX / 1'000'000'000 - 1 || parsed->seconds < INT64_MIN / 1'000'000'000 + 1)
    return fail(ErrorKind::kInvalid,
                std::string(flag) + ": '" + text +
                    "' is not a time; write 2026-01-02, 2026-01-02T03:04:05Z or nanoseconds since 1970");
  return parsed->seconds * 1'000'000'000 + parsed->nanos;
}

}  // namespace resmon::server
