#include "collect/shared.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

namespace resmon::collect {

namespace {

int system_statfs(const char* path, struct ::statfs* out) {
  while (::statfs(path, out) != 0)
    if (errno != EINTR) return errno;
  return 0;
}

std::optional<Device> system_device(const char* path) {
  struct ::statx about {};
  // No field is asked for: the device is always told, and so nothing has to be fetched from a server.
  if (::statx(AT_FDCWD, path, AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, 0, &about) != 0) return {};
  return Device{about.stx_dev_major, about.stx_dev_minor};
}

std::optional<Device> no_device(const char*) {
  return {};
}

}  // namespace

Shared::Shared(const Roots& roots, StatfsFunction statfs_function, DeviceFunction device_function)
    : statfs_function_(statfs_function ? statfs_function : system_statfs),
      device_function_(device_function   ? std::move(device_function)
                       : statfs_function ? DeviceFunction(no_device)
                                         : DeviceFunction(system_device)),
      stat_(roots.proc + "/stat", PinnedFile::Records::kOne),
      mem_info_(roots.proc + "/meminfo", PinnedFile::Records::kOne),
      process_table_(roots.proc),
      container_names_(roots) {}

template <class T, class Parse>
Result<const T*> Shared::once(OncePerGather<T>& file, const GatherContext& context, Parse parse) {
  if (file.sequence != context.sequence) {
    file.sequence = context.sequence;
    const auto text = file.file.read(buffer_);
    file.skipped = {};
    file.status =
        text ? in_file(file.file.path(), parse(*text, file.value, file.skipped)) : Status(fail(Error(text.error())));
  }
  context.skipped(file.file.path(), file.skipped);
  if (!file.status) return fail(Error(file.status.error()));
  return static_cast<const T*>(&file.value);
}

Result<const procfs::Stat*> Shared::stat(const GatherContext& context) {
  return once(stat_, context, procfs::parse_stat);
}

Result<const procfs::MemInfo*> Shared::mem_info(const GatherContext& context) {
  return once(mem_info_, context, procfs::parse_meminfo);
}

Result<std::span<const ProcessTable::Process>> Shared::processes(const GatherContext& context, Status& some) {
  if (processes_sequence_ != context.sequence) {
    processes_sequence_ = context.sequence;
    procfs::Number forks;
    if (auto read = stat(context)) forks = (*read)->processes_forked;
    some_processes_ = {};
    processes_listed_ = process_table_.refresh(context, forks, some_processes_);
  }
  if (!processes_listed_) return fail(Error(processes_listed_.error()));
  if (!some_processes_) some = fail(Error(some_processes_.error()));
  return process_table_.processes();
}

}  // namespace resmon::collect
