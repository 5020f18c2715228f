#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace resmon::sink {

// Lines that a server refused, each under a comment with the time and the reason, so that the file can be corrected and
// written again with any client. Bounded: two files of the given size at most.
class RefusedFile {
 public:
  // An empty path: nothing is written.
  RefusedFile(std::string path, std::uint64_t limit_bytes) : path_(std::move(path)), limit_bytes_(limit_bytes) {}
  // `lines`: one or more with their line feeds, or empty for the reason alone.
  Status add(std::string_view lines, std::string_view reason, UnixNanos now) const;

 private:
  std::string path_;
  std::uint64_t limit_bytes_;
};

}  // namespace resmon::sink
