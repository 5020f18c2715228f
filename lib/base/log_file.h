#pragma once

// A file of lines that is rotated by size: NAME.log becomes NAME.1.log, which becomes NAME.2.log, and so on. spdlog
// does the work; nothing else sees its headers.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace resmon {

// Not thread-safe.
class LogFile {
 public:
  // Appends to what is there; makes missing directories. The file is rotated before it grows past `rotate_bytes` (above
  // 0), and the newest `keep_files` (at least 1) rotated ones stay.
  static Result<LogFile> open(const std::string& path, std::uint64_t rotate_bytes, int keep_files);

  LogFile(LogFile&&) noexcept;
  LogFile& operator=(LogFile&&) noexcept;
  ~LogFile();

  // One line with its end. It is in the kernel's hands afterwards, or lost, as on a full disk. Where files cannot be
  // renamed the lines so far are lost: the bound holds all the same.
  void write(std::string_view line);

 private:
  struct Sink;
  explicit LogFile(std::unique_ptr<Sink> sink);
  std::unique_ptr<Sink> sink_;
};

}  // namespace resmon
