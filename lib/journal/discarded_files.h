#pragma once

// Files that take space and are read no more: those on their way out, and those that were set aside as not ours. Not
// synchronised, no I/O: the journal's mutex guards it.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace resmon::journal {

// A file that is on its way out.
struct Doomed {
  std::string name;
  std::uint64_t allotted = 0;
  std::uint64_t after = 0;  // how many snapshots of the cursors must be durable first
};

class DiscardedFiles {
 public:
  void doom(std::string name, std::uint64_t allotted, std::uint64_t after = 0) {
    doomed_.push_back({std::move(name), allotted, after});
  }
  bool any_doomed() const { return !doomed_.empty(); }
  // Those that may be removed once so many snapshots of the cursors are durable. `anyway`: all.
  std::vector<Doomed> removable(std::uint64_t snapshots, bool anyway) const;
  void removed(const std::vector<std::string>& names);

  // Names and bytes.
  const std::map<std::string, std::uint64_t>& aside() const { return aside_; }
  void set_aside(std::string name, std::uint64_t bytes) { aside_[std::move(name)] = bytes; }
  bool doom_one_aside();  // false: none

  // On the device, at most.
  std::uint64_t doomed_bytes() const;
  std::uint64_t aside_bytes() const;

 private:
  std::vector<Doomed> doomed_;
  std::map<std::string, std::uint64_t> aside_;
};

}  // namespace resmon::journal
