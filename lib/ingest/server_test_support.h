#pragma once

// What the server's tests share: the two sides of the client protocol against each other over loopback, Uplink and
// Server on real sockets, with a wire between them that the test cuts.

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
#include "ingest/server.h"
#include "net/listener.h"
#include "net/runtime.h"
#include "uplink/uplink.h"

namespace resmon::ingest {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

inline constexpr auto kPatience = 30s;
inline constexpr const char* kToken = "test-token-0123456789";

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
    listener_->start(
        [this](tcp::socket socket, const tcp::endpoint& from) { server_->accept(std::move(socket), from); });
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

inline std::vector<std::int64_t> numbers(std::int64_t count) {
  std::vector<std::int64_t> out(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::int64_t>(i);
  return out;
}

// Says HELLO and reads the header of the answer; returns its type.
inline char greet(tcp::socket& socket, const std::string& name) {
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

}  // namespace resmon::ingest
