// A file that SQLite refuses, or whose catalog does not decode, would keep the server from starting for good, while the
// journal has the newest samples and clients go on sending. So it is treated as one that is gone, and kept for whoever
// can mend it.

#include "store/damaged_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <vector>

#include "base/file.h"

namespace resmon::store {

namespace {

const std::string kStoreFile = "resmon.db";
const std::string kMiddle = ".damaged-";
constexpr const char* kBeside[] = {"-wal", "-shm"};

std::string stamp(UnixNanos now) {
  const std::time_t seconds = now / 1'000'000'000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc)};
}

// Oldest first; what belongs to one follows it.
std::vector<std::string> damaged_files(const std::string& directory) {
  std::vector<std::string> paths;
  std::error_code ignored;
  for (std::filesystem::directory_iterator at(directory, ignored), end; !ignored && at != end; at.increment(ignored))
    if (at->path().filename().string().starts_with(kStoreFile + kMiddle)) paths.push_back(at->path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

// EEXIST where there is one of that name.
int move_file(const std::string& from, const std::string& to) {
  return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0 ? 0 : errno;
}

}  // namespace

Result<std::string> set_damaged_aside(const std::string& directory, UnixNanos now) {
  const std::string path = directory + "/" + kStoreFile;
  const std::vector<std::string> old = damaged_files(directory);
  std::string aside = path + kMiddle + stamp(now);
  int error = move_file(path, aside);
  for (int number = 2; error == EEXIST && number < 1000; ++number) {
    aside = path + kMiddle + stamp(now) + "." + std::to_string(number);
    error = move_file(path, aside);
  }
  if (error != 0) return fail(system_error(path, error));
  for (const char* const end : kBeside)
    if (const int code = move_file(path + end, aside + end); code != 0 && code != ENOENT)
      return fail(system_error(path + end, code));
  const auto newest = std::find_if(old.rbegin(), old.rend(), [](const std::string& one) {
    return std::none_of(std::begin(kBeside), std::end(kBeside), [&](const char* end) { return one.ends_with(end); });
  });
  if (newest != old.rend())
    for (const std::string& one : old)
      if (one < *newest) (void)::unlink(one.c_str());
  const Fd folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid() || ::fsync(folder.get()) != 0) return fail(system_error(directory, errno));
  return aside;
}

std::uint64_t damaged_bytes(const std::string& directory) {
  std::uint64_t bytes = 0;
  for (const std::string& path : damaged_files(directory)) {
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0) bytes += static_cast<std::uint64_t>(info.st_size);
  }
  return bytes;
}

}  // namespace resmon::store
