#pragma once

// What the heads of some series have, whole pieces at a time, as the file keeps it: so that a start reads little of the
// journal, and a head is made again without a value being decoded. Pure, no I/O. docs/storage_format.md has the format.

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

inline constexpr std::uint8_t kSnapshotFormat = 4;

class SnapshotWriter {
 public:
  // A head's pieces from number `from` on; what earlier snapshots have from there on is replaced.
  void head(GroupId group, const Slots& slots, std::uint32_t from, std::span<const Piece> pieces);
  // The head was sealed: what earlier snapshots have of it is in chunks.
  void end(GroupId group) { head(group, {}, 0, {}); }

  bool empty() const { return buffer_.empty(); }
  std::size_t size_bytes() const { return buffer_.size(); }
  std::string finish() const;  // compressed

 private:
  std::string buffer_;
  std::unordered_map<const void*, std::size_t> lists_;  // of slots, by the address of their items
  GroupId last_group_ = 0;
  UnixNanos last_time_ = 0;
};

// A piece while it is being visited.
struct PieceView {
  std::uint32_t slots = 0;
  std::uint32_t rows = 0;
  UnixNanos first_time = 0;
  UnixNanos last_time = 0;
  std::string_view bytes;
};

struct HeadRecord {
  GroupId group = 0;
  std::size_t list = 0;  // number of `slots` in its snapshot, counted from 0 as they came
  const Slots& slots;
  std::uint32_t from = 0;             // number of the first piece
  std::span<const PieceView> pieces;  // none: the head ends there
};

class SnapshotVisitor {
 public:
  virtual ~SnapshotVisitor() = default;
  virtual void head(const HeadRecord& record) = 0;
};

// kDamaged, perhaps after some records, where the bytes are not a snapshot. Safe on any bytes.
Status read_snapshot(std::string_view bytes, SnapshotVisitor& visitor);

}  // namespace resmon::store
