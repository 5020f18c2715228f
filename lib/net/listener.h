#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "net/address.h"

namespace resmon::net {

// Accepts TCP connections and deals them out over the io contexts in turn.
class Listener {
 public:
  using OnAccept = std::function<void(boost::asio::ip::tcp::socket)>;  // called on the socket's own context

  // Binds and listens at once, so that the error (port taken, no permission, no such address) is the caller's to
  // report. `contexts` must not be empty and must outlive the listener; accepting happens on the first.
  static Result<std::unique_ptr<Listener>> open(const Address& address,
                                                const std::vector<boost::asio::io_context*>& contexts,
                                                std::string name);
  ~Listener();

  void start(OnAccept on_accept);
  void stop();              // from any thread; no OnAccept begins after the first context has run on
  Address address() const;  // with the real port where 0 was asked for

  struct State;  // listener.cc's own

 private:
  explicit Listener(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace resmon::net
