#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace resmon::oracle {

struct Reply {
  int status = 0;
  std::string body;
};

// One HTTP/1.0 request over a new connection to 127.0.0.1.
Result<Reply> request(std::uint16_t port, std::string_view method, std::string_view target,
                      std::string_view headers = {}, std::string_view body = {});
std::string percent_encoded(std::string_view text);
Result<std::uint16_t> free_port();

}  // namespace resmon::oracle
