// SQLite reads as many pages as the head of its file says, so what follows them does not disturb it: a backup remains a
// database that any tool opens.
//
// Rejected: a table of checksums (the pages that hold it, and those above it, would need others); SQLite's own checksum
// extension (a reserve in each page, and only builds that have it read the file).

#include "store/file_checksums.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <functional>

#include "base/crc32c.h"
#include "base/file.h"
#include "store/bytes.h"

namespace resmon::store {

namespace {

constexpr std::string_view kMagic = "rsmnsums";
constexpr std::uint64_t kBlockBytes = 1U << 20U;
constexpr std::uint64_t kEndBytes = kMagic.size() + 8 + 4;  // then the size before the checksums, and one of all this

std::uint64_t sums_bytes(std::uint64_t size) {
  return (size + kBlockBytes - 1) / kBlockBytes * sizeof(std::uint32_t);
}

Result<std::uint64_t> size_of(const Fd& fd, const std::string& path) {
  struct stat info {};
  if (!fd.valid() || ::fstat(fd.get(), &info) != 0) return fail(system_error(path, errno));
  return static_cast<std::uint64_t>(info.st_size);
}

Result<std::string> read_at(const Fd& fd, const std::string& path, std::uint64_t at, std::uint64_t count) {
  std::string bytes(count, '\0');
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t got = ::pread(fd.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(at + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(system_error(path, errno));
    if (got == 0) return fail(ErrorKind::kDamaged, path + ": cut short while it was read");
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

// Each block of the first `size` bytes, with where it begins.
Status each_block(const Fd& fd, const std::string& path, std::uint64_t size,
                  const std::function<Status(std::uint64_t, std::string_view)>& visit) {
  for (std::uint64_t at = 0; at < size; at += kBlockBytes) {
    RESMON_ASSIGN(const std::string block, read_at(fd, path, at, std::min(kBlockBytes, size - at)));
    RESMON_TRY(visit(at, block));
  }
  return {};
}

}  // namespace

Status append_checksums(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  RESMON_ASSIGN(const std::uint64_t size, size_of(fd, path));
  std::string end;
  RESMON_TRY(each_block(fd, path, size, [&](std::uint64_t, std::string_view block) -> Status {
    put_fixed(end, crc32c(block));
    return {};
  }));
  end += kMagic;
  put_fixed(end, size);
  put_fixed(end, crc32c(end));
  for (std::size_t done = 0; done < end.size();) {
    const ssize_t put = ::pwrite(fd.get(), end.data() + done, end.size() - done, static_cast<off_t>(size + done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail(system_error(path, errno));
    done += static_cast<std::size_t>(put);
  }
  return {};
}

namespace {

// Where the checksums begin; kNotFound where there are none.
Result<std::uint64_t> find_checksums(const Fd& fd, const std::string& path) {
  RESMON_ASSIGN(const std::uint64_t file_size, size_of(fd, path));
  const auto none = [&] { return fail(ErrorKind::kNotFound, path + ": it does not end with checksums"); };
  if (file_size < kEndBytes) return none();
  RESMON_ASSIGN(const std::string end, read_at(fd, path, file_size - kEndBytes, kEndBytes));
  if (!end.starts_with(kMagic)) return none();
  ByteReader reader(std::string_view(end).substr(kMagic.size()));
  const auto size = reader.fixed<std::uint64_t>();
  if (size > file_size || size + sums_bytes(size) + kEndBytes != file_size)
    return fail(ErrorKind::kDamaged, path + ": its checksums are damaged: its size is not what they say");
  return size;
}

}  // namespace

Status verify_checksums(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  RESMON_ASSIGN(const std::uint64_t size, find_checksums(fd, path));
  RESMON_ASSIGN(const std::string end, read_at(fd, path, size, sums_bytes(size) + kEndBytes));
  const std::string_view sums = std::string_view(end).substr(0, end.size() - sizeof(std::uint32_t));
  if (crc32c(sums) != ByteReader(std::string_view(end).substr(sums.size())).fixed<std::uint32_t>())
    return fail(ErrorKind::kDamaged, path + ": its checksums are damaged");
  ByteReader wanted(sums);
  return each_block(fd, path, size, [&](std::uint64_t at, std::string_view block) -> Status {
    if (crc32c(block) == wanted.fixed<std::uint32_t>()) return {};
    return fail(ErrorKind::kDamaged, path + ": bytes " + std::to_string(at) + " to " +
                                         std::to_string(at + block.size()) + " are not what was written (checksum)");
  });
}

Status drop_checksums(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd.valid() && errno == ENOENT) return {};
  const Result<std::uint64_t> size = find_checksums(fd, path);
  if (!size) return size.error().kind == ErrorKind::kNotFound ? Status() : fail(Error(size.error()));
  if (::ftruncate(fd.get(), static_cast<off_t>(*size)) != 0) return fail(system_error(path, errno));
  return {};
}

}  // namespace resmon::store
