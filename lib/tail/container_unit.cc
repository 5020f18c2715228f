#include "tail/container_unit.h"

#include <algorithm>

#include "base/file.h"

namespace resmon::tail {

namespace {

constexpr std::size_t kMostKnownUnits = 10'000;
constexpr std::size_t kMostConfigBytes = 1U << 20U;
constexpr std::size_t kMostStorageBytes = 16U << 20U;
constexpr std::size_t kMostNameBytes = 200;
constexpr std::size_t kShortId = 12;

bool is_id(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// The text between `before` and the next quote; names of containers have no escapes.
std::string quoted_behind(std::string_view text, std::string_view before) {
  const std::size_t at = text.find(before);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + before.size());
  const std::size_t end = text.find('"');
  if (end == std::string_view::npos || end > kMostNameBytes) return {};
  const bool plain = std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end),
                                 [](char c) { return c > ' ' && c < 0x7f && c != '\\'; });
  return plain ? std::string(text.substr(0, end)) : std::string();
}

// The part of the path that is `back` parts before its end.
std::string_view part_of(std::string_view path, int back) {
  for (; back > 0; --back) path = path.substr(0, path.rfind('/'));
  return path.substr(path.rfind('/') + 1);
}
std::string parent_of(std::string_view path, int back) {
  for (; back > 0; --back) path = path.substr(0, path.rfind('/'));
  return std::string(path);
}

// Empty: it is not known now.
std::string docker_name(std::string_view path) {
  const auto config = read_file(parent_of(path, 1) + "/config.v2.json", kMostConfigBytes);
  return config ? quoted_behind(*config, "\"Name\":\"/") : std::string();
}

// {"id":"…","names":["web"], …}
std::string podman_name(std::string_view path, std::string_view id) {
  const auto storage = read_file(parent_of(path, 3) + "/containers.json", kMostStorageBytes);
  if (!storage) return {};
  const std::string_view text(*storage);
  const std::size_t at = text.find("\"id\":\"" + std::string(id) + "\"");
  if (at == std::string_view::npos) return {};
  const std::string_view rest = text.substr(at + 8);
  return quoted_behind(rest.substr(0, rest.find("\"id\":\"")), "\"names\":[\"");
}

// POD_NAMESPACE and pod are parts of "NAMESPACE_POD_UID".
std::string pod_unit(std::string_view path) {
  std::string_view pod = part_of(path, 2);
  const std::size_t first = pod.find('_');
  const std::size_t last = pod.rfind('_');
  if (first == std::string_view::npos || last == first) return {};
  pod = pod.substr(first + 1, last - first - 1);
  return std::string(pod) + "/" + std::string(part_of(path, 1));
}

}  // namespace

std::string_view ContainerUnits::unit_of(std::string_view path, TimePoint now) {
  if (const auto found = known_.find(path); found != known_.end() && now < found->second.until)
    return found->second.unit;
  if (known_.size() >= kMostKnownUnits) known_.clear();
  Known known{std::string(path), now + std::chrono::minutes(10)};
  if (path.starts_with("/var/log/pods/")) {
    if (std::string unit = pod_unit(path); !unit.empty()) known.unit = std::move(unit);
  } else {
    const bool podman = part_of(path, 0) == "ctr.log" && part_of(path, 1) == "userdata";
    const std::string_view id = part_of(path, podman ? 2 : 1);
    if (is_id(id)) {
      known.unit = podman ? podman_name(path, id) : docker_name(path);
      if (known.unit.empty()) {
        known.unit = id.substr(0, kShortId);
        known.until = now + std::chrono::minutes(1);
      }
    }
  }
  return known_.insert_or_assign(std::string(path), std::move(known)).first->second.unit;
}

}  // namespace resmon::tail
