#pragma once

// One run of a script: a process in a group of its own whose output is read without blocking, up to a limit and a
// deadline. However it ends, its whole group is killed before its pid is given back, so that nothing it started in the
// background stays (what leaves the group with setsid does). All on the executor's one thread.

#include <sys/types.h>

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace resmon::collect {

struct ScriptCommand {
  std::vector<std::string> words;        // the program first; found on PATH when it has no slash
  std::vector<std::string> environment;  // NAME=VALUE, the whole of it
  std::chrono::nanoseconds timeout{0};
  std::size_t output_limit_bytes = 0;
};

class ScriptProcess : public std::enable_shared_from_this<ScriptProcess> {
 public:
  struct Outcome {
    Status status;       // fails: could not start, ended badly, too slow, too much output. The text is for people.
    int exit_code = -1;  // as shells count: 128 + signal; -1 when there is none
    bool timed_out = false;
    std::size_t output_bytes = 0;  // what came, also beyond the limit
    std::chrono::steady_clock::duration took{};
  };
  using Done = std::function<void(Outcome)>;

  explicit ScriptProcess(const boost::asio::any_io_executor& executor);
  ScriptProcess(const ScriptProcess&) = delete;
  ScriptProcess& operator=(const ScriptProcess&) = delete;
  ~ScriptProcess();

  // Starts, or calls `done` with why not. `done` is called once, never from within start, and not at all after kill.
  // `output` is cleared, then filled with standard output; it must live until `done` or kill.
  void start(const ScriptCommand& command, std::string& output, Done done);

  // Ends it at once and without a word; for the client's end. Idempotent.
  void kill();

  // Whether the process is still there. It can outlive its outcome where it hangs inside the kernel.
  bool there() const { return pid_ > 0; }

 private:
  void read_output();
  void read_complaints();
  void closed();  // one of the two pipes
  void look();    // whether it has ended
  void look_later();
  void too_late();
  void finish();
  void signal_group(int signal) const;

  boost::asio::posix::stream_descriptor output_pipe_;
  boost::asio::posix::stream_descriptor complaint_pipe_;
  boost::asio::steady_timer deadline_;
  boost::asio::steady_timer look_timer_;
  std::chrono::steady_clock::time_point began_;
  std::chrono::milliseconds pause_{1};
  std::string* output_ = nullptr;
  std::string complaint_;  // the beginning of standard error
  std::array<char, 4096> complaint_buffer_{};
  std::array<char, 4096> buffer_{};
  std::size_t limit_ = 0;
  int open_pipes_ = 0;
  pid_t pid_ = -1;
  bool killed_ = false;
  bool too_much_ = false;
  Outcome outcome_;
  Done done_;
};

}  // namespace resmon::collect
