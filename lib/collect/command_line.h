#pragma once

// Command lines as they may be shown: without the secrets that people put into them. Everybody on the machine can read
// them there, but not everybody who reads a monitor is on the machine.

#include <string>
#include <string_view>

namespace resmon::collect {

// `text`: /proc/PID/cmdline, arguments that end with NUL. Blanks between them, control characters replaced, at most
// `most_bytes`. Passwords, tokens and keys are "***": the values of options and variables with such names, those in
// URLs, and what follows `-p` of mysql and sshpass.
std::string command_line(std::string_view text, std::size_t most_bytes = 256);

}  // namespace resmon::collect
