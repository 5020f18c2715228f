// The two sides of the client protocol against each other over loopback: Uplink and Server on real sockets, with a wire
// between them that the test cuts.

#include "ingest/server.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/packaged_task.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <cstring>
#include <filesystem>
#include <functional>
#include <future>
#include <set>

#include "base/log.h"
#include "net/listener.h"
#include "net/runtime.h"
#include "uplink/uplink.h"

namespace resmon::ingest {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr auto kPatience = 30s;
constexpr const char* kToken = "test-token-0123456789";

template <class Condition>
bool eventually(const Condition& condition) {
  const auto until = steady_clock::now() + kPatience;
  while (!condition()) {
    if (steady_clock::now() > until) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

class Names : public Observer {
 public:
  void connected(const ClientInfo& client) override {
    std::lock_guard lock(mutex_);
    here_.insert(client.host);
  }
  void heard_from(const std::string&) override {}
  void disconnected(const std::string& host) override {
    std::lock_guard lock(mutex_);
    here_.erase(host);
  }
  bool has(const std::string& host) const {
    std::lock_guard lock(mutex_);
    return here_.contains(host);
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::string> here_;
};

// A TCP relay that the test can cut, or let nothing through.
class Cable {
 public:
  Cable(asio::io_context& io, std::uint16_t to)
      : io_(io), to_(to), acceptor_(io, {asio::ip::make_address("127.0.0.1"), 0}) {
    ended_ = asio::co_spawn(io_, accept(), asio::use_future);
  }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  // Every connection ends, in the middle of whatever it was doing. Waits until it has.
  void cut() {
    on_thread([this] {
      for (const auto& weak : open_)
        if (const auto socket = weak.lock()) socket->close();
      open_.clear();
    });
  }
  // To be called before it is destroyed, while the context still runs.
  void close() {
    on_thread([this] { acceptor_.close(); });
    ended_.wait();
    cut();
  }

 private:
  static constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
  using Socket = std::shared_ptr<tcp::socket>;

  void on_thread(std::function<void()> work) { asio::post(io_, std::packaged_task<void()>(std::move(work))).get(); }

  asio::awaitable<void> accept() {
    while (true) {
      const auto from = std::make_shared<tcp::socket>(io_);
      const auto [error] = co_await acceptor_.async_accept(*from, kAwait);
      if (error) co_return;
      const auto to = std::make_shared<tcp::socket>(io_);
      const auto [failed] = co_await to->async_connect({asio::ip::make_address("127.0.0.1"), to_}, kAwait);
      if (failed) continue;
      open_.push_back(from);
      open_.push_back(to);
      asio::co_spawn(io_, pump(from, to), asio::detached);
      asio::co_spawn(io_, pump(to, from), asio::detached);
    }
  }
  static asio::awaitable<void> pump(Socket from, Socket to) {
    std::vector<char> buffer(1000);  // frames arrive in pieces
    while (true) {
      const auto [error, n] = co_await from->async_read_some(asio::buffer(buffer), kAwait);
      if (error) break;
      const auto [failed, written] = co_await asio::async_write(*to, asio::buffer(buffer.data(), n), kAwait);
      if (failed) break;
    }
    boost::system::error_code ignored;
    to->shutdown(tcp::socket::shutdown_send, ignored);
  }

  asio::io_context& io_;
  std::uint16_t to_;
  tcp::acceptor acceptor_;
  std::vector<std::weak_ptr<tcp::socket>> open_;
  std::future<void> ended_;  // of accept()
};

class ScratchDirectory {
 public:
  ScratchDirectory() {
    char name[] = "/tmp/resmon-ingest-test-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~ScratchDirectory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class ServerTest : public ::testing::Test {
 protected:
  void start(ServerOptions options = {}, LogOptions log = {}) {
    log.directory = directory_.path();
    if (log.limit_bytes == LogOptions().limit_bytes) log.limit_bytes = 256U << 20U;
    log.sync_interval = 5ms;
    log_ = Log::open(log, schemas_).value();
    reader_ = log_->add_reader("test", LogReader::Loss::kNever).value();
    net::TokenSet tokens;
    tokens.add(kToken);
    server_ = std::make_unique<Server>(std::move(options), tokens, schemas_, *log_, names_);
    listener_ = net::Listener::open({"127.0.0.1", 0}, runtime_.all(), "test").value();
    listener_->start([this](tcp::socket socket) { server_->accept(std::move(socket)); });
    runtime_.start();
  }
  void TearDown() override {
    if (listener_) listener_->stop();
    if (server_) server_->stop();
    if (server_) {
      EXPECT_TRUE(eventually([&] { return server_->sessions() == 0; }));
    }
    runtime_.stop();
    runtime_.drain(0ms);
  }
  std::uint16_t port() const { return listener_->address().port; }

  // Takes what has arrived off the log: each row's one integer.
  void take() {
    while (const Entry* entry = reader_->try_next()) {
      for (const metric::Row& row : entry->batch->rows())
        if (row.fields == 1) received_.push_back(metric::as_integer(entry->batch->value(row, 0)));
      reader_->commit(entry->position);
    }
  }

  ScratchDirectory directory_;
  net::Runtime runtime_{2};  // before: sockets and timers of all that follows live in its contexts
  metric::SchemaTable schemas_;
  Names names_;
  std::unique_ptr<Log> log_;
  LogReader* reader_ = nullptr;
  std::unique_ptr<Server> server_;
  std::unique_ptr<net::Listener> listener_;
  std::vector<std::int64_t> received_;
};

// One client on a thread of its own.
class Client {
 public:
  explicit Client(std::uint16_t port, std::string name = "client", std::uint64_t spool_bytes = 64U << 20U)
      : spool_(spool_bytes) {
    uplink::Options options;
    options.servers = {{"127.0.0.1", port}};
    options.client = std::move(name);
    options.token = kToken;
    options.first_backoff = 2ms;
    options.most_backoff = 20ms;
    options.log_connections = false;
    id_ = schemas_.intern({"count", {}, {{"n", metric::FieldType::kInteger}}}).value();
    uplink_ = std::make_unique<uplink::Uplink>(io_.get_executor(), std::move(options), spool_, schemas_);
    done_ = asio::co_spawn(io_, uplink_->run(), asio::use_future);
    thread_ = std::jthread([this] { io_.run(); });
  }
  ~Client() { stop(0ms); }

  void push(std::int64_t first, std::int64_t count) {
    on_thread([&] {
      for (std::int64_t n = first; n < first + count; ++n) {
        metric::Batch batch = spool_.take_empty();
        batch.add(id_, 1, 1'000'000'000 * n).set(0, n);
        spool_.push(std::move(batch));
      }
      uplink_->notify();
    });
  }
  void push(metric::Batch batch) {
    on_thread([&] {
      spool_.push(std::move(batch));
      uplink_->notify();
    });
  }
  std::uint64_t backlog() {
    return on_thread([&] { return spool_.backlog_samples(); });
  }
  std::uint64_t dropped() {
    return on_thread([&] { return spool_.dropped_samples(); });
  }
  void change_token(std::string token) {
    on_thread([&] { uplink_->change_token(std::move(token)); });
  }
  uplink::Stats stats() {
    return on_thread([&] { return uplink_->stats(); });
  }
  metric::SchemaTable& schemas() { return schemas_; }

  // How long it took.
  std::chrono::duration<double> stop(std::chrono::milliseconds patience) {
    const auto begin = steady_clock::now();
    if (!stopped_) {
      stopped_ = true;
      asio::post(io_, [this, patience] { uplink_->stop(patience); });
      EXPECT_EQ(done_.wait_for(kPatience), std::future_status::ready);
      io_.stop();
      thread_.join();
    }
    return steady_clock::now() - begin;
  }

 private:
  template <class F>
  std::invoke_result_t<F> on_thread(const F& f) {
    std::packaged_task<std::invoke_result_t<F>()> task(f);
    auto result = task.get_future();
    asio::post(io_, [&task] { task(); });
    return result.get();
  }

  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard_ = asio::make_work_guard(io_);
  metric::SchemaTable schemas_;
  metric::SchemaId id_ = 0;
  uplink::Spool spool_;
  std::unique_ptr<uplink::Uplink> uplink_;
  std::future<void> done_;
  std::jthread thread_;
  bool stopped_ = false;
};

std::vector<std::int64_t> numbers(std::int64_t count) {
  std::vector<std::int64_t> out(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::int64_t>(i);
  return out;
}

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

// Says HELLO and reads the header of the answer; returns its type.
char greet(tcp::socket& socket, const std::string& name) {
  wire::Hello hello;
  hello.client = name;
  hello.stream = {static_cast<std::uint8_t>(name.size()), static_cast<std::uint8_t>(name.back()),
                  static_cast<std::uint8_t>(name.front())};
  hello.token = kToken;
  std::string greeting;
  wire::encode(hello, greeting);
  asio::write(socket, asio::buffer(greeting));
  char header[wire::kHeaderBytes];
  asio::read(socket, asio::buffer(header));
  std::uint32_t length = 0;
  std::memcpy(&length, header, sizeof length);
  std::string payload(length, ' ');
  asio::read(socket, asio::buffer(payload));
  return header[4];
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
