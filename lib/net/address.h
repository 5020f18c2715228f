#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace resmon::net {

// A place to listen or to connect: "127.0.0.1:7411", "[::1]:7411", "monitor.example.org:7411".
struct Address {
  std::string host;
  std::uint16_t port = 0;
};

// kInvalid says what is wrong. With `default_port` not 0 the port may be left out.
Result<Address> parse_address(std::string_view text, std::uint16_t default_port = 0);
std::string to_string(const Address& address);

// True for 127.0.0.0/8, ::1 and "localhost" in any case: what is said there does not leave the machine.
bool is_loopback(std::string_view host);

}  // namespace resmon::net
