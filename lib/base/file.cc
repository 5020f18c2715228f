#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

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

std::string make_files_private(const std::string& directory,
                               const std::function<bool(std::string_view name)>& is_ours) {
  struct stat info {};
  if (::stat(directory.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return {};
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    struct stat file {};
    // A link, or a file that somebody else put there, is not changed.
    if (!is_ours(it->path().filename().string()) || ::lstat(it->path().c_str(), &file) != 0) continue;
    if (S_ISREG(file.st_mode) && file.st_uid == ::geteuid() && (file.st_mode & 077U) != 0)
      (void)::chmod(it->path().c_str(), file.st_mode & 0700U);
  }
  if ((info.st_mode & 077U) == 0) return {};
  char mode[8];
  std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(info.st_mode & 07777U));
  return directory + " has mode " + mode + ", so other users may " +
         ((info.st_mode & 022U) != 0 ? "change what is in it" : "see what is in it") + ": chmod 700 " + directory;
}

}  // namespace resmon
