// Finding the next record after damage.
//
// A record's header has a checksum of its own, so a damaged payload costs exactly its record: the length can be
// believed. A damaged header costs a search, byte by byte, for the next thing that is a header. The checksum of headers
// starts from a number only this journal knows; without it a sender could put the image of a record into a sample's
// text and have it believed after damage. The search computes 12 bytes of checksum a byte, 60 ms for 8 MiB of noise,
// and nothing for zeros, which is what a reserved and unwritten tail reads as. Index blocks at fixed offsets would make
// the search shorter, at the price of splitting records.

#include "journal/scanner.h"

#include <algorithm>
#include <cstring>

#include "base/crc32c.h"

namespace resmon::journal {

namespace {

constexpr std::uint64_t kUnreadableBytes = 4096;  // given up at a time
constexpr int kReadAttempts = 3;

}  // namespace

void SegmentScanner::start(std::shared_ptr<File> file, std::uint32_t seed, std::uint64_t first_position) {
  file_ = std::move(file);
  seed_ = seed;
  used_ = 0;
  at_ = 0;
  base_ = kSegmentHeaderBytes;
  last_ = first_position - 1;
  damaged_ = 0;
  failures_ = 0;
}

Result<std::size_t> SegmentScanner::ensure(std::size_t want, bool may_read) {
  if (used_ - at_ >= want || !may_read || file_ == nullptr) return used_ - at_;
  if (used_ > at_) std::memmove(buffer_.data(), buffer_.data() + at_, used_ - at_);
  base_ += at_;
  used_ -= at_;
  at_ = 0;
  if (buffer_.size() < std::max(want, buffer_bytes_)) buffer_.resize(std::max(want, buffer_bytes_));
  auto got = file_->read_at(base_ + used_, std::span(buffer_).subspan(used_));
  if (!got) {
    const auto now = std::chrono::steady_clock::now();
    if (failures_++ == 0) failing_since_ = now;
    // Counted until a read succeeds: a large bad area is waited for once, not once a page.
    if (failures_ < kReadAttempts || now - failing_since_ < patience_) return fail(std::move(got).error());
    const std::uint64_t offset = base_ + used_;
    const auto size = file_->size();
    if (size && offset >= *size) return used_ - at_;
    const auto skip = static_cast<std::size_t>(
        std::min<std::uint64_t>(kUnreadableBytes - offset % kUnreadableBytes, buffer_.size() - used_));
    std::fill_n(buffer_.begin() + static_cast<std::ptrdiff_t>(used_), skip, '\0');
    damaged_ += skip;
    used_ += skip;
    return ensure(want, used_ < buffer_.size());
  }
  failures_ = 0;
  used_ += *got;
  return used_ - at_;
}

std::uint64_t SegmentScanner::damaged_bytes() const {
  const auto rest = std::span(buffer_).subspan(at_, used_ - at_);
  return damaged_ + rest.size() - static_cast<std::uint64_t>(std::count(rest.begin(), rest.end(), '\0'));
}

Result<SegmentScanner::Outcome> SegmentScanner::next(Found& found, bool may_read) {
  while (true) {
    RESMON_ASSIGN(std::size_t available, ensure(kRecordHeaderBytes, may_read));
    if (available < kRecordHeaderBytes) {
      if (!may_read) return Outcome::kMustRead;
      return Outcome::kEnd;
    }
    const char* const here = buffer_.data() + at_;
    std::uint64_t eight = 0;
    std::memcpy(&eight, here, sizeof eight);
    if (eight == 0) {
      at_ += 5;  // a header never begins with four zeros
      continue;
    }
    const auto header = decode_record_header(here, seed_);
    const std::uint64_t position = header ? header->position(last_ + 1) : 0;
    if (!header || position - last_ > (std::uint64_t{1} << 31U)) {
      damaged_ += *here == 0 ? 0 : 1;
      ++at_;
      continue;
    }
    const std::size_t whole = kRecordHeaderBytes + header->length;
    RESMON_ASSIGN(available, ensure(whole, may_read));
    if (available < whole) {
      if (!may_read) return Outcome::kMustRead;
      damaged_ += kRecordHeaderBytes;  // the file ends inside the record
      at_ += kRecordHeaderBytes;
      continue;
    }
    const std::string_view payload(buffer_.data() + at_ + kRecordHeaderBytes, header->length);
    if (crc32c(payload) != header->payload_crc) {
      damaged_ += whole;
      at_ += whole;
      continue;
    }
    found.position = position;
    found.flags = header->flags;
    found.payload = payload;
    found.begin = base_ + at_;
    found.end = found.begin + whole;
    found.damaged_bytes = std::exchange(damaged_, 0);
    at_ += whole;
    last_ = (header->flags & kMark) != 0 ? position - 1 : position;
    return Outcome::kFound;
  }
}

}  // namespace resmon::journal
