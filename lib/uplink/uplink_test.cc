// Uplink against servers that misbehave. Against the real one: lib/ingest/server_test.cc.

#include "uplink/uplink.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <thread>

#include "net/test_support.h"

namespace resmon::uplink {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

class UplinkTest : public ::testing::Test {
 protected:
  // Runs an uplink with `batches` in its spool until `end` after it was told to stop with `patience`.
  std::chrono::duration<double> time_to_stop(std::uint16_t port, int batches, std::chrono::milliseconds patience,
                                             const std::function<bool(const Uplink&)>& ready) {
    Options options;
    options.servers = {{"127.0.0.1", port}};
    options.client = "client";
    options.log_connections = false;
    options.first_backoff = 10ms;
    options.answer_timeout = answer_timeout_;
    if (resolver_) options.servers = {{"dual.example", port}};
    asio::io_context io(1);
    metric::SchemaTable schemas;
    const metric::SchemaId id = schemas.intern({"m", {}, {{"f", metric::FieldType::kInteger}}}).value();
    Spool spool(64U << 20U);
    for (int i = 0; i < batches; ++i) {
      metric::Batch batch;
      batch.add(id, 1, i).set(0, std::int64_t{i});
      spool.push(std::move(batch));
    }
    Uplink uplink(io.get_executor(), options, spool, schemas);
    uplink.resolve_with(resolver_);
    auto done = asio::co_spawn(io, uplink.run(), asio::use_future);
    const auto until = steady_clock::now() + 20s;
    while (!ready(uplink) && steady_clock::now() < until) io.run_one_for(5ms);
    EXPECT_TRUE(ready(uplink));
    const auto begin = steady_clock::now();
    uplink.stop(patience);
    // Nothing is left behind that would keep the context busy.
    io.run_for(20s);
    EXPECT_TRUE(io.stopped());
    EXPECT_EQ(done.wait_for(0s), std::future_status::ready);
    stats_ = uplink.stats();
    return steady_clock::now() - begin;
  }

  std::string welcome(std::uint64_t idle_timeout_ns = 60'000'000'000) const {
    wire::Welcome message;
    message.idle_timeout_ns = idle_timeout_ns;
    message.software = "test";
    std::string out;
    wire::encode(message, out);
    return out;
  }

  asio::io_context server_io_;
  tcp::acceptor acceptor_{server_io_, {asio::ip::make_address("127.0.0.1"), 0}};
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  Stats stats_;
  std::function<std::vector<tcp::endpoint>(const net::Address&)> resolver_;
  std::chrono::milliseconds answer_timeout_{30'000};
};

TEST_F(UplinkTest, StopsAtOnceWithNothingToSendWhileTheServerSaysNothing) {
  const auto took = time_to_stop(port(), 0, 3s, [&, polls = 0](const Uplink&) mutable { return ++polls > 10; });
  EXPECT_LT(took, 1s);
}

TEST_F(UplinkTest, StopsInTimeWhileTheServerSaysNothing) {
  const auto took = time_to_stop(port(), 5, 300ms, [&, polls = 0](const Uplink&) mutable { return ++polls > 10; });
  EXPECT_GE(took, 250ms);
  EXPECT_LT(took, 2s);
}

TEST_F(UplinkTest, StopsInTimeWhileConnectingToABlackHole) {
  net::testing::BlackHole hole;
  const auto took = time_to_stop(hole.port(), 5, 300ms, [&, polls = 0](const Uplink&) mutable { return ++polls > 10; });
  EXPECT_GE(took, 250ms);
  EXPECT_LT(took, 2s);
}

TEST_F(UplinkTest, StopsInTimeWhenNothingIsAcknowledgedNorRead) {
  tcp::socket socket(server_io_);
  std::jthread server([&] {
    acceptor_.accept(socket);
    char header[wire::kHeaderBytes];
    asio::read(socket, asio::buffer(header));
    asio::write(socket, asio::buffer(welcome()));
  });
  // Megabytes: the sender is held up in the middle of a write.
  const auto took = time_to_stop(port(), 200'000, 300ms, [](const Uplink& uplink) { return uplink.stats().connected; });
  EXPECT_LT(took, 3s);
}

TEST_F(UplinkTest, PingsNoMoreOftenThanIsSensible) {
  std::atomic<std::uint64_t> bytes{0};
  std::jthread server([&] {
    tcp::socket socket(server_io_);
    acceptor_.accept(socket);
    asio::write(socket, asio::buffer(welcome(1)));  // "say something every nanosecond"
    char buffer[65536];
    boost::system::error_code error;
    while (!error) bytes += socket.read_some(asio::buffer(buffer), error);
  });
  const auto begin = steady_clock::now();
  time_to_stop(port(), 0, 0ms, [&](const Uplink&) { return steady_clock::now() - begin > 500ms; });
  EXPECT_LT(bytes, 13U * 10 + 500);
  EXPECT_GT(bytes, 13U * 2);
}

TEST_F(UplinkTest, AnAcknowledgementOfWhatWasNotSentEndsTheConnection) {
  std::jthread server([&] {
    tcp::socket socket(server_io_);
    acceptor_.accept(socket);
    std::string out = welcome();
    wire::encode(wire::Ack{1000}, out);
    asio::write(socket, asio::buffer(out));
    char buffer[4096];
    boost::system::error_code error;
    while (!error) socket.read_some(asio::buffer(buffer), error);
    acceptor_.close(error);
  });
  time_to_stop(port(), 3, 0ms, [](const Uplink& uplink) { return uplink.stats().failures > 0; });
  EXPECT_EQ(stats_.acknowledged_samples, 0U);
}

TEST_F(UplinkTest, ASilentAddressOfTheServersNameDoesNotKeepFromTheOther) {
  const net::testing::BlackHole silent("127.0.0.9", port());
  ASSERT_EQ(silent.port(), port());
  std::jthread server([&] {
    tcp::socket socket(server_io_);
    acceptor_.accept(socket);
    asio::write(socket, asio::buffer(welcome()));
    char buffer[4096];
    boost::system::error_code error;
    while (!error) socket.read_some(asio::buffer(buffer), error);
  });
  resolver_ = [this](const net::Address&) {
    return std::vector<tcp::endpoint>{{asio::ip::make_address("127.0.0.9"), port()},
                                      {asio::ip::make_address("127.0.0.1"), port()}};
  };
  time_to_stop(port(), 0, 0ms, [](const Uplink& uplink) { return uplink.stats().connected; });
  EXPECT_EQ(stats_.failures, 0U);
}

TEST_F(UplinkTest, AnAddressThatTakesConnectionsAndSaysNothingIsTriedLastNextTime) {
  tcp::acceptor silent(server_io_, {asio::ip::make_address("127.0.0.2"), port()});  // its queue takes them
  std::jthread server([&] {
    tcp::socket socket(server_io_);
    acceptor_.accept(socket);
    asio::write(socket, asio::buffer(welcome()));
    char buffer[4096];
    boost::system::error_code error;
    while (!error) socket.read_some(asio::buffer(buffer), error);
  });
  resolver_ = [this](const net::Address&) {
    return std::vector<tcp::endpoint>{{asio::ip::make_address("127.0.0.2"), port()},
                                      {asio::ip::make_address("127.0.0.1"), port()}};
  };
  answer_timeout_ = 300ms;
  time_to_stop(port(), 0, 0ms, [](const Uplink& uplink) { return uplink.stats().connected; });
  EXPECT_EQ(stats_.failures, 1U);
}

TEST_F(UplinkTest, ARefusalIsTold) {
  std::jthread server([&] {
    tcp::socket socket(server_io_);
    acceptor_.accept(socket);
    std::string out;
    wire::encode(wire::Refuse{wire::RefuseCode::kBusy, "come again", 100'000'000}, out);
    asio::write(socket, asio::buffer(out));
    char buffer[4096];
    boost::system::error_code error;
    while (!error) socket.read_some(asio::buffer(buffer), error);
  });
  time_to_stop(port(), 0, 0ms, [](const Uplink& uplink) { return uplink.stats().failures > 0; });
  EXPECT_EQ(stats_.last_error, "the server refused: busy: come again");
  EXPECT_EQ(stats_.connections, 0U);
}

TEST_F(UplinkTest, SomethingElseThanAServerOfOurs) {
  std::jthread server([&] {
    tcp::socket socket(server_io_);
    acceptor_.accept(socket);
    asio::write(socket, asio::buffer(std::string("HTTP/1.1 400 Bad Request\r\n\r\n")));
    char buffer[4096];
    boost::system::error_code error;
    while (!error) socket.read_some(asio::buffer(buffer), error);
  });
  time_to_stop(port(), 0, 0ms, [](const Uplink& uplink) { return uplink.stats().failures > 0; });
  EXPECT_NE(stats_.last_error.find("over the bound"), std::string::npos) << stats_.last_error;
}

TEST(SpoolDiscardTest, LeavesTheNumberOnly) {
  Spool spool(1U << 20U);
  for (int i = 0; i < 3; ++i) {
    metric::Batch batch;
    batch.add(0, 1, i).set(0, std::int64_t{i});
    spool.push(std::move(batch));
  }
  spool.discard(2);
  EXPECT_EQ(spool.backlog_samples(), 2U);
  EXPECT_EQ(spool.dropped_samples(), 1U);
  EXPECT_TRUE(spool.at(2).empty());
  EXPECT_EQ(spool.last(), 3U);
  spool.acknowledge(3);
  EXPECT_EQ(spool.memory_bytes(), 0U);
}

}  // namespace
}  // namespace resmon::uplink
