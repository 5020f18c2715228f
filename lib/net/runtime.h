#pragma once

// One io_context and one thread for each core: what runs on a context never needs a lock against itself.

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <thread>
#include <vector>

namespace resmon::net {

class Runtime {
 public:
  explicit Runtime(unsigned threads);  // at least one
  ~Runtime();                          // stop() and join
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  void start();
  // Lets go of the work guards; returns when every context has run out of work, or has been stopped after `patience`.
  void drain(std::chrono::milliseconds patience);
  void stop();

  boost::asio::io_context& first() { return *contexts_.front(); }
  std::vector<boost::asio::io_context*> all();

 private:
  std::vector<std::unique_ptr<boost::asio::io_context>> contexts_;
  std::vector<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> guards_;
  std::vector<std::jthread> threads_;
};

}  // namespace resmon::net
