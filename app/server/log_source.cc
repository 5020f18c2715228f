#include "log_source.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace resmon::server {

namespace asio = boost::asio;

LogSource::LogSource(asio::any_io_executor executor, ingest::LogReader& reader)
    : reader_(reader), bell_(std::make_shared<Bell>(executor)) {
  reader_.on_append([bell = bell_, executor] {
    // One wake-up for all that is appended until the sink has looked again.
    if (bell->waiting.exchange(false)) asio::post(executor, [bell] { bell->timer.cancel(); });
  });
}

asio::awaitable<std::optional<sink::Item>> LogSource::next(std::chrono::steady_clock::time_point wait_until) {
  while (true) {
    bell_->timer.expires_at(wait_until);
    bell_->waiting = true;  // before looking: an append after the look rings
    if (const auto entry = reader_.try_next()) {
      bell_->waiting = false;
      co_return sink::Item{entry->batch, entry->position, entry->received};
    }
    if (std::chrono::steady_clock::now() >= wait_until) co_return std::nullopt;
    co_await bell_->timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (std::exchange(woken_, false)) co_return std::nullopt;
  }
}

void LogSource::wake() {
  woken_ = true;
  bell_->timer.cancel();
}

}  // namespace resmon::server
