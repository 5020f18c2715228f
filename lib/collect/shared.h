#pragma once

// Shared by the collectors of one client: the buffer into which files are read, and the files that several collectors
// need, each of which is read and parsed once a gather. cpu, kernel, processes and system use /proc/stat, mem and swap
// use /proc/meminfo; a second read of /proc/stat would cost as much as three small collectors.

#include <sys/vfs.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "collect/collector.h"
#include "collect/container_names.h"
#include "collect/pinned_file.h"
#include "collect/process_table.h"
#include "procfs/meminfo.h"
#include "procfs/stat.h"

namespace resmon::collect {

struct Device {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  bool operator==(const Device&) const = default;
};

// statfs(2): 0, or the error number. Tests put their own here. Called from helper threads: must be thread-safe.
using StatfsFunction = std::function<int(const char* path, struct ::statfs* out)>;

// The device that a path's file system is (st_dev), as mountinfo has it: "254:0". Empty where it cannot be told. Tests
// put their own here. Thread-safe too.
using DeviceFunction = std::function<std::optional<Device>(const char* path)>;

class Shared {
 public:
  // If a test passes its own statfs and no device function, devices are unknown.
  explicit Shared(const Roots& roots, StatfsFunction statfs_function = {}, DeviceFunction device_function = {});

  ReadBuffer& buffer() { return buffer_; }
  const StatfsFunction& statfs_function() const { return statfs_function_; }
  const DeviceFunction& device_function() const { return device_function_; }

  // This gather's content; every caller gets the same one, or the same error (kInvalid: nothing of use was in it), and
  // is counted what was skipped. Valid until the next gather. Both use buffer().
  Result<const procfs::Stat*> stat(const GatherContext& context);
  Result<const procfs::MemInfo*> mem_info(const GatherContext& context);
  // Fails when /proc cannot be listed; `some` is why some could not be read, if so.
  Result<std::span<const ProcessTable::Process>> processes(const GatherContext& context, Status& some);
  ProcessTable& process_table() { return process_table_; }
  ContainerNames& container_names() { return container_names_; }

 private:
  template <class T>
  struct OncePerGather {
    explicit OncePerGather(std::string path, PinnedFile::Records records) : file(std::move(path), records) {}
    PinnedFile file;
    std::uint64_t sequence = 0;
    T value{};
    procfs::Skipped skipped;
    Status status = fail(ErrorKind::kInternal, "not read yet");
  };
  template <class T, class Parse>
  Result<const T*> once(OncePerGather<T>& file, const GatherContext& context, Parse parse);

  ReadBuffer buffer_;
  StatfsFunction statfs_function_;
  DeviceFunction device_function_;
  OncePerGather<procfs::Stat> stat_;
  OncePerGather<procfs::MemInfo> mem_info_;
  ProcessTable process_table_;
  ContainerNames container_names_;
  std::uint64_t processes_sequence_ = 0;
  Status processes_listed_;
  Status some_processes_;
};

}  // namespace resmon::collect
