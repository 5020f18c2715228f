#pragma once

// The file "cursors": two slots that take turns, and the tally. Not synchronised: the journal's `io` guards it.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "journal/file_system.h"
#include "journal/format.h"

namespace resmon::journal {

class CursorFile {
 public:
  // `durable`: what is written is synced.
  CursorFile(FileSystem& files, std::string directory, bool durable)
      : files_(files), directory_(std::move(directory)), durable_(durable) {}

  struct Found {
    std::optional<CursorSlot> slot;
    bool damaged = false;  // there is a file, and no slot of it can be read
    Tally tally;           // all 0: none
  };
  // Before the first write.
  Found read();

  // 0: none was ever read or written.
  std::uint64_t generation() const { return generation_; }
  // What read() found was another journal's, or is not to be believed.
  void forget_generation() { generation_ = 0; }
  // Writes the slot as the next generation. An error leaves the other slot good.
  Status write(CursorSlot slot);
  // Not synced. Its failure costs what it is for and nothing else: the records are there.
  void write_tally(const Tally& tally);
  void close() { file_.reset(); }

 private:
  Status open();

  FileSystem& files_;
  std::string directory_;
  bool durable_;
  std::unique_ptr<File> file_;
  std::string found_bytes_;  // of the slot that read() chose
  std::uint64_t generation_ = 0;
};

// A read is tried again: what fails once in open() would cost a whole file.
Result<std::size_t> read_some(File& file, std::uint64_t offset, std::span<char> out);

// Nothing at this position or above is believed: damage that passes its checks.
constexpr std::uint64_t kHighestPosition = std::uint64_t{1} << 62U;

}  // namespace resmon::journal
