#include "net/spawn.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/await.h"

namespace resmon::net {

void start(const asio::any_io_executor& executor, asio::awaitable<void> task) {
  asio::co_spawn(executor, std::move(task), asio::detached);
}

void start(const asio::any_io_executor& executor, asio::awaitable<void> task,
           std::function<void(const std::exception_ptr&)> ended) {
  asio::co_spawn(executor, std::move(task),
                 [ended = std::move(ended)](const std::exception_ptr& failure) { ended(failure); });
}

void post(const asio::any_io_executor& executor, std::function<void()> work) {
  asio::post(executor, std::move(work));
}

asio::awaitable<void> wait(asio::steady_timer& timer) {
  co_await timer.async_wait(kAwait);
}

asio::awaitable<void> yield(asio::any_io_executor executor) {
  co_await asio::post(std::move(executor), asio::use_awaitable);
}

asio::awaitable<void> run(asio::any_io_executor executor, asio::awaitable<void> task) {
  co_await asio::co_spawn(std::move(executor), std::move(task), asio::use_awaitable);
}

}  // namespace resmon::net
