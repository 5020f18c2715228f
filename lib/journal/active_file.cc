#include "journal/active_file.h"

namespace resmon::journal {

// The store has to write, too: so not all of what a small disk has. The file grows as it is written to.
Status ActiveFile::reserve() {
  constexpr std::uint64_t kLeast = 64U << 10U;
  std::uint64_t bytes = room_;
  while (true) {
    Status reserved = file_->allocate(bytes);
    if (reserved && bytes < room_) return file_->truncate(bytes / 2);
    if (reserved || reserved.error().kind == ErrorKind::kUnsupported) return {};
    if (bytes / 2 < kLeast) return reserved;
    bytes /= 2;
    RESMON_TRY(file_->truncate(0));
  }
}

Status ActiveFile::append(std::string_view bytes) {
  RESMON_TRY(write_all(*file_, bytes_, bytes));
  bytes_ += bytes.size();
  return {};
}

Status ActiveFile::sync_name(FileSystem& files, const std::string& directory) {
  if (!name_synced_) RESMON_TRY(files.sync_directory(directory));
  name_synced_ = true;
  return {};
}

}  // namespace resmon::journal
