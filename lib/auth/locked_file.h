#pragma once

// A small file beside the accounts that the server and its commands change: locked while it is read, changed and
// replaced as a whole (mode 0600). The lock is a file beside it.

#include <functional>
#include <string>

#include "base/result.h"

namespace resmon::auth {

// `change` gets the text (empty: there is no file) and makes the new one of it; an error of it changes nothing. Keeps
// the owner: root may run a command for another user's server.
Status update_locked_file(const std::string& path, std::size_t most_bytes,
                          const std::function<Status(std::string& text)>& change);

}  // namespace resmon::auth
