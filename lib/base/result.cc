#include "base/result.h"

#include <cerrno>

namespace resmon {

namespace {

ErrorKind kind_of(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return ErrorKind::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorKind::kDenied;
    case EMFILE:
    case ENFILE:
    case EDQUOT:
      return ErrorKind::kLimit;
    case EINVAL:
    case ENAMETOOLONG:
      return ErrorKind::kInvalid;
    case EOPNOTSUPP:
      return ErrorKind::kUnsupported;
    default:
      return ErrorKind::kUnavailable;
  }
}

}  // namespace

Error system_error(std::string_view what, int error_number) {
  std::string message(what);
  message += ": ";
  message += std::generic_category().message(error_number);
  return Error{kind_of(error_number), std::move(message)};
}

}  // namespace resmon
