// Connections with and without a PROXY protocol header, from addresses that may send one and from others.

#include "net/listener.h"

#include <gtest/gtest.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace resmon::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;

// 192.0.2.7:4321 to 192.0.2.1:7411
const std::string kHeader("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\x00\x02\x07\xc0\x00\x02\x01\x10\xe1\x1c\xf3", 28);

using Accepted = std::pair<std::string, std::string>;

class ListenerTest : public ::testing::Test {
 protected:
  void listen(const std::vector<std::string>& from) {
    listener_ = Listener::open({"127.0.0.1", 0}, {&context_}, "test", {Networks::parse(from).value(), "listen.proxies"})
                    .value();
    listener_->start([this](tcp::socket socket, const tcp::endpoint& client) {
      boost::system::error_code ignored;
      socket.non_blocking(false, ignored);
      std::string first(5, '\0');
      asio::read(socket, asio::buffer(first), ignored);
      const std::lock_guard lock(mutex_);
      accepted_.emplace_back(client.address().to_string(), first);
      changed_.notify_all();
    });
    thread_ = std::thread([this] { context_.run(); });
  }
  ~ListenerTest() override {
    if (listener_) listener_->stop();
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }
  tcp::socket connect() {
    tcp::socket socket(mine_);
    socket.connect({asio::ip::make_address("127.0.0.1"), listener_->address().port});
    return socket;
  }
  std::pair<std::string, std::string> accepted() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 20s, [this] { return !accepted_.empty(); });
    if (accepted_.empty()) return {"nobody", ""};
    auto one = accepted_.front();
    accepted_.erase(accepted_.begin());
    return one;
  }
  static bool is_closed(tcp::socket& socket) {
    char byte = 0;
    boost::system::error_code error;
    asio::read(socket, asio::buffer(&byte, 1), error);
    return error == asio::error::eof || error == asio::error::connection_reset;
  }

  asio::io_context context_;
  asio::io_context mine_;
  std::unique_ptr<Listener> listener_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::pair<std::string, std::string>> accepted_;
};

TEST_F(ListenerTest, ABalancerSaysWhoseConnectionItIs) {
  listen({"127.0.0.0/8"});
  tcp::socket whole = connect();
  asio::write(whole, asio::buffer(kHeader + "HELLO"));
  EXPECT_EQ(accepted(), (Accepted{"192.0.2.7", "HELLO"}));
  tcp::socket parts = connect();
  for (const std::string& part : {kHeader.substr(0, 5), kHeader.substr(5, 13), kHeader.substr(18) + "AGAIN"}) {
    asio::write(parts, asio::buffer(part));
    std::this_thread::sleep_for(3ms);
  }
  EXPECT_EQ(accepted(), (Accepted{"192.0.2.7", "AGAIN"}));
}

TEST_F(ListenerTest, ItsOwnConnectionsNeedNoHeader) {
  listen({"127.0.0.1"});
  tcp::socket socket = connect();
  asio::write(socket, asio::buffer(std::string("GET /")));
  EXPECT_EQ(accepted(), (Accepted{"127.0.0.1", "GET /"}));
}

TEST_F(ListenerTest, AWrongHeaderIsRefused) {
  listen({"127.0.0.1"});
  tcp::socket socket = connect();
  std::string wrong = kHeader;
  wrong[12] = 0x31;
  asio::write(socket, asio::buffer(wrong + "HELLO"));
  EXPECT_TRUE(is_closed(socket));
  EXPECT_EQ(listener_->refused(), 1U);
}

TEST_F(ListenerTest, AHeaderFromElsewhereIsRefused) {
  listen({"192.0.2.0/24"});
  // The kernel may hand the connection over before its first bytes: then they are no header, and go on as they are.
  for (int i = 0; i < 200 && listener_->refused() == 0; ++i) {
    tcp::socket socket = connect();
    asio::write(socket, asio::buffer(kHeader + "HELLO"));
    boost::system::error_code ignored;
    socket.shutdown(tcp::socket::shutdown_send, ignored);
    EXPECT_TRUE(is_closed(socket));
  }
  EXPECT_GT(listener_->refused(), 0U);
  for (const auto& [address, first] : accepted_) EXPECT_EQ(address, "127.0.0.1");
}

}  // namespace
}  // namespace resmon::net
