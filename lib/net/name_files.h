#pragma once

// The files that say how names become addresses: /etc/hosts (hosts(5)) and /etc/resolv.conf (resolv.conf(5)). No I/O.

#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace resmon::net {

struct ResolverConfig {
  std::vector<boost::asio::ip::address> servers;  // in the order to ask them; at most 3
  std::vector<std::string> search;                // at most 16
  unsigned dots = 1;                // a name with so many dots is tried as it is before the search domains
  unsigned attempts = 2;            // times that each server is asked
  std::chrono::seconds timeout{5};  // for one attempt
  bool over_tcp = false;
};

// As glibc reads it; lines and options that it does not know are ignored. Without a server there it is 127.0.0.1.
// `host_name` is this machine's: its domain is searched where the file names none.
ResolverConfig parse_resolv_conf(std::string_view text, std::string_view host_name);

// All addresses of all lines that have this name, in any case, in their order; at most 64.
std::vector<boost::asio::ip::address> find_in_hosts(std::string_view text, std::string_view name);

}  // namespace resmon::net
