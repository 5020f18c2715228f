#pragma once

// Connects to a name that may have several addresses, some of which may be silent (RFC 8305, "Happy Eyeballs").

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "net/address.h"
#include "net/resolve.h"

namespace resmon::net {

namespace asio = boost::asio;
using Timeout = std::chrono::steady_clock::duration;

// Who makes addresses of names. The client does it itself, since it is a static program. The server asks the C library,
// which knows what an administrator has put into nsswitch.conf (mDNS, directories).
enum class Names { kOwn, kSystem };

// One caller's connections, one after the other: remembers which address worked, and ends an attempt that is under way.
// One executor with dial().
class Dialing {
 public:
  using Endpoint = asio::ip::tcp::endpoint;

  explicit Dialing(Names from = Names::kOwn) : names(from) {}

  // Ends a dial() that is under way; one that waits for the system's resolver, when that has answered.
  void abandon() {
    if (*abandon_) (*abandon_)();
  }
  // Reports the fate of the last connection. An address that worked is tried first next time; one that accepted the
  // connection and then failed is tried last.
  void worked();
  void failed();

  const Names names;
  // Replaces both: for tests.
  std::function<std::vector<Endpoint>(const Address&)> resolver;

  // In the order in which they are to be tried: families in turn, as the resolver ordered each.
  std::vector<Endpoint> in_order(const std::vector<Endpoint>& found) const;

  // Sets what abandon() calls, for as long as it lives; that may be longer than the Dialing, in a coroutine that is
  // never resumed.
  class OnAbandon {
   public:
    OnAbandon(const Dialing& dialing, std::function<void()> call) : call_(dialing.abandon_) {
      *call_ = std::move(call);
    }
    ~OnAbandon() { *call_ = nullptr; }
    OnAbandon(const OnAbandon&) = delete;
    OnAbandon& operator=(const OnAbandon&) = delete;

   private:
    const std::shared_ptr<std::function<void()>> call_;
  };

 private:
  friend asio::awaitable<Result<asio::ip::tcp::socket>> dial(Address, Timeout, Dialing&);

  const std::shared_ptr<std::function<void()>> abandon_ = std::make_shared<std::function<void()>>();
  std::optional<Endpoint> last_;  // connected
  std::optional<Endpoint> good_;
  std::optional<Endpoint> bad_;
};

// Resolves within `timeout`, then connects within `timeout`. An attempt begins 250 ms after the one before, or less
// where `timeout` would not give each address a share, or as soon as the one before has failed; the first that connects
// wins. `dialing` must outlive this. kUnavailable, beginning with "resolve: " or "connect: ".
asio::awaitable<Result<asio::ip::tcp::socket>> dial(Address address, Timeout timeout, Dialing& dialing);

}  // namespace resmon::net
