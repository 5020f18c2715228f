#pragma once

// The output of a program that keeps running, line by line. The program is started again, with growing pauses, when it
// ends. Lines that were read but not yet stored when the client is killed are lost, because the output cannot be read
// again. While the spool is full nothing is read, so the program waits. Polled; no thread.

#include <chrono>
#include <string>
#include <vector>

#include "tail/child_output.h"
#include "tail/event_taker.h"
#include "tail/splitter.h"

namespace resmon::tail {

struct ExecOptions {
  std::vector<std::string> command;  // the program first; no shell looks at it
  SplitOptions split;
};

class ExecSource {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  explicit ExecSource(ExecOptions options) : options_(std::move(options)) {}

  // True: there is more to read at once.
  bool poll(TimePoint now, bool pause, EventTaker& taker);
  std::vector<std::string> take_findings() { return std::exchange(findings_, {}); }

 private:
  void start(TimePoint now);
  void ended(TimePoint now, const std::string& how);

  const ExecOptions options_;
  ChildOutput child_;
  std::string buffer_;
  SplitState state_;
  std::string told_;
  std::vector<std::string> findings_;
  TimePoint came_at_{};
  TimePoint next_start_{};
  std::chrono::seconds pause_{1};
};

}  // namespace resmon::tail
