#pragma once

// The PROXY protocol's header, version 2 (HAProxy, doc/proxy-protocol.txt): in front of a connection's own bytes a
// balancer says whose connection it passes on. No I/O; bounded and linear.

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace resmon::net {

struct ProxyHeader {
  std::size_t bytes = 0;  // of the header: behind them the connection's own begin
  // Empty: the balancer connects for itself (a health check), or passes on what has no such address.
  std::optional<boost::asio::ip::tcp::endpoint> client;
};

// Longer headers are refused. HAProxy's have less than 600 bytes with everything it can add.
inline constexpr std::size_t kMostProxyHeaderBytes = 4096;

// False for nothing.
bool begins_proxy_header(std::string_view bytes);
// nullopt: the header goes on behind `bytes`. kInvalid: they are no such header.
Result<std::optional<ProxyHeader>> read_proxy_header(std::string_view bytes);

}  // namespace resmon::net
