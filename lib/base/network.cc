#include "base/network.h"

namespace resmon {

std::string network_of(std::string_view address) {
  if (address.find(':') == std::string_view::npos || address.find('.') != std::string_view::npos)
    return std::string(address);
  std::size_t at = 0;
  for (int group = 0; group < 4 && at != std::string_view::npos; ++group) {
    const std::size_t next = address.find(':', at + (group > 0 ? 1 : 0));
    if (next == std::string_view::npos || (next + 1 < address.size() && address[next + 1] == ':'))
      return std::string(address.substr(0, next));
    at = next;
  }
  return std::string(address.substr(0, at));
}

}  // namespace resmon
