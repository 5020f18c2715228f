// The kernel's own cost of a gather: the lower bound for any client.
//
// Problem: "the client uses little" means nothing without knowing what reading the same files costs in any program. So
// this is a loop that wakes once a second, on the wall clock, and reads the files that the client's default collectors
// read (lib/collect), in their order, kept open, with pread; it looks at nothing that it read. It links none of the
// client's code, so a mistake there cannot hide in both. bench/agent.sh compares --list with the files that the real
// client holds open.
//
// What the client leaves out this leaves out, too, or the floor would lie too high: net/snmp's neighbours, vmstat on a
// machine without swap (once a minute), the list of connections while nothing happens (every ten seconds), the listing
// of /proc while nothing was forked. The last needs one number of /proc/stat, found by memmem: the only thing that is
// not a system call.
//
// CPU time is of the whole loop, sleeping and waking included, not of each read: two calls of clock_gettime around a
// read of two microseconds would measure themselves. At another phase of the second (--phase) it can run beside a
// client without either warming the caches for the other a moment before.

#include <dirent.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr long kNanos = 1'000'000'000;

// In the collectors' order.
constexpr const char* kFiles[] = {
    "/proc/stat",           "/proc/meminfo",
    "/proc/diskstats",      "/proc/net/dev",
    "/proc/net/sockstat",   "/proc/net/sockstat6",
    "/proc/net/snmp",       "/proc/loadavg",
    "/proc/uptime",         "/proc/sys/kernel/random/entropy_avail",
    "/proc/sys/fs/file-nr", "/proc/sys/fs/inode-nr",
    "/proc/sys/fs/aio-nr",  "/proc/sys/fs/aio-max-nr",
    "/proc/pressure/cpu",   "/proc/pressure/memory",
    "/proc/pressure/io",
};
// Every kSlowEvery ticks.
constexpr const char* kSlowFiles[] = {
    "/proc/interrupts",
    "/proc/softirqs",
    "/proc/sys/net/netfilter/nf_conntrack_count",
    "/proc/sys/net/netfilter/nf_conntrack_max",
};
constexpr std::size_t kStat = 0;
constexpr std::size_t kMeminfo = 1;
constexpr const char* kUtmp = "/run/utmp";

constexpr unsigned kVmstatEvery = 60;  // ticks, on a machine without swap
constexpr unsigned kSocketsEvery = 10;
constexpr unsigned kFlagsEvery = 10;
constexpr unsigned kSlowEvery = 30;

volatile std::sig_atomic_t stop_requested = 0;

char buffer[1 << 15];

struct Options {
  bool processes = false;
  bool list = false;
  unsigned long ticks = 0;  // 0: until SIGTERM
  long phase_ms = 0;
  long interval_ms = 1000;
};

// How many bytes there were. Reads on as long as the kernel may have more. `piece` matters for /proc/sys alone, where
// the kernel allocates and clears as much as is asked for; a large one would lift the floor.
std::size_t read_file(int fd, std::size_t piece = sizeof buffer) {
  std::size_t size = 0;
  while (size < sizeof buffer) {
    const ssize_t got = ::pread(fd, buffer + size, std::min(piece, sizeof buffer - size), static_cast<off_t>(size));
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
    if (got < 3584) break;  // a seq_file stops at a record that does not fit its page
  }
  return size;
}

std::string_view number_after(std::string_view text, std::string_view key) {
  const void* found = ::memmem(text.data(), text.size(), key.data(), key.size());
  if (found == nullptr) return {};
  const char* from = static_cast<const char*>(found) + key.size();
  std::string_view rest(from, static_cast<std::size_t>(text.data() + text.size() - from));
  return rest.substr(0, rest.find('\n'));
}

class Loop {
 public:
  explicit Loop(const Options& options) : options_(options) {
    for (const char* path : kFiles) files_.push_back(::open(path, O_RDONLY | O_CLOEXEC));
    for (const char* path : kSlowFiles) slow_files_.push_back(::open(path, O_RDONLY | O_CLOEXEC));
    vmstat_ = ::open("/proc/vmstat", O_RDONLY | O_CLOEXEC);
    swap_ = has_swap();
    sockets_ = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (DIR* interfaces = ::opendir("/sys/class/net")) {
      while (const dirent* entry = ::readdir(interfaces))
        if (entry->d_name[0] != '.') flags_.push_back(std::string("/sys/class/net/") + entry->d_name + "/flags");
      ::closedir(interfaces);
    }
    if (options_.processes) {
      rlimit most{};
      ::getrlimit(RLIMIT_NOFILE, &most);
      most_kept_ = std::min<std::size_t>(4096, static_cast<std::size_t>(most.rlim_cur) / 2);
      proc_ = ::opendir("/proc");
    }
  }

  void tick() {
    for (std::size_t i = 0; i < files_.size(); ++i) {
      if (files_[i] < 0) continue;
      const std::size_t size = read_file(files_[i], piece_of(kFiles[i]));
      if (i == kStat && options_.processes) note_forks({buffer, size});
    }
    if (ticks_ % kSlowEvery == 0)
      for (std::size_t i = 0; i < slow_files_.size(); ++i)
        if (slow_files_[i] >= 0) read_file(slow_files_[i], piece_of(kSlowFiles[i]));
    if (vmstat_ >= 0 && (swap_ || ticks_ % kVmstatEvery == 0)) read_file(vmstat_);
    if (sockets_ >= 0 && ticks_ % kSocketsEvery == 0) dump_sockets();
    if (ticks_ % kFlagsEvery == 0)
      for (const std::string& path : flags_) read_once(path.c_str());
    struct ::statfs space {};
    ::statfs("/", &space);
    struct ::stat about {};
    if (utmp_ && ::stat(kUtmp, &about) == 0)
      read_once(kUtmp);
    else
      utmp_ = false;
    if (options_.processes) read_processes();
    ++ticks_;
  }

  std::uint64_t ticks() const { return ticks_; }
  std::size_t processes() const { return kept_.size(); }

 private:
  static std::size_t piece_of(std::string_view path) { return path.starts_with("/proc/sys/") ? 255 : sizeof buffer; }

  bool has_swap() const {
    if (files_[kMeminfo] < 0) return false;
    const std::size_t size = read_file(files_[kMeminfo]);
    const std::string_view total = number_after({buffer, size}, "SwapTotal:");
    return total.find_first_of("123456789") != std::string_view::npos;
  }

  static void read_once(const char* path) {
    const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    read_file(fd);
    ::close(fd);
  }

  void dump_sockets() const {
    struct {
      nlmsghdr header{};
      inet_diag_req body{};
    } request;
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = TCPDIAG_GETSOCK;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request.body.idiag_states = 0xffe;
    if (::send(sockets_, &request, sizeof request, 0) < 0) return;
    while (true) {
      const ssize_t got = ::recv(sockets_, buffer, sizeof buffer, 0);
      if (got < static_cast<ssize_t>(sizeof(nlmsghdr))) return;
      nlmsghdr first{};
      std::memcpy(&first, buffer, sizeof first);
      if (first.nlmsg_type == NLMSG_DONE || first.nlmsg_type == NLMSG_ERROR) return;
    }
  }

  void note_forks(std::string_view stat) {
    const std::string_view forks = number_after(stat, "\nprocesses ");
    if (forks == forks_) return;
    forks_ = forks;
    forked_ = true;
  }

  void read_processes() {
    if (forked_ && proc_ != nullptr) list_processes();
    forked_ = false;
    for (Process& process : kept_) {
      if (process.fd >= 0 && ::pread(process.fd, buffer, 1024, 0) > 0) continue;
      if (process.fd >= 0) ::close(process.fd);
      process.fd = -1;
    }
    std::erase_if(kept_, [](const Process& process) { return process.fd < 0; });
  }

  void list_processes() {
    ::rewinddir(proc_);
    std::size_t known = 0;
    const std::size_t had = kept_.size();
    while (const dirent* entry = ::readdir(proc_)) {
      if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
      const unsigned long id = std::strtoul(entry->d_name, nullptr, 10);
      while (known < had && kept_[known].id < id) ++known;
      if ((known < had && kept_[known].id == id) || kept_.size() >= most_kept_) continue;
      char path[64];
      std::snprintf(path, sizeof path, "/proc/%lu/stat", id);
      kept_.push_back({id, ::open(path, O_RDONLY | O_CLOEXEC)});
    }
    std::sort(kept_.begin(), kept_.end(), [](const Process& a, const Process& b) { return a.id < b.id; });
  }

  struct Process {
    unsigned long id;
    int fd;
  };

  Options options_;
  std::vector<int> files_;
  std::vector<int> slow_files_;
  int vmstat_ = -1;
  bool swap_ = false;
  int sockets_ = -1;
  std::vector<std::string> flags_;
  bool utmp_ = true;
  DIR* proc_ = nullptr;
  std::size_t most_kept_ = 0;
  std::string forks_;
  bool forked_ = true;
  std::vector<Process> kept_;
  std::uint64_t ticks_ = 0;
};

double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

void sleep_until_next(const Options& options) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const std::int64_t step = options.interval_ms * 1'000'000;
  const std::int64_t phase = options.phase_ms * 1'000'000;
  const std::int64_t at = now.tv_sec * kNanos + now.tv_nsec - phase;
  const std::int64_t next = (at / step + 1) * step + phase;
  const timespec until{.tv_sec = next / kNanos, .tv_nsec = next % kNanos};
  ::clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, nullptr);
}

int usage(int code) {
  std::fprintf(
      code == 0 ? stdout : stderr,
      "Usage: bench-floor [--ticks N] [--processes] [--phase MS] [--interval MS] [--list]\n"
      "Reads the files of the client's default collectors at each interval and looks at none of them; prints the\n"
      "CPU milliseconds a tick as JSON after --ticks (default 60) ticks, or on SIGTERM with --ticks 0.\n"
      "--processes  and /proc/PID/stat of every process, kept open\n"
      "--phase MS   after the full interval of the wall clock\n"
      "--list       prints the files and exits\n");
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  options.ticks = 60;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const bool more = i + 1 < argc;
    if (argument == "--help" || argument == "-h") return usage(0);
    if (argument == "--processes") {
      options.processes = true;
    } else if (argument == "--list") {
      options.list = true;
    } else if (argument == "--json") {
      continue;  // there is no other form
    } else if (argument == "--ticks" && more) {
      options.ticks = std::strtoul(argv[++i], nullptr, 10);
    } else if (argument == "--phase" && more) {
      options.phase_ms = std::strtol(argv[++i], nullptr, 10);
    } else if (argument == "--interval" && more) {
      options.interval_ms = std::max(1L, std::strtol(argv[++i], nullptr, 10));
    } else {
      return usage(2);
    }
  }
  if (options.list) {
    for (const char* path : kFiles) std::puts(path);
    for (const char* path : kSlowFiles) std::puts(path);
    std::puts("/proc/vmstat");
    return 0;
  }
  struct sigaction action {};
  action.sa_handler = [](int) { stop_requested = 1; };
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);

  Loop loop(options);
  sleep_until_next(options);
  loop.tick();  // the first opens and lists
  const double begin = cpu_seconds();
  while (stop_requested == 0 && (options.ticks == 0 || loop.ticks() <= options.ticks)) {
    sleep_until_next(options);
    if (stop_requested == 0) loop.tick();
  }
  const auto ticks = static_cast<double>(loop.ticks() - 1);
  std::printf("{\"ticks\":%.0f,\"processes\":%zu,\"cpu_milliseconds_per_tick\":%.4f}\n", ticks, loop.processes(),
              ticks > 0 ? (cpu_seconds() - begin) * 1e3 / ticks : 0.0);
  return 0;
}
