#pragma once

// A long text that is produced piece by piece on request, so that only one piece is in memory for a slow reader. A
// coroutine that co_yields strings; resumed by next(), on any thread, one at a time.

#include <coroutine>
#include <exception>
#include <optional>
#include <string>
#include <utility>

namespace resmon::influxql {

class Pieces {
 public:
  struct promise_type {
    std::string piece;
    Pieces get_return_object() { return Pieces(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    std::suspend_always yield_value(std::string text) {
      piece = std::move(text);
      return {};
    }
    void return_void() {}
    void unhandled_exception() { throw; }
  };

  Pieces(Pieces&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Pieces& operator=(Pieces&&) = delete;
  ~Pieces() {
    if (handle_) handle_.destroy();
  }

  // Never empty; nothing once all is said.
  std::optional<std::string> next() {
    while (!handle_.done()) {
      handle_.resume();
      if (!handle_.done() && !handle_.promise().piece.empty()) return std::exchange(handle_.promise().piece, {});
    }
    return std::nullopt;
  }

 private:
  explicit Pieces(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

}  // namespace resmon::influxql
