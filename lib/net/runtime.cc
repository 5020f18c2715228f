#include "net/runtime.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <exception>

#include "base/log.h"

namespace resmon::net {

namespace asio = boost::asio;

Runtime::Runtime(unsigned threads) {
  for (unsigned i = 0; i < std::max(threads, 1U); ++i) {
    contexts_.push_back(std::make_unique<asio::io_context>(1));
    guards_.push_back(asio::make_work_guard(*contexts_.back()));
  }
}

Runtime::~Runtime() {
  stop();
  threads_.clear();
}

void Runtime::start() {
  for (std::size_t i = 0; i < contexts_.size(); ++i) {
    threads_.emplace_back([this, i] {
      pthread_setname_np(pthread_self(), ("io-" + std::to_string(i)).c_str());
      while (true) {
        try {
          contexts_[i]->run();
          return;
        } catch (const std::exception& e) {
          // A handler's bug: its own session is gone, the others go on.
          log::error("net", "unexpected exception", {{"reason", e.what()}});
        }
      }
    });
  }
}

void Runtime::drain(std::chrono::milliseconds patience) {
  guards_.clear();
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (const auto& context : contexts_) {
    while (!context->stopped() && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    context->stop();
  }
  threads_.clear();
}

void Runtime::stop() {
  guards_.clear();
  for (const auto& context : contexts_) context->stop();
}

std::vector<asio::io_context*> Runtime::all() {
  std::vector<asio::io_context*> out;
  for (const auto& context : contexts_) out.push_back(context.get());
  return out;
}

}  // namespace resmon::net
