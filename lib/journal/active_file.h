#pragma once

// The file that the journal is writing: durable bytes <= bytes <= room. Guarded by `io_`. After a failed write or sync
// it is not written any more (commit.cc): cut_to_durable() is then the only thing to do with it.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "journal/file_system.h"

namespace resmon::journal {

class ActiveFile {
 public:
  // `file`: empty. `first`: the position that its name has. It may grow to `room` bytes.
  ActiveFile(std::shared_ptr<File> file, std::uint64_t first, std::uint64_t group, std::uint64_t room)
      : file_(std::move(file)), first_(first), group_(group), room_(room) {}

  std::uint64_t first() const { return first_; }
  std::uint64_t group() const { return group_; }
  std::uint64_t durable_bytes() const { return durable_bytes_; }
  bool is_durable() const { return durable_bytes_ == bytes_; }
  bool has_room(std::uint64_t bytes) const { return bytes_ + bytes <= room_; }
  void add_room(std::uint64_t bytes) { room_ += bytes; }

  // Reserves the room on the device, and of a small disk that has no room for all of it half of what it has.
  Status reserve();
  // REQUIRES: has_room(bytes.size())
  Status append(std::string_view bytes);
  // What was appended is on the device, and with sync_name() found there under its name.
  Status sync() { return file_->sync(); }
  Status sync_name(FileSystem& files, const std::string& directory);
  // What was appended counts as durable: it was synced, or nothing is to be.
  void set_durable() { durable_bytes_ = bytes_; }
  // The file ends where it is durable, and no room is reserved any more.
  Status cut_to_durable() { return file_->truncate(durable_bytes_); }

 private:
  std::shared_ptr<File> file_;
  std::uint64_t first_;
  std::uint64_t group_;
  std::uint64_t room_;
  std::uint64_t bytes_ = 0;
  std::uint64_t durable_bytes_ = 0;
  bool name_synced_ = false;
};

}  // namespace resmon::journal
