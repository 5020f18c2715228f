#include "auth/locked_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"

namespace resmon::auth {

Status update_locked_file(const std::string& path, std::size_t most_bytes,
                          const std::function<Status(std::string& text)>& change) {
  struct stat owner {};
  const bool give = ::geteuid() == 0 && ::stat(path.c_str(), &owner) == 0 && owner.st_uid != 0;
  const std::string lock_path = path + ".lock";
  const Fd lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock.valid()) return fail(system_error(lock_path, errno));
  if (give && ::fchown(lock.get(), owner.st_uid, owner.st_gid) != 0) return fail(system_error(lock_path, errno));
  if (::flock(lock.get(), LOCK_EX) != 0) return fail(system_error(lock_path, errno));
  std::string text;
  if (auto read = read_file(path, most_bytes))
    text = std::move(*read);
  else if (read.error().kind != ErrorKind::kNotFound)
    return fail(std::move(read).error());
  RESMON_TRY(change(text));
  RESMON_TRY(write_file_atomically(path, text, 0600));
  if (give && ::lchown(path.c_str(), owner.st_uid, owner.st_gid) != 0) return fail(system_error(path, errno));
  return {};
}

}  // namespace resmon::auth
