#include "logs/part_table.h"

#include <utility>

namespace resmon::logs {

void PartTable::publish(const StreamDay& key, std::shared_ptr<Part> part) {
  StreamParts& stream = streams_[key];
  std::uint64_t replaced_bytes = 0;
  std::erase_if(stream.parts, [&](const std::shared_ptr<Part>& old) {
    if (old->number() < part->replaces_from() || old->number() >= part->number()) return false;
    replaced_bytes += old->bytes();
    old->remove_when_unused();
    return true;
  });
  bytes_ += part->bytes();
  bytes_ -= replaced_bytes;
  stream.next_number = std::max(stream.next_number, part->number() + 1);
  stream.parts.push_back(std::move(part));
}

bool PartTable::remove(const StreamDay& key, const std::shared_ptr<Part>& part) {
  const auto at = streams_.find(key);
  if (at == streams_.end() || std::erase(at->second.parts, part) == 0) return false;
  bytes_ -= part->bytes();
  part->remove_when_unused();
  return true;
}

void PartTable::forget_if_empty(const StreamDay& key) {
  const auto at = streams_.find(key);
  if (at != streams_.end() && at->second.parts.empty()) streams_.erase(at);
}

const StreamParts* PartTable::find(const StreamDay& key) const {
  const auto at = streams_.find(key);
  return at == streams_.end() ? nullptr : &at->second;
}

}  // namespace resmon::logs
