#include "journal/discarded_files.h"

#include <algorithm>

#include "journal/sizes.h"

namespace resmon::journal {

std::vector<Doomed> DiscardedFiles::removable(std::uint64_t snapshots, bool anyway) const {
  std::vector<Doomed> list;
  for (const Doomed& file : doomed_)
    if (anyway || file.after <= snapshots) list.push_back(file);
  return list;
}

void DiscardedFiles::removed(const std::vector<std::string>& names) {
  std::erase_if(doomed_,
                [&](const Doomed& file) { return std::find(names.begin(), names.end(), file.name) != names.end(); });
}

bool DiscardedFiles::doom_one_aside() {
  if (aside_.empty()) return false;
  doom(aside_.begin()->first, allotment(aside_.begin()->second));
  aside_.erase(aside_.begin());
  return true;
}

std::uint64_t DiscardedFiles::doomed_bytes() const {
  std::uint64_t bytes = 0;
  for (const Doomed& file : doomed_) bytes += file.allotted;
  return bytes;
}

std::uint64_t DiscardedFiles::aside_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [name, size] : aside_) bytes += allotment(size);
  return bytes;
}

}  // namespace resmon::journal
