#pragma once

// systemd's journal by `journalctl --output=export --follow` as a child, restarted with growing pauses when it ends.
// The cursor of the last entry that was taken goes to the taker with it, so that a restart begins behind it. Polled; no
// thread.

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "tail/child_output.h"
#include "tail/event_taker.h"

namespace resmon::tail {

struct JournalOptions {
  std::string program = "journalctl";
  std::vector<std::string> matches;  // as journalctl takes them: _SYSTEMD_UNIT=ssh.service
  std::string priority;              // "notice": that and above; empty: all
};

class JournalSource {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  explicit JournalSource(JournalOptions options) : options_(std::move(options)) {}

  void restore(const std::map<std::string, std::string>& marks);
  // True: there is more to read at once.
  bool poll(TimePoint now, bool pause, EventTaker& taker);
  std::uint64_t malformed() const { return malformed_; }
  std::vector<std::string> take_findings() { return std::exchange(findings_, {}); }

 private:
  void start(TimePoint now);
  void ended(TimePoint now, const std::string& how);

  const JournalOptions options_;
  ChildOutput child_;
  std::string buffer_;
  std::string cursor_;
  std::string told_;  // the ending that is known
  std::vector<std::string> findings_;
  TimePoint next_start_{};
  std::chrono::seconds pause_{1};
  std::uint64_t malformed_ = 0;
};

}  // namespace resmon::tail
