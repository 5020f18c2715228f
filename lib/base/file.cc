#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace resmon {

void Fd::reset() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Result<std::string> read_file(const std::string& path, std::size_t limit_bytes) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return fail(system_error(path, errno));
  std::string content;
  char buffer[16384];
  while (true) {
    const ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
    if (got < 0) {
      if (errno == EINTR) continue;
      return fail(system_error(path, errno));
    }
    if (got == 0) return content;
    content.append(buffer, static_cast<std::size_t>(got));
    if (content.size() > limit_bytes)
      return fail(ErrorKind::kLimit, path + ": larger than " + std::to_string(limit_bytes) + " bytes");
  }
}

std::uint64_t file_mark(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return 0;
  const auto mix = [](std::uint64_t a, std::uint64_t b) { return (a ^ b) * 0x9e3779b97f4a7c15ULL; };
  return mix(mix(mix(info.st_ino, static_cast<std::uint64_t>(info.st_size)),
                 static_cast<std::uint64_t>(info.st_mtim.tv_sec)),
             static_cast<std::uint64_t>(info.st_mtim.tv_nsec)) |
         1U;
}

Status write_file_atomically(const std::string& path, std::string_view content, unsigned mode) {
  std::string temporary = path + ".XXXXXX";
  const Fd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd.valid()) return fail(system_error(path, errno));
  const auto give_up = [&](int error_number) -> Status {
    ::unlink(temporary.c_str());
    return fail(system_error(path, error_number));
  };
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t put = ::write(fd.get(), content.data() + done, content.size() - done);
    if (put < 0) {
      if (errno == EINTR) continue;
      return give_up(errno);
    }
    done += static_cast<std::size_t>(put);
  }
  if (::fchmod(fd.get(), mode) != 0 || ::fdatasync(fd.get()) != 0) return give_up(errno);
  if (std::rename(temporary.c_str(), path.c_str()) != 0) return give_up(errno);
  return {};
}

}  // namespace resmon
