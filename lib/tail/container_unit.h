#pragma once

// Which container wrote a file of a container engine's logs: what its lines have as unit. The engine's own files tell,
// where they can be read. Not thread-safe.

#include <chrono>
#include <map>
#include <string>
#include <string_view>

namespace resmon::tail {

class ContainerUnits {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // Of Docker's and Podman's files the container's name, or 12 digits of its id where that is not known; of
  // /var/log/pods the pod and the container; of any other file its path. Valid until the next call. A name is looked up
  // again after ten minutes, one that was not found after one.
  std::string_view unit_of(std::string_view path, TimePoint now);

 private:
  struct Known {
    std::string unit;
    TimePoint until;
  };
  std::map<std::string, Known, std::less<>> known_;
};

}  // namespace resmon::tail
