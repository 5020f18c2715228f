#include "journal/read_position.h"

namespace resmon::journal {

bool ReadPosition::find(Source& source, const Segments& segments, const Blocks& blocks, std::uint64_t visible,
                        std::uint64_t& damaged) {
  while (true) {
    const Group* const in = segments.group_from(next_);
    if (in != nullptr && in->first > next_) next_ = in->first;
    if (in == nullptr || next_ > visible) {
      armed_ = true;
      return false;
    }
    if (context_ != in->first) {
      context_ = in->first;
      at_ = in->first;
      source.new_group = true;
    }
    source.at = at_;
    source.next = next_;
    source.group = in->first;
    source.through = std::min(in->last, visible);
    const auto block = blocks.at_or_after(source.at);
    if (block != nullptr && block->first <= source.at) {
      source.block = block;
      source.block_end = block->size;
      source.through = std::min(source.through, block->last);
      return true;
    }
    if (const Segment* const file = segments.file_with(source.at)) {
      source.segment = *file;
      source.through = std::min(source.through, file->last);
      return true;
    }
    // Nobody has it: go on with the next that is there.
    std::uint64_t from = in->last + 1;
    if (const Segment* const file = segments.file_after(source.at)) from = std::min(from, file->first);
    if (block != nullptr) from = std::min(from, block->first);
    if (from > source.next) {
      const std::uint64_t gone = from - std::max(source.at, source.next);
      cursor_.count_damaged(gone);
      damaged += gone;
      next_ = from;
    }
    at_ = from;
  }
}

void ReadPosition::got(const Source& source, std::span<const Record> records, Segments& segments,
                       std::uint64_t& damaged) {
  count(source, records, segments, damaged);
  next_ = std::max(next_, source.at);
  at_ = std::max(source.at, at_);
  if (!records.empty()) delivered_ = records.back().position;
}

void ReadPosition::count(const Source& source, std::span<const Record> records, Segments& segments,
                         std::uint64_t& damaged) {
  const auto& groups = segments.groups();
  if (groups.empty() || groups.front().first > source.group) {
    // It was dropped meanwhile, and counted as dropped from `next` on. What was got all the same is only in flight.
    std::uint64_t got = 0;
    for (const Record& record : records) got += record.replayed ? 0 : 1;
    cursor_.got_of_dropped(got, got > 0 ? records.back().position : 0);
    return;
  }
  for (auto [from, to] : source.missing) {
    from = std::max({from, source.next, damage_counted_through_ + 1});
    if (from <= to) {
      cursor_.count_damaged(to - from + 1);
      damage_counted_through_ = to;
    }
    damaged += segments.count_damage(source.segment.first, from, to);
  }
}

bool ReadPosition::take_wake(std::uint64_t visible, std::vector<std::function<void()>>& wakes) {
  if (!armed_ || visible < next_) return false;
  armed_ = false;
  if (wake_) wakes.push_back(wake_);
  return true;
}

}  // namespace resmon::journal
