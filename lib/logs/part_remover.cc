#include "logs/part_remover.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace resmon::logs {

namespace {

constexpr UnixNanos kRetentionEvery = 5'000'000'000;

using KeyedParts = std::vector<std::pair<StreamDay, std::shared_ptr<Part>>>;

}  // namespace

void PartRemover::run(UnixNanos now) {
  if (now < next_run_ && next_run_ - now <= kRetentionEvery) return;
  next_run_ = now + kRetentionEvery;
  expire(now);
  keep_bounds(0);
}

void PartRemover::expire(UnixNanos now) {
  KeyedParts due;
  contents_.each_parts([&](const StreamDay& key, const StreamParts& stream) {
    const UnixNanos oldest = rules_.oldest_shown(key.source, now);
    for (const auto& part : stream.parts)
      // A line from the future stays no longer than its day.
      if (std::min(part->last_time(), (key.day + 1) * kDayNanos) < oldest) due.emplace_back(key, part);
  });
  for (const auto& [key, part] : due) {
    counters_.expired_lines += part->lines();
    remove(key, part);
  }
}

void PartRemover::keep_bounds(std::uint64_t incoming) {
  for (const Retention& rule : rules_.rules())
    if (rule.limit_bytes > 0)
      evict([&](const Part& part) { return rules_.rule_of(part.source()) == &rule; }, rule.limit_bytes, 0);
  evict([](const Part&) { return true; }, options_.limit_bytes, incoming);
}

// The oldest go until all that count take `limit` at most, with `incoming` more.
void PartRemover::evict(const std::function<bool(const Part&)>& counts, std::uint64_t limit, std::uint64_t incoming) {
  if (contents_.part_bytes() + incoming <= limit) return;
  KeyedParts all;
  std::uint64_t bytes = incoming;
  contents_.each_parts([&](const StreamDay& key, const StreamParts& stream) {
    for (const auto& part : stream.parts)
      if (counts(*part)) {
        all.emplace_back(key, part);
        bytes += part->bytes();
      }
  });
  if (bytes <= limit) return;
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first.day, a.second->last_time()) < std::pair(b.first.day, b.second->last_time());
  });
  for (const auto& [key, part] : all) {
    if (bytes <= limit) break;
    bytes -= part->bytes();
    counters_.evicted_lines += part->lines();
    remove(key, part);
  }
}

std::uint64_t PartRemover::forget(const std::string& host) {
  KeyedParts due;
  contents_.each_parts([&](const StreamDay& key, const StreamParts& stream) {
    if (key.host == host)
      for (const auto& part : stream.parts) due.emplace_back(key, part);
  });
  std::uint64_t lines = 0;
  for (const auto& [key, part] : due) {
    lines += part->lines();
    remove(key, part);
  }
  return lines;
}

void PartRemover::remove(const StreamDay& key, const std::shared_ptr<Part>& part) {
  if (contents_.remove(key, part, options_.clock->wall())) options_.step("removed");
}

}  // namespace resmon::logs
