#pragma once

// A block: some thousands of lines of one stream, sealed. Columns that are compressed each for itself, so that a search
// reads what it needs; a checksum for each.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "logline/line.h"
#include "logs/line_automaton.h"
#include "logs/texts.h"

namespace resmon::logs {

inline constexpr std::size_t kLevels = 9;  // logline::Level

enum Column : std::uint8_t { kTimes, kLevelsAndCuts, kUnits, kPids, kMessages, kFields, kFilter };
inline constexpr std::size_t kColumns = 7;
using ColumnSet = std::uint8_t;  // bit of a Column
constexpr ColumnSet column_bit(Column column) {
  return static_cast<ColumnSet>(1U << column);
}
inline constexpr ColumnSet kAllColumns = 0x3f;  // but the filter

// The header of a block: what can be read without its columns.
struct BlockInfo {
  std::string host;
  std::string source;
  std::uint64_t lines = 0;
  std::uint64_t text_bytes = 0;
  UnixNanos first_time = 0;  // the earliest and the latest
  UnixNanos last_time = 0;
  std::uint64_t through = 0;  // the stream's lines of this day up to this position of the journal are in blocks
  std::array<std::uint64_t, kLevels> levels{};  // lines of each
  std::array<std::uint32_t, kColumns> column_bytes{};
  std::array<std::uint32_t, kColumns> checksums{};
  std::uint64_t offset = 0;  // of the first column in its file; not in the header itself

  std::uint64_t columns_bytes() const {
    std::uint64_t bytes = 0;
    for (const std::uint32_t column : column_bytes) bytes += column;
    return bytes;
  }
};

// Lines are sealed into blocks of about so much text each; a block of more lines is cut, too.
inline constexpr std::size_t kBlockTextBytes = 1U << 20U;
inline constexpr std::size_t kBlockLines = 1U << 16U;
inline constexpr std::size_t kMostBlockTextBytes = kBlockTextBytes + logline::kMaxBytes;

// Text of a line as limits count it.
std::size_t text_bytes_of(const logline::Line& line);

// Appends the columns of the lines to `out`, and returns what the header says of them. REQUIRES: some lines, up to the
// bounds above.
BlockInfo encode_block(std::string_view host, std::string_view source, std::span<const logline::Line> lines, int level,
                       std::string& out);

void encode_header(const BlockInfo& info, std::string& out);
// From the front of `bytes`, which is moved behind it.
Result<BlockInfo> decode_header(std::string_view& bytes);

// Columns of one block, decoded.
class BlockLines {
 public:
  // `column` are the bytes of one, as encode_block made them. kDamaged: they are not.
  // With a filter, messages that it surely does not let through may be left out.
  Status add(const BlockInfo& info, Column column, std::string_view bytes, const LineFilter* filter = nullptr,
             const std::vector<bool>& keep = {});
  // Lines of which a unit or a field is accepted. REQUIRES: units and fields are added.
  std::vector<bool> accepted_elsewhere(const LineAutomaton& automaton) const;
  bool left_out(std::size_t i) const { return !left_out_.empty() && left_out_[i]; }
  const std::vector<std::string>& units() const { return units_; }
  // The columns that were added are filled in, others as in an empty line. Valid until the next call, and its texts as
  // long as this.
  logline::Line line(std::size_t i, std::vector<logline::Field>& fields) const;
  UnixNanos time(std::size_t i) const { return times_[i]; }
  logline::Level level(std::size_t i) const { return levels_[i]; }
  ColumnSet has() const { return has_; }
  std::size_t bytes() const { return bytes_; }  // held, about

 private:
  Status add_times(const BlockInfo& info, std::string_view bytes);
  Status add_levels(const BlockInfo& info, std::string_view bytes);
  Status add_units(const BlockInfo& info, std::string_view bytes);
  Status add_pids(const BlockInfo& info, std::string_view bytes);
  Status add_fields(const BlockInfo& info, std::string_view bytes);

  ColumnSet has_ = 0;
  std::size_t bytes_ = 0;
  std::vector<UnixNanos> times_;
  std::vector<logline::Level> levels_;
  std::vector<bool> cuts_;
  std::vector<std::string> units_;
  std::vector<std::uint32_t> unit_of_;
  std::vector<std::uint32_t> pids_;
  Texts messages_;
  std::vector<bool> left_out_;
  std::vector<std::string> names_;
  std::vector<std::vector<std::uint32_t>> lists_;                  // of names of fields
  std::vector<std::uint32_t> list_of_;                             // each line's
  std::vector<std::uint32_t> first_value_;                         // each line's, in value_of_
  std::vector<std::pair<std::uint32_t, std::uint32_t>> value_of_;  // name, and which of its values
  std::vector<Texts> values_;                                      // by name
};

}  // namespace resmon::logs
