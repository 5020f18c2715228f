#pragma once

// The mounted file systems, re-read only after a change: poll() on mountinfo reports it (proc(5)).

#include <string>
#include <vector>

#include "base/result.h"
#include "collect/collector.h"
#include "collect/pinned_file.h"
#include "procfs/mounts.h"

namespace resmon::collect {

class MountTable {
 public:
  explicit MountTable(const Roots& roots);

  // True when mounts() changed. Own /proc: <proc>/self/mountinfo, the mounts that this process sees. Another:
  // <proc>/1/mountinfo, those of the watched machine. Falls back to <proc>/self, then to `mounts`, where there is no
  // such file.
  Result<bool> refresh(const GatherContext& context, ReadBuffer& buffer);
  const std::vector<procfs::Mount>& mounts() const { return mounts_; }

 private:
  struct Source {
    std::string path;
    bool is_mountinfo;
  };
  Status read(const GatherContext& context, ReadBuffer& buffer);
  bool unchanged() const;

  std::vector<Source> sources_;
  std::size_t source_ = 0;
  PinnedFile file_;
  bool read_ = false;
  bool can_poll_ = false;
  std::vector<procfs::Mount> mounts_;
  std::vector<procfs::Mount> fresh_;
};

}  // namespace resmon::collect
