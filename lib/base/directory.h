#pragma once

// The entries of a directory. As opendir and readdir, with 4 KiB of the object's own in place of 32 KiB of the heap for
// each directory that is open: the client lists /proc and the control groups all the time.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/file.h"

namespace resmon {

class Directory {
 public:
  struct Entry {
    std::string_view name;  // ends with '\0'; until the next call; "." and ".." are left out
    std::uint64_t inode = 0;
    unsigned char type = 0;  // DT_…; DT_UNKNOWN where the file system does not tell
  };

  // Where it cannot be opened, valid() is false, error() says why, and there are no entries.
  explicit Directory(const char* path);

  bool valid() const { return fd_.valid(); }
  int fd() const { return fd_.get(); }
  // The errno of the last failure to open or to read; 0: there was none.
  int error() const { return error_; }

  // Empty at the end, and when reading fails.
  std::optional<Entry> next();
  // Begins anew, with what is there by then.
  void rewind();

 private:
  Fd fd_;
  int error_ = 0;
  std::size_t at_ = 0;
  std::size_t size_ = 0;
  alignas(8) std::array<char, 4096> buffer_;
};

}  // namespace resmon
