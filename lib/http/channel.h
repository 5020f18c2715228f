#pragma once

// The byte stream of one connection, plain or over TLS. channel.cc hides which of the two, so that the code for
// requests and WebSocket is compiled once.
//
// Belongs to one executor; one read and one write may be under way at once. When a deadline passes, the operations
// under way fail with beast::error::timeout and the socket is closed.

#include <array>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/role.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "net/tls.h"

namespace resmon::http {

namespace asio = boost::asio;
using boost::system::error_code;

class Channel {
 public:
  using executor_type = asio::any_io_executor;

  // With `tls`, handshake() must come first.
  Channel(asio::ip::tcp::socket socket, net::TlsContext tls);
  ~Channel();
  Channel(Channel&&) noexcept;
  Channel& operator=(Channel&&) = delete;

  executor_type get_executor();
  void expires_after(std::chrono::nanoseconds time);
  void expires_at(std::chrono::steady_clock::time_point time);
  void expires_never();
  void close();        // at once; what is under way ends with an error
  void end_sending();  // what was written still goes out
  bool peer_has_left() const;

  asio::awaitable<error_code> handshake();  // nothing to do without TLS
  // At least one byte, or an error; asio::error::eof when the other side has ended the stream.
  asio::awaitable<std::pair<error_code, std::size_t>> read_some(std::span<char> into);
  // All of both, one after the other.
  asio::awaitable<error_code> write(std::string_view first, std::string_view second = {});
  // Throws away what still comes, below TLS, until the other side ends or it was `most_bytes`.
  asio::awaitable<void> discard_input(std::size_t most_bytes);

  // Beast's AsyncStream, for WebSocket. A call moves as much as its first buffers hold.
  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler, const MutableBuffers& some) { start_read(some, std::move(handler)); }, token,
        first_of<asio::mutable_buffer>(buffers));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler, const ConstBuffers& some) { start_write(some, std::move(handler)); }, token,
        first_of<asio::const_buffer>(buffers));
  }
  friend void beast_close_socket(Channel& channel) { channel.close(); }
  friend void teardown(boost::beast::role_type, Channel& channel, error_code& error) {
    channel.close();
    error = {};
  }
  template <class Handler>
  friend void async_teardown(boost::beast::role_type role, Channel& channel, Handler&& handler) {
    channel.start_teardown(role, std::forward<Handler>(handler));
  }

 private:
  static constexpr std::size_t kBuffers = 8;
  using MutableBuffers = std::array<asio::mutable_buffer, kBuffers>;  // those left over are empty
  using ConstBuffers = std::array<asio::const_buffer, kBuffers>;
  using Transferred = asio::any_completion_handler<void(error_code, std::size_t)>;

  template <class Buffer, class Buffers>
  static std::array<Buffer, kBuffers> first_of(const Buffers& buffers) {
    std::array<Buffer, kBuffers> out;
    std::size_t n = 0;
    for (auto at = asio::buffer_sequence_begin(buffers); at != asio::buffer_sequence_end(buffers) && n < kBuffers; ++at)
      if (Buffer one(*at); one.size() > 0) out[n++] = one;
    return out;
  }
  void start_read(const MutableBuffers& buffers, Transferred handler);
  void start_write(const ConstBuffers& buffers, Transferred handler);
  void start_teardown(boost::beast::role_type role, asio::any_completion_handler<void(error_code)> handler);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace resmon::http
