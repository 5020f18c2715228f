#include "ingest/log.h"

#include <algorithm>

namespace resmon::ingest {

LogReader& Log::add_reader(LogReader::Loss loss) {
  std::lock_guard lock(mutex_);
  readers_.push_back(std::unique_ptr<LogReader>(new LogReader(*this, loss)));
  LogReader& reader = *readers_.back();
  reader.next_ = first_ + entries_.size();
  reader.committed_ = reader.next_ - 1;
  return reader;
}

Result<std::uint64_t> Log::append(std::shared_ptr<const metric::Batch> batch, UnixNanos received) {
  const std::uint64_t size = batch->memory_bytes();
  std::vector<std::function<void()>*> wakes;
  std::uint64_t position = 0;
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return fail(ErrorKind::kUnavailable, "the log is stopped");
    while (bytes_ + size > limit_bytes_ && !entries_.empty()) {
      // Only a reader that must not lose anything can refuse the new for the sake of the old.
      for (const auto& reader : readers_)
        if (reader->loss_ == LogReader::Loss::kNever && reader->committed_ < first_)
          return fail(ErrorKind::kUnavailable, "the log is full: the store does not keep up");
      for (const auto& reader : readers_) {
        if (reader->committed_ >= first_) continue;
        reader->lost_samples_ += entries_.front().batch->samples();
        reader->committed_ = first_;
        reader->next_ = std::max(reader->next_, first_ + 1);
      }
      trim();
    }
    position = first_ + entries_.size();
    entries_.push_back(Entry{position, std::move(batch), received});
    bytes_ += size;
    if (readers_.empty()) trim();
    for (const auto& reader : readers_)
      if (reader->wake_) wakes.push_back(&reader->wake_);
  }
  appended_.notify_all();
  for (const auto* wake : wakes) (*wake)();
  return position;
}

void Log::stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  appended_.notify_all();
}

std::uint64_t Log::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

std::uint64_t Log::last_position() const {
  std::lock_guard lock(mutex_);
  return first_ + entries_.size() - 1;
}

void Log::trim() {
  std::uint64_t done = UINT64_MAX;
  for (const auto& reader : readers_) done = std::min(done, reader->committed_);
  while (!entries_.empty() && first_ <= done) {
    bytes_ -= entries_.front().batch->memory_bytes();
    entries_.pop_front();
    ++first_;
  }
}

std::optional<Entry> LogReader::try_next() {
  std::lock_guard lock(log_.mutex_);
  if (next_ >= log_.first_ + log_.entries_.size()) return std::nullopt;
  return log_.entries_[next_++ - log_.first_];
}

std::optional<Entry> LogReader::next(std::chrono::steady_clock::time_point until) {
  std::unique_lock lock(log_.mutex_);
  const auto there = [&] { return next_ < log_.first_ + log_.entries_.size(); };
  log_.appended_.wait_until(lock, until, [&] { return there() || log_.stopped_; });
  if (!there()) return std::nullopt;
  return log_.entries_[next_++ - log_.first_];
}

void LogReader::commit(std::uint64_t position) {
  std::lock_guard lock(log_.mutex_);
  if (position <= committed_) return;
  committed_ = std::min(position, next_ - 1);
  log_.trim();
}

void LogReader::on_append(std::function<void()> wake) {
  std::lock_guard lock(log_.mutex_);
  wake_ = std::move(wake);
}

std::uint64_t LogReader::lost_samples() const {
  std::lock_guard lock(log_.mutex_);
  return lost_samples_;
}

std::uint64_t LogReader::backlog_entries() const {
  std::lock_guard lock(log_.mutex_);
  return log_.first_ + log_.entries_.size() - 1 - committed_;
}

std::optional<UnixNanos> LogReader::oldest_received() const {
  std::lock_guard lock(log_.mutex_);
  if (committed_ + 1 >= log_.first_ + log_.entries_.size()) return std::nullopt;
  return log_.entries_[committed_ + 1 - log_.first_].received;
}

}  // namespace resmon::ingest
