#pragma once

// Traffic of a container: the interfaces of its network namespace, as its first process sees them. Everybody may read
// that file. A container that shares the host's network has no traffic of its own.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "collect/collector.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "procfs/net_dev.h"

namespace resmon::collect {

class ContainerNet {
 public:
  ContainerNet(const Roots& roots, metric::SchemaTable& schemas, ReadBuffer& buffer);

  // Of one container. `tree` and `path`: its cgroup's folder in the tree that has processes. Allocates only for new
  // ones.
  Status write(const std::string& tree, const std::string& path, const std::string& name, const GatherContext& context,
               metric::Batch& out);
  // Forgets containers of other names.
  template <class Keep>
  void keep(Keep is_there) {
    std::erase_if(known_, [&](const auto& entry) { return !is_there(entry.first); });
  }

 private:
  static constexpr std::size_t kMostInterfaces = 8;
  struct Known {
    std::string file;  // of its first process; empty: not known
    bool of_host = false;
    std::map<std::string, RowSchema, std::less<>> interfaces;
  };
  bool find_process(const std::string& cgroup, Known& known);

  const std::string proc_;
  const std::string host_file_;
  metric::SchemaTable& schemas_;
  ReadBuffer& buffer_;
  std::map<std::string, Known> known_;
  std::vector<procfs::Interface> read_;
};

}  // namespace resmon::collect
