#pragma once

// A file of /proc or /sys that is kept open and read again from its beginning at each gather, which saves its path
// walk, its open and its close. The content goes into one buffer that all files of a client share: each is parsed
// before the next is read, so the buffer stays in the cache, and the client holds one buffer, not thirty.

#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace resmon::collect {

// Grows to what the largest file needs and stays there.
class ReadBuffer {
 public:
  char* data() { return bytes_.data(); }
  std::size_t size() const { return bytes_.size(); }
  void grow() { bytes_.resize(bytes_.empty() ? 16384 : bytes_.size() * 2); }

 private:
  std::vector<char> bytes_;
};

class PinnedFile {
 public:
  // What is known of the file's make-up saves a system call a read. A seq_file hands out whole records and stops at one
  // that does not fit its page, so a read far shorter than a page was the last of a file of short records, and any read
  // that did not fill the buffer was the last of a file that is one record (fs/seq_file.c). kLine is for /proc/sys,
  // whose reads cost by what is asked for, not by what there is: the kernel allocates and clears that much each time
  // (proc_sys_call_handler). A line is asked for by little.
  enum class Records { kOne, kShort, kLine, kUnknown };

  explicit PinnedFile(std::string path, Records records, std::size_t limit_bytes = kDefaultLimitBytes)
      : path_(std::move(path)), records_(records), limit_bytes_(limit_bytes) {}

  // The file's content, valid until the buffer's next use. Opens the file when it is not open, and once more when what
  // was open went away (ESTALE, ENODEV, ESRCH, ENOENT, EIO). Errors name the path; a content larger than the limit is
  // kLimit.
  Result<std::string_view> read(ReadBuffer& buffer);
  // Whether there is no such file, for what a kernel may lack: cheaper than an error's text at each gather.
  bool missing() const;
  void close() { fd_.reset(); }
  const std::string& path() const { return path_; }
  int descriptor() const { return fd_.get(); }  // -1 while not open

  static constexpr std::size_t kDefaultLimitBytes = 8U << 20U;

 private:
  Status open();

  std::string path_;
  Records records_;
  std::size_t limit_bytes_;
  Fd fd_;
};

// The content of a file that is not worth keeping open.
Result<std::string_view> read_once(const char* path, ReadBuffer& buffer,
                                   std::size_t limit_bytes = PinnedFile::kDefaultLimitBytes);

// The first line of a small file, such as an attribute in /sys, if it can be a tag's value; "" otherwise. Blanks around
// it are no part of it.
std::string read_line(const std::string& path);

// Puts the path in front of a parser's error.
inline Status in_file(const std::string& path, Status status) {
  if (status.has_value()) return status;
  return fail(std::move(status).error().wrap(path));
}

}  // namespace resmon::collect
