#pragma once

// The position up to which a file was read, and its identity: its handle (inode and generation), or device and inode,
// and always its content, the first bytes and those before the position.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

struct stat;

namespace resmon::tail {

inline constexpr std::size_t kMarkBytes = 256;  // of the head, and of what is before the offset

// FNV-1a; continues from `seed`.
inline constexpr std::uint64_t kHashSeed = 0xcbf29ce484222325;
constexpr std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed = kHashSeed) {
  for (const char c : bytes) seed = (seed ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
  return seed;
}

struct FileMark {
  std::string path;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t handle = 0;             // a hash of it; 0: the file system has none
  std::uint64_t offset = 0;             // all before it is in the spool
  bool skipping = false;                // the offset is inside a line that was cut
  bool copy = false;                    // of a file that was truncated: to be read to its end
  std::uint64_t log = 0;                // hash of the name that all files of one log had, or were rotated from
  std::uint32_t order = 0;              // files of one log are read in this order
  std::uint64_t head_hash = kHashSeed;  // of the first min(offset, kMarkBytes) bytes
  std::uint64_t tail_hash = kHashSeed;  // of the min(offset, kMarkBytes) bytes before the offset
};

std::string encode(const FileMark& mark);
Result<FileMark> decode_file_mark(std::string_view bytes);

// Sets device, inode and handle.
void identify(int fd, const struct stat& state, FileMark& mark);

// Moves the mark behind `bytes`, which follow its offset. `tail` is the bytes that tail_hash is of.
void advance(FileMark& mark, std::string& tail, std::string_view bytes);

// Whether the file has, before the mark's offset, the content that was read; fills `tail` if so. One or two short
// reads.
bool has_content_of(int fd, const FileMark& mark, std::string& tail);

}  // namespace resmon::tail
