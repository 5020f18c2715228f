#include "collect/mount_table.h"

#include <linux/magic.h>
#include <poll.h>
#include <sys/vfs.h>

namespace resmon::collect {

MountTable::MountTable(const Roots& roots) : file_("", PinnedFile::Records::kUnknown) {
  if (!roots.own_proc()) {
    sources_.push_back({roots.proc + "/1/mountinfo", true});
    sources_.push_back({roots.proc + "/1/mounts", false});
  }
  sources_.push_back({roots.proc + "/self/mountinfo", true});
  sources_.push_back({roots.proc + "/self/mounts", false});
  file_ = PinnedFile(sources_.front().path, PinnedFile::Records::kUnknown);
}

bool MountTable::unchanged() const {
  if (!read_ || !can_poll_ || file_.descriptor() < 0) return false;
  pollfd poll{.fd = file_.descriptor(), .events = POLLPRI, .revents = 0};
  return ::poll(&poll, 1, 0) == 0;
}

Status MountTable::read(const GatherContext& context, ReadBuffer& buffer) {
  auto text = file_.read(buffer);
  while (!text && !read_ && source_ + 1 < sources_.size() &&
         (text.error().kind == ErrorKind::kNotFound || text.error().kind == ErrorKind::kDenied)) {
    file_ = PinnedFile(sources_[++source_].path, PinnedFile::Records::kUnknown);
    text = file_.read(buffer);
  }
  if (!text) return fail(std::move(text).error());
  procfs::Skipped skipped;
  const auto parse = sources_[source_].is_mountinfo ? procfs::parse_mountinfo : procfs::parse_mounts;
  Status parsed = in_file(file_.path(), parse(*text, fresh_, skipped));
  context.skipped(file_.path(), skipped);
  return parsed;
}

Result<bool> MountTable::refresh(const GatherContext& context, ReadBuffer& buffer) {
  if (unchanged()) return false;
  // A change after this poll and before the read is read now and reported by the next poll once more, which is
  // harmless.
  RESMON_TRY(read(context, buffer));
  struct ::statfs about {};
  // A capture on a plain file system says nothing about changes: it is read each time.
  can_poll_ = ::fstatfs(file_.descriptor(), &about) == 0 && about.f_type == PROC_SUPER_MAGIC;
  const bool changed = !read_ || fresh_ != mounts_;
  read_ = true;
  if (changed) mounts_.swap(fresh_);
  return changed;
}

}  // namespace resmon::collect
