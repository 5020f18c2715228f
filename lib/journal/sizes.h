#pragma once

// The sizes that a journal's options come to, and what a batch takes by them. Constant, no I/O.

#include <cstdint>
#include <span>
#include <string_view>

#include "journal/format.h"
#include "journal/journal.h"

namespace resmon::journal {

constexpr std::uint64_t kDiskBlock = 4096;
// The directory, the cursors, and slack for what a file system adds and what giving up a file rounds up.
constexpr std::uint64_t kOverheadBytes = kDiskBlock + kCursorFileBytes + 16384;

// What a file of so many bytes takes on the device, at most.
constexpr std::uint64_t allotment(std::uint64_t bytes) {
  return (bytes + kDiskBlock - 1) / kDiskBlock * kDiskBlock + kDiskBlock;
}

// The options with sizes that fit into their limit.
Options within_limit(Options options);

class Sizes {
 public:
  // `options`: of within_limit().
  explicit Sizes(const Options& options);

  std::uint64_t segment_bytes() const { return segment_bytes_; }
  std::size_t block_bytes() const { return block_bytes_; }  // of memory for records
  std::size_t max_record() const { return max_record_; }    // bytes of payload

  // Whether a record still fits into a segment of which so much is used. A new one begins with a mark where one is due.
  bool fits(std::uint64_t used, std::size_t payload) const;
  // Of all records with their headers. kLimit: one is too large.
  Result<std::uint64_t> encoded_bytes(std::span<const std::string_view> batch) const;
  // How many segments the batch begins, where so much of the newest is used.
  std::uint64_t segments_begun(std::span<const std::string_view> batch, std::uint64_t used, bool mark_due) const;

 private:
  std::uint64_t segment_bytes_;
  std::size_t block_bytes_;
  std::size_t max_record_;
};

}  // namespace resmon::journal
