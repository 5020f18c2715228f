#include "collect/container_names.h"

#include <unistd.h>

#include <algorithm>

#include "collect/pinned_file.h"

namespace resmon::collect {

namespace {

constexpr std::size_t kConfigBytes = 1U << 20U;
constexpr std::size_t kProcessesLookedAt = 4;
// The hierarchies of cgroup version 2 and of version 1, below the root of all.
constexpr std::string_view kHierarchies[] = {"", "/systemd", "/unified", "/memory", "/pids"};

bool is_init(std::string_view name) {
  constexpr std::string_view kInits[] = {"tini",   "dumb-init", "docker-init", "catatonit", "s6-svscan",
                                         "sh",     "bash",      "dash",        "ash",       "pause",
                                         "conmon", "su",        "runsv",       "runsvdir",  "supervisord",
                                         "init",   "systemd",   "gosu",        "su-exec",   "entrypoint"};
  return std::find(std::begin(kInits), std::end(kInits), name) != std::end(kInits);
}

}  // namespace

std::string_view ContainerNames::name_of(std::string_view id, std::string_view path) {
  for (Known& known : known_)
    if (known.id == id) {
      known.used = ++uses_;
      return known.name;
    }
  if (known_.size() >= kMostKnown) {
    const auto oldest =
        std::min_element(known_.begin(), known_.end(), [](const Known& a, const Known& b) { return a.used < b.used; });
    known_.erase(oldest);
  }
  bool unique = false;
  const std::string found = find_name(id, path, unique);
  std::string name = found;
  for (int number = 2; !unique && taken(name) && number < 100; ++number) name = found + "-" + std::to_string(number);
  known_.push_back({std::string(id), std::move(name), std::string(path), ++uses_});
  return known_.back().name;
}

void ContainerNames::learn(std::string_view id, std::string_view name) {
  // A container that was made anew has the name of the one before.
  std::erase_if(known_, [&](const Known& known) { return known.name == name && known.id != id; });
  for (Known& known : known_)
    if (known.id == id) {
      known.name = name;
      return;
    }
  if (known_.size() < kMostKnown) known_.push_back({std::string(id), std::string(name), {}, ++uses_});
}

// By a container that is still there: the name of one that is gone is free, so that a container which is made anew has
// its old name.
bool ContainerNames::taken(std::string_view name) {
  const auto same = std::find_if(known_.begin(), known_.end(), [&](const Known& known) { return known.name == name; });
  if (same == known_.end()) return false;
  if (is_there(same->path)) return true;
  known_.erase(same);
  return false;
}

bool ContainerNames::is_there(std::string_view path) const {
  for (const std::string_view hierarchy : kHierarchies)
    if (::access((roots_.sys + "/fs/cgroup" + std::string(hierarchy) + std::string(path)).c_str(), F_OK) == 0)
      return true;
  return false;
}

std::string ContainerNames::find_name(std::string_view id, std::string_view path, bool& unique) const {
  ReadBuffer buffer;
  const std::string config = roots_.root + "/var/lib/docker/containers/" + std::string(id) + "/config.v2.json";
  if (auto text = read_once(config.c_str(), buffer, kConfigBytes)) {
    constexpr std::string_view kName = "\"Name\":\"/";
    const std::size_t at = text->find(kName);
    if (at != std::string_view::npos) {
      const std::string_view name = text->substr(at + kName.size());
      if (const auto end = name.find('"'); end != std::string_view::npos && procfs::is_name(name.substr(0, end))) {
        unique = true;
        return std::string(name.substr(0, end));
      }
    }
  }
  if (std::string name = first_process(path); !name.empty()) return name;
  return "container";
}

std::string ContainerNames::first_process(std::string_view path) const {
  ReadBuffer buffer;
  std::vector<std::uint64_t> ids;
  for (const std::string_view hierarchy : kHierarchies) {
    const std::string file = roots_.sys + "/fs/cgroup" + std::string(hierarchy) + std::string(path) + "/cgroup.procs";
    const auto text = read_once(file.c_str(), buffer);
    if (!text) continue;
    procfs::Lines lines(*text);
    std::string_view line;
    while (lines.next(line)) {
      std::uint64_t id = 0;
      if (procfs::Fields(line).number(id) && id != 0) ids.push_back(id);
    }
    if (!ids.empty()) break;
  }
  std::sort(ids.begin(), ids.end());
  std::string first;
  for (std::size_t i = 0; i < std::min(ids.size(), kProcessesLookedAt); ++i) {
    const std::string name = read_line(roots_.proc + "/" + std::to_string(ids[i]) + "/comm");
    if (name.empty()) continue;
    if (first.empty()) first = name;
    if (!is_init(name)) return name;
  }
  return first;
}

}  // namespace resmon::collect
