#include "log_source.h"

#include "net/spawn.h"

namespace resmon::server {

namespace asio = boost::asio;

LogSource::LogSource(asio::any_io_executor executor, ingest::LogReader& reader)
    : reader_(reader), bell_(std::make_shared<Bell>(executor)) {
  reader_.on_readable(ringer(bell_, executor));
}

asio::awaitable<std::optional<sink::Item>> LogSource::next(std::chrono::steady_clock::time_point wait_until) {
  let_go();
  while (true) {
    bell_->timer.expires_at(wait_until);
    bell_->waiting = true;  // before looking: what becomes durable after the look rings
    if (const ingest::Entry* entry = reader_.try_next()) {
      bell_->waiting = false;
      const MutexLock lock(mutex_);
      if (!batch_ || batch_.use_count() > 1) batch_ = std::make_shared<metric::Batch>();
      std::swap(*batch_, *entry->batch);
      entry->batch->clear();
      co_return sink::Item{batch_, entry->position, entry->received};
    }
    if (std::chrono::steady_clock::now() >= wait_until) co_return std::nullopt;
    co_await net::wait(bell_->timer);
    if (std::exchange(woken_, false)) co_return std::nullopt;
  }
}

// Clears a batch that the sink has finished, so that it pins no schemas.
void LogSource::let_go() {
  const MutexLock lock(mutex_);
  if (batch_ && batch_.use_count() == 1) batch_->clear();
}

bool LogSource::rewind() {
  let_go();
  reader_.rewind();
  return true;
}

void LogSource::renew_pin() {
  const MutexLock lock(mutex_);
  if (batch_) batch_->renew_pin();
}

void LogSource::wake() {
  woken_ = true;
  bell_->timer.cancel();
}

}  // namespace resmon::server
