#include <fnmatch.h>

#include "collect/collector.h"
#include "collect/skip_log.h"

namespace resmon::collect {

bool Filter::matches(std::string_view name) const {
  const std::string text(name);
  const auto any = [&](const std::vector<std::string>& globs) {
    for (const std::string& glob : globs)
      if (::fnmatch(glob.c_str(), text.c_str(), 0) == 0) return true;
    return false;
  };
  return (include.empty() || any(include)) && !any(exclude);
}

const std::vector<std::string>& default_ignored_file_systems() {
  static const std::vector<std::string> kTypes = {"tmpfs",   "devtmpfs", "devfs",    "iso9660",
                                                  "overlay", "aufs",     "squashfs", "autofs"};
  return kTypes;
}

void GatherContext::skipped(std::string_view file, const procfs::Skipped& what, std::string_view kind) const {
  if (skips != nullptr) skips->add(file, what, kind);
}

void GatherContext::skipped(std::string_view file, std::string_view reason, std::string_view text) const {
  procfs::Skipped one;
  one.add(0, reason, text);
  skipped(file, one);
}

void GatherContext::tell(std::string_view kind, std::string_view what) const {
  if (skips != nullptr) skips->tell(kind, what);
}

}  // namespace resmon::collect
