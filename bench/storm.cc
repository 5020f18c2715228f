// Storm: how much of the CPU time of short processes procstat finds.
//
// Most processes of a storm start and end between two gathers, so nobody ever reads their /proc/PID/stat. This program
// starts a storm under a user of its own and within a control group of its own, gathers procstat's rows at the pace of
// a client, and compares the CPU time in that user's rows with what the kernel counted for the control group
// (cpuacct.usage, or usage_usec in cpu.stat), by the nanosecond. What is missing is in the row `other`, where nobody
// can tell whose it was.
//
//   waits     a parent starts processes and waits for each, as shells and make do
//   shell     a shell runs /bin/true, again and again
//   chain     each process starts one that starts one, and all wait
//   orphans   each process leaves a child behind, which ends later: its new parent waits for it
//   ignored   a parent that ignores SIGCHLD: the kernel adds the children's time to nobody
//
// Needs root: for the user and the control group.

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "collect/gather.h"

namespace {

constexpr uid_t kUser = 64'242;  // in no passwd file: its rows say the number

int usage(int code) {
  std::fprintf(
      code == 0 ? stdout : stderr,
      "Usage: bench-storm [--kind waits|shell|chain|orphans|ignored] [--seconds N] [--interval MS] [--burn US]\n"
      "                   [--idle N] [--jobs N]\n"
      "Starts processes that each burn US microseconds (default 2000) from N jobs (2) at a time, beside N idle\n"
      "ones (0), for N seconds (60), and prints as JSON which share of their CPU time is in procstat's rows.\n");
  return code;
}

struct Options {
  std::string kind = "waits";
  long seconds = 60;
  long interval_ms = 5000;
  long burn_us = 2000;
  long idle = 0;
  long jobs = 2;
};

void burn(long microseconds) {
  timespec now{};
  do ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  while (now.tv_sec * 1'000'000 + now.tv_nsec / 1000 < microseconds);
}

void wait_all() {
  while (::waitpid(-1, nullptr, 0) > 0) {
  }
}

// Starts processes until it is killed.
[[noreturn]] void storm(const Options& options) {
  ::prctl(PR_SET_NAME, "storm");
  if (options.kind == "shell") ::execl("/bin/sh", "sh", "-c", "while :; do /bin/true; done", nullptr);
  if (options.kind == "ignored") ::signal(SIGCHLD, SIG_IGN);
  while (true) {
    const pid_t child = ::fork();
    if (child < 0) std::_Exit(1);
    if (child == 0) {
      ::prctl(PR_SET_NAME, "short");
      if (options.kind == "chain" || options.kind == "orphans") {
        if (::fork() == 0) {
          burn(options.burn_us);
          std::_Exit(0);
        }
      }
      burn(options.burn_us);
      if (options.kind == "chain") wait_all();
      std::_Exit(0);
    }
    wait_all();
  }
}

// A control group of its own, in whichever hierarchy counts CPU time.
class Group {
 public:
  Group() {
    for (const char* parent : {"/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup"}) {
      path_ = std::string(parent) + "/resmon-bench-storm";
      ::mkdir(path_.c_str(), 0755);
      if (microseconds() >= 0) return;
      ::rmdir(path_.c_str());
    }
    path_.clear();
  }
  ~Group() {
    for (int i = 0; i < 100 && ::rmdir(path_.c_str()) != 0; ++i) ::usleep(20'000);
  }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  bool there() const { return !path_.empty(); }
  void enter() const { std::ofstream(path_ + "/cgroup.procs") << ::getpid(); }
  double microseconds() const {
    double number = -1;
    if (std::ifstream(path_ + "/cpuacct.usage") >> number) return number / 1000;
    std::string word;
    if (std::ifstream(path_ + "/cpu.stat") >> word >> number && word == "usage_usec") return number;
    return -1;
  }

 private:
  std::string path_;
};

// Seconds of CPU time in the rows of one gather: the storm's, and all.
struct Rows {
  double storm = 0;
  double other = 0;  // of nobody
  double all = 0;
};

Rows seconds_in(const resmon::metric::Batch& batch, const resmon::metric::SchemaTable& schemas, double passed) {
  Rows out;
  for (const resmon::metric::Row& row : batch.rows()) {
    const resmon::metric::Schema& schema = schemas[row.schema];
    if (schema.measurement != "procstat" || !batch.has(row, 0)) continue;
    const double seconds = resmon::metric::as_float(batch.value(row, 0)) / 100 * passed;
    out.all += seconds;
    for (const resmon::metric::Tag& tag : schema.tags) {
      if (tag.key == "user" && tag.value == std::to_string(kUser)) out.storm += seconds;
      if (tag.key == "process_name" && tag.value == "other") out.other += seconds;
    }
  }
  return out;
}

pid_t start(const Group& group, const Options& options, bool idle) {
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) std::_Exit(1);
  if (idle) {
    while (true) ::pause();
  }
  group.enter();
  if (::setgid(kUser) != 0 || ::setuid(kUser) != 0) std::_Exit(1);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // the change of user took it away
  storm(options);
}

int run(const Options& options) {
  using namespace resmon;
  using Clock = std::chrono::steady_clock;
  const Group group;
  if (!group.there()) {
    std::fprintf(stderr, "bench-storm: cannot make a control group that counts CPU time: it needs root\n");
    return 1;
  }
  metric::SchemaTable schemas;
  collect::GatherOptions gathers;
  for (const collect::CollectorInfo& info : collect::registry())
    gathers.collectors[std::string(info.name)].enabled = info.name == "procstat";
  auto made = collect::Gatherer::make(std::move(gathers), schemas);
  if (!made) {
    std::fprintf(stderr, "bench-storm: %s\n", made.error().message.c_str());
    return 1;
  }
  std::vector<pid_t> children;
  for (long i = 0; i < options.idle; ++i) children.push_back(start(group, options, true));
  metric::Batch batch;
  (*made)->gather_all(resmon::Clock::system().wall(), batch);
  const double begin = group.microseconds();
  for (long i = 0; i < options.jobs; ++i) children.push_back(start(group, options, false));
  Rows found;
  const auto interval = std::chrono::milliseconds(options.interval_ms);
  const Clock::time_point first = Clock::now();
  Clock::time_point before = first;
  while (Clock::now() - first < std::chrono::seconds(options.seconds)) {
    timespec pause{.tv_sec = options.interval_ms / 1000, .tv_nsec = options.interval_ms % 1000 * 1'000'000};
    ::nanosleep(&pause, nullptr);
    batch.clear();
    const Clock::time_point now = Clock::now();
    (*made)->gather_all(resmon::Clock::system().wall(), batch);
    const Rows rows = seconds_in(batch, schemas, std::chrono::duration<double>(now - before).count());
    before = now;
    found.storm += rows.storm;
    found.other += rows.other;
    found.all += rows.all;
  }
  const double counted = (group.microseconds() - begin) / 1e6;
  for (const pid_t child : children) ::kill(child, SIGKILL);
  wait_all();
  std::printf(
      "{\"kind\":\"%s\",\"seconds\":%ld,\"idle\":%ld,\"kernel_seconds\":%.2f,\"rows_seconds\":%.2f,"
      "\"explained_percent\":%.1f,\"machine_seconds\":%.2f,\"machine_explained_percent\":%.1f}\n",
      options.kind.c_str(), options.seconds, options.idle, counted, found.storm, 100 * found.storm / counted, found.all,
      100 * (1 - found.other / found.all));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--help" || argument == "-h") return usage(0);
    if (argument == "--json") continue;  // there is no other form
    if (i + 1 >= argc) return usage(2);
    const std::string value = argv[++i];
    const long number = std::max(0L, std::strtol(value.c_str(), nullptr, 10));
    if (argument == "--kind" &&
        (value == "waits" || value == "shell" || value == "chain" || value == "orphans" || value == "ignored"))
      options.kind = value;
    else if (argument == "--seconds")
      options.seconds = std::max(1L, number);
    else if (argument == "--interval")
      options.interval_ms = std::max(10L, number);
    else if (argument == "--burn")
      options.burn_us = number;
    else if (argument == "--idle")
      options.idle = number;
    else if (argument == "--jobs")
      options.jobs = number;
    else
      return usage(2);
  }
  return run(options);
}
