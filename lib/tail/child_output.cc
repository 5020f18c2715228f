#include "tail/child_output.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace resmon::tail {

namespace {

constexpr std::size_t kMostComplaint = 300;

struct PipeEnds {
  Fd read;
  Fd write;
  bool open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    read = Fd(ends[0]);
    write = Fd(ends[1]);
    return ::fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
  }
};

std::vector<char*> pointers_of(const std::vector<std::string>& words) {
  std::vector<char*> out;
  for (const std::string& word : words) out.push_back(const_cast<char*>(word.c_str()));
  out.push_back(nullptr);
  return out;
}

// In the child: only what is safe between fork and exec.
[[noreturn]] void run(char* const* words, char* const* environment, int null, int out, int complaints) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t none;
  ::sigemptyset(&none);
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::dup2(null, 0);
  ::dup2(out, 1);
  ::dup2(complaints, 2);
  ::execvpe(words[0], words, environment);
  const int error = errno;
  const char* const reason = ::strerrordesc_np(error);
  for (const char* part :
       {"cannot run ", static_cast<const char*>(words[0]), ": ", reason != nullptr ? reason : "error"})
    if (::write(2, part, std::strlen(part)) < 0) break;
  ::_exit(error == ENOENT ? 127 : 126);
}

}  // namespace

Result<ChildOutput> ChildOutput::start(const std::vector<std::string>& words,
                                       const std::vector<std::string>& environment) {
  PipeEnds out;
  PipeEnds complaints;
  const Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::vector<char*> arguments = pointers_of(words);
  const std::vector<char*> variables = pointers_of(environment);
  if (!null.valid() || !out.open() || !complaints.open()) return fail(system_error("cannot start a process", errno));
  const pid_t pid = ::fork();
  if (pid == 0) run(arguments.data(), variables.data(), null.get(), out.write.get(), complaints.write.get());
  if (pid < 0) return fail(system_error("cannot start a process", errno));
  ::setpgid(pid, pid);
  ChildOutput child;
  child.pid_ = pid;
  child.output_ = std::move(out.read);
  child.complaints_ = std::move(complaints.read);
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
