// What clients send arrives once and in order, whoever connects and however it ends.

#include "ingest/server.h"

#include <gtest/gtest.h>

#include "ingest/server_test_support.h"

namespace resmon::ingest {
namespace {

TEST_F(ServerTest, ThousandsOfBatchesArriveOnceAndInOrderThroughCutConnections) {
  start();
  Cable cable(runtime_.first(), port());
  Client client(cable.port());
  constexpr std::int64_t kBatches = 20'000;
  std::uint64_t cuts = 0;
  for (std::int64_t n = 0; n < kBatches; n += 100) {
    client.push(n, 100);
    if (n % 500 == 0) {
      cable.cut();
      ++cuts;
    }
    if (n % 2000 == 0) std::this_thread::sleep_for(5ms);
    take();
  }
  ASSERT_TRUE(eventually([&] { return client.backlog() == 0; }));
  take();
  EXPECT_EQ(received_, numbers(kBatches));
  EXPECT_EQ(client.stats().acknowledged_samples, static_cast<std::uint64_t>(kBatches));
  EXPECT_EQ(client.dropped(), 0U);
  EXPECT_EQ(server_->stats().missing_batches, 0U);
  EXPECT_GT(client.stats().connections, 3U);
  EXPECT_EQ(server_->stats().batches, static_cast<std::uint64_t>(kBatches));
  client.stop(5s);
  EXPECT_TRUE(eventually([&] { return !names_.has("client"); }));
  cable.close();
}

TEST_F(ServerTest, TokensAreRotatedWhileSamplesFlowAndARevokedOneEndsItsConnection) {
  start();
  const std::string next = "another-token-0123456789";
  Client client(port());
  client.push(0, 100);
  ASSERT_TRUE(eventually([&] { return client.backlog() == 0; }));
  net::TokenSet both;
  both.add(kToken);
  both.add(next);
  server_->change_tokens(both);
  client.push(100, 100);
  ASSERT_TRUE(eventually([&] { return client.backlog() == 0; }));
  EXPECT_EQ(client.stats().connections, 1U);  // the old one is still good
  client.push(200, 100);
  client.change_token(next);
  ASSERT_TRUE(eventually([&] { return client.backlog() == 0 && client.stats().connections == 2; }));
  net::TokenSet one;
  one.add(next);
  server_->change_tokens(one);
  client.push(300, 100);
  ASSERT_TRUE(eventually([&] { return client.backlog() == 0; }));
  EXPECT_EQ(client.stats().connections, 2U);
  EXPECT_EQ(server_->stats().refused, 0U);
  // Taken back under a client that does not know: it is refused, keeps what it has, and comes in again when it may.
  net::TokenSet none;
  none.add(kToken);
  server_->change_tokens(none);
  ASSERT_TRUE(eventually([&] { return !client.stats().connected && server_->stats().clients == 0; }));
  client.push(400, 100);
  ASSERT_TRUE(eventually([&] { return client.stats().last_error.find("token") != std::string::npos; }));
  EXPECT_EQ(client.backlog(), 100U);
  client.change_token(kToken);
  ASSERT_TRUE(eventually([&] { return client.backlog() == 0; }));
  take();
  EXPECT_EQ(received_, numbers(500));
}

TEST_F(ServerTest, ABoundTokenLetsInTheClientOfItsNameOnly) {
  start();
  net::TokenSet bound;
  bound.add(kToken, "web1");
  server_->change_tokens(bound);
  Client web1(port(), "web1");
  Client web2(port(), "web2");
  web1.push(0, 100);
  web2.push(1000, 100);
  ASSERT_TRUE(eventually([&] { return web1.backlog() == 0; }));
  ASSERT_TRUE(eventually([&] { return web2.stats().failures > 3; }));
  const std::string said = web2.stats().last_error;
  EXPECT_NE(said.find("wrong_name"), std::string::npos) << said;
  EXPECT_NE(said.find("'web2'"), std::string::npos) << said;
  EXPECT_EQ(said.find("web1"), std::string::npos) << said;
  EXPECT_EQ(web2.backlog(), 100U);
  EXPECT_FALSE(names_.has("web2"));
  auto refused = server_->refused_clients();
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].host, "web2");
  EXPECT_EQ(refused[0].address, "127.0.0.1");
  EXPECT_EQ(refused[0].code, "wrong_name");
  EXPECT_NE(refused[0].reason.find("'web1'"), std::string::npos);
  EXPECT_GE(refused[0].times, 3U);
  // Bound to another name under a connection: its client goes, and the other comes in with what it kept.
  net::TokenSet other;
  other.add(kToken, "web2");
  server_->change_tokens(other);
  ASSERT_TRUE(eventually([&] { return web2.backlog() == 0 && !web1.stats().connected; }));
  refused = server_->refused_clients();
  EXPECT_TRUE(std::none_of(refused.begin(), refused.end(), [](const auto& one) { return one.host == "web2"; }));
  web1.push(100, 1);
  ASSERT_TRUE(eventually([&] { return web1.stats().last_error.find("wrong_name") != std::string::npos; }));
  // One that is good for the same name as before goes on undisturbed.
  const std::uint64_t connections = web2.stats().connections;
  net::TokenSet any;
  any.add(kToken);
  server_->change_tokens(any);
  ASSERT_TRUE(eventually([&] { return web1.backlog() == 0; }));
  EXPECT_EQ(web2.stats().connections, connections);
  take();
  EXPECT_EQ(received_.size(), 201U);
}

TEST_F(ServerTest, ConnectionsOfAnAgeEndBetweenBatchesAndComeBack) {
  ServerOptions options;
  options.max_connection_age = 60ms;
  start(options);
  Client client(port());
  int pushed = 0;
  ASSERT_TRUE(eventually([&] {
    client.push(pushed, 1);
    ++pushed;
    server_->end_aged();
    return server_->stats().aged >= 3;
  }));
  ASSERT_TRUE(eventually([&] { return client.backlog() == 0; }));
  take();
  EXPECT_EQ(received_.size(), static_cast<std::size_t>(pushed));
  EXPECT_TRUE(std::is_sorted(received_.begin(), received_.end()));
  EXPECT_GE(client.stats().connections, 3U);
  EXPECT_EQ(client.stats().failures, 0U);
  EXPECT_EQ(server_->stats().duplicate_batches, 0U);
  EXPECT_EQ(server_->stats().missing_batches, 0U);
}

TEST_F(ServerTest, StopsWithClientsConnectedAndOthersHalfOpen) {
  start();
  Client client(port());
  client.push(0, 10);
  asio::io_context io;
  tcp::socket silent(io);
  silent.connect({asio::ip::make_address("127.0.0.1"), port()});
  ASSERT_TRUE(eventually([&] { return server_->sessions() == 2 && server_->stats().batches == 10; }));
  const auto begin = steady_clock::now();
  listener_->stop();
  server_->stop();
  EXPECT_TRUE(eventually([&] { return server_->sessions() == 0; }));
  EXPECT_LT(steady_clock::now() - begin, 2s);
  EXPECT_TRUE(
      eventually([&] { return client.stats().last_error == "the server is stopping" || client.stats().failures > 1; }));
  char byte = 0;
  boost::system::error_code ended;
  silent.read_some(asio::buffer(&byte, 1), ended);
  EXPECT_EQ(ended, asio::error::eof);
}

TEST_F(ServerTest, TakesNoClientsAfterStop) {
  start();
  server_->stop();
  Client client(port());
  ASSERT_TRUE(eventually([&] { return client.stats().failures > 2; }));
  EXPECT_EQ(client.stats().connections, 0U);
}

// A connection that its successor has replaced must not take the name down with it.
TEST_F(ServerTest, ANameStaysConnectedWhenItsNewerConnectionTakesOver) {
  start();
  asio::io_context io;
  wire::Hello hello;
  hello.client = "twice";
  hello.token = kToken;
  hello.stream[0] = 1;
  std::string greeting;
  wire::encode(hello, greeting);
  std::vector<tcp::socket> sockets;
  for (int i = 0; i < 20; ++i) {
    tcp::socket& socket = sockets.emplace_back(io);
    socket.connect({asio::ip::make_address("127.0.0.1"), port()});
    asio::write(socket, asio::buffer(greeting));
    char header[wire::kHeaderBytes];
    asio::read(socket, asio::buffer(header));
    ASSERT_EQ(header[4], static_cast<char>(wire::FrameType::kWelcome));
  }
  ASSERT_TRUE(eventually([&] { return server_->sessions() == 1; }));
  // The last one is counted after its WELCOME is sent; those that it replaced are gone by now.
  EXPECT_TRUE(eventually([&] { return server_->stats().clients == 1 && names_.has("twice"); }));
  sockets.clear();
  EXPECT_TRUE(eventually([&] { return !names_.has("twice"); }));
}

TEST_F(ServerTest, AClocksExtremesAreNoTrouble) {
  start();
  asio::io_context io;
  for (const UnixNanos clock : {INT64_MIN, INT64_MAX}) {
    wire::Hello hello;
    hello.client = "clock";
    hello.token = kToken;
    hello.clock = clock;
    std::string greeting;
    wire::encode(hello, greeting);
    tcp::socket socket(io);
    socket.connect({asio::ip::make_address("127.0.0.1"), port()});
    asio::write(socket, asio::buffer(greeting));
    char header[wire::kHeaderBytes];
    asio::read(socket, asio::buffer(header));
    EXPECT_EQ(header[4], static_cast<char>(wire::FrameType::kWelcome));
  }
}

TEST_F(ServerTest, WhatAClientIsToldIsInItsLogOnceAMinute) {
  start();
  log::keep_recent(100);
  Client client(port());
  client.push(0, 1);
  ASSERT_TRUE(eventually([&] { return client.backlog() == 0; }));
  for (int i = 0; i < 50; ++i)
    server_->notify("client",
                    "3 samples were refused: \xc2\x9b"
                    "2J");
  server_->notify("nobody", "nothing");
  const auto said = [] {
    std::vector<std::string> lines;
    for (const log::Event& event : log::recent(0, log::Level::kWarn, 100))
      if (event.component == "uplink" && event.text.find("samples were refused") != std::string::npos)
        lines.push_back(event.text);
    return lines;
  };
  ASSERT_TRUE(eventually([&] { return !said().empty(); }));
  client.push(1, 1);
  ASSERT_TRUE(eventually([&] { return client.backlog() == 0; }));
  EXPECT_EQ(said(), (std::vector<std::string>{"the server says notice=\"3 samples were refused: \\u009b2J\""}));
  log::keep_recent(0);
}

// A thousand clients of a server that was busy must not fill its log.
TEST_F(ServerTest, WrongClocksOfManyClientsAreAFewLines) {
  start();
  log::keep_recent(100);
  asio::io_context io;
  std::vector<tcp::socket> sockets;
  for (int i = 0; i < 30; ++i) {
    sockets.emplace_back(io).connect({asio::ip::make_address("127.0.0.1"), port()});
    EXPECT_EQ(greet(sockets.back(), "late-" + std::to_string(i)), static_cast<char>(wire::FrameType::kWelcome));
  }
  std::size_t lines = 0;
  for (const log::Event& event : log::recent(0, log::Level::kWarn, 100))
    lines += event.component == "ingest" && event.text.starts_with("client's clock differs") ? 1U : 0U;
  EXPECT_GE(lines, 2U) << "two wrong clocks are both named";
  EXPECT_LE(lines, 10U);
  EXPECT_EQ(server_->stats().skewed_clients, 30U) << "all are counted";
  log::keep_recent(0);
}

}  // namespace
}  // namespace resmon::ingest
