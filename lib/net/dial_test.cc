// Names with several addresses, of which some are silent, refuse, or take connections and are of no use.

#include "net/dial.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "net/test_support.h"

namespace resmon::net {
namespace {

using asio::ip::make_address;
using asio::ip::tcp;
using namespace std::chrono_literals;
using Dialled = Result<tcp::socket>;

class DialTest : public ::testing::Test {
 protected:
  DialTest() {
    dialing_.resolver = [this](const Address&) { return addresses_; };
  }
  static asio::awaitable<void> keep(asio::awaitable<Dialled> work, std::optional<Dialled>& result) {
    result.emplace(co_await std::move(work));
  }
  Dialled dial_all(std::vector<std::string> ips, Timeout timeout) {
    addresses_.clear();
    for (const std::string& ip : ips) addresses_.emplace_back(make_address(ip), port());
    std::optional<Dialled> result;
    asio::co_spawn(io_, keep(dial({"dual.example", port()}, timeout, dialing_), result), asio::detached);
    io_.restart();
    io_.run_for(30s);
    return std::move(*result);
  }
  std::string peer(const Dialled& dialled) const {
    if (!dialled) return dialled.error().message;
    boost::system::error_code error;
    return dialled->remote_endpoint(error).address().to_string();
  }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

  asio::io_context io_{1};
  tcp::acceptor acceptor_{io_, {make_address("127.0.0.1"), 0}};
  Dialing dialing_;
  std::vector<tcp::endpoint> addresses_;
};

TEST_F(DialTest, ASilentAddressDoesNotKeepFromTheNext) {
  const testing::BlackHole silent("127.0.0.9", port());
  ASSERT_EQ(silent.port(), port());
  EXPECT_EQ(peer(dial_all({"127.0.0.9", "127.0.0.1"}, 20s)), "127.0.0.1");
  // In a time that has not even one head start for each.
  EXPECT_EQ(peer(dial_all({"127.0.0.9", "127.0.0.9", "127.0.0.9", "127.0.0.1"}, 400ms)), "127.0.0.1");
}

TEST_F(DialTest, OneThatRefusesIsLeftAtOnce) {
  const auto begin = std::chrono::steady_clock::now();
  // More of them than would fit if each waited for its turn.
  std::vector<std::string> many;
  for (int i = 10; i < 100; ++i) many.push_back("127.0.1." + std::to_string(i));
  many.emplace_back("127.0.0.1");
  EXPECT_EQ(peer(dial_all(many, 20s)), "127.0.0.1");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 15s);
}

TEST_F(DialTest, TheErrorIsTheLast) {
  EXPECT_EQ(peer(dial_all({"127.0.1.1", "127.0.1.2"}, 20s)), "connect: Connection refused");
  const testing::BlackHole silent("127.0.0.9", port());
  EXPECT_EQ(peer(dial_all({"127.0.0.9"}, 100ms)), "connect: timed out");
  EXPECT_EQ(peer(dial_all({}, 20s)), "connect: Host not found (authoritative)");
}

TEST_F(DialTest, TheAddressThatWorkedIsTheFirstNextTime) {
  EXPECT_EQ(peer(dial_all({"127.0.1.1", "127.0.0.1"}, 20s)), "127.0.0.1");
  dialing_.worked();
  const auto order = dialing_.in_order(addresses_);
  EXPECT_EQ(order.front().address().to_string(), "127.0.0.1");
  EXPECT_EQ(order.size(), 2U);
}

TEST_F(DialTest, OneThatConnectsAndIsOfNoUseIsTheLastNextTime) {
  tcp::acceptor other(io_, {make_address("127.0.0.2"), port()});
  EXPECT_EQ(peer(dial_all({"127.0.0.1", "127.0.0.2"}, 20s)), "127.0.0.1");
  dialing_.failed();
  EXPECT_EQ(peer(dial_all({"127.0.0.1", "127.0.0.2"}, 20s)), "127.0.0.2");
  dialing_.worked();
  EXPECT_EQ(peer(dial_all({"127.0.0.1", "127.0.0.2"}, 20s)), "127.0.0.2");
  dialing_.failed();
  EXPECT_EQ(peer(dial_all({"127.0.0.1", "127.0.0.2"}, 20s)), "127.0.0.1");
}

TEST_F(DialTest, FamiliesTakeTurns) {
  std::vector<tcp::endpoint> found;
  for (const char* ip : {"2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.1", "192.0.2.2"})
    found.emplace_back(make_address(ip), 1);
  std::string order;
  for (const tcp::endpoint& one : Dialing().in_order(found)) order += one.address().to_string() + " ";
  EXPECT_EQ(order, "2001:db8::1 192.0.2.1 2001:db8::2 192.0.2.2 ");
}

TEST_F(DialTest, AbandonedItEnds) {
  const testing::BlackHole silent("127.0.0.9", port());
  asio::steady_timer soon(io_, 20ms);
  soon.async_wait([&](const boost::system::error_code&) { dialing_.abandon(); });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(peer(dial_all({"127.0.0.9", "127.0.0.9"}, 25s)), "connect: Operation canceled");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 15s);
}

}  // namespace
}  // namespace resmon::net
