#include "notify/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "base/file.h"
#include "base/json_text.h"

namespace resmon::notify {

namespace {

using std::chrono::steady_clock;

constexpr std::size_t kMostOutput = 300;

struct Pipe {
  Fd read, write;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail(system_error("pipe", errno));
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

Result<pid_t> start(const std::vector<std::string>& command, const std::vector<std::string>& environment, int input,
                    int output) {
  std::vector<char*> arguments, variables;
  for (const std::string& one : command) arguments.push_back(const_cast<char*>(one.c_str()));
  for (const std::string& one : environment) variables.push_back(const_cast<char*>(one.c_str()));
  arguments.push_back(nullptr);
  variables.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // The server's threads block signals; the program must not inherit that. A group of its own, to be ended as a whole.
  sigset_t none, usual;
  sigemptyset(&none);
  sigfillset(&usual);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &usual);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, arguments[0], &actions, &attributes, arguments.data(), variables.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return fail(system_error(command[0], error));
  return pid;
}

// Feeds and reads until both ends are closed. False: too late.
bool talk(Pipe& in, Pipe& out, std::string_view input, std::string& output, steady_clock::time_point until) {
  fcntl(in.write.get(), F_SETFL, O_NONBLOCK);
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - steady_clock::now()).count();
    if (left <= 0) return false;
    std::array<pollfd, 2> wanted{{{out.read.get(), POLLIN, 0}, {in.write.get(), POLLOUT, 0}}};
    if (poll(wanted.data(), in.write.valid() ? 2 : 1, static_cast<int>(std::min<std::int64_t>(left, 1000))) < 0 &&
        errno != EINTR)
      return true;
    if (in.write.valid() && wanted[1].revents != 0) {
      const ssize_t n = write(in.write.get(), input.data(), input.size());
      if (n > 0) input.remove_prefix(static_cast<std::size_t>(n));
      // A program that does not read its input is not wrong for that.
      if (input.empty() || (n < 0 && errno != EAGAIN && errno != EINTR)) in.write.reset();
    }
    if (wanted[0].revents != 0) {
      std::array<char, 1024> part{};
      const ssize_t n = read(out.read.get(), part.data(), part.size());
      if (n <= 0) return true;
      output.append(part.data(), static_cast<std::size_t>(n));
      if (output.size() > kMostOutput * 4) output.erase(0, output.size() - kMostOutput);
    }
  }
}

}  // namespace

Status run_program(const std::vector<std::string>& command, const std::string& input,
                   const std::vector<std::string>& more, std::chrono::nanoseconds timeout) {
  const auto until = steady_clock::now() + std::chrono::duration_cast<steady_clock::duration>(timeout);
  RESMON_ASSIGN(Pipe in, make_pipe());
  RESMON_ASSIGN(Pipe out, make_pipe());
  std::vector<std::string> environment{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8"};
  if (const char* const home = std::getenv("HOME")) environment.push_back(std::string("HOME=") + home);
  environment.insert(environment.end(), more.begin(), more.end());
  RESMON_ASSIGN(const pid_t pid, start(command, environment, in.read.get(), out.write.get()));
  in.read.reset();
  out.write.reset();
  std::string output;
  bool in_time = talk(in, out, input, output, until);
  int status = 0;
  while (in_time && waitpid(pid, &status, WNOHANG) == 0) {
    in_time = steady_clock::now() < until;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  if (!in_time) {
    kill(-pid, SIGKILL);
    waitpid(pid, &status, 0);
    return fail(ErrorKind::kUnavailable, command[0] + ": timed out and was killed");
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  if (output.size() > kMostOutput) output.erase(0, output.size() - kMostOutput);
  return fail(ErrorKind::kUnavailable,
              command[0] +
                  (WIFEXITED(status) ? ": exit code " + std::to_string(WEXITSTATUS(status))
                                     : ": ended by signal " + std::to_string(WTERMSIG(status))) +
                  (output.empty() ? "" : ": " + printable(output)));
}

}  // namespace resmon::notify
