#include "procfs/nfs_mounts.h"

#include <utility>

#include "procfs/mounts.h"

namespace resmon::procfs {

namespace {

enum class DeviceLine { kBad, kOther, kNfs };

// "device server:/export mounted on /mnt with fstype nfs4 statvers=1.1", "no device mounted on …"
DeviceLine take_device(std::string_view line, NfsMount& out) {
  Fields fields(line);
  std::string_view word;
  std::string_view device;
  std::string_view path;
  std::string_view type;
  fields.word(word);
  const bool none = word == "no";
  if (none) fields.word(word);
  if (word != "device" || (!none && !fields.word(device))) return DeviceLine::kBad;
  for (const std::string_view expected : {"mounted", "on"})
    if (!fields.word(word) || word != expected) return DeviceLine::kBad;
  if (!fields.word(path)) return DeviceLine::kBad;
  for (const std::string_view expected : {"with", "fstype"})
    if (!fields.word(word) || word != expected) return DeviceLine::kBad;
  if (!fields.word(type) || !is_ascii(type)) return DeviceLine::kBad;
  if (type != "nfs" && type != "nfs4") return DeviceLine::kOther;
  out = {};
  out.path = unescape_mount(path);
  out.device = unescape_mount(device);
  return is_name(out.path) && is_name(out.device) ? DeviceLine::kNfs : DeviceLine::kBad;
}

// "1298 1298 0 207680 1220924 31 5 36 0": requests, transmissions, timeouts, bytes sent and received, milliseconds in
// the queue, on the way, and in all; newer kernels add errors.
bool take_operation(std::string_view text, NfsOperation& out) {
  Fields fields(text);
  Number values[8];
  for (Number& value : values)
    if (!fields.take(value)) return false;
  if (*values[3] > UINT64_MAX - *values[4]) return false;
  out = {values[0], values[1], *values[3] + *values[4], values[6], values[7]};
  return true;
}

}  // namespace

Status parse_nfs_mounts(std::string_view text, std::vector<NfsMount>& out, Skipped& skipped) {
  out.clear();
  out.reserve(8);
  bool any = false;
  bool in_mount = false;  // out.back() is whose lines come
  std::string_view before;
  Lines lines(text);
  for (std::string_view line; lines.next(line); before = line) {
    if (!line.empty() && line == before) {
      skipped.add(lines.number(), "given twice", line);
      continue;
    }
    if (line.empty()) continue;
    if (line.front() != ' ' && line.front() != '\t') {
      NfsMount mount;
      const DeviceLine kind = take_device(line, mount);
      if (kind == DeviceLine::kBad && !line.starts_with("device ")) {  // whatever it was, it may be of this mount
        skipped.add(lines.number(), "not a mount", line);
        continue;
      }
      in_mount = kind == DeviceLine::kNfs && out.size() < kMostNfsMounts;
      if (in_mount) out.push_back(std::move(mount));
      if (kind == DeviceLine::kBad) skipped.add(lines.number(), "not a mount", line);
      any = any || kind != DeviceLine::kBad;
      continue;
    }
    Fields fields(line);
    std::string_view name;
    if (!fields.word(name)) continue;
    if (name != "READ:" && name != "WRITE:") continue;
    NfsOperation* operation = in_mount ? (name == "READ:" ? &out.back().read : &out.back().write) : nullptr;
    // A second one is that of a mount whose own line was lost.
    if (operation != nullptr && operation->operations) in_mount = false;
    if (!in_mount || !take_operation(fields.rest(), *operation))
      skipped.add(lines.number(), "not an operation of a mount", line);
  }
  for (const NfsMount& mount : out)
    if (!mount.read.operations || !mount.write.operations) skipped.add(0, "a mount without its figures", mount.path);
  if (!any && out.empty()) return nothing_of_use(skipped, "empty");
  return {};
}

Status parse_nfs_server(std::string_view text, NfsServer& out, Skipped& skipped) {
  out = {};
  Number unused;
  // The lines that are of use, and what their first columns are.
  struct {
    std::string_view name;
    std::vector<Number*> columns;
    bool seen = false;
  } known[] = {{"rc", {&out.cache_hits, &out.cache_misses}},
               {"io", {&out.read_bytes, &out.written_bytes}},
               {"th", {&out.threads}},
               {"net", {&out.packets, &unused, &unused, &out.tcp_connections}},
               {"rpc", {&out.calls, &out.bad_calls}}};
  bool any = false;
  Lines lines(text);
  for (std::string_view line; lines.next(line);) {
    Fields fields(line);
    std::string_view name;
    fields.word(name);
    for (auto& one : known) {
      if (one.name != name) continue;
      bool good = !std::exchange(one.seen, true);
      if (good)
        for (Number* const column : one.columns) {
          const bool taken = fields.take(*column);
          good = good && taken;
          any = any || taken;
        }
      if (!good) skipped.add(lines.number(), "not a line of the NFS server", line);
    }
  }
  for (const auto& one : known)
    if (!one.seen) skipped.add(0, "lacks a line", one.name);
  if (!any) return nothing_of_use(skipped, "empty");
  return {};
}

}  // namespace resmon::procfs
