#include "journal/sizes.h"

#include <algorithm>
#include <string>
#include <utility>

namespace resmon::journal {

Options within_limit(Options options) {
  const std::uint64_t quarter = (options.limit_bytes - std::min(options.limit_bytes, kOverheadBytes)) / 4;
  options.segment_bytes = std::min(options.segment_bytes, quarter - std::min(quarter, 2 * kDiskBlock));
  options.segment_bytes = std::max(options.segment_bytes / kDiskBlock * kDiskBlock, kDiskBlock);
  options.buffer_bytes = std::min(options.buffer_bytes, options.limit_bytes / 2);
  options.buffer_bytes = std::max(options.buffer_bytes, options.segment_bytes);
  return options;
}

Sizes::Sizes(const Options& options)
    : segment_bytes_(options.segment_bytes),
      block_bytes_(static_cast<std::size_t>(std::clamp<std::uint64_t>(options.buffer_bytes / 32, 4096, 256U << 10U))),
      max_record_(static_cast<std::size_t>(std::min<std::uint64_t>(
          segment_bytes_ - kSegmentHeaderBytes - kMarkBytes - kRecordHeaderBytes - kMarkBytes, kMaxRecordBytes))) {}

bool Sizes::fits(std::uint64_t used, std::size_t payload) const {
  return used + kMarkBytes + kRecordHeaderBytes + payload <= segment_bytes_;
}

Result<std::uint64_t> Sizes::encoded_bytes(std::span<const std::string_view> batch) const {
  std::uint64_t bytes = 0;
  for (const std::string_view record : batch) {
    if (record.size() > max_record_)
      return fail(ErrorKind::kLimit, "a record of " + std::to_string(record.size()) + " bytes; at most " +
                                         std::to_string(max_record_) + " fit");
    bytes += kRecordHeaderBytes + record.size();
  }
  return bytes;
}

std::uint64_t Sizes::segments_begun(std::span<const std::string_view> batch, std::uint64_t used, bool mark_due) const {
  std::uint64_t begun = 0;
  for (const std::string_view record : batch) {
    if (!fits(used, record.size())) {
      ++begun;
      used = kSegmentHeaderBytes;
    }
    used += (std::exchange(mark_due, false) ? kMarkBytes : 0) + kRecordHeaderBytes + record.size();
  }
  return begun;
}

}  // namespace resmon::journal
