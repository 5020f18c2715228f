// Removes files that are too old, and the oldest files beyond the size limit. A file has the lines of one stream and
// day and is removed as a whole; too old lines in a file that stays are no longer shown.

#include <fnmatch.h>

#include <algorithm>

#include "base/log.h"
#include "logs/store.h"

namespace resmon::logs {

namespace {

constexpr UnixNanos kRetentionEvery = 5'000'000'000;

bool takes(const Retention& rule, const std::string& source) {
  return ::fnmatch(rule.source.c_str(), source.c_str(), 0) == 0;
}

const Retention* rule_of(const std::vector<Retention>& rules, const std::string& source) {
  for (const Retention& rule : rules)
    if (takes(rule, source)) return &rule;
  return nullptr;
}

}  // namespace

UnixNanos Store::oldest_shown(std::string_view source, UnixNanos now) const {
  const Retention* const rule = rule_of(options_.retention, std::string(source));
  const std::chrono::seconds retain = rule != nullptr ? rule->retain : options_.retain;
  return retain.count() == 0 ? INT64_MIN : now - std::chrono::nanoseconds(retain).count();
}

void Store::retain(UnixNanos now) {
  if (now < next_retention_ && next_retention_ - now <= kRetentionEvery) return;
  next_retention_ = now + kRetentionEvery;
  expire(now);
  keep_bounds(0);
}

void Store::expire(UnixNanos now) {
  std::vector<std::pair<Key, std::shared_ptr<Part>>> due;
  {
    const MutexLock lock(mutex_);
    for (const auto& [key, sealed] : sealed_) {
      const UnixNanos oldest = oldest_shown(key.source, now);
      for (const auto& part : sealed.parts)
        // A line from the future stays no longer than its day.
        if (std::min(part->last_time(), (key.day + 1) * kDayNanos) < oldest) due.emplace_back(key, part);
    }
  }
  for (const auto& [key, part] : due) {
    expired_ += part->lines();
    remove_part(key, part);
  }
}

void Store::keep_bounds(std::uint64_t incoming) {
  for (const Retention& rule : options_.retention)
    if (rule.limit_bytes > 0)
      evict([&](const Part& part) { return rule_of(options_.retention, part.source()) == &rule; }, rule.limit_bytes, 0);
  evict([](const Part&) { return true; }, options_.limit_bytes, incoming);
}

// The oldest go until all that count take `limit` at most, with `incoming` more.
void Store::evict(const std::function<bool(const Part&)>& counts, std::uint64_t limit, std::uint64_t incoming) {
  std::vector<std::pair<Key, std::shared_ptr<Part>>> all;
  std::uint64_t bytes = incoming;
  {
    const MutexLock lock(mutex_);
    if (block_bytes_ + incoming <= limit) return;
    for (const auto& [key, sealed] : sealed_)
      for (const auto& part : sealed.parts)
        if (counts(*part)) {
          all.emplace_back(key, part);
          bytes += part->bytes();
        }
  }
  if (bytes <= limit) return;
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first.day, a.second->last_time()) < std::pair(b.first.day, b.second->last_time());
  });
  for (const auto& [key, part] : all) {
    if (bytes <= limit) break;
    bytes -= part->bytes();
    evicted_ += part->lines();
    remove_part(key, part);
  }
}

void Store::remove_part(const Key& key, const std::shared_ptr<Part>& part) {
  {
    const MutexLock lock(mutex_);
    const auto at = sealed_.find(key);
    if (at == sealed_.end() || std::erase(at->second.parts, part) == 0) return;
    block_bytes_ -= part->bytes();
    part->remove_when_unused();
    const bool day_is_over = (key.day + 2) * kDayNanos < options_.clock->wall();
    if (at->second.parts.empty() && day_is_over && !heads_.contains(key)) sealed_.erase(at);
  }
  step("removed");
}

Result<std::uint64_t> Store::forget(const std::string& host) {
  // First everything into files: the journal must bring nothing back.
  catch_up(std::chrono::steady_clock::now() + std::chrono::seconds(10));
  RESMON_TRY(flush());
  const MutexLock work(work_mutex_);
  std::vector<std::pair<Key, std::shared_ptr<Part>>> due;
  {
    const MutexLock lock(mutex_);
    for (const auto& [key, sealed] : sealed_)
      if (key.host == host)
        for (const auto& part : sealed.parts) due.emplace_back(key, part);
  }
  std::uint64_t lines = 0;
  for (const auto& [key, part] : due) {
    lines += part->lines();
    remove_part(key, part);
  }
  return lines;
}

}  // namespace resmon::logs
