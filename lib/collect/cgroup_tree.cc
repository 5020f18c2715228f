#include "collect/cgroup_tree.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/directory.h"

namespace resmon::collect {

namespace {

constexpr std::chrono::minutes kWalkInterval{1};
constexpr int kMostDepth = 8;
constexpr std::size_t kMostVisited = 4096;

std::uint64_t links_of(const std::string& path) {
  struct ::stat about {};
  return ::stat(path.c_str(), &about) == 0 ? static_cast<std::uint64_t>(about.st_nlink) : 0;
}

}  // namespace

CgroupTree::CgroupTree(const Roots& roots, ContainerNames& names) : folder_(roots.sys + "/fs/cgroup"), names_(names) {
  version_2_ = ::access((folder_ + "/cgroup.controllers").c_str(), F_OK) == 0;
  if (version_2_) {
    root_ = folder_;
    return;
  }
  for (const char* hierarchy : {"/memory", "/cpuacct", "/systemd"})
    if (::access((folder_ + hierarchy).c_str(), F_OK) == 0) {
      root_ = folder_ + hierarchy;
      return;
    }
}

bool CgroupTree::refresh(const GatherContext& context) {
  if (root_.empty() || (context.steady < due_ && !folders_changed())) return false;
  due_ = context.steady + kWalkInterval;
  folders_.clear();
  found_.clear();
  visited_ = 0;
  walk("", 0);
  std::sort(found_.begin(), found_.end(), [](const CgroupEntry& a, const CgroupEntry& b) {
    return a.container != b.container ? a.container : a.name != b.name ? a.name < b.name : a.path < b.path;
  });
  // A service of several users' managers: the first is taken.
  found_.erase(std::unique(found_.begin(), found_.end(),
                           [](const CgroupEntry& a, const CgroupEntry& b) {
                             return a.name == b.name && a.container == b.container;
                           }),
               found_.end());
  if (found_.size() > kMostEntries) {
    context.tell("cgroups", "there are more services and containers than 512: the others are left out");
    found_.resize(kMostEntries);
  }
  const bool same =
      std::equal(found_.begin(), found_.end(), entries_.begin(), entries_.end(),
                 [](const CgroupEntry& a, const CgroupEntry& b) { return a.path == b.path && a.name == b.name; });
  if (same) return false;
  entries_.swap(found_);
  return true;
}

bool CgroupTree::folders_changed() const {
  return std::any_of(folders_.begin(), folders_.end(),
                     [](const Folder& folder) { return links_of(folder.path) != folder.links; });
}

void CgroupTree::walk(const std::string& path, int depth) {
  const std::string folder = root_ + path;
  Directory directory(folder.c_str());
  if (!directory.valid()) return;
  folders_.push_back({folder, links_of(folder)});
  while (const auto entry = directory.next()) {
    const std::string_view name = entry->name;
    if (entry->type != DT_DIR || ++visited_ > kMostVisited) continue;
    const std::string below = path + "/" + std::string(name);
    const procfs::CgroupOwner owner = procfs::owner_of_cgroup(below);
    using Kind = procfs::CgroupOwner::Kind;
    if (owner.kind == Kind::kContainer) {
      const std::string_view known = owner.by_id ? names_.name_of(owner.name(), below) : owner.name();
      found_.push_back({below, std::string(known), true});
    } else if (owner.kind == Kind::kService && !name.starts_with("user@")) {
      found_.push_back({below, std::string(owner.name()), false});
    } else if (depth < kMostDepth) {
      walk(below, depth + 1);
    }
  }
}

}  // namespace resmon::collect
