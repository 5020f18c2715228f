#include "tail/child_output.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/child_process.h"

namespace resmon::tail {

namespace {

constexpr std::size_t kMostComplaint = 300;

}  // namespace

Result<ChildOutput> ChildOutput::start(const std::vector<std::string>& words,
                                       const std::vector<std::string>& environment) {
  RESMON_ASSIGN(const ChildProcess started, start_child(words, environment, ChildFolder::kOurs));
  ChildOutput child;
  child.pid_ = started.id;
  child.output_ = Fd(started.output);
  child.complaints_ = Fd(started.complaints);
  return child;
}

ChildOutput::ChildOutput(ChildOutput&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      output_(std::move(other.output_)),
      complaints_(std::move(other.complaints_)),
      complaint_(std::move(other.complaint_)) {}

ChildOutput& ChildOutput::operator=(ChildOutput&& other) noexcept {
  if (this == &other) return *this;
  kill();
  pid_ = std::exchange(other.pid_, -1);
  output_ = std::move(other.output_);
  complaints_ = std::move(other.complaints_);
  complaint_ = std::move(other.complaint_);
  return *this;
}

ChildOutput::~ChildOutput() {
  kill();
}

bool ChildOutput::read(std::string& out, std::size_t most) {
  if (!output_.valid()) return false;
  std::array<char, 4096> errors;
  const ssize_t said = ::read(complaints_.get(), errors.data(), errors.size());
  if (said > 0)
    complaint_.append(errors.data(), std::min(static_cast<std::size_t>(said),
                                              kMostComplaint - std::min(kMostComplaint, complaint_.size())));
  const std::size_t before = out.size();
  out.resize(before + std::min<std::size_t>(most, 64U << 10U));
  ssize_t got = 0;
  do {
    got = ::read(output_.get(), out.data() + before, out.size() - before);
  } while (got < 0 && errno == EINTR);
  const int error = errno;
  out.resize(before + (got > 0 ? static_cast<std::size_t>(got) : 0));
  return got > 0 || (got < 0 && error == EAGAIN);
}

std::string ChildOutput::ending() {
  std::array<char, 4096> errors;
  const ssize_t said = complaints_.valid() ? ::read(complaints_.get(), errors.data(), errors.size()) : 0;
  if (said > 0) complaint_.append(errors.data(), static_cast<std::size_t>(said));
  int status = 0;
  std::string text = "ended";
  // It closed its output, so it has ended or is about to.
  for (int i = 0; i < 50 && pid_ > 0; ++i) {
    const pid_t reaped = ::waitpid(pid_, &status, WNOHANG);
    if (reaped == pid_) {
      ::kill(-pid_, SIGKILL);
      pid_ = -1;
      text = WIFEXITED(status) ? "exit code " + std::to_string(WEXITSTATUS(status))
                               : "ended by signal " + std::to_string(WTERMSIG(status));
      break;
    }
    ::usleep(1000);
  }
  kill();
  complaint_.resize(std::min(complaint_.find('\n'), std::min(complaint_.size(), kMostComplaint)));
  if (!complaint_.empty()) text += ": " + complaint_;
  return text;
}

void ChildOutput::kill() {
  if (pid_ > 0) {
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  output_.reset();
  complaints_.reset();
}

}  // namespace resmon::tail
