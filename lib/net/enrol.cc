#include "net/enrol.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"

namespace resmon::net {

namespace {

constexpr std::size_t kMostFileBytes = 1U << 20U;  // as TokenSet::load
constexpr std::size_t kMostBoundNameBytes = 200;   // as ./resmon configure enrol

bool is_name(std::string_view name) {
  if (name.empty() || name.size() > kMostBoundNameBytes || name.front() == '#' || name.front() == ' ' ||
      name.back() == ' ')
    return false;
  return std::none_of(name.begin(), name.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

Status add_bound_token(const std::string& path, std::string_view token, std::string_view name) {
  if (!is_name(name))
    return fail(ErrorKind::kInvalid, "a client's name has 1 to 200 bytes and does not begin with '#'");
  const std::string lock_path = path + ".lock";
  const Fd lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock.valid()) return fail(system_error(lock_path, errno));
  if (::flock(lock.get(), LOCK_EX) != 0) return fail(system_error(lock_path, errno));
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return fail(system_error("token file " + path, errno));
  auto content = read_file(path, kMostFileBytes);
  if (!content) return fail(std::move(content).error().wrap("token file"));
  if (!content->empty() && content->back() != '\n') *content += '\n';
  content->append(token).append(1, ' ').append(name).append(1, '\n');
  if (content->size() > kMostFileBytes)
    return fail(ErrorKind::kLimit, "the token file is full: revoke tokens that are not used");
  return write_file_atomically(path, *content, info.st_mode & 0777U);
}

}  // namespace resmon::net
