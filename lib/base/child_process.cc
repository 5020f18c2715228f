// fork and exec, not posix_spawn: posix_spawn holds the caller until the exec has succeeded, and an exec from a dead
// network file system never does. A forked child hangs alone, and its deadline passes as any other's.

#include "base/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace resmon {

namespace {

struct ChildPipe {
  int read = -1;
  int write = -1;
  ~ChildPipe() {
    if (read >= 0) ::close(read);
    if (write >= 0) ::close(write);
  }
  bool open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    read = ends[0];
    write = ends[1];
    return ::fcntl(read, F_SETFL, O_NONBLOCK) == 0;
  }
};

// In the child: only what is safe between fork and exec. Never returns.
[[noreturn]] void become(const char* const* words, const char* const* environment, ChildFolder folder, int out,
                         int complaints, int null) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t none;
  ::sigemptyset(&none);
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::dup2(null, 0);
  ::dup2(out, 1);
  ::dup2(complaints, 2);
  // Files that were opened without O_CLOEXEC by a library. Old kernels do not know the call; then there is only that.
  ::syscall(SYS_close_range, 3U, ~0U, 0U);
  if (folder == ChildFolder::kOurs || ::chdir("/") == 0)
    ::execvpe(words[0], const_cast<char* const*>(words), const_cast<char* const*>(environment));
  const int error = errno;
  const char* text = ::strerrordesc_np(error);
  const char* const parts[] = {"cannot run ", words[0], ": ", text != nullptr ? text : "error", "\n"};
  for (const char* part : parts)
    if (::write(2, part, std::strlen(part)) < 0) break;
  ::_exit(error == ENOENT ? 127 : 126);
}

std::vector<const char*> pointers(const std::vector<std::string>& words) {
  std::vector<const char*> out;
  for (const std::string& word : words) out.push_back(word.c_str());
  out.push_back(nullptr);
  return out;
}

}  // namespace

Result<ChildProcess> start_child(const std::vector<std::string>& words, const std::vector<std::string>& environment,
                                 ChildFolder folder) {
  ChildPipe out;
  ChildPipe complaints;
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const std::vector<const char*> word_pointers = pointers(words);
  const std::vector<const char*> environment_pointers = pointers(environment);
  ChildProcess child;
  int error = 0;
  if (null < 0 || !out.open() || !complaints.open()) {
    error = errno;
  } else {
    child.id = ::fork();
    if (child.id == 0)
      become(word_pointers.data(), environment_pointers.data(), folder, out.write, complaints.write, null);
    if (child.id < 0) error = errno;
  }
  if (null >= 0) ::close(null);
  if (error != 0) return fail(system_error("cannot start a process", error));
  ::setpgid(child.id, child.id);  // whoever comes first, parent or child
  child.output = std::exchange(out.read, -1);
  child.complaints = std::exchange(complaints.read, -1);
  return child;
}

}  // namespace resmon
