#pragma once

// What a container engine (Docker, Podman) says of its containers, over its socket and with GET only: names, images,
// states, health, ports. It is asked once, and then about those that its stream of events names; the stream stays open.
// A request may hang, so all of this is a job for a helper thread, and each call of the system has a deadline.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "collect/helper_pool.h"

namespace resmon::collect {

struct ContainerStatus {
  std::string id;
  std::string name;
  std::string image;    // "nginx"
  std::string version;  // "1.25"
  std::string state;    // "running", "exited", …
  std::string health;   // "healthy", …; empty where it has no check
  std::string ports;    // "0.0.0.0:8080->80/tcp", ascending, separated by commas
  std::int64_t failing_streak = 0;
  std::int64_t process = 0;
  std::int64_t exit_code = 0;
  std::int64_t restarts = 0;
  bool out_of_memory = false;
  std::int64_t started_at = 0;  // ns since 1970; 0: never
  std::int64_t finished_at = 0;
  bool operator==(const ContainerStatus&) const = default;
};

class ContainerApi final : public HelperPool::Job {
 public:
  static constexpr std::size_t kMostContainers = 512;

  explicit ContainerApi(std::string socket_path) : path_(std::move(socket_path)) {}

  // REQUIRES for both: not queued and not running. Ascending by name.
  const std::vector<ContainerStatus>& containers() const { return containers_; }
  const Status& status() const { return status_; }

  // The answers' texts, for tests and fuzzing. Those of the list fill in what there is of each.
  static Status parse_list(std::string_view text, std::vector<ContainerStatus>& out);
  static Status parse_details(std::string_view text, ContainerStatus& out);
  // The ids that a piece of the stream of events names: runs of 64 hexadecimal digits, each once.
  static std::vector<std::string> ids_in(std::string_view events);

 private:
  void run() override;
  Status refresh();
  Result<Fd> request(const std::string& target);
  Result<std::string> get(const std::string& target, std::size_t limit_bytes);
  bool read_events(std::string& events);

  const std::string path_;
  Fd events_;
  std::vector<ContainerStatus> containers_;
  Status status_;
  std::optional<std::chrono::steady_clock::time_point> asked_all_;
};

}  // namespace resmon::collect
