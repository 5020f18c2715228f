#pragma once

// Where an input listens: the text of its url, and the sockets.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/address.h"

namespace resmon::door {

enum class Kind { kUnix, kTcp, kTls, kUdp };

struct Place {
  Kind kind = Kind::kTcp;
  std::string path;  // of a unix socket
  net::Address address;
};
// kInvalid: what is wrong with it.
Result<Place> place_of(std::string_view url);

// One of them is open.
struct Sockets {
  std::optional<boost::asio::ip::tcp::acceptor> tcp;
  std::optional<boost::asio::local::stream_protocol::acceptor> local;
  std::optional<boost::asio::ip::udp::socket> udp;
  std::string path;  // of the unix socket

  // Binds and listens. kUnavailable: why not.
  Status bind(const Place& place, const boost::asio::any_io_executor& executor);
  void close();  // at once, and removes the path
};

}  // namespace resmon::door
