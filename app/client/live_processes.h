#pragma once

// Answers the server's question for all processes of this machine, which it asks while somebody looks at them. One
// thread; what takes its time is done by a helper.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "collect/process_list.h"
#include "wire/ask.h"

namespace resmon::client {

class LiveProcesses {
 public:
  using Send = std::function<void(const wire::ProcessList& list)>;

  // `wanted`: client.process_list; without it each question is refused, in words.
  LiveProcesses(boost::asio::any_io_executor executor, const collect::Roots& roots, bool wanted, bool command_lines,
                Send send);

  // Answers soon, by `send`. Questions that come meanwhile have the same answer.
  void asked(const wire::Ask& ask);
  void stop();

 private:
  boost::asio::awaitable<void> answer();
  boost::asio::awaitable<bool> read();
  void refuse(std::uint64_t id, const std::string& reason) const;
  wire::ProcessList list_now() const;
  void forget_later();

  boost::asio::any_io_executor executor_;
  const bool wanted_;
  const Send send_;
  collect::HelperPool pool_{1};
  std::shared_ptr<collect::ProcessListing> listing_;
  boost::asio::steady_timer timer_;
  boost::asio::steady_timer forget_;
  std::vector<std::uint64_t> waiting_;  // questions, by id
  bool reading_ = false;
  bool stopping_ = false;
};

}  // namespace resmon::client
