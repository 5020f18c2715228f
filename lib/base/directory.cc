#include "base/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace resmon {

Directory::Directory(const char* path) : fd_(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (!fd_.valid()) error_ = errno;
}

std::optional<Directory::Entry> Directory::next() {
  while (fd_.valid()) {
    if (at_ == size_) {
      const ssize_t got = ::getdents64(fd_.get(), buffer_.data(), buffer_.size());
      if (got < 0 && errno != ENOENT) error_ = errno;  // ENOENT: it was removed meanwhile
      if (got <= 0) break;
      at_ = 0;
      size_ = static_cast<std::size_t>(got);
    }
    const auto* entry = reinterpret_cast<const dirent64*>(buffer_.data() + at_);
    at_ += entry->d_reclen;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") return Entry{name, entry->d_ino, entry->d_type};
  }
  return std::nullopt;
}

void Directory::rewind() {
  at_ = size_ = 0;
  if (::lseek(fd_.get(), 0, SEEK_SET) < 0) error_ = errno;
}

}  // namespace resmon
