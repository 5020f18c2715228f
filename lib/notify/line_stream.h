#pragma once

// A connection that begins in plain text and may go over to TLS (STARTTLS). Each operation has a deadline; a late one
// closes the connection. One operation at a time, on one executor.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/tls.h"

namespace resmon::notify {

class LineStream {
 public:
  using Duration = std::chrono::steady_clock::duration;
  LineStream(boost::asio::ip::tcp::socket socket, Duration timeout);

  boost::asio::awaitable<Status> write(std::string_view bytes);
  // At least one byte, or 0 at the end.
  boost::asio::awaitable<Result<std::size_t>> read_some(std::span<char> buffer);
  // As a client; the certificate must be for `server_name`.
  boost::asio::awaitable<Status> start_tls(net::TlsContext tls, std::string server_name);
  void close();

 private:
  void arm();
  Error error_of(std::string_view doing, const boost::system::error_code& error) const;

  boost::asio::ip::tcp::socket socket_;
  net::TlsContext context_;
  std::optional<boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>> tls_;
  boost::asio::steady_timer timer_;
  const Duration timeout_;
  std::shared_ptr<bool> timed_out_ = std::make_shared<bool>(false);
};

}  // namespace resmon::notify
