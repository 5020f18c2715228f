#pragma once

#include <string>
#include <string_view>

namespace resmon {

// What a bound for one sender counts as one address: an IPv4 address itself, and of an IPv6 address the first 64 bits,
// because whoever has one has all that begin so. `address` is a numeric address without port and brackets.
std::string network_of(std::string_view address);

}  // namespace resmon
