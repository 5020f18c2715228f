#pragma once

// For tests: the server on a real socket, and a client that sends what a test writes, byte by byte.

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/write.hpp>
#include <thread>

#include "http/gzip.h"
#include "http/server.h"
#include "net/listener.h"
#include "net/runtime.h"

namespace resmon::http {

using asio::ip::tcp;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

inline constexpr const char* kToken = "test-token-0123456789";
inline constexpr const char* kBoundToken = "web1-token-0123456789";  // to the client web1

template <class Condition>
bool eventually(const Condition& condition) {
  const auto until = steady_clock::now() + 30s;
  while (!condition()) {
    if (steady_clock::now() > until) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

inline asio::awaitable<void> echo(std::shared_ptr<const Request>, std::shared_ptr<Socket> socket) {
  while (true) {
    auto message = co_await socket->receive(10s);
    if (!message || !*message) co_return;
    if (Status sent = co_await socket->send("echo " + **message); !sent) co_return;
  }
}

class HttpTest : public ::testing::Test {
 protected:
  void SetUp() override {
    router_.add("GET", "/open", Access::kOpen,
                [](auto) -> asio::awaitable<Response> { co_return Response::text("open\n"); });
    router_.add("GET", "/large", Access::kOpen,
                [](auto) -> asio::awaitable<Response> { co_return Response::text(std::string(10'000, 'x')); });
    router_.add("GET", "/packed", Access::kOpen, [](auto) -> asio::awaitable<Response> {
      Response response = Response::text(gzip("packed"));
      response.already_gzip = true;
      co_return response;
    });
    router_.add("GET", "/read", Access::kRead,
                [](auto) -> asio::awaitable<Response> { co_return Response::text("read\n"); });
    router_.add("GET", "/throws", Access::kOpen, [](auto) -> asio::awaitable<Response> {
      throw std::runtime_error("a handler's bug");
      co_return Response();
    });
    router_.add("GET", "/nothing", Access::kOpen, [](auto) -> asio::awaitable<Response> {
      Response response;
      response.status = 204;
      co_return response;
    });
    router_.add(
        "POST", "/form", Access::kOpen,
        [](std::shared_ptr<const Request> request) -> asio::awaitable<Response> {
          co_return Response::text(std::string(request->parameter("a")) + "|" + std::to_string(request->body.size()));
        },
        1000, Body::kForm);
    router_.add_socket("/socket", Access::kRead, echo);
    start({});
  }
  void start(ServerOptions options) {
    stop();
    net::TokenSet tokens;
    tokens.add(kToken);
    tokens.add(kBoundToken, "web1");
    runtime_ = std::make_unique<net::Runtime>(1);
    server_ = std::make_unique<Server>(options, tokens, router_);
    listener_ = net::Listener::open({"127.0.0.1", 0}, runtime_->all(), "test").value();
    listener_->start(
        [this](tcp::socket socket, const tcp::endpoint& from) { server_->accept(std::move(socket), from); });
    runtime_->start();
  }
  void stop() {
    if (!runtime_) return;
    listener_->stop();
    server_->stop();
    EXPECT_TRUE(eventually([&] { return server_->stats().open == 0; }));
    runtime_->drain(100ms);
    listener_.reset();
    server_.reset();
    runtime_.reset();
  }
  void TearDown() override { stop(); }

  tcp::socket connect() {
    tcp::socket socket(io_);
    socket.connect({asio::ip::make_address("127.0.0.1"), listener_->address().port});
    const timeval limit{10, 0};
    ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return socket;
  }
  // All that comes until the other side ends the stream, or until `enough` is in it.
  static std::string read(tcp::socket& socket, std::string_view enough = "") {
    std::string out;
    char buffer[4096];
    while (enough.empty() || out.find(enough) == std::string::npos) {
      const ssize_t n = ::recv(socket.native_handle(), buffer, sizeof buffer, 0);
      if (n <= 0) break;
      out.append(buffer, static_cast<std::size_t>(n));
    }
    return out;
  }
  std::string exchange(const std::string& request) {
    tcp::socket socket = connect();
    boost::system::error_code ignored;
    asio::write(socket, asio::buffer(request), ignored);
    return read(socket);
  }
  std::string get(const std::string& path, const std::string& headers = "", const std::string& method = "GET") {
    return exchange(method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers + "\r\n");
  }
  std::string post(const std::string& headers, const std::string& body, const std::string& path = "/form") {
    return exchange("POST " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers + "\r\n" + body);
  }
  static std::string sized(const std::string& body) {
    return "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }
  static std::string status(const std::string& answer) { return answer.substr(0, answer.find('\r')); }
  static std::string body(const std::string& answer) {
    const std::size_t head = answer.find("\r\n\r\n");
    return head == std::string::npos ? "" : answer.substr(head + 4);
  }

  asio::io_context io_;
  Router router_;
  std::unique_ptr<net::Runtime> runtime_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<net::Listener> listener_;
};

}  // namespace resmon::http
