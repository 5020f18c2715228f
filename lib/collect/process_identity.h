#pragma once

// The user, service and container of a process. They are read once for each process and rarely again, because that
// costs ten times as much as reading its stat file. Allocates only for containers and a changed /etc/passwd.

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collect/collector.h"
#include "collect/container_names.h"
#include "collect/pinned_file.h"
#include "procfs/pid_files.h"

namespace resmon::collect {

struct ProcessIdentity {
  std::string_view user;       // a name, or the number of one that has none
  std::string_view service;    // systemd's unit, or empty
  std::string_view container;  // or empty
};

class ProcessIdentities {
 public:
  ProcessIdentities(const Roots& roots, ContainerNames& names);

  // False when the process is gone. The texts are valid until the next call.
  bool read(std::uint32_t id, const GatherContext& context, ProcessIdentity& out);

 private:
  std::string_view text_of(std::uint32_t id, const char* file);
  std::string_view user_name(std::uint32_t user_id, const GatherContext& context);
  void read_users(const GatherContext& context);

  std::string proc_;
  std::string passwd_path_;
  ContainerNames& names_;
  ReadBuffer buffer_;
  char number_[16];
  ReadBuffer passwd_;
  std::vector<procfs::User> users_;
  struct ::timespec passwd_changed_ {};
  std::chrono::steady_clock::time_point next_look_;
  procfs::CgroupOwner owner_;
};

}  // namespace resmon::collect
