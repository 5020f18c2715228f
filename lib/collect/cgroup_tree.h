#pragma once

// The control groups that are services or containers, found by walking the tree. The walk does not descend into them.
// The tree is walked again each minute, and when the number of children of a directory above them has changed.
//
// Version 2 has one tree, version 1 one for each controller; the paths are the same in all of them. Where a machine has
// both (systemd's hybrid mode), the controllers are version 1's.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collect/collector.h"
#include "collect/container_names.h"
#include "procfs/pid_files.h"

namespace resmon::collect {

struct CgroupEntry {
  std::string path;  // from the tree's root, "/system.slice/cron.service"
  std::string name;  // the service's or the container's
  bool container = false;
};

class CgroupTree {
 public:
  static constexpr std::size_t kMostEntries = 512;

  CgroupTree(const Roots& roots, ContainerNames& names);

  bool version_2() const { return version_2_; }
  bool exists() const { return !root_.empty(); }
  const std::string& folder() const { return folder_; }  // where the trees are mounted
  const std::string& root() const { return root_; }      // of the tree that is walked

  // True when the entries are others now.
  bool refresh(const GatherContext& context);
  void look_again() { due_ = {}; }
  const std::vector<CgroupEntry>& entries() const { return entries_; }  // ascending by path; each name once

 private:
  struct Folder {
    std::string path;
    std::uint64_t links = 0;
  };
  void walk(const std::string& path, int depth);
  bool folders_changed() const;

  std::string folder_;
  std::string root_;  // of the tree that is walked
  bool version_2_ = false;
  ContainerNames& names_;
  std::vector<Folder> folders_;
  std::vector<CgroupEntry> entries_;
  std::vector<CgroupEntry> found_;
  std::size_t visited_ = 0;
  std::chrono::steady_clock::time_point due_;
};

}  // namespace resmon::collect
