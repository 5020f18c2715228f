#include <fnmatch.h>

#include "collect/collector.h"

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

}  // namespace resmon::collect
