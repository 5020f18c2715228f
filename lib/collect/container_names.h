#pragma once

// Names for containers whose cgroup has only an id. An id is never a tag: it would make a series for each start.
// The name is Docker's if its files can be read (root); otherwise that of the container's first process that is not an
// init. Two containers never have the same name at a time: the second is "nginx-2".

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collect/collector.h"

namespace resmon::collect {

class ContainerNames {
 public:
  explicit ContainerNames(const Roots& roots) : roots_(roots) {}

  // `path`: the cgroup's, from its root. Valid until the next call.
  std::string_view name_of(std::string_view id, std::string_view path);
  // What the engine calls it: better than what is found here.
  void learn(std::string_view id, std::string_view name);

 private:
  static constexpr std::size_t kMostKnown = 4096;
  struct Known {
    std::string id;
    std::string name;
    std::string path;
    std::uint64_t used = 0;
  };
  bool is_there(std::string_view path) const;
  bool taken(std::string_view name);
  std::string find_name(std::string_view id, std::string_view path, bool& unique) const;
  std::string first_process(std::string_view path) const;

  Roots roots_;
  std::vector<Known> known_;
  std::uint64_t uses_ = 0;
};

}  // namespace resmon::collect
