#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "net/address.h"
#include "net/networks.h"

namespace resmon::net {

// The balancers of a listener.
struct Proxying {
  // Only their connections may begin with a PROXY protocol header (proxy_header.h); others that do are refused. A
  // balancer must send one with each connection it passes on, or its clients could.
  Networks from;
  std::string setting;  // where they are configured, for messages: "listen.proxies"
};

// Accepts TCP connections and deals them out over the io contexts in turn.
class Listener {
 public:
  // Called on the socket's own context. `client`: whose connection it is; the other end's, or whom a balancer names.
  using OnAccept = std::function<void(boost::asio::ip::tcp::socket, const boost::asio::ip::tcp::endpoint& client)>;

  // Binds and listens at once, so that the error (port taken, no permission, no such address) is the caller's to
  // report. `contexts` must not be empty and must outlive the listener; accepting happens on the first.
  static Result<std::unique_ptr<Listener>> open(const Address& address,
                                                const std::vector<boost::asio::io_context*>& contexts, std::string name,
                                                Proxying proxying = {});
  ~Listener();

  void start(OnAccept on_accept);
  void stop();              // from any thread; no OnAccept begins after the first context has run on
  Address address() const;  // with the real port where 0 was asked for
  // Connections that were refused because of a PROXY protocol header.
  std::uint64_t refused() const;

  struct State;  // listener.cc's own

 private:
  explicit Listener(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace resmon::net
