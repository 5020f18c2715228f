#pragma once

// One TCP connection, with or without TLS, whose every operation has a deadline. An operation that is late closes the
// connection and reports kUnavailable "timed out"; after any error the stream is only good for close().
//
// A stream belongs to one executor (one io_context that one thread runs); one read and one write may be under way at
// once. Coroutines that use a stream must hold it by shared_ptr or outlive their operations.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/address.h"
#include "net/dial.h"
#include "net/tls.h"

namespace resmon::net {

class Stream {
 public:
  // Resolves and connects, and with `tls` shakes hands, verifying that the certificate is for `server_name` (empty: the
  // address's host). Resolving, connecting and the handshake take `timeout` at most, each. The error says which
  // step failed. `dialing`, which must outlive this, can end it before, and says which address to begin with.
  static asio::awaitable<Result<std::shared_ptr<Stream>>> connect(Address address, TlsContext tls,
                                                                  std::string server_name, Timeout timeout,
                                                                  Dialing* dialing = nullptr);
  // Takes over an accepted socket; with `tls`, handshake() must come first. `peer`: whose connection it is, where that
  // is not the other end's.
  Stream(asio::ip::tcp::socket socket, TlsContext tls, std::string peer = {});
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  asio::awaitable<Status> handshake(Timeout timeout);  // the server's side; nothing to do without TLS
  // Goes over to TLS on a plain connection, as the client, with a certificate for `server_name`.
  asio::awaitable<Status> start_tls(TlsContext tls, std::string server_name, Timeout timeout);
  // Why the other side's certificate was refused; empty: it was not, or there is no TLS.
  std::string certificate_error() const;

  // At least one byte, or 0 when the other side has ended the stream.
  asio::awaitable<Result<std::size_t>> read_some(std::span<char> buffer, Timeout timeout);
  // That end came without TLS's own: anybody on the way can have made it.
  bool cut_off() const;
  // All of it.
  asio::awaitable<Status> write(std::string_view bytes, Timeout timeout);

  void close();  // at once; operations under way end with an error
  // A read under way, and each later one, returns what has arrived and then 0. Writing goes on.
  void stop_reading();
  // Sends what was written, then closes: waits a moment for the other side so that the kernel does not discard the last
  // words.
  asio::awaitable<void> close_gently(Timeout timeout);

  const std::string& peer() const;  // "10.0.0.5:41312"
  asio::any_io_executor executor() const;

 private:
  struct State;
  explicit Stream(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace resmon::net
