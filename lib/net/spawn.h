#pragma once

// Starting coroutines, moving them to other threads and having them wait, compiled once: Asio's own functions for it
// are templates that take a second or more in each file that calls them.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <functional>
#include <optional>
#include <utility>

namespace resmon::net {

namespace asio = boost::asio;

// Runs `task` on `executor`. `ended` is called there with the exception that left it, or null; without one an exception
// is dropped.
void start(const asio::any_io_executor& executor, asio::awaitable<void> task);
void start(const asio::any_io_executor& executor, asio::awaitable<void> task,
           std::function<void(const std::exception_ptr&)> ended);

// Calls `work` on `executor`, not before this returns.
void post(const asio::any_io_executor& executor, std::function<void()> work);

// Until the timer's time has come or it is cancelled.
asio::awaitable<void> wait(asio::steady_timer& timer);

// Lets what else waits on `executor` have its turn.
asio::awaitable<void> yield(asio::any_io_executor executor);

// Runs `task` on `executor`; the caller goes on where it was, with the result or the exception.
asio::awaitable<void> run(asio::any_io_executor executor, asio::awaitable<void> task);

template <class T>
asio::awaitable<void> keep_result(asio::awaitable<T> task, std::optional<T>& result) {
  result.emplace(co_await std::move(task));
}

template <class T>
asio::awaitable<T> run(asio::any_io_executor executor, asio::awaitable<T> task) {
  std::optional<T> result;
  co_await run(std::move(executor), keep_result(std::move(task), result));
  co_return std::move(*result);
}

}  // namespace resmon::net
