#include "influxd.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <vector>

#include "http.h"

namespace resmon::oracle {

Result<std::unique_ptr<Influxd>> Influxd::start() {
  std::unique_ptr<Influxd> out(new Influxd);
  const char* base = std::getenv("TMPDIR");
  std::string pattern = std::string(base != nullptr ? base : "/tmp") + "/resmon-oracle-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) return fail(system_error(pattern, errno));
  out->directory_ = pattern;
  RESMON_ASSIGN(const std::uint16_t rpc_port, free_port());
  RESMON_ASSIGN(out->port_, free_port());

  const std::string local = "127.0.0.1:";
  std::vector<std::string> environment = {
      "INFLUXDB_REPORTING_DISABLED=true",
      "INFLUXDB_MONITOR_STORE_ENABLED=false",
      "INFLUXDB_HTTP_LOG_ENABLED=false",
      "INFLUXDB_DATA_QUERY_LOG_ENABLED=false",
      "INFLUXDB_BIND_ADDRESS=" + local + std::to_string(rpc_port),
      "INFLUXDB_HTTP_BIND_ADDRESS=" + local + std::to_string(out->port_),
      "INFLUXDB_META_DIR=" + pattern + "/meta",
      "INFLUXDB_DATA_DIR=" + pattern + "/data",
      "INFLUXDB_DATA_WAL_DIR=" + pattern + "/wal",
      "HOME=" + pattern,
      "PATH=/usr/bin:/bin",
  };
  std::vector<char*> variables;
  for (std::string& variable : environment) variables.push_back(variable.data());
  variables.push_back(nullptr);
  const std::string log = pattern + "/log";

  out->pid_ = ::fork();
  if (out->pid_ < 0) return fail(system_error("fork", errno));
  if (out->pid_ == 0) {
    const int fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ::dup2(fd, 1);
    ::dup2(fd, 2);
    char program[] = "influxd", run[] = "run", config[] = "-config", none[] = "/dev/null";
    char* arguments[] = {program, run, config, none, nullptr};
    ::execve("/usr/bin/influxd", arguments, variables.data());
    ::_exit(127);
  }
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (std::chrono::steady_clock::now() < until) {
    const auto reply = request(out->port_, "GET", "/ping");
    if (reply && reply->status == 204) return out;
    if (!out->alive()) return fail(ErrorKind::kUnavailable, "influxd ended at once");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return fail(ErrorKind::kUnavailable, "influxd did not answer within 30 s");
}

bool Influxd::alive() {
  if (pid_ <= 0) return false;
  if (::waitpid(pid_, nullptr, WNOHANG) == 0) return true;
  pid_ = -1;
  return false;
}

Influxd::~Influxd() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
}

}  // namespace resmon::oracle
