#pragma once

// Shared by the files of FileSource.

#include <sys/stat.h>

#include "tail/file_source.h"

namespace resmon::tail {

struct FileSource::File {
  std::uint32_t number = 0;
  Fd fd;
  FileMark mark;
  std::pair<std::uint64_t, std::uint32_t> place;  // in order_
  std::vector<std::string> names;                 // under which by_path_ may have it
  std::string tail;                               // the bytes before the offset that mark.tail_hash is of
  std::uint64_t family = 0;  // hash of the directory and the beginning of the name: a copy's is the same
  std::uint64_t seen_in_look = 0;
  std::uint64_t opened_in_look = 0;
  bool fresh = true;            // not decided yet whether it is a copy of another
  std::uint32_t shadow_of = 0;  // a copy of that file, which is read there
  bool deleted = false;
  bool at_end = false;
  bool waits = true;  // until the files of its log that come before it were at their ends
  TimePoint waits_since{};
  FileMark unbegun;        // what it had when it last waited and nothing of it was read: behind all of that
  bool behind = true;      // has more than an unfinished line to read
  bool broken = false;     // the last attempt to read failed
  std::uint64_t size = 0;  // at the last look at it
  std::int64_t mtime = 0;
  TimePoint grew_at{};  // when size changed last
  TimePoint looked_at{};
};

// The directory of a path ("." for none), without a slash at the end.
std::string directory_of(const std::string& path);
std::uint64_t family_of(const std::string& path);
std::string rotated_from(const std::string& path);
std::string key_of(std::uint32_t number);
std::int64_t mtime_of(const struct stat& state);

}  // namespace resmon::tail
