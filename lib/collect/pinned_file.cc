#include "collect/pinned_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "procfs/scan.h"

namespace resmon::collect {

namespace {

using Records = PinnedFile::Records;

constexpr std::size_t kSeqFilePageBytes = 4096;  // the least that a seq_file fills before it stops
constexpr std::size_t kShortRecordBytes = 512;
constexpr std::size_t kLineBytes = 255;  // and one that the kernel adds

// 0 and the content's size in `size`, or the error number. -1: larger than the limit.
int read_all(int fd, Records records, std::size_t limit_bytes, ReadBuffer& buffer, std::size_t& size) {
  size = 0;
  while (true) {
    if (size == buffer.size()) {
      if (size > limit_bytes) return -1;
      buffer.grow();
    }
    const std::size_t room = std::min(buffer.size() - size, records == Records::kLine ? kLineBytes : SIZE_MAX);
    const ssize_t got = ::pread(fd, buffer.data() + size, room, static_cast<off_t>(size));
    if (got < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    const auto bytes = static_cast<std::size_t>(got);
    size += bytes;
    if (size > limit_bytes) return -1;
    const bool last = bytes == 0 || ((records == Records::kOne || records == Records::kLine) && bytes < room) ||
                      (records == Records::kShort && bytes < room && bytes < kSeqFilePageBytes - kShortRecordBytes);
    if (last) return 0;
  }
}

Error limit_error(const std::string& path, std::size_t limit_bytes) {
  return Error{ErrorKind::kLimit, path + ": larger than " + std::to_string(limit_bytes) + " bytes"};
}

}  // namespace

Status PinnedFile::open() {
  fd_ = Fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd_.valid()) return fail(system_error(path_, errno));
  return {};
}

bool PinnedFile::missing() const {
  return !fd_.valid() && ::access(path_.c_str(), F_OK) != 0 && errno == ENOENT;
}

Result<std::string_view> PinnedFile::read(ReadBuffer& buffer) {
  const bool was_open = fd_.valid();
  if (!was_open) RESMON_TRY(open());
  std::size_t size = 0;
  int error_number = read_all(fd_.get(), records_, limit_bytes_, buffer, size);
  const bool gone = error_number == ESTALE || error_number == ENODEV || error_number == ESRCH ||
                    error_number == ENOENT || error_number == EIO;
  if (gone) {
    fd_.reset();
    if (was_open) {
      RESMON_TRY(open());
      error_number = read_all(fd_.get(), records_, limit_bytes_, buffer, size);
    }
  }
  if (error_number == -1) return fail(limit_error(path_, limit_bytes_));
  if (error_number != 0) return fail(system_error(path_, error_number));
  return std::string_view(buffer.data(), size);
}

Result<std::string_view> read_once(const char* path, ReadBuffer& buffer, std::size_t limit_bytes) {
  const Fd fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return fail(system_error(path, errno));
  std::size_t size = 0;
  const int error_number = read_all(fd.get(), Records::kUnknown, limit_bytes, buffer, size);
  if (error_number == -1) return fail(limit_error(path, limit_bytes));
  if (error_number != 0) return fail(system_error(path, error_number));
  return std::string_view(buffer.data(), size);
}

std::string read_line(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char text[512];
  const ssize_t got = fd.valid() ? ::read(fd.get(), text, sizeof text) : 0;
  if (got <= 0) return {};
  std::string_view line;
  procfs::Lines({text, static_cast<std::size_t>(got)}).next(line);
  while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  while (!line.empty() && line.back() == ' ') line.remove_suffix(1);
  return procfs::is_name(line) ? std::string(line) : std::string();
}

}  // namespace resmon::collect
