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

class ByteReader;

inline constexpr std::size_t kMaxChunkRows = 65'536;
inline constexpr std::size_t kMaxChunkTextBytes = 64U << 20U;  // of one string column, its distinct values

// REQUIRES: 1 <= rows.size() <= kMaxChunkRows, text within kMaxChunkTextBytes.
// `windows`: the columns are aggregates (windows.h), which can be derived from each other.
std::string encode_chunk(const Rows& rows, bool windows = false);

// A chunk taken apart, to be read by any number of threads. Keeps a view of `bytes`, which must outlive it.
class ChunkReader {
 public:
  static constexpr std::size_t kMostNeeded = 3;  // columns that one is decoded from
  static constexpr std::uint32_t kWhole = UINT32_MAX;
  struct Entry {
    ColumnId id = 0;
    metric::FieldType type = metric::FieldType::kFloat;
    std::uint8_t flags = 0;
    std::uint8_t decimals = 0;
    std::uint8_t reference_count = 0;
    bool derived = false;             // from other aggregates of its column
    std::uint32_t presence = kWhole;  // index of the entry whose section begins with it; kWhole: no value is absent
    // index << 1 | 1 if subtracted; of a derived one, what it is derived from.
    std::array<std::uint32_t, kMostNeeded> reference_list{};
    std::string_view section;

    std::span<const std::uint32_t> references() const { return {reference_list.data(), reference_count}; }
  };
  enum class Verify { kChecksum, kStructureOnly };  // the second is for fuzzing what lies behind the checksum

  // kDamaged where the bytes are not a chunk. Safe on any bytes.
  static Result<ChunkReader> open(std::string_view bytes, Verify verify = Verify::kChecksum);

  std::size_t size() const { return rows_; }
  const std::vector<Entry>& entries() const { return entries_; }  // in the order of their sections
  Result<std::vector<UnixNanos>> times() const;
  // Times and the columns of `wanted` (ascending) that the chunk has; all of them without `wanted`. Only rows before
  // `until`, and columns that have a value in one of them: what comes after that is mostly not decoded.
  Result<Rows> rows(const std::vector<ColumnId>* wanted = nullptr, UnixNanos until = INT64_MAX) const;

 private:
  // The integers, by column, of those decoded so far, without those that are absent: others may refer to them.
  using Decoded = std::vector<std::vector<metric::Cell>>;
  // How many values a column has: in the rows that are decoded, and in all.
  struct Present {
    std::size_t here = 0;
    std::size_t all = 0;
  };

  // Entry `index` of the directory, whose id is `next_id` or above; the id after it.
  Status read_entry(ByteReader& reader, std::size_t index, std::uint64_t& next_id);
  bool read_references(ByteReader& reader, std::size_t index);
  bool find_sources(std::size_t index);
  Result<RowColumn> column(std::size_t index, std::size_t rows, bool last, Decoded& decoded) const;
  Status integers(std::size_t index, Present present, Decoded& decoded) const;
  Status integer_column(std::size_t index, Present present, Decoded& decoded) const;
  Status presence(const Entry& entry, std::size_t rows, RowColumn& column, Present& present) const;
  std::string_view values_of(std::size_t index) const;

  std::size_t rows_ = 0;
  bool windows_ = false;
  std::string_view times_;
  std::vector<Entry> entries_;
};

}  // namespace resmon::store
