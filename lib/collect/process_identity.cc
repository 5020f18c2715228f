#include "collect/process_identity.h"

#include <algorithm>
#include <cstdio>

namespace resmon::collect {

namespace {

constexpr std::chrono::minutes kPasswdInterval{1};
constexpr std::size_t kTextBytes = 64U << 10U;

}  // namespace

ProcessIdentities::ProcessIdentities(const Roots& roots, ContainerNames& names)
    : proc_(roots.proc), passwd_path_(roots.root + "/etc/passwd"), names_(names) {}

// Empty when it cannot be read.
std::string_view ProcessIdentities::text_of(std::uint32_t id, const char* file) {
  char path[512];
  const int length = std::snprintf(path, sizeof path, "%s/%u/%s", proc_.c_str(), id, file);
  if (length < 0 || static_cast<std::size_t>(length) >= sizeof path) return {};
  const auto text = read_once(path, buffer_, kTextBytes);
  return text ? *text : std::string_view();
}

bool ProcessIdentities::read(std::uint32_t id, const GatherContext& context, ProcessIdentity& out) {
  out = {};
  const std::string_view status = text_of(id, "status");
  if (status.empty()) return false;
  procfs::Skipped skipped;
  procfs::Number user_id;
  if (procfs::parse_pid_status(status, user_id, skipped))
    out.user = user_name(static_cast<std::uint32_t>(*user_id), context);
  if (skipped.lines() != 0) context.skipped(proc_ + "/" + std::to_string(id) + "/status", skipped, "/proc/PID/status");
  const std::string_view cgroup = text_of(id, "cgroup");
  if (cgroup.empty()) return true;  // a kernel without cgroups
  skipped = {};
  std::string_view path;
  using Kind = procfs::CgroupOwner::Kind;
  if (procfs::parse_pid_cgroup(cgroup, owner_, skipped, &path)) {
    if (owner_.kind == Kind::kService) out.service = owner_.name();
    if (owner_.kind == Kind::kContainer)
      out.container = owner_.by_id ? names_.name_of(owner_.name(), path) : owner_.name();
  }
  if (skipped.lines() != 0) context.skipped(proc_ + "/" + std::to_string(id) + "/cgroup", skipped, "/proc/PID/cgroup");
  return true;
}

std::string_view ProcessIdentities::user_name(std::uint32_t user_id, const GatherContext& context) {
  read_users(context);
  const auto found = std::lower_bound(users_.begin(), users_.end(), user_id,
                                      [](const procfs::User& user, std::uint32_t wanted) { return user.id < wanted; });
  if (found != users_.end() && found->id == user_id) return found->name;
  const int length = std::snprintf(number_, sizeof number_, "%u", user_id);
  return {number_, static_cast<std::size_t>(length)};
}

void ProcessIdentities::read_users(const GatherContext& context) {
  if (context.steady < next_look_) return;
  next_look_ = context.steady + kPasswdInterval;
  struct ::stat about {};
  if (::stat(passwd_path_.c_str(), &about) != 0) return;
  if (about.st_mtim.tv_sec == passwd_changed_.tv_sec && about.st_mtim.tv_nsec == passwd_changed_.tv_nsec) return;
  passwd_changed_ = about.st_mtim;
  const auto text = read_once(passwd_path_.c_str(), passwd_);
  users_.clear();
  if (!text) return;
  procfs::Skipped skipped;
  (void)procfs::parse_passwd(*text, users_, skipped);
  context.skipped(passwd_path_, skipped);
}

}  // namespace resmon::collect
