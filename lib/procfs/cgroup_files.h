#pragma once

// The files of a cgroup, of version 2 and of version 1. Sources: Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/.

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "procfs/scan.h"

namespace resmon::procfs {

// Lines of a name and a number, such as those of cpu.stat, memory.stat and memory.events. Fills in those that are asked
// for; a name that is not there leaves its number empty. Of a name that is there twice the first counts.
struct Keyed {
  std::string_view name;
  Number* value;
};
Status parse_keyed(std::string_view text, std::span<const Keyed> wanted, Skipped& skipped);

// A file of one number, or of "max", which is empty.
Status parse_limit(std::string_view text, Number& out, Skipped& skipped);

// All devices together; nothing of it where one of them cannot be read.
struct CgroupIo {
  Number read_bytes;
  Number written_bytes;
  Number reads;
  Number writes;
};
// io.stat: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 …". An empty text is a cgroup that did no I/O: 0.
Status parse_io_stat(std::string_view text, CgroupIo& out, Skipped& skipped);
// blkio.throttle.io_service_bytes_recursive: "8:0 Read 1".
Status parse_blkio(std::string_view text, CgroupIo& out, Skipped& skipped);

}  // namespace resmon::procfs
