#pragma once

// The smaller files of a process: /proc/PID/io, status and cgroup; and /etc/passwd, which names their users. Sources:
// proc(5), cgroups(7), passwd(5).

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "procfs/scan.h"

namespace resmon::procfs {

struct PidIo {
  Number read_bytes;     // fetched from the storage layer
  Number written_bytes;  // sent to it
};
Status parse_pid_io(std::string_view text, PidIo& out, Skipped& skipped);

// The owner of a cgroup (a service or a container), derived from its path.
struct CgroupOwner {
  enum class Kind { kNone, kService, kContainer };
  Kind kind = Kind::kNone;
  bool by_id = false;  // of a container: the path has an id and no name
  std::array<char, 128> text{};
  std::size_t size = 0;
  std::string_view name() const { return {text.data(), size}; }
};

// "/system.slice/nginx.service" is the service nginx.service; "/system.slice/docker-<64 digits>.scope" is a container.
// Of several the outermost container, or else the innermost service. A service's instance that is a connection, as in
// "sshd@3-10.0.0.1:22-….service", is left out of its name, and transient units ("run-u12.service") and sessions are
// none: their names never come again.
CgroupOwner owner_of_cgroup(std::string_view path);

// /proc/PID/cgroup, of both versions: the owner that the first line with one has. `path`, if it is asked for, is that
// line's, and points into the text.
Status parse_pid_cgroup(std::string_view text, CgroupOwner& out, Skipped& skipped, std::string_view* path = nullptr);

// The effective user's number in /proc/PID/status.
Status parse_pid_status(std::string_view text, Number& user_id, Skipped& skipped);

struct User {
  std::uint32_t id = 0;
  std::string_view name;  // points into the parsed text
};
inline constexpr std::size_t kMostUsers = 1U << 16U;
// Replaces `out`, ascending by id; of two with one id the first is kept, as getpwuid has it. Empty text is no error.
Status parse_passwd(std::string_view text, std::vector<User>& out, Skipped& skipped);

}  // namespace resmon::procfs
