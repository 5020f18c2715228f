#pragma once

// What the journal asks of a file system. The real one is posix(); tests have one that tears writes, fails and forgets
// what was not synced. Errors carry the path. A File may be read by several threads while one writes.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace resmon::journal {

class File {
 public:
  virtual ~File() = default;

  // Returns less than `out.size()` only at the end of the file.
  virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<char> out) = 0;
  // May write less than asked, at least one byte.
  virtual Result<std::size_t> write_at(std::uint64_t offset, std::string_view bytes) = 0;
  // Everything written, and the size, is on the device. After an error nothing is known about what was written since
  // the last success: the kernel may have forgotten it and report success next time.
  virtual Status sync() = 0;
  // Reserves the file's first `bytes` bytes on the device; the file is then at least that long. kUnsupported where the
  // file system cannot.
  virtual Status allocate(std::uint64_t bytes) = 0;
  virtual Status truncate(std::uint64_t bytes) = 0;
  virtual Result<std::uint64_t> size() = 0;
};

class FileSystem {
 public:
  struct Entry {
    std::string name;
    std::uint64_t bytes = 0;
  };
  // Held until destroyed.
  class Lock {
   public:
    virtual ~Lock() = default;
  };

  virtual ~FileSystem() = default;

  virtual Result<std::unique_ptr<File>> create(const std::string& path) = 0;  // an error if there is one
  virtual Result<std::unique_ptr<File>> open(const std::string& path) = 0;
  virtual Status remove(const std::string& path) = 0;  // kNotFound if there is none
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  virtual Status make_directory(const std::string& path) = 0;  // and its parents; not an error if it exists
  // Creations, removals and renames in it are on the device.
  virtual Status sync_directory(const std::string& path) = 0;
  virtual Result<std::vector<Entry>> list(const std::string& directory) = 0;  // regular files
  // kUnavailable while another has it.
  virtual Result<std::unique_ptr<Lock>> lock(const std::string& path) = 0;

  static FileSystem& posix();
};

// All of `bytes`, however often it takes.
inline Status write_all(File& file, std::uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    auto put = file.write_at(offset, bytes);
    if (!put) return fail(std::move(put).error());
    if (*put == 0) return fail(ErrorKind::kUnavailable, "write made no progress");
    offset += *put;
    bytes.remove_prefix(*put);
  }
  return {};
}

}  // namespace resmon::journal
