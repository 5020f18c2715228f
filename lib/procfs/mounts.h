#pragma once

// The mount table: /proc/PID/mountinfo, or /proc/PID/mounts on kernels before 2.6.26. Source: proc(5).

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "procfs/scan.h"

namespace resmon::procfs {

struct Mount {
  std::string device_number;  // "254:0"; empty from `mounts`, and where it is none
  std::string root;           // what of the file system is mounted, "/" but for bind mounts; empty from `mounts`
  std::string path;
  std::string type;    // "fuse.sshfs" keeps its second part
  std::string device;  // "/dev/sda1", "server:/export", "tmpfs"
  bool read_only = false;
  bool operator==(const Mount&) const = default;
};

inline constexpr std::size_t kMostMounts = 1U << 20U;

// Replaces `out`. In the order of mounting: of two with one path the later covers the earlier. Octal escapes (\040) are
// decoded.
Status parse_mountinfo(std::string_view text, std::vector<Mount>& out, Skipped& skipped);
Status parse_mounts(std::string_view text, std::vector<Mount>& out, Skipped& skipped);

// Decodes the escapes of a path or device in a mount table.
std::string unescape_mount(std::string_view text);

}  // namespace resmon::procfs
