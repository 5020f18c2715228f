#pragma once

// What the files of the server share. Beast's templates are most of it, so they are spread over files that compile side
// by side: serve.h for requests and serve_socket.h for WebSocket, each with one file for plain streams and one for TLS.

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "http/server.h"

namespace resmon::http {

namespace beast = boost::beast;
namespace bhttp = beast::http;
using boost::system::error_code;

using PlainStream = beast::tcp_stream;
using SecureStream = beast::ssl_stream<beast::tcp_stream>;

inline constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

template <class Stream>
beast::tcp_stream& lowest(Stream& stream) {
  return beast::get_lowest_layer(stream);
}

Request make_request(bhttp::request<bhttp::string_body>&& raw, const std::string& peer);

// What stop() closes.
struct Server::Connections {
  std::mutex mutex;
  std::map<const void*, std::function<void()>> closers;  // guarded by mutex
  bool stopping = false;                                 // guarded by mutex
};

// A request's share of the memory for bodies. Small bodies are not counted: there are at most as many as connections.
class Server::BodyLease {
 public:
  static constexpr std::size_t kSmallBytes = 16U << 10U;

  explicit BodyLease(Server& server) : server_(server) {}
  ~BodyLease() { release(); }
  BodyLease(const BodyLease&) = delete;
  BodyLease& operator=(const BodyLease&) = delete;

  // False: there is not so much left; the lease is as it was.
  bool grow_to(std::size_t bytes) {
    if (bytes <= kSmallBytes || bytes <= held_) return true;
    const std::size_t more = bytes - held_;
    if (server_.stats_.body_bytes.fetch_add(more) + more > server_.options_.body_memory_bytes) {
      server_.stats_.body_bytes -= more;
      return false;
    }
    held_ = bytes;
    return true;
  }
  void release() { server_.stats_.body_bytes -= std::exchange(held_, 0); }

 private:
  Server& server_;
  std::size_t held_ = 0;
};

}  // namespace resmon::http
