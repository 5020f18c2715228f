// What is full or too much: each client has its bounds, and loses nothing that was acknowledged.

#include "ingest/server.h"

#include <gtest/gtest.h>

#include "ingest/server_test_support.h"

namespace resmon::ingest {
namespace {

TEST_F(ServerTest, WhatWasDroppedIsMissingAndCounted) {
  start();
  Client client(port(), "client", 16U << 10U);
  client.push(0, 1);
  ASSERT_TRUE(eventually([&] { return client.backlog() == 0; }));
  // In one go: the spool overflows before anything of it can be sent.
  client.push(1, 5000);
  ASSERT_TRUE(eventually([&] { return client.backlog() == 0; }));
  take();
  EXPECT_GT(client.dropped(), 0U);
  EXPECT_EQ(received_.size() + client.dropped(), 5001U);
  EXPECT_EQ(server_->stats().missing_batches, client.dropped());
  EXPECT_EQ(received_.back(), 5000);
  EXPECT_TRUE(std::is_sorted(received_.begin(), received_.end()));
}

TEST_F(ServerTest, WhatHasNoRoomIsRefusedWithTheAcknowledgement) {
  ServerOptions options;
  options.find_no_room = [](const metric::Batch& batch, std::vector<std::size_t>& no_room) {
    for (std::size_t i = 0; i < batch.rows().size(); ++i)
      if (metric::as_integer(batch.value(batch.rows()[i], 0)) % 3 == 0) no_room.push_back(i);
    return std::string(no_room.empty() ? "" : "no room");
  };
  start(std::move(options));
  Cable cable(runtime_.first(), port());
  {
    Client client(cable.port());
    client.push(1, 300);
    ASSERT_TRUE(eventually([&] { return client.backlog() == 0; })) << "nothing waits for room";
    EXPECT_EQ(client.stats().refused_samples, 100U);
    EXPECT_EQ(server_->stats().refused_samples, 100U);
    // A connection of its own: its count begins anew, and what it refuses is added.
    cable.cut();
    client.push(301, 3);
    ASSERT_TRUE(eventually([&] { return client.backlog() == 0; }));
    EXPECT_EQ(client.stats().refused_samples, 101U);
    EXPECT_EQ(client.stats().acknowledged_samples, 303U);
  }
  ASSERT_TRUE(eventually([&] {
    take();
    return received_.size() == 202;
  }));
  for (const std::int64_t n : received_) EXPECT_NE(n % 3, 0) << n;
  cable.close();
}

TEST_F(ServerTest, AFullLogHoldsClientsBackUntilThereIsRoom) {
  LogOptions small;
  small.limit_bytes = 128U << 10U;  // of which what the journal needs for itself is most
  start({}, small);
  Client client(port());
  constexpr std::int64_t kBatches = 20'000;
  client.push(0, kBatches);
  ASSERT_TRUE(eventually([&] { return server_->stats().batches > 10; }));
  std::uint64_t settled = 0;
  ASSERT_TRUE(eventually([&] {
    const std::uint64_t before = settled;
    settled = server_->stats().batches;
    std::this_thread::sleep_for(60ms);
    return settled == before;
  }));
  EXPECT_LT(settled, static_cast<std::uint64_t>(kBatches));
  EXPECT_GT(client.backlog(), 0U);
  ASSERT_TRUE(eventually([&] {
    take();
    return client.backlog() == 0;
  }));
  take();
  EXPECT_EQ(received_, numbers(kBatches));
  EXPECT_EQ(server_->stats().duplicate_batches, 0U);
}

TEST_F(ServerTest, StopsWithAFullLog) {
  LogOptions small;
  small.limit_bytes = 128U << 10U;
  start({}, small);
  Client client(port());
  client.push(0, 20'000);
  ASSERT_TRUE(eventually([&] { return log_->stats().refused_records > 0; }));
  const auto begin = steady_clock::now();
  server_->stop();
  EXPECT_TRUE(eventually([&] { return server_->sessions() == 0; }));
  EXPECT_LT(steady_clock::now() - begin, 2s);
}

TEST_F(ServerTest, StreamsThatAreNotConnectedAreForgottenOverTheirBound) {
  LogOptions few;
  few.max_streams = 16;
  start({}, few);
  Client constant(port(), "constant");
  constant.push(0, 1);
  ASSERT_TRUE(eventually([&] { return constant.backlog() == 0; }));
  for (int i = 0; i < 60; ++i) {
    Client client(port(), "client-" + std::to_string(i));
    client.push(i, 1);
    ASSERT_TRUE(eventually([&] { return client.backlog() == 0; }));
    client.stop(1s);
  }
  EXPECT_GT(log_->forgotten_streams(), 40U);
  EXPECT_LE(61 - log_->forgotten_streams(), 16U);
  // The connected one is not among them: it goes on where it was.
  constant.push(1, 1);
  ASSERT_TRUE(eventually([&] { return constant.backlog() == 0; }));
  EXPECT_EQ(constant.stats().connections, 1U);
}

TEST_F(ServerTest, AClientKeepsToTheServersBoundOfAFrame) {
  ServerOptions options;
  options.max_frame_bytes = 4096;
  start(options);
  Client client(port());
  metric::Batch large;
  const metric::SchemaId id = client.schemas().intern({"text", {}, {{"s", metric::FieldType::kString}}}).value();
  large.add(id, 1, 1).set(0, std::string_view(std::string(10'000, 'x')));
  client.push(0, 500);
  client.push(std::move(large));
  client.push(500, 2000);
  ASSERT_TRUE(eventually([&] { return client.backlog() == 0; }));
  take();
  EXPECT_EQ(received_, numbers(2500));
  EXPECT_EQ(client.dropped(), 1U);  // what no frame can hold is given up rather than tried for ever
  EXPECT_EQ(client.stats().connections, 2U);
}

TEST_F(ServerTest, HalfOpenConnectionsDoNotKeepAClientOut) {
  ServerOptions options;
  options.max_greeting = 40;
  options.hello_timeout = 60s;
  options.connection_rate = 0;
  start(options);
  asio::io_context io;
  std::vector<std::unique_ptr<tcp::socket>> silent;
  for (int i = 0; i < 200; ++i) {
    silent.push_back(std::make_unique<tcp::socket>(io));
    silent.back()->connect({asio::ip::make_address("127.0.0.1"), port()});
  }
  ASSERT_TRUE(eventually([&] { return server_->stats().connections == 200; }));
  EXPECT_EQ(server_->stats().half_open, 10U);  // a quarter: all are from one address
  EXPECT_EQ(server_->stats().turned_away, 190U);
  ASSERT_TRUE(eventually([&] { return server_->sessions() == 10; }));  // the closed ones are gone
  Client client(port());
  client.push(0, 10);
  ASSERT_TRUE(eventually([&] { return client.backlog() == 0; }));
  EXPECT_EQ(client.stats().failures, 0U);
  EXPECT_EQ(server_->stats().half_open, 9U);
}

TEST_F(ServerTest, UnfinishedFramesHaveABoundOverAllConnections) {
  ServerOptions options;
  options.frame_memory_bytes = 2U << 20U;
  start(options);
  asio::io_context io;
  std::vector<std::unique_ptr<tcp::socket>> greedy;
  std::string most;
  const std::uint32_t length = 900'000;
  most.append(reinterpret_cast<const char*>(&length), sizeof length);
  most += static_cast<char>(wire::FrameType::kSamples);
  most.append(length - 1000, 'x');
  for (int i = 0; i < 12; ++i) {
    greedy.push_back(std::make_unique<tcp::socket>(io));
    greedy.back()->connect({asio::ip::make_address("127.0.0.1"), port()});
    ASSERT_EQ(greet(*greedy.back(), "greedy-" + std::string(1, static_cast<char>('a' + i))),
              static_cast<char>(wire::FrameType::kWelcome));
    boost::system::error_code refused;
    asio::write(*greedy.back(), asio::buffer(most), refused);
    EXPECT_LE(server_->stats().frame_bytes, options.frame_memory_bytes);
  }
  ASSERT_TRUE(eventually([&] { return server_->stats().frames_cut >= 9; }));
  // An honest one whose frames end is served beside them.
  Client client(port());
  client.push(0, 20'000);
  ASSERT_TRUE(eventually([&] { return client.backlog() == 0; }));
  EXPECT_LE(server_->stats().frame_bytes, options.frame_memory_bytes);
  greedy.clear();
  EXPECT_TRUE(eventually([&] { return server_->stats().frame_bytes == 0; }));
}

// A connected client's schemas are kept, also those that it seldom uses.
TEST_F(ServerTest, SchemasOfConnectedClientsStayWhileOthersComeAndGo) {
  start();
  Client client(port());
  client.push(0, 1);
  ASSERT_TRUE(eventually([&] { return client.backlog() == 0; }));
  for (int round = 1; round <= 20; ++round) {
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(schemas_.intern({"pod", {{"id", std::to_string(round * 100 + i)}}, {}}));
    schemas_.sweep(2);
    client.push(round, 1);
    ASSERT_TRUE(eventually([&] { return client.backlog() == 0; }));
  }
  EXPECT_LT(schemas_.size(), 300U);
  EXPECT_EQ(client.stats().connections, 1U);
  ASSERT_TRUE(eventually([&] {
    take();
    return received_.size() == 21U;
  }));
  EXPECT_EQ(received_, numbers(21));
}

// Clients of a long interval say nothing for longer than a full table keeps what nobody uses.
TEST_F(ServerTest, ASilentClientsSchemasAreKeptWhileItIsConnected) {
  start();
  Client client(port());
  client.push(0, 5);
  ASSERT_TRUE(eventually([&] { return client.backlog() == 0; }));
  take();
  const std::size_t declared = schemas_.size();
  ASSERT_GT(declared, 0U);
  for (int i = 0; i < 10; ++i) {
    server_->keep_schemas();
    for (asio::io_context* const context : runtime_.all())  // after what was posted to the session
      asio::post(*context, std::packaged_task<void()>([] {})).get();
    schemas_.sweep(2);
  }
  EXPECT_EQ(schemas_.size(), declared);
  client.push(5, 5);
  ASSERT_TRUE(eventually([&] { return client.backlog() == 0; }));
  EXPECT_EQ(client.stats().connections, 1U);
}

// One that was silent for so long that its schemas were forgotten declares them again on a new connection.
TEST_F(ServerTest, ASilentClientWhoseSchemasWereForgottenLosesNothing) {
  start();
  Client client(port());
  client.push(0, 5);
  ASSERT_TRUE(eventually([&] { return client.backlog() == 0; }));
  take();
  for (int i = 0; i < 10; ++i) schemas_.sweep(2);
  ASSERT_EQ(schemas_.size(), 0U);
  ASSERT_TRUE(schemas_.intern({"another", {}, {{"text", metric::FieldType::kString}}}));  // under its id
  client.push(5, 5);
  ASSERT_TRUE(eventually([&] { return client.backlog() == 0; }));
  ASSERT_TRUE(eventually([&] {
    take();
    return received_.size() == 10U;
  }));
  EXPECT_EQ(received_, numbers(10));
  EXPECT_EQ(client.stats().connections, 2U);
}

}  // namespace
}  // namespace resmon::ingest
