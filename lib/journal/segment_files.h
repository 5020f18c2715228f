#pragma once

// Reads the records of a journal beside the process that has it, or without one: nothing is locked, written or
// committed. For a look at what is not in its final place yet; a reader that must know what it missed is a Reader.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "journal/file_system.h"
#include "journal/format.h"

namespace resmon::journal {

class SegmentFiles {
 public:
  // Opens all that are there now; what the journal removes afterwards is still read. None where there is no directory.
  static SegmentFiles open(const std::string& directory, FileSystem& files = FileSystem::posix());

  std::uint64_t journal_id() const { return files_.empty() ? 0 : files_.back().first.journal_id; }
  // Up to where the reader of this name had committed; 0: nothing is known of it.
  std::uint64_t committed(std::string_view reader) const;
  // Every record, in order of position, also those that are appended meanwhile, as far as they can be read. What
  // `visit` returns ends it.
  Status read(const std::function<Status(std::uint64_t position, std::string_view payload)>& visit) const;

 private:
  void read_cursors(File& file);

  std::vector<std::pair<SegmentHeader, std::shared_ptr<File>>> files_;
  CursorSlot cursors_;
};

}  // namespace resmon::journal
