// Lines from a client's spool to the taker: over real sockets, with connections that are lost and a taker that has no
// room, each line arrives once and in order.

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <filesystem>

#include "ingest/server.h"
#include "net/listener.h"
#include "net/runtime.h"
#include "uplink/line_spool.h"
#include "uplink/uplink.h"

namespace resmon::ingest {
namespace {

using namespace std::chrono_literals;

// Durable when make_durable is called, or at once.
class RecordingTaker final : public logline::Taker {
 public:
  std::uint64_t acknowledged(const Stream& stream) override {
    const std::lock_guard lock(mutex_);
    return durable_of_[stream];
  }
  Result<std::uint64_t> append(const Stream& stream, std::uint64_t sequence, std::string_view host,
                               std::string_view encoded, UnixNanos) override {
    const std::lock_guard lock(mutex_);
    if (refusals > 0) {
      --refusals;
      return fail(ErrorKind::kUnavailable, "full");
    }
    if (sequence <= taken_of_[stream]) return position_;
    taken_of_[stream] = sequence;
    logline::Lines lines;
    EXPECT_TRUE(logline::decode(encoded, lines));
    for (std::size_t i = 0; i < lines.size(); ++i)
      texts.push_back(std::string(host) + "/" + std::string(lines.source()) + ": " + std::string(lines[i].message));
    ++position_;
    durable_of_[stream] = sequence;
    return position_;
  }
  std::uint64_t durable_position() override {
    const std::lock_guard lock(mutex_);
    return position_;
  }
  void when_durable(std::uint64_t, std::function<void()> done) override { done(); }

  std::vector<std::string> taken() {
    const std::lock_guard lock(mutex_);
    return texts;
  }

  int refusals = 0;

 private:
  std::mutex mutex_;
  std::map<Stream, std::uint64_t> taken_of_;
  std::map<Stream, std::uint64_t> durable_of_;
  std::uint64_t position_ = 0;
  std::vector<std::string> texts;
};

class NoNames final : public Observer {
 public:
  void connected(const ClientInfo& client) override { ADD_FAILURE() << client.host; }
  void heard_from(const std::string&) override { ADD_FAILURE(); }
  void disconnected(const std::string&) override { ADD_FAILURE(); }
};

class LinesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/resmon-lines-test-XXXXXX";
    directory_ = ::mkdtemp(name);
  }
  void TearDown() override {
    listener_->stop();
    server_->stop();
    const auto until = std::chrono::steady_clock::now() + 30s;
    while (server_->sessions() > 0 && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(2ms);
    runtime_.stop();
    runtime_.drain(0ms);
    std::filesystem::remove_all(directory_);
  }
  void start(logline::Taker* taker) {
    LogOptions log;
    log.directory = directory_ + "/log";
    log_ = Log::open(log, schemas_).value();
    net::TokenSet tokens;
    tokens.add("test-token-0123456789");
    ServerOptions options;
    options.lines = taker;
    server_ = std::make_unique<Server>(std::move(options), tokens, schemas_, *log_, names_);
    listener_ = net::Listener::open({"127.0.0.1", 0}, runtime_.all(), "test").value();
    listener_->start(
        [this](boost::asio::ip::tcp::socket socket, const auto& from) { server_->accept(std::move(socket), from); });
    runtime_.start();
  }
  std::unique_ptr<uplink::LineSpool> spool() const {
    uplink::LineSpoolOptions options;
    options.directory = directory_ + "/spool";
    options.owner = "web1";
    return uplink::LineSpool::open(options).value();
  }
  uplink::Options uplink_options(const std::string& token = "test-token-0123456789") const {
    uplink::Options options;
    options.servers = {{"127.0.0.1", listener_->address().port}};
    options.client = "web1";
    options.token = token;
    options.first_backoff = 2ms;
    options.most_backoff = 20ms;
    options.idle_close = 60s;
    options.log_connections = false;
    return options;
  }
  // Runs an uplink until `done`, and at the most so long.
  template <class Done>
  uplink::Stats run(uplink::LineSpool& spool, const Done& done, const std::string& token = "test-token-0123456789") {
    boost::asio::io_context io{1};
    uplink::Uplink uplink(io.get_executor(), uplink_options(token), spool);
    auto ended = boost::asio::co_spawn(io, uplink.run(), boost::asio::use_future);
    const auto until = std::chrono::steady_clock::now() + 30s;
    while (!done(uplink) && std::chrono::steady_clock::now() < until) {
      io.run_one_for(5ms);
      uplink.notify();
    }
    uplink.stop(0ms);
    io.run_for(20s);
    EXPECT_EQ(ended.wait_for(0s), std::future_status::ready);
    return uplink.stats();
  }
  static void push(uplink::LineSpool& spool, int first, int count) {
    logline::Lines lines;
    lines.clear("app");
    for (int i = first; i < first + count; ++i) lines.add({.message = "line " + std::to_string(i)});
    const uplink::LineSpool::Mark mark{"app/1", "at " + std::to_string(first + count)};
    ASSERT_TRUE(spool.push(logline::encode(lines), static_cast<std::uint32_t>(count), {&mark, 1}));
  }

  std::string directory_;
  net::Runtime runtime_{2};
  metric::SchemaTable schemas_;
  NoNames names_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<net::Listener> listener_;
};

TEST_F(LinesTest, ArriveOnceAndInOrder) {
  RecordingTaker taker;
  taker.refusals = 3;
  start(&taker);
  int pushed = 0;
  for (int life = 0; life < 6; ++life) {
    const auto kept = spool();
    if (pushed > 0) {
      EXPECT_EQ(kept->marks().at("app/1"), "at " + std::to_string(pushed));
    }
    for (int i = 0; i < 40; ++i, pushed += 7) push(*kept, pushed, 7);
    const bool drains = life % 2 == 1;
    // A life that ends in the middle leaves the rest to the next.
    run(*kept, [&](const uplink::Uplink& uplink) {
      return drains ? kept->empty() : uplink.stats().acknowledged_samples > 50;
    });
    if (drains) {
      EXPECT_TRUE(kept->empty());
    }
  }
  const std::vector<std::string> taken = taker.taken();
  ASSERT_EQ(taken.size(), static_cast<std::size_t>(pushed));
  for (int i = 0; i < pushed; ++i) ASSERT_EQ(taken[static_cast<std::size_t>(i)], "web1/app: line " + std::to_string(i));
  EXPECT_GE(server_->stats().lines.load(), static_cast<std::uint64_t>(pushed));
}

TEST_F(LinesTest, AreRefusedWhereNoLogsAreKept) {
  start(nullptr);
  const auto kept = spool();
  push(*kept, 0, 1);
  const uplink::Stats stats = run(*kept, [](const uplink::Uplink& uplink) { return uplink.stats().failures > 1; });
  EXPECT_NE(stats.last_error.find("this server keeps no logs"), std::string::npos) << stats.last_error;
  EXPECT_EQ(kept->backlog(), 1U);
}

TEST_F(LinesTest, NeedTheTokenToo) {
  RecordingTaker taker;
  start(&taker);
  const auto kept = spool();
  push(*kept, 0, 1);
  const uplink::Stats stats = run(
      *kept, [](const uplink::Uplink& uplink) { return uplink.stats().failures > 1; }, "another-token");
  EXPECT_NE(stats.last_error.find("token"), std::string::npos) << stats.last_error;
  EXPECT_TRUE(taker.taken().empty());
}

}  // namespace
}  // namespace resmon::ingest
