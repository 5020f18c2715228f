#pragma once

#include <string>
#include <string_view>

namespace resmon {

// The key by which limits count senders: an IPv4 address itself, or the first 64 bits of an IPv6 address, because one
// sender usually has a whole /64. `address` is a numeric address without port and brackets.
std::string network_of(std::string_view address);

}  // namespace resmon
