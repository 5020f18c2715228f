#include "logs/contents.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace resmon::logs {

void Contents::reached(std::uint64_t position) {
  const MutexLock lock(mutex_);
  position_ = std::max(position_, position);
}

std::uint64_t Contents::position() const {
  const MutexLock lock(mutex_);
  return position_;
}

void Contents::wait_for(std::uint64_t position, std::chrono::steady_clock::time_point until) {
  const MutexLock lock(mutex_);
  while (position_ < position && !stopped_)
    if (!reached_more_.wait_until(mutex_, until)) break;
}

void Contents::stop_waiting() {
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
  }
  wake();
}

void Contents::add(const std::string& host, const std::shared_ptr<const logline::Lines>& lines, UnixNanos received,
                   std::uint64_t position) {
  std::map<Day, std::vector<std::uint32_t>> days;
  for (std::uint32_t i = 0; i < lines->size(); ++i) days[day_of((*lines)[i].time, received)].push_back(i);
  const MutexLock lock(mutex_);
  for (auto& [day, rows] : days) {
    const StreamDay key{host, std::string(lines->source()), day};
    const StreamParts* const sealed = parts_.find(key);
    if (sealed != nullptr && position <= sealed->through()) continue;  // it was sealed before this start
    heads_.add(key, lines, std::move(rows), received, position);
  }
}

Snapshot Contents::snapshot() {
  Snapshot out;
  const MutexLock lock(mutex_);
  parts_.each([&](const StreamDay& key, const StreamParts& stream) {
    for (const auto& part : stream.parts) out.parts.push_back({key.day, part});
  });
  out.heads = heads_.views();
  return out;
}

std::optional<Head> Contents::head(const StreamDay& key) const {
  const MutexLock lock(mutex_);
  const Head* const found = heads_.find(key);
  return found == nullptr ? std::nullopt : std::optional(*found);
}

std::uint64_t Contents::head_bytes() const {
  const MutexLock lock(mutex_);
  return heads_.bytes();
}

std::vector<StreamDay> Contents::heads() const {
  std::vector<StreamDay> out;
  const MutexLock lock(mutex_);
  heads_.each([&](const StreamDay& key, const Head&) { out.push_back(key); });
  return out;
}

std::vector<StreamDay> Contents::heads_due(UnixNanos now) const {
  const MutexLock lock(mutex_);
  return heads_.due(now);
}

std::optional<StreamDay> Contents::largest_head() const {
  const MutexLock lock(mutex_);
  return heads_.largest();
}

std::optional<StreamDay> Contents::oldest_head() const {
  const MutexLock lock(mutex_);
  return heads_.oldest();
}

std::uint64_t Contents::first_head_position() const {
  const MutexLock lock(mutex_);
  return heads_.first_position();
}

std::uint64_t Contents::pinned_position() const {
  const MutexLock lock(mutex_);
  return std::min(position_ + 1, heads_.first_position());
}

StreamParts Contents::parts(const StreamDay& key) const {
  const MutexLock lock(mutex_);
  const StreamParts* const found = parts_.find(key);
  return found == nullptr ? StreamParts() : *found;
}

std::uint64_t Contents::part_bytes() const {
  const MutexLock lock(mutex_);
  return parts_.bytes();
}

std::uint64_t Contents::part_position() const {
  std::uint64_t out = 0;
  each_parts([&](const StreamDay&, const StreamParts& stream) { out = std::max(out, stream.through()); });
  return out;
}

void Contents::publish(const StreamDay& key, std::shared_ptr<Part> part, bool of_head) {
  const MutexLock lock(mutex_);
  parts_.publish(key, std::move(part));
  if (of_head) heads_.remove(key);
}

bool Contents::remove(const StreamDay& key, const std::shared_ptr<Part>& part, UnixNanos now) {
  const MutexLock lock(mutex_);
  if (!parts_.remove(key, part)) return false;
  const bool day_is_over = (key.day + 2) * kDayNanos < now;
  if (day_is_over && !heads_.contains(key)) parts_.forget_if_empty(key);
  return true;
}

void Contents::add_to(Stats& stats) const {
  std::set<std::pair<std::string_view, std::string_view>> streams;
  stats.oldest = INT64_MAX;
  const MutexLock lock(mutex_);
  heads_.each([&](const StreamDay& key, const Head& head) {
    streams.emplace(key.host, key.source);
    stats.head_lines += head.lines;
    stats.oldest = std::min(stats.oldest, head.first_time);
  });
  parts_.each([&](const StreamDay& key, const StreamParts& stream) {
    streams.emplace(key.host, key.source);
    stats.parts += stream.parts.size();
    for (const auto& part : stream.parts) {
      stats.block_lines += part->lines();
      stats.block_text_bytes += part->text_bytes();
      stats.blocks += part->blocks().size();
      stats.oldest = std::min(stats.oldest, part->first_time());
    }
  });
  stats.head_bytes = heads_.bytes();
  stats.block_bytes = parts_.bytes();
  stats.streams = streams.size();
  if (stats.oldest == INT64_MAX) stats.oldest = 0;
}

}  // namespace resmon::logs
