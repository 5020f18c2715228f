#include "tail/file_mark.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/bytes.h"

namespace resmon::tail {

namespace {

constexpr std::uint8_t kMarkFormat = 2;
constexpr std::uint8_t kSkipping = 1;
constexpr std::uint8_t kCopy = 2;

bool read_exactly(int fd, std::uint64_t offset, std::string& out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = ::pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    done += static_cast<std::size_t>(got);
  }
  return true;
}

// name_to_handle_at(2): inode and generation on the usual file systems, so a file that gets a deleted one's inode is
// told from it. 0 where the file system has none, such as overlayfs without an index.
std::uint64_t handle_of(int fd) {
  alignas(file_handle) std::array<char, sizeof(file_handle) + MAX_HANDLE_SZ> memory{};
  auto* const handle = reinterpret_cast<file_handle*>(memory.data());
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  if (::name_to_handle_at(fd, "", handle, &mount, AT_EMPTY_PATH) != 0) return 0;
  const std::string_view bytes(memory.data() + sizeof(file_handle), handle->handle_bytes);
  return hash_bytes(bytes, kHashSeed ^ static_cast<std::uint64_t>(handle->handle_type)) | 1U;
}

}  // namespace

std::string encode(const FileMark& mark) {
  std::string out;
  ByteWriter w(out);
  w.u8(kMarkFormat);
  w.u8(static_cast<std::uint8_t>((mark.skipping ? kSkipping : 0U) | (mark.copy ? kCopy : 0U)));
  w.text(mark.path);
  w.varint(mark.device);
  w.varint(mark.inode);
  w.u64(mark.handle);
  w.varint(mark.offset);
  w.u64(mark.log);
  w.varint(mark.order);
  w.u64(mark.head_hash);
  w.u64(mark.tail_hash);
  return out;
}

Result<FileMark> decode_file_mark(std::string_view bytes) {
  ByteReader r(bytes);
  FileMark mark;
  const std::uint8_t format = r.u8();
  const std::uint8_t flags = r.u8();
  mark.path = r.text();
  mark.device = r.varint();
  mark.inode = r.varint();
  mark.handle = r.u64();
  mark.offset = r.varint();
  mark.log = r.u64();
  const std::uint64_t order = r.varint();
  mark.head_hash = r.u64();
  mark.tail_hash = r.u64();
  if (r.failed() || format != kMarkFormat || order >= UINT32_MAX || mark.offset > INT64_MAX)
    return fail(ErrorKind::kDamaged, "a stored file position cannot be decoded");
  mark.order = static_cast<std::uint32_t>(order);
  mark.skipping = (flags & kSkipping) != 0;
  mark.copy = (flags & kCopy) != 0;
  return mark;
}

void identify(int fd, const struct stat& state, FileMark& mark) {
  mark.device = state.st_dev;
  mark.inode = state.st_ino;
  mark.handle = handle_of(fd);
}

void advance(FileMark& mark, std::string& tail, std::string_view bytes) {
  if (bytes.empty()) return;
  if (mark.offset < kMarkBytes) mark.head_hash = hash_bytes(bytes.substr(0, kMarkBytes - mark.offset), mark.head_hash);
  mark.offset += bytes.size();
  if (bytes.size() >= kMarkBytes) {
    tail.assign(bytes.substr(bytes.size() - kMarkBytes));
  } else {
    if (tail.size() + bytes.size() > kMarkBytes) tail.erase(0, tail.size() + bytes.size() - kMarkBytes);
    tail.append(bytes);
  }
  mark.tail_hash = hash_bytes(tail);
}

bool has_content_of(int fd, const FileMark& mark, std::string& tail) {
  const std::size_t length = std::min<std::uint64_t>(mark.offset, kMarkBytes);
  std::string bytes(length, '\0');
  if (!read_exactly(fd, mark.offset - length, bytes) || hash_bytes(bytes) != mark.tail_hash) return false;
  if (mark.offset > length) {
    std::string head(length, '\0');
    if (!read_exactly(fd, 0, head) || hash_bytes(head) != mark.head_hash) return false;
  }
  tail = std::move(bytes);
  return true;
}

}  // namespace resmon::tail
