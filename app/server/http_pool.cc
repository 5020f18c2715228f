#include "http_pool.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <optional>

#include "net/spawn.h"

namespace resmon::server {

namespace {

namespace asio = boost::asio;

constexpr std::size_t kMostIdle = 4;  // connections

using Exchanged = std::optional<Result<sink::HttpAnswer>>;

asio::awaitable<Exchanged> send_over(std::shared_ptr<sink::Transport> transport,
                                     std::shared_ptr<const sink::HttpRequest> request) {
  co_return co_await transport->send(*request);
}

}  // namespace

Result<sink::HttpAnswer> HttpPool::ask(sink::HttpRequest request) {
  const auto shared = std::make_shared<const sink::HttpRequest>(std::move(request));
  std::shared_ptr<sink::Transport> transport;
  {
    const MutexLock lock(mutex_);
    if (stopped_) return fail(ErrorKind::kUnavailable, "the server stops");
    if (!idle_.empty()) {
      transport = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!transport) {
    RESMON_ASSIGN(transport, connect_());
  }
  {
    const MutexLock lock(mutex_);
    busy_.insert(transport);
  }
  Exchanged answer = asio::co_spawn(executor_, send_over(transport, shared), asio::use_future).get();
  const MutexLock lock(mutex_);
  busy_.erase(transport);
  if (*answer && idle_.size() < kMostIdle) idle_.push_back(transport);
  return std::move(*answer);
}

void HttpPool::stop() {
  std::set<std::shared_ptr<sink::Transport>> busy;
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
    busy = busy_;
  }
  net::post(executor_, [busy = std::move(busy)] {
    for (const auto& transport : busy) transport->close();
  });
}

}  // namespace resmon::server
