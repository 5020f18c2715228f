#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>
#include <vector>

#include "base/result.h"

namespace resmon::net {

// A set of addresses and networks, such as those of balancers and proxies.
class Networks {
 public:
  Networks() = default;  // none
  // "127.0.0.1", "10.0.0.0/8", "::1", "fd00::/8". kInvalid names the one that is neither.
  static Result<Networks> parse(const std::vector<std::string>& list);

  bool empty() const { return networks_.empty(); }
  // An IPv4 address that is mapped into IPv6 is that IPv4 address.
  bool contains(const boost::asio::ip::address& address) const;

 private:
  struct Network {
    boost::asio::ip::address_v6::bytes_type bytes;  // IPv4 as mapped addresses
    unsigned bits;                                  // the first so many of them count
  };
  std::vector<Network> networks_;
};

}  // namespace resmon::net
