#include "collect/container_net.h"

#include <sys/stat.h>
#include <unistd.h>

#include "collect/pinned_file.h"

namespace resmon::collect {

namespace {

constexpr FieldSpec kContainerNetFields[] = {
    {"rx_bytes", kInteger}, {"rx_packets", kInteger}, {"rx_errors", kInteger}, {"rx_dropped", kInteger},
    {"tx_bytes", kInteger}, {"tx_packets", kInteger}, {"tx_errors", kInteger}, {"tx_dropped", kInteger}};

// Two namespaces have different files.
bool same_file(const std::string& a, const std::string& b) {
  struct ::stat first {};
  struct ::stat second {};
  return ::stat(a.c_str(), &first) == 0 && ::stat(b.c_str(), &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

}  // namespace

ContainerNet::ContainerNet(const Roots& roots, metric::SchemaTable& schemas, ReadBuffer& buffer)
    : proc_(roots.proc),
      host_file_(roots.proc + (roots.own_proc() ? "/net/dev" : "/1/net/dev")),
      schemas_(schemas),
      buffer_(buffer) {}

bool ContainerNet::find_process(const std::string& cgroup, Known& known) {
  known.file.clear();
  // A container with a systemd of its own has its processes further down.
  for (const char* below : {"/cgroup.procs", "/init.scope/cgroup.procs"}) {
    const auto text = read_once((cgroup + below).c_str(), buffer_);
    std::string_view line;
    std::uint64_t process = 0;
    if (!text || !procfs::Lines(*text).next(line) || !procfs::Fields(line).number(process) || process == 0) continue;
    known.file = proc_ + "/" + std::to_string(process) + "/net/dev";
    known.of_host = same_file(known.file, host_file_);
    return true;
  }
  return false;
}

Status ContainerNet::write(const std::string& tree, const std::string& path, const std::string& name,
                           const GatherContext& context, metric::Batch& out) {
  Known& known = known_[name];
  const bool there = !known.file.empty() && ::access(known.file.c_str(), F_OK) == 0;
  if (!there && !find_process(tree + path, known)) return {};
  if (known.of_host) return {};
  const auto text = read_once(known.file.c_str(), buffer_);
  if (!text) return {};  // it has ended
  procfs::Skipped skipped;
  const bool useful = procfs::parse_net_dev(*text, read_, skipped).has_value();
  context.skipped(known.file, skipped, "net/dev of a container");
  if (!useful) return {};
  std::size_t interfaces = 0;
  for (const procfs::Interface& one : read_) {
    if (one.name == "lo" || ++interfaces > kMostInterfaces) continue;
    auto found = known.interfaces.find(one.name);
    if (found == known.interfaces.end())
      found =
          known.interfaces
              .emplace(std::string(one.name),
                       RowSchema(schemas_, "docker_container_net",
                                 {{"container_name", name}, {"network", std::string(one.name)}}, kContainerNetFields))
              .first;
    RESMON_TRY(found->second.ready());
    metric::RowWriter row = found->second.add(out, context.time);
    const procfs::Number values[] = {one.bytes_received, one.packets_received, one.errors_in,  one.drops_in,
                                     one.bytes_sent,     one.packets_sent,     one.errors_out, one.drops_out};
    for (std::size_t field = 0; field < std::size(values); ++field) set(row, field, values[field]);
  }
  return {};
}

}  // namespace resmon::collect
