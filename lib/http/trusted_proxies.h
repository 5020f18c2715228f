#pragma once

// Reverse proxies whose X-Forwarded-For the server believes. From any other sender the header is ignored.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/networks.h"

namespace resmon::http {

class TrustedProxies {
 public:
  TrustedProxies() = default;  // none
  // Addresses and networks: "127.0.0.1", "10.0.0.0/8", "::1", "fd00::/8". kInvalid names the one that is neither.
  static Result<TrustedProxies> parse(const std::vector<std::string>& list);

  // The address that a request comes from. `peer` is who sent it, without port and brackets. Where that is a trusted
  // proxy, it is the last address in `forwarded_for` that is none; what a proxy was sent stands before that, and
  // anybody can write it. Linear.
  std::string client_of(std::string_view peer, std::string_view forwarded_for) const;

 private:
  net::Networks networks_;
};

}  // namespace resmon::http
