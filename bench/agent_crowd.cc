// Idle processes, and control groups that look like Docker's, for bench/agent.sh: what a client costs beside many.
//
//   agent-crowd [--processes N] [--groups N]
//
// It prints a line once all are there, and waits for SIGTERM; then it removes them. Each control group has one process
// and is in every hierarchy that a client reads. Groups need root.

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::string_view kTree = "/sys/fs/cgroup";
constexpr std::string_view kSlice = "/resmon-bench.slice";

// One folder of a group in each hierarchy.
class Groups {
 public:
  Groups() {
    const std::string tree(kTree);
    const bool version_2 = ::access((tree + "/cgroup.controllers").c_str(), F_OK) == 0;
    if (version_2) {
      give_controllers(tree);
      add_slice(tree);
      give_controllers(tree + std::string(kSlice));
      return;
    }
    for (const char* hierarchy : {"cpu", "cpuacct", "memory", "pids", "blkio", "systemd"})
      if (::access((tree + "/" + hierarchy).c_str(), F_OK) == 0) add_slice(tree + "/" + hierarchy);
  }
  ~Groups() {
    for (const std::string& folder : made_) remove(folder);
    for (const std::string& slice : slices_) remove(slice);
  }
  Groups(const Groups&) = delete;
  Groups& operator=(const Groups&) = delete;

  // Makes group `number`; false where no hierarchy takes it.
  bool make(long number) {
    bool any = false;
    for (const std::string& slice : slices_) {
      const std::string folder = slice + name_of(number);
      if (::mkdir(folder.c_str(), 0755) != 0) continue;
      made_.push_back(folder);
      any = true;
    }
    return any;
  }
  // The calling process joins it.
  void enter(long number) const {
    for (const std::string& slice : slices_) std::ofstream(slice + name_of(number) + "/cgroup.procs") << ::getpid();
  }

 private:
  void add_slice(const std::string& hierarchy) {
    const std::string slice = hierarchy + std::string(kSlice);
    ::mkdir(slice.c_str(), 0755);
    slices_.push_back(slice);
  }
  // Each by itself: one that is not there would refuse all.
  static void give_controllers(const std::string& folder) {
    for (const char* controller : {"+cpu", "+memory", "+io", "+pids"})
      std::ofstream(folder + "/cgroup.subtree_control") << controller;
  }
  static std::string name_of(long number) {
    char name[96];
    std::snprintf(name, sizeof name, "/docker-%064lx.scope", 0xbe7c000000L + number);
    return name;
  }
  // The kernel takes a moment to see that a group's process has ended.
  static void remove(const std::string& folder) {
    for (int i = 0; i < 100 && ::rmdir(folder.c_str()) != 0 && ::access(folder.c_str(), F_OK) == 0; ++i)
      ::usleep(20'000);
  }

  std::vector<std::string> slices_;
  std::vector<std::string> made_;
};

template <class Begin>
pid_t start(const std::string& name, Begin begin) {
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) std::_Exit(1);
  ::prctl(PR_SET_NAME, name.c_str());
  begin();
  while (true) ::pause();
}

// `stop`: signals that are blocked.
int run(long processes, long groups, const sigset_t& stop) {
  Groups control;
  std::vector<pid_t> children;
  const auto end = [&](int code) {
    for (const pid_t child : children) ::kill(child, SIGKILL);
    while (::waitpid(-1, nullptr, 0) > 0) {
    }
    return code;
  };
  for (long i = 0; i < groups; ++i) {
    if (!control.make(i)) {
      std::fprintf(stderr, "agent-crowd: cannot make a control group: it needs root\n");
      return end(1);
    }
    children.push_back(start("tenant-" + std::to_string(i), [&] { control.enter(i); }));
  }
  for (long i = 0; i < processes; ++i) {
    children.push_back(start("crowd", [] {}));
    if (children.back() > 0) continue;
    std::fprintf(stderr, "agent-crowd: cannot start process %ld of %ld\n", i + 1, processes);
    children.pop_back();
    return end(1);
  }
  std::printf("{\"processes\":%ld,\"groups\":%ld}\n", processes, groups);
  std::fflush(stdout);
  int signal = 0;
  ::sigwait(&stop, &signal);
  return end(0);
}

}  // namespace

int main(int argc, char** argv) {
  long processes = 0;
  long groups = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const bool more = i + 1 < argc;
    if (argument == "--processes" && more) {
      processes = std::max(0L, std::strtol(argv[++i], nullptr, 10));
    } else if (argument == "--groups" && more) {
      groups = std::max(0L, std::strtol(argv[++i], nullptr, 10));
    } else {
      std::fprintf(stderr, "agent-crowd: what is '%s'?\n", argv[i]);
      return 2;
    }
  }
  sigset_t stop;
  ::sigemptyset(&stop);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&stop, signal);
  ::sigprocmask(SIG_BLOCK, &stop, nullptr);  // its processes are killed, so they need not hear these
  return run(processes, groups, stop);
}
