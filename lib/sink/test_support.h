#pragma once

// For tests of sinks: an HTTP server that answers as a function says, a source that hands out given batches, a thread
// that runs a sink, and a fixture with all of them.

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "sink/sink.h"

namespace resmon::sink::testing {

namespace asio = boost::asio;
using namespace std::chrono_literals;

struct Request {
  std::string method;
  std::string target;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  int connection = 0;  // counts connections from 1
};

// The bytes to send back; empty: close without an answer.
using Handler = std::function<std::string(const Request&)>;

inline std::string reply(int status, const std::string& body, const std::string& headers = "") {
  return "HTTP/1.1 " + std::to_string(status) + " Status\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         headers + "\r\n" + body;
}

// Behind an answer: close the connection after it, without saying so.
inline const std::string kThenClose = "\x01close";

// One thread, one connection at a time. GET, which is how a sink asks who is there, is answered as InfluxDB 1.x does
// and not seen by the handler nor kept, but where `on_get` says otherwise.
class FakeServer {
 public:
  explicit FakeServer(Handler handler, Handler on_get = nullptr)
      : acceptor_(context_, asio::ip::tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)),
        handler_(std::move(handler)),
        on_get_(std::move(on_get)),
        thread_([this] { serve(); }) {}
  ~FakeServer() {
    stopped_ = true;
    {
      std::lock_guard lock(mutex_);
      if (live_ >= 0) ::shutdown(live_, SHUT_RDWR);
    }
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
    thread_.join();
  }

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  std::string url(const std::string& path = "") const { return "http://127.0.0.1:" + std::to_string(port()) + path; }
  std::vector<Request> requests() const {
    std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void serve() {
    int connection = 0;
    while (!stopped_) {
      boost::system::error_code code;
      asio::ip::tcp::socket socket(context_);
      acceptor_.accept(socket, code);
      if (code) return;
      set_live(socket.native_handle());
      ++connection;
      std::string buffer;
      while (answer_one(socket, buffer, connection)) {
      }
      set_live(-1);
    }
  }

  void set_live(int fd) {
    std::lock_guard lock(mutex_);
    live_ = fd;
  }

  bool answer_one(asio::ip::tcp::socket& socket, std::string& buffer, int connection) {
    boost::system::error_code code;
    const std::size_t head = asio::read_until(socket, asio::dynamic_buffer(buffer), "\r\n\r\n", code);
    if (code) return false;
    Request request;
    request.connection = connection;
    const std::size_t space = buffer.find(' ');
    request.method = buffer.substr(0, space);
    request.target = buffer.substr(space + 1, buffer.find(' ', space + 1) - space - 1);
    for (std::size_t at = buffer.find("\r\n") + 2; at < head - 2;) {
      const std::size_t end = buffer.find("\r\n", at);
      const std::size_t colon = buffer.find(':', at);
      std::string name = buffer.substr(at, colon - at);
      for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      request.headers[name] = buffer.substr(colon + 2, end - colon - 2);
      at = end + 2;
    }
    const std::size_t length = std::stoul("0" + request.headers["content-length"]);
    if (buffer.size() < head + length)
      asio::read(socket, asio::dynamic_buffer(buffer), asio::transfer_exactly(head + length - buffer.size()), code);
    if (code) return false;
    request.body = buffer.substr(head, length);
    buffer.erase(0, head + length);
    const bool gets = request.method == "GET";
    if (!gets) {
      std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    std::string bytes = !gets     ? handler_(request)
                        : on_get_ ? on_get_(request)
                                  : reply(204, "", "X-Influxdb-Version: 1.8.10\r\n");
    if (bytes.empty()) return false;
    const bool then_close = bytes.ends_with(kThenClose);
    if (then_close) bytes.resize(bytes.size() - kThenClose.size());
    asio::write(socket, asio::buffer(bytes), code);
    return !code && !then_close;
  }

  asio::io_context context_;
  asio::ip::tcp::acceptor acceptor_;
  Handler handler_;
  Handler on_get_;
  std::atomic<bool> stopped_ = false;
  mutable std::mutex mutex_;
  std::vector<Request> requests_;
  int live_ = -1;
  std::thread thread_;
};

// Hands out what was added; remembers what was committed. `rewind` gives everything after the last commit again, as a
// log does.
class ListSource final : public Source {
 public:
  void add(std::shared_ptr<const metric::Batch> batch) {
    std::lock_guard lock(mutex_);
    items_.push_back({std::move(batch), items_.size() + 1, Clock::system().wall()});
  }
  std::uint64_t committed() const {
    std::lock_guard lock(mutex_);
    return committed_;
  }
  std::size_t size() const {
    std::lock_guard lock(mutex_);
    return items_.size();
  }
  bool rewind() override {
    std::lock_guard lock(mutex_);
    next_ = committed_;
    return true;
  }

  asio::awaitable<std::optional<Item>> next(std::chrono::steady_clock::time_point wait_until) override {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    while (true) {
      {
        std::lock_guard lock(mutex_);
        if (next_ < items_.size()) co_return items_[next_++];
      }
      const auto now = std::chrono::steady_clock::now();
      if (now >= wait_until || woken_.exchange(false)) co_return std::nullopt;
      timer.expires_after(std::min<std::chrono::nanoseconds>(2ms, wait_until - now));
      boost::system::error_code code;
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, code));
    }
  }
  void wake() override { woken_ = true; }
  void commit(std::uint64_t position) override {
    std::lock_guard lock(mutex_);
    committed_ = position;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Item> items_;
  std::size_t next_ = 0;
  std::uint64_t committed_ = 0;
  std::atomic<bool> woken_ = false;
};

// A sink running on a thread of its own.
class Running {
 public:
  Running(const SinkOptions& options, const metric::SchemaTable& schemas, ListSource& source) : source_(source) {
    Result<std::unique_ptr<Sink>> made = Sink::make(context_.get_executor(), options, schemas, source);
    if (!made) throw std::runtime_error(made.error().message);
    sink_ = std::move(made).value();
    ended_ = asio::co_spawn(sink_->executor(), sink_->run(), asio::use_future);
    thread_ = std::thread([this] { context_.run(); });
  }
  ~Running() {
    stop(0s);
    thread_.join();
  }
  void stop(std::chrono::nanoseconds drain) { sink_->stop(drain); }
  bool ends_within(std::chrono::milliseconds limit) { return ended_.wait_for(limit) == std::future_status::ready; }
  Stats stats() const { return sink_->stats(); }
  // Waits for `condition`.
  template <class Condition>
  bool becomes(Condition condition, std::chrono::milliseconds limit = 10s) const {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(2ms);
    }
    return true;
  }
  bool commits_all(std::chrono::milliseconds limit = 10s) const {
    return becomes([&] { return source_.committed() == source_.size(); }, limit);
  }

 private:
  ListSource& source_;
  asio::io_context context_;
  std::unique_ptr<Sink> sink_;
  std::future<void> ended_;
  std::thread thread_;
};

// The content of a gzip body.
inline std::string inflated(const std::string& body) {
  z_stream stream{};
  inflateInit2(&stream, MAX_WBITS + 16);
  std::string out(32U << 20U, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

class SinkTest : public ::testing::Test {
 protected:
  SinkTest() : schema_(schemas_.intern({"m", {}, {{"f", metric::FieldType::kInteger}}}).value()) {
    options_.linger = 5ms;
    options_.retry_first = 5ms;
    options_.retry_last = 20ms;
    options_.timeout = 2s;
    options_.gzip = false;
    options_.resend_window = 0s;
    options_.bucket = "b";
    options_.org = "o";
    options_.token = "secret";
  }

  // One item with the lines "m f=VALUEi VALUE".
  void add(std::initializer_list<std::int64_t> values) {
    auto batch = std::make_shared<metric::Batch>();
    for (const std::int64_t value : values) batch->add(schema_, 1, value).set(0, value);
    source_.add(std::move(batch));
  }

  metric::SchemaTable schemas_;
  metric::SchemaId schema_;
  ListSource source_;
  SinkOptions options_;
};

}  // namespace resmon::sink::testing
