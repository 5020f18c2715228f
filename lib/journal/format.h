#pragma once

// The bytes of a journal's files, as docs/journal_format.md describes them. No I/O.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace resmon::journal {

constexpr std::size_t kSegmentHeaderBytes = 64;
constexpr std::size_t kRecordHeaderBytes = 16;
constexpr std::size_t kMarkBytes = kRecordHeaderBytes + 8;
constexpr std::size_t kMaxRecordBytes = (1U << 24U) - 1;  // of payload
constexpr std::size_t kCursorSlotBytes = 4096;
constexpr std::size_t kTallyBytes = 64;
constexpr std::size_t kTallyOffset = 2 * kCursorSlotBytes;
constexpr std::size_t kCursorFileBytes = 3 * kCursorSlotBytes;
constexpr std::size_t kMaxReaders = 32;
constexpr std::size_t kMaxReaderNameBytes = 64;
constexpr std::uint32_t kFormatVersion = 1;

enum RecordFlag : std::uint8_t {
  kStartsSegment = 1,  // the producer was told that nothing before this record can be relied on
  kMark = 2,           // not a record: the payload is a position up to which all was durable when this was written
};

struct RecordHeader {
  std::uint32_t length = 0;  // of the payload
  std::uint8_t flags = 0;
  std::uint32_t position_low = 0;  // the low half of the position; a mark's is that of the record after it
  std::uint32_t payload_crc = 0;

  // The position, given one that is at most 2^32 - 1 lower.
  std::uint64_t position(std::uint64_t base) const { return base + (position_low - static_cast<std::uint32_t>(base)); }
};

// The journal's own start value for the checksums of record headers: what looks like a record inside a payload, by
// accident or by a sender's intent, is not one.
constexpr std::uint32_t header_seed(std::uint64_t journal_id) {
  return static_cast<std::uint32_t>(journal_id ^ (journal_id >> 32U));
}

// Writes kRecordHeaderBytes to `out`.
void encode_record_header(char* out, const RecordHeader& header, std::uint32_t seed);
// Reads kRecordHeaderBytes; nothing if they are not a header.
std::optional<RecordHeader> decode_record_header(const char* in, std::uint32_t seed);

struct SegmentHeader {
  std::uint64_t journal_id = 0;
  std::uint64_t first = 0;  // position of the first record
  std::uint64_t group =
      0;  // of the record that started the segment as producers see it: first, unless a file was given up
  std::uint64_t previous = 0;  // the last position there was before; those between it and `first` never existed
};

// kSegmentHeaderBytes bytes.
std::string encode_segment_header(const SegmentHeader& header);
// kDamaged, or kUnsupported for a later version.
Result<SegmentHeader> decode_segment_header(std::string_view bytes);

// "00000000000000000042.seg" and back.
std::string segment_name(std::uint64_t first);
std::optional<std::uint64_t> parse_segment_name(std::string_view name);

struct CursorEntry {
  std::string name;
  std::uint64_t committed = 0;
  std::uint64_t dropped = 0;
  std::uint64_t damaged = 0;
  std::uint64_t dropped_weight = 0;
  std::uint64_t accounted_weight = 0;  // of all that was passed, dropped or found missing
  bool may_lose = false;
};

struct CursorSlot {
  std::uint64_t journal_id = 0;
  std::uint64_t generation = 0;
  std::uint64_t next_position = 0;  // positions below may have been given out
  std::vector<CursorEntry> cursors;
};

// How far the journal went, beside the records: what of its end is missing can be told by it. Written after the records
// and before anybody is told of them, and not synced by itself, so it survives the process, and mostly the machine.
struct Tally {
  std::uint64_t journal_id = 0;
  std::uint64_t durable = 0;   // position; all up to it was durable
  std::uint64_t position = 0;  // the last record handed to the kernel
  std::uint64_t weight = 0;    // of all records up to `position`, since the journal began
  std::int64_t time = 0;       // when this was written, nanoseconds since 1970
};

// kTallyBytes bytes.
std::string encode_tally(const Tally& tally);
Result<Tally> decode_tally(std::string_view bytes);

// kCursorSlotBytes bytes. REQUIRES: at most kMaxReaders entries with names of at most kMaxReaderNameBytes
std::string encode_cursor_slot(const CursorSlot& slot);
Result<CursorSlot> decode_cursor_slot(std::string_view bytes);

}  // namespace resmon::journal
