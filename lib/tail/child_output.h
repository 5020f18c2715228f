#pragma once

// The output of a program that keeps running, such as `journalctl --follow`, read without blocking. The program and its
// child processes are killed when this object is destroyed, and when the calling thread ends. Not thread-safe.

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace resmon::tail {

class ChildOutput {
 public:
  // `words`: the program first, found on PATH. `environment`: NAME=VALUE, the whole of it.
  static Result<ChildOutput> start(const std::vector<std::string>& words, const std::vector<std::string>& environment);
  ChildOutput() = default;
  ChildOutput(ChildOutput&& other) noexcept;
  ChildOutput& operator=(ChildOutput&& other) noexcept;
  ~ChildOutput();

  bool running() const { return pid_ > 0; }
  // Appends what has come, `most` bytes at most; true while the program may say more.
  bool read(std::string& out, std::size_t most);
  // How it ended, for people, with the beginning of its standard error; REQUIRES: read returned false.
  std::string ending();
  void kill();

 private:
  pid_t pid_ = -1;
  Fd output_;
  Fd complaints_;
  std::string complaint_;
};

}  // namespace resmon::tail
