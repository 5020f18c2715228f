#pragma once

// The bytes of one chunk: some rows of one group, compressed column by column, so that a read decodes only what it asks
// for. Pure, no I/O. The layout is in docs/storage_format.md, the reasons in chunk.cc.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/rows.h"

namespace resmon::store {

inline constexpr std::size_t kMaxChunkRows = 65'536;
inline constexpr std::size_t kMaxChunkTextBytes = 64U << 20U;  // of one string column, its distinct values

// REQUIRES: 1 <= rows.size() <= kMaxChunkRows, text within kMaxChunkTextBytes.
// `windows`: the columns are aggregates (windows.h), which changes how hard it looks for columns alike, not the format.
std::string encode_chunk(const Rows& rows, bool windows = false);

// A chunk taken apart, to be read by any number of threads. Keeps a view of `bytes`, which must outlive it.
class ChunkReader {
 public:
  static constexpr std::size_t kMaxReferences = 2;
  static constexpr std::uint32_t kWhole = UINT32_MAX;
  struct Entry {
    ColumnId id = 0;
    metric::FieldType type = metric::FieldType::kFloat;
    std::uint8_t flags = 0;
    std::uint8_t decimals = 0;
    std::uint8_t reference_count = 0;
    std::uint32_t presence = kWhole;  // index of the entry whose section begins with it; kWhole: no value is absent
    std::array<std::uint32_t, kMaxReferences> reference_list{};  // index << 1 | 1 if subtracted
    std::string_view section;

    std::span<const std::uint32_t> references() const { return {reference_list.data(), reference_count}; }
  };
  enum class Verify { kChecksum, kStructureOnly };  // the second is for fuzzing what lies behind the checksum

  // kDamaged where the bytes are not a chunk. Safe on any bytes.
  static Result<ChunkReader> open(std::string_view bytes, Verify verify = Verify::kChecksum);

  std::size_t size() const { return rows_; }
  const std::vector<Entry>& entries() const { return entries_; }
  Result<std::vector<UnixNanos>> times() const;
  // Times and the columns of `wanted` (ascending) that the chunk has; all of them without `wanted`.
  Result<Rows> rows(const std::vector<ColumnId>* wanted = nullptr) const;

 private:
  // The integers, by column, of those decoded so far, without those that are absent: others may refer to them.
  using Decoded = std::vector<std::vector<std::int64_t>>;

  Result<RowColumn> column(std::size_t index, Decoded& decoded) const;
  Status integers(std::size_t index, std::size_t present, Decoded& decoded) const;
  Status presence(const Entry& entry, RowColumn& column, std::size_t& present) const;
  std::string_view values_of(std::size_t index) const;

  std::size_t rows_ = 0;
  std::string_view times_;
  std::vector<Entry> entries_;
};

}  // namespace resmon::store
