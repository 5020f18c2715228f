// Measures the CPU time that running programs use, in windows, for bench/agent.sh.
//
//   agent-meter --windows N --seconds S [--scrape NAME=PORT] NAME=PID[+PID…][:GROUP]…
//
// Problem: the machine is noisy and the programs disturb each other. Two clients gather at the same instant, since both
// follow the wall clock; a peer that wakes at a random instant may warm the kernel's caches for one and not for
// another.
//
// So the programs of each group take turns: in a group's window those of the other groups are stopped (SIGSTOP), those
// without a group run always. A slow minute of the machine hits all groups and, within a window, the floor and the
// client alike, so the ratio of one window stands although its absolute figures do not. Windows begin and end late in a
// second, when nobody is at work, and each is preceded by two seconds that are not counted, in which a continued
// program makes up for lost time.
//
// CPU time is the process's CPU clock (clock_getcpuclockid): nanoseconds, all threads, ended ones included.
// /proc/PID/stat counts in ticks of ten milliseconds, forty gathers' worth.
//
// --scrape: the program of that name is one that is asked over HTTP; GET /metrics each second of its windows, over one
// connection.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::int64_t kNanos = 1'000'000'000;
constexpr std::int64_t kEdge = 930'000'000;    // of the second: windows begin and end here
constexpr std::int64_t kScrape = 500'000'000;  // and a scrape is made here
constexpr int kSettleSeconds = 2;

struct Subject {
  std::string name;
  std::vector<pid_t> pids;  // of one program: a daemon and its plugins
  std::string group;        // empty: runs always
  std::vector<clockid_t> clocks;
  std::int64_t begin = 0;
};

std::vector<Subject> subjects;
volatile std::sig_atomic_t stop_requested = 0;

std::int64_t cpu_nanos(const Subject& subject) {
  std::int64_t sum = 0;
  for (const clockid_t clock : subject.clocks) {
    timespec now{};
    if (::clock_gettime(clock, &now) != 0) return -1;
    sum += now.tv_sec * kNanos + now.tv_nsec;
  }
  return sum;
}

void signal_all(const Subject& subject, int signal) {
  for (const pid_t pid : subject.pids) ::kill(pid, signal);
}

// Sleeps until the next instant that is `phase` into a second.
void sleep_until_phase(std::int64_t phase) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  std::int64_t next = now.tv_sec * kNanos + phase;
  if (next <= now.tv_sec * kNanos + now.tv_nsec) next += kNanos;
  const timespec until{.tv_sec = next / kNanos, .tv_nsec = next % kNanos};
  while (stop_requested == 0 && ::clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, nullptr) != 0) {
  }
}

void run_group(const std::string& group) {
  for (const Subject& subject : subjects)
    if (!subject.group.empty()) signal_all(subject, subject.group == group ? SIGCONT : SIGSTOP);
}

void continue_all() {
  for (const Subject& subject : subjects)
    if (!subject.group.empty()) signal_all(subject, SIGCONT);
}

// One GET over a kept connection; the answer is over when nothing came for a while.
class Scraper {
 public:
  explicit Scraper(int port) : port_(port) {}

  bool scrape() {
    if (fd_ < 0 && !connect()) return false;
    constexpr std::string_view kRequest = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    if (::send(fd_, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) < 0) return drop();
    char buffer[65536];
    bool any = false;
    while (true) {
      pollfd wait{.fd = fd_, .events = POLLIN, .revents = 0};
      if (::poll(&wait, 1, any ? 100 : 300) <= 0) return any || drop();
      if (::recv(fd_, buffer, sizeof buffer, 0) <= 0) return drop();
      any = true;
    }
  }

 private:
  bool connect() {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 || drop();
  }
  bool drop() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    return false;
  }

  int port_;
  int fd_ = -1;
};

// "NAME=PID[+PID…][:GROUP]"
bool parse_subject(std::string_view text, Subject& out) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return false;
  out.name = text.substr(0, equals);
  const std::string rest(text.substr(equals + 1));
  const char* from = rest.c_str();
  while (true) {
    char* end = nullptr;
    const auto pid = static_cast<pid_t>(std::strtol(from, &end, 10));
    clockid_t clock{};
    if (pid <= 0) return false;
    if (::clock_getcpuclockid(pid, &clock) != 0) {
      std::fprintf(stderr, "agent-meter: %s: there is no process %d\n", out.name.c_str(), static_cast<int>(pid));
      return false;
    }
    out.pids.push_back(pid);
    out.clocks.push_back(clock);
    if (*end == ':') out.group = end + 1;
    if (*end != '+') return true;
    from = end + 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  int windows = 6;
  int seconds = 10;
  std::string scraped;
  int port = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--windows" && i + 1 < argc) {
      windows = std::atoi(argv[++i]);
    } else if (argument == "--seconds" && i + 1 < argc) {
      seconds = std::atoi(argv[++i]);
    } else if (argument == "--scrape" && i + 1 < argc) {
      const std::string text = argv[++i];
      scraped = text.substr(0, text.find('='));
      port = std::atoi(text.substr(text.find('=') + 1).c_str());
    } else if (Subject subject; parse_subject(argument, subject)) {
      subjects.push_back(std::move(subject));
    } else {
      std::fprintf(stderr, "agent-meter: what is '%s'?\n", argv[i]);
      return 2;
    }
  }
  struct sigaction action {};
  action.sa_handler = [](int) { stop_requested = 1; };
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaction(signal, &action, nullptr);
  ::atexit(continue_all);

  std::set<std::string> groups;
  std::string scraped_group;
  for (const Subject& subject : subjects) {
    if (!subject.group.empty()) groups.insert(subject.group);
    if (subject.name == scraped) scraped_group = subject.group;
  }
  if (groups.empty()) groups.insert("");
  Scraper scraper(port);
  for (int window = 0; window < windows; ++window) {
    for (const std::string& group : groups) {
      sleep_until_phase(kEdge);
      run_group(group);
      const bool scrapes = !scraped.empty() && group == scraped_group;
      for (int second = -kSettleSeconds; second < seconds && stop_requested == 0; ++second) {
        if (second == 0)
          for (Subject& subject : subjects) subject.begin = cpu_nanos(subject);
        if (scrapes) {
          sleep_until_phase(kScrape);
          scraper.scrape();
        }
        sleep_until_phase(kEdge);
      }
      if (stop_requested != 0) return 1;
      std::printf("{\"group\":\"%s\",\"seconds\":%d,\"cpu_nanoseconds\":{", group.c_str(), seconds);
      const char* comma = "";
      for (const Subject& subject : subjects) {
        if (!subject.group.empty() && subject.group != group) continue;
        const std::int64_t now = cpu_nanos(subject);
        if (now < 0 || subject.begin < 0) {
          std::fprintf(stderr, "\nagent-meter: %s has ended\n", subject.name.c_str());
          return 1;
        }
        std::printf("%s\"%s\":%lld", comma, subject.name.c_str(), static_cast<long long>(now - subject.begin));
        comma = ",";
      }
      std::printf("}}\n");
      std::fflush(stdout);
    }
  }
  return 0;
}
