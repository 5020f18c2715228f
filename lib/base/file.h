#pragma once

// Small helpers over file descriptors. All report errors with the path in them.

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace resmon {

// Owns one file descriptor; closes it when destroyed.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

// The whole file, which must not be larger than `limit_bytes`.
Result<std::string> read_file(const std::string& path, std::size_t limit_bytes = 16U << 20U);

// What tells whether a file has changed since it was last looked at: two contents with one mark would have to have one
// inode, size and time to the nanosecond. 0: there is none.
std::uint64_t file_mark(const std::string& path);

// Writes through a temporary file in the same folder, fdatasync and rename, so that a reader sees the old or the new
// content and never a part. `mode` is the new file's permission bits.
Status write_file_atomically(const std::string& path, std::string_view content, unsigned mode = 0644);

// For a directory that a program keeps private data in: takes the permissions of group and others from those of its
// files that `is_ours` says by name. Says (empty: nothing) what a person has to do about the directory itself, where
// others may enter it; that is left as it is, since it may be shared on purpose. Nothing where there is no directory.
std::string make_files_private(const std::string& directory, const std::function<bool(std::string_view name)>& is_ours);

}  // namespace resmon
