#include "collect/shared.h"

#include <cerrno>

namespace resmon::collect {

namespace {

int system_statfs(const char* path, struct ::statfs* out) {
  while (::statfs(path, out) != 0)
    if (errno != EINTR) return errno;
  return 0;
}

}  // namespace

Shared::Shared(const Roots& roots, StatfsFunction statfs_function)
    : statfs_function_(statfs_function ? std::move(statfs_function) : system_statfs),
      stat_(roots.proc + "/stat", PinnedFile::Records::kOne),
      mem_info_(roots.proc + "/meminfo", PinnedFile::Records::kOne) {}

template <class T, class Parse>
Result<const T*> Shared::once(OncePerGather<T>& file, const GatherContext& context, Parse parse) {
  if (file.sequence != context.sequence) {
    file.sequence = context.sequence;
    const auto text = file.file.read(buffer_);
    file.status = text ? in_file(file.file.path(), parse(*text, file.value)) : Status(fail(Error(text.error())));
  }
  if (!file.status) return fail(Error(file.status.error()));
  return static_cast<const T*>(&file.value);
}

Result<const procfs::Stat*> Shared::stat(const GatherContext& context) {
  return once(stat_, context, procfs::parse_stat);
}

Result<const procfs::MemInfo*> Shared::mem_info(const GatherContext& context) {
  return once(mem_info_, context, procfs::parse_meminfo);
}

}  // namespace resmon::collect
