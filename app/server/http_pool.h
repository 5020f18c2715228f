#pragma once

// Connections to one address, for threads that may wait for an answer.

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "sink/transport.h"

namespace resmon::server {

class HttpPool {
 public:
  using Connect = std::function<Result<std::unique_ptr<sink::Transport>>()>;
  // The connections run on `executor`, which must not run two handlers at once and must outlive all questions.
  HttpPool(boost::asio::any_io_executor executor, Connect connect)
      : executor_(std::move(executor)), connect_(std::move(connect)) {}

  // Blocks for twice the connections' timeout at most: never from a thread of the network.
  Result<sink::HttpAnswer> ask(sink::HttpRequest request);
  // Questions under way end soon, and others are refused. From any thread.
  void stop();

 private:
  const boost::asio::any_io_executor executor_;
  const Connect connect_;
  Mutex mutex_;
  std::vector<std::shared_ptr<sink::Transport>> idle_ GUARDED_BY(mutex_);
  std::set<std::shared_ptr<sink::Transport>> busy_ GUARDED_BY(mutex_);
  bool stopped_ GUARDED_BY(mutex_) = false;
};

}  // namespace resmon::server
