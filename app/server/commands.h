#pragma once

#include <string>
#include <vector>

namespace resmon::server {

// passwd, user and token: changes the accounts file, which a running server notices within a second or two. Returns an
// exit code.
int run_command(const char* program, const std::vector<std::string>& words, const std::string& accounts_file);

}  // namespace resmon::server
