#include "journal/segments.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace resmon::journal {

const Group* Segments::group_from(std::uint64_t position) const {
  const auto at = std::lower_bound(groups_.begin(), groups_.end(), position,
                                   [](const Group& one, std::uint64_t wanted) { return one.last < wanted; });
  return at == groups_.end() ? nullptr : &*at;
}

const Segment* Segments::file_with(std::uint64_t position) const {
  const auto after = files_.upper_bound(position);
  if (after == files_.begin()) return nullptr;
  const Segment& file = std::prev(after)->second;
  return file.last >= position ? &file : nullptr;
}

const Segment* Segments::file_after(std::uint64_t position) const {
  const auto after = files_.upper_bound(position);
  return after == files_.end() ? nullptr : &after->second;
}

std::uint64_t Segments::records_between(std::uint64_t from, std::uint64_t to) const {
  std::uint64_t count = 0;
  for (const Group& group : groups_) {
    const std::uint64_t low = std::max(from, group.first);
    const std::uint64_t high = std::min(to, group.last);
    if (low <= high) count += high - low + 1;
  }
  return count;
}

std::uint64_t Segments::planned_bytes() const {
  std::uint64_t bytes = kOverheadBytes + discarded_.aside_bytes();
  for (const auto& [first, segment] : files_) bytes += segment.allotted;
  for (const Group& group : groups_) bytes += group.reserved;
  return bytes;
}

std::uint64_t Segments::physical_bytes() const {
  std::uint64_t bytes = kOverheadBytes + discarded_.doomed_bytes() + discarded_.aside_bytes();
  for (const auto& [first, segment] : files_) bytes += segment.allotted;
  return bytes;
}

void Segments::begin_group(std::uint64_t first, std::uint64_t reserved) {
  groups_.push_back({first, first - 1, kSegmentHeaderBytes, reserved, 0});
}

void Segments::weigh(std::uint64_t position, std::uint64_t weight) {
  for (Group& group : groups_)
    if (group.first <= position && position <= group.last) group.weight += weight;
}

bool Segments::front_may_go(std::uint64_t durable) const {
  return groups_.size() > 1 && !files_.empty() && groups_.front().last <= durable &&
         groups_.front().first != files_.rbegin()->second.group;
}

Group Segments::drop_front(std::uint64_t after_snapshot) {
  const Group group = groups_.front();
  groups_.pop_front();
  for (auto at = files_.begin(); at != files_.end() && at->second.group <= group.first;) {
    discarded_.doom(segment_name(at->first), at->second.allotted, after_snapshot);
    at = files_.erase(at);
  }
  return group;
}

std::uint64_t Segments::reserved_for(std::uint64_t group) const {
  for (const Group& one : groups_)
    if (one.first == group) return one.reserved;
  return 0;
}

std::uint64_t Segments::left_of(std::uint64_t group, std::uint64_t segment_bytes) const {
  for (const auto& [first, file] : files_)
    if (file.group == group)
      segment_bytes -= std::min(segment_bytes, file.allotted - std::min(file.allotted, 2 * kDiskBlock));
  return segment_bytes;
}

void Segments::begin_file(std::uint64_t first, std::uint64_t group, std::uint64_t allotted) {
  files_[first] = {first, first - 1, group, allotted, 0};
  reserve(group, 0);
}

void Segments::set_allotted(std::uint64_t first, std::uint64_t bytes) {
  if (const auto at = files_.find(first); at != files_.end()) at->second.allotted = bytes;
}

bool Segments::doom_if_empty(std::uint64_t first) {
  const auto at = files_.find(first);
  if (at == files_.end() || at->second.last >= at->second.first) return false;
  discarded_.doom(segment_name(first), at->second.allotted);
  files_.erase(at);
  return true;
}

void Segments::reserve(std::uint64_t group, std::uint64_t bytes) {
  for (Group& one : groups_)
    if (one.first == group) one.reserved = bytes;
}

std::uint64_t Segments::count_damage(std::uint64_t first, std::uint64_t from, std::uint64_t to) {
  const auto at = files_.find(first);
  if (at == files_.end()) return 0;
  from = std::max(from, at->second.damage_counted_through + 1);
  if (from > to) return 0;
  at->second.damage_counted_through = to;
  return to - from + 1;
}

void Segments::adopt(std::uint64_t first, std::uint64_t last, std::uint64_t group, std::uint64_t allotted) {
  files_[first] = {first, last, group, allotted, 0};
  if (last < first) return;
  if (!groups_.empty() && groups_.back().first == group)
    groups_.back().last = last;
  else
    groups_.push_back({group, last, 0, 0, 0});
}

}  // namespace resmon::journal
