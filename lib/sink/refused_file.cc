#include "sink/refused_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <ctime>

#include "base/file.h"

namespace resmon::sink {

Status RefusedFile::add(std::string_view lines, std::string_view reason, UnixNanos now) const {
  if (path_.empty()) return {};
  const std::time_t seconds = now / 1'000'000'000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char time[32];
  const std::size_t length = std::strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%SZ", &utc);
  std::string text = "# " + std::string(time, length) + " " + std::string(reason) + "\n";
  text += lines;
  if (text.size() > limit_bytes_) text.resize(limit_bytes_);
  struct stat status {};
  if (::stat(path_.c_str(), &status) == 0 && static_cast<std::uint64_t>(status.st_size) + text.size() > limit_bytes_) {
    const std::string old = path_ + ".1";
    if (std::rename(path_.c_str(), old.c_str()) != 0) return fail(system_error(path_, errno));
  }
  // Opened anew each time: refusals are rare, and a file that an operator moved away is simply begun again.
  const Fd fd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (!fd.valid()) return fail(system_error(path_, errno));
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t put = ::write(fd.get(), rest.data(), rest.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail(system_error(path_, errno));
    rest.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

}  // namespace resmon::sink
