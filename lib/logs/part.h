#pragma once

// A file of sealed blocks of one stream and day. It is written as a whole, synced and renamed into place, and never
// changes; a larger one that has the same lines may take its place. Thread-safe.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "logs/block.h"

namespace resmon::logs {

// Days since 1970 in UTC.
using Day = std::int64_t;
inline constexpr UnixNanos kDayNanos = 86'400'000'000'000;

// The day of a line by its own time, as far as that can be true. Depends on nothing but the line and when it was
// received, so that a start that reads the record again comes to the same day.
Day day_of(UnixNanos time, UnixNanos received);
// "20261129"
std::string day_name(Day day);
// Nothing of a directory that is named like none.
bool parse_day(std::string_view name, Day& day);

// Blocks for one file, with their columns one behind the other.
struct PartContent {
  std::vector<BlockInfo> blocks;  // without offsets
  std::string columns;
};

class Part {
 public:
  // Writes the file that belongs to `stream` (the hash of its names) with that number into `directory`. What was there
  // with a number from `replaces_from` on and below `number` is in it.
  static Result<std::shared_ptr<Part>> write(const std::string& directory, std::uint64_t stream, std::uint32_t number,
                                             std::uint32_t replaces_from, const PartContent& content);
  // kDamaged: neither its footer nor any block can be read. Where only the footer is damaged, its blocks are found.
  static Result<std::shared_ptr<Part>> open(const std::string& directory, const std::string& name);
  // The number and stream of a file's name; false: it is named like no part.
  static bool parse_name(std::string_view name, std::uint64_t& stream, std::uint32_t& number);
  static std::string name_of(std::uint64_t stream, std::uint32_t number);
  // What was made and renamed in the directory is on the device.
  static Status sync(const std::string& directory);
  ~Part();

  const std::string& host() const { return blocks_.front().host; }
  const std::string& source() const { return blocks_.front().source; }
  std::uint64_t stream() const { return stream_; }
  std::uint32_t number() const { return number_; }
  std::uint32_t replaces_from() const { return replaces_from_; }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t lines() const { return lines_; }
  std::uint64_t text_bytes() const { return text_bytes_; }
  UnixNanos first_time() const { return first_time_; }
  UnixNanos last_time() const { return last_time_; }
  std::uint64_t through() const { return through_; }
  bool footer_damaged() const { return footer_damaged_; }
  const std::string& path() const { return path_; }
  const std::vector<BlockInfo>& blocks() const { return blocks_; }

  Result<std::string> read(const BlockInfo& block, Column column) const;
  // All columns of a block, as they are.
  Result<std::string> read_all(const BlockInfo& block) const;
  // Every column of every block against its checksum; how many blocks are damaged.
  std::uint64_t verify() const;
  // The file is removed once nobody holds the part any more.
  void remove_when_unused() { doomed_ = true; }

 private:
  Part(std::string path, std::uint64_t stream, std::uint32_t number);
  Status read_footer(std::uint64_t size);
  void scan(std::uint64_t size);
  void sum_up();
  Result<std::string> read_at(std::uint64_t offset, std::uint64_t size) const;

  const std::string path_;
  const std::uint64_t stream_;
  const std::uint32_t number_;
  std::uint32_t replaces_from_;
  std::uint64_t bytes_ = 0;
  std::uint64_t lines_ = 0;
  std::uint64_t text_bytes_ = 0;
  UnixNanos first_time_ = 0;
  UnixNanos last_time_ = 0;
  std::uint64_t through_ = 0;
  bool footer_damaged_ = false;
  std::vector<BlockInfo> blocks_;
  std::atomic<bool> doomed_{false};
};

}  // namespace resmon::logs
