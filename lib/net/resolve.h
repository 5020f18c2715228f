#pragma once

// Names to addresses without the C library, whose own way loads shared objects that a static program has not got, takes
// a thread for each name, and cannot be ended before its time. Reads /etc/hosts, then asks the name servers of
// /etc/resolv.conf.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace resmon::net {

// Read anew for each name, so a change of network is noticed. A file that cannot be read is taken for empty.
struct NameFiles {
  std::string hosts = "/etc/hosts";
  std::string resolv_conf = "/etc/resolv.conf";
  std::uint16_t port = 53;  // of the name servers: for tests
};

// What a caller holds to end a resolve_name() early; one executor with it.
struct ResolveAbandon {
  bool abandoned = false;
  std::function<void()> wake;  // set while one waits
  void operator()() {
    abandoned = true;
    if (wake) wake();
  }
};

// The addresses of `host` in the order in which they are to be tried (RFC 6724, by what routes and source addresses
// this machine has): at least one. "localhost" and names that end with ".localhost" are this machine (RFC 6761).
// Otherwise /etc/hosts decides if it has the name. Search domains, ndots, timeout, attempts and use-vc are as in
// resolv.conf(5), but that the whole takes no longer than `timeout`, of which each server has its share. A and AAAA are
// asked at the same time; where one of them has addresses, the other has a second more.
//
// kNotFound: no server knows the name; kInvalid: it is no name; kUnavailable: no answer in time. The message says it
// without the name.
boost::asio::awaitable<Result<std::vector<boost::asio::ip::address>>> resolve_name(
    std::string host, std::chrono::steady_clock::duration timeout, NameFiles files,
    std::shared_ptr<ResolveAbandon> abandon);

}  // namespace resmon::net
