#pragma once

#include <string>
#include <string_view>

#include "http/router.h"

namespace resmon::server {

// The header that InfluxDB 1.x repeats an error in: what is no printable ASCII is left out, so that it is one line.
inline void add_influx_error(http::Response& response, std::string_view message) {
  constexpr std::size_t kMostErrorBytes = 1024;
  std::string line;
  for (const char c : message.substr(0, kMostErrorBytes)) {
    if (c >= ' ' && c <= '~')
      line += c;
    else if (line.empty() || line.back() != ' ')
      line += ' ';
  }
  response.headers.emplace_back("X-Influxdb-Error", std::move(line));
}

// {"error": message}, as InfluxDB 1.x refuses a request.
inline http::Response influx_error(unsigned status, std::string_view message) {
  http::Response response = http::Response::error(status, message);
  add_influx_error(response, message);
  return response;
}

}  // namespace resmon::server
