#pragma once

// Walks the records of one segment file, whatever state it is in: what fails its checks is skipped, and the walk goes
// on at the next header that is one. One thread.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "journal/file_system.h"
#include "journal/format.h"

namespace resmon::journal {

class SegmentScanner {
 public:
  struct Found {
    std::uint64_t position = 0;
    std::uint8_t flags = 0;
    std::string_view payload;  // until the next call that may read
    std::uint64_t begin = 0;   // in the file
    std::uint64_t end = 0;
    std::uint64_t damaged_bytes = 0;  // skipped since the one before; zeros are not counted
  };
  enum class Outcome { kFound, kEnd, kMustRead };

  // What the device cannot read is skipped as damaged after three attempts, once `patience` has passed since the first.
  explicit SegmentScanner(std::size_t buffer_bytes, std::chrono::milliseconds patience = {})
      : buffer_bytes_(buffer_bytes), patience_(patience) {}

  void set_patience(std::chrono::milliseconds patience) { patience_ = patience; }

  // Begins behind the segment's header. `file` may be null: nothing will be found.
  void start(std::shared_ptr<File> file, std::uint32_t seed, std::uint64_t first_position);

  // kEnd: nothing more up to the file's end; asking again looks again. kMustRead: only when `may_read` is false. An
  // error when the device cannot read: ask again.
  Result<Outcome> next(Found& found, bool may_read = true);
  // The record just found is found again by the next call.
  void step_back(const Found& found) {
    at_ = static_cast<std::size_t>(found.begin - base_);
    last_ = found.position - 1;
  }

  // What was read ahead is read again: it may have been written since.
  void forget_ahead() { used_ = at_; }

  std::uint64_t next_position() const { return last_ + 1; }  // nothing below will be found
  // After kEnd: bytes behind the last record found; zeros are not counted.
  std::uint64_t damaged_bytes() const;

 private:
  // Makes `want` bytes available at at_, as far as the file has them; returns how many there are.
  Result<std::size_t> ensure(std::size_t want, bool may_read);

  const std::size_t buffer_bytes_;
  std::chrono::milliseconds patience_;
  std::chrono::steady_clock::time_point failing_since_{};
  std::shared_ptr<File> file_;
  std::uint32_t seed_ = 0;
  std::vector<char> buffer_;
  std::size_t used_ = 0;    // bytes of buffer_ that are the file's
  std::size_t at_ = 0;      // in buffer_
  std::uint64_t base_ = 0;  // offset of buffer_[0] in the file
  std::uint64_t last_ = 0;  // position of the last record found
  std::uint64_t damaged_ = 0;
  int failures_ = 0;
};

}  // namespace resmon::journal
