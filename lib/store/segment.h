#pragma once

// A segment of the recent log: of some groups, what their heads have from some place on, so that heads lost in a crash
// can be made again without a value being decoded. Fast to write and read rather than small. Pure, no I/O.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "store/piece.h"
#include "store/reader.h"

namespace resmon::store {

inline constexpr std::uint8_t kSegmentFormat = 2;

// What a segment is for. kDelta: what came since the one before, of all groups; needed until their heads were gathered.
// kGathered: pieces from a piece's beginning on, and where heads ended; needed until the heads are sealed.
enum class SegmentKind : std::uint8_t { kDelta = 0, kGathered = 1 };

class SegmentWriter {
 public:
  explicit SegmentWriter(SegmentKind kind) : kind_(kind) {}

  // What a head has from a place on; what it had behind that place before is gone.
  void head(GroupId group, const Slots& slots, HeadPlace from, std::span<const Piece> pieces);

  bool empty() const { return buffer_.empty(); }
  std::size_t size_bytes() const { return buffer_.size(); }
  std::string finish() const;  // compressed

 private:
  const SegmentKind kind_;
  std::string buffer_;
  std::unordered_map<const void*, std::size_t> lists_;  // of slots, by the address of their items
  GroupId last_group_ = 0;
  UnixNanos last_time_ = 0;
};

// A piece, or how one goes on, while it is being visited.
struct PiecePart {
  std::uint32_t slots = 0;   // 0: as before
  std::uint32_t rows = 0;    // of the whole piece
  UnixNanos first_time = 0;  // of one that goes on: 0
  UnixNanos last_time = 0;
  std::string_view bytes;
};

struct HeadRecord {
  GroupId group = 0;
  std::size_t list = 0;  // number of `slots` in its segment, counted from 0 as they came
  const Slots& slots;
  HeadPlace from;
  std::uint16_t check = 0;           // check_of the bytes before `from` of a piece that goes on
  std::span<const PiecePart> parts;  // none: the head ends at `from`
};

// Says whether bytes are those that a record goes on from.
std::uint16_t check_of(std::string_view bytes);

class SegmentVisitor {
 public:
  virtual ~SegmentVisitor() = default;
  virtual void head(const HeadRecord& record) = 0;
};

// Which kind it says it is, or kDamaged, perhaps after some records, where the bytes are not a segment. Safe on any
// bytes.
Result<SegmentKind> read_segment(std::string_view bytes, SegmentVisitor& visitor);

}  // namespace resmon::store
