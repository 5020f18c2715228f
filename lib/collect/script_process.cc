// The end of a process is noticed by its pipes: nearly always they close in the moment in which it ends. So there is
// no SIGCHLD handler, which all code of the program would have to share, but a look with waitid when both pipes are
// closed, again after 1, 2, 4 … 100 ms for the rare script that closes them early. A script whose background job keeps
// the pipes open runs into its deadline.
//
// The leader is looked at with WNOWAIT and reaped only after its group was killed: while it is a zombie its number, and
// so the group's, cannot be handed to somebody else.

#include "collect/script_process.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>

#include "base/child_process.h"
#include "config/units.h"
#include "net/spawn.h"

namespace resmon::collect {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::chrono::milliseconds kLongestPause{100};
constexpr std::chrono::seconds kGrace{1};  // between SIGTERM and SIGKILL
constexpr std::size_t kComplaintBytes = 300;

// The first line, fit to be logged.
std::string one_line(std::string text) {
  text.resize(std::min(text.find('\n'), text.size()));
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return text;
}

}  // namespace

ScriptProcess::ScriptProcess(const asio::any_io_executor& executor)
    : output_pipe_(executor), complaint_pipe_(executor), deadline_(executor), look_timer_(executor) {}

ScriptProcess::~ScriptProcess() {
  kill();
}

void ScriptProcess::start(const ScriptCommand& command, std::string& output, Done done) {
  output.clear();
  output_ = &output;
  complaint_.clear();
  limit_ = command.output_limit_bytes;
  outcome_ = {};
  too_much_ = false;
  killed_ = false;
  pause_ = std::chrono::milliseconds(1);
  done_ = std::move(done);
  began_ = std::chrono::steady_clock::now();

  auto child = start_child(command.words, command.environment, ChildFolder::kRoot);
  if (!child) {
    pid_ = -1;
    outcome_.status = fail(std::move(child).error());
    net::post(output_pipe_.get_executor(), [self = shared_from_this()] { self->finish(); });
    return;
  }
  pid_ = child->id;
  output_pipe_.assign(child->output);
  complaint_pipe_.assign(child->complaints);
  open_pipes_ = 2;
  outcome_.status = {};
  deadline_.expires_after(command.timeout);
  deadline_.async_wait([self = shared_from_this(), timeout = command.timeout](const error_code& cancelled) {
    if (cancelled) return;
    self->outcome_.timed_out = true;
    self->outcome_.status = fail(ErrorKind::kUnavailable, "timed out after " + config::print_duration(timeout) +
                                                              "; it and its child processes were killed");
    self->signal_group(SIGTERM);
    self->deadline_.expires_after(kGrace);
    self->deadline_.async_wait([self](const error_code& again) {
      if (!again) self->too_late();
    });
  });
  read_output();
  read_complaints();
}

void ScriptProcess::read_output() {
  output_pipe_.async_read_some(
      asio::buffer(buffer_), [self = shared_from_this()](const error_code& error, std::size_t bytes) {
        if (error == asio::error::operation_aborted) return;
        if (error) return self->output_pipe_.close(), self->closed();
        self->outcome_.output_bytes += bytes;
        const std::size_t room = self->limit_ - std::min(self->limit_, self->output_->size());
        self->output_->append(self->buffer_.data(), std::min(bytes, room));
        if (bytes > room && !self->too_much_) {
          self->too_much_ = true;
          self->outcome_.status = fail(ErrorKind::kLimit, "printed more than " + config::print_bytes(self->limit_) +
                                                              "; it was killed and its output discarded");
          self->signal_group(SIGKILL);
        }
        self->read_output();
      });
}

void ScriptProcess::read_complaints() {
  complaint_pipe_.async_read_some(
      asio::buffer(complaint_buffer_), [self = shared_from_this()](const error_code& error, std::size_t bytes) {
        if (error == asio::error::operation_aborted) return;
        if (error) return self->complaint_pipe_.close(), self->closed();
        const std::size_t room = kComplaintBytes - std::min(kComplaintBytes, self->complaint_.size());
        self->complaint_.append(self->complaint_buffer_.data(), std::min(bytes, room));
        self->read_complaints();
      });
}

void ScriptProcess::closed() {
  if (--open_pipes_ == 0) look();
}

void ScriptProcess::look() {
  if (pid_ <= 0) return;
  siginfo_t info{};
  const bool asked = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0;
  // ECHILD, where the program ignores SIGCHLD: the kernel has reaped it, and it is gone.
  if (asked ? info.si_pid == 0 : errno != ECHILD) return look_later();
  signal_group(SIGKILL);
  int status = 0;
  const bool reaped = ::waitpid(pid_, &status, 0) == pid_;
  pid_ = -1;
  if (killed_ || !done_) return;
  if (reaped) outcome_.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (outcome_.status && outcome_.exit_code != 0) {
    std::string text = outcome_.exit_code > 128 ? "ended by signal " + std::to_string(outcome_.exit_code - 128)
                                                : "exit code " + std::to_string(outcome_.exit_code);
    if (const std::string said = one_line(complaint_); !said.empty()) text += ": " + said;
    outcome_.status = fail(ErrorKind::kUnavailable, std::move(text));
  }
  finish();
}

void ScriptProcess::look_later() {
  look_timer_.expires_after(pause_);
  pause_ = std::min(pause_ * 2, kLongestPause);
  look_timer_.async_wait([self = shared_from_this()](const error_code& cancelled) {
    if (!cancelled) self->look();
  });
}

// SIGTERM was not enough. Processes that left the group and hold the pipes are abandoned; the outcome is reported now,
// even if the kernel does not end the process.
void ScriptProcess::too_late() {
  signal_group(SIGKILL);
  error_code ignored;
  output_pipe_.close(ignored);
  complaint_pipe_.close(ignored);
  finish();
  look();
}

void ScriptProcess::finish() {
  deadline_.cancel();
  outcome_.took = std::chrono::steady_clock::now() - began_;
  if (Done done = std::exchange(done_, {})) done(std::move(outcome_));
}

void ScriptProcess::signal_group(int signal) const {
  if (pid_ > 0) ::kill(-pid_, signal);
}

void ScriptProcess::kill() {
  done_ = {};
  killed_ = true;
  signal_group(SIGKILL);
  if (pid_ > 0) {
    ::waitpid(pid_, nullptr, WNOHANG);
    pid_ = -1;
  }
  error_code ignored;
  output_pipe_.close(ignored);
  complaint_pipe_.close(ignored);
  deadline_.cancel();
  look_timer_.cancel();
}

}  // namespace resmon::collect
