// Rotation of followed files.
//
// Copied and truncated: the truncation is recognized by content, because the bytes before the offset differ from those
// that were read. The copy is the file of the same family that has these bytes. It is read from the offset to its end,
// and only then the truncated file from its start.
//
// A copy usually matches the pattern of its original and appears before the truncation. Read as a file of its own it
// would send every line twice. So a new file that begins like another of its family is a shadow: it is not read while
// it contains nothing that the original does not contain.
//
// The files of one log, under whatever names, are read one after the other: each has a place in an order, and begins
// when those before it were at their ends. New files of one look are placed by age. A copy takes the place of its
// original, whose new content comes last.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/directory.h"
#include "tail/file_source_internal.h"

namespace resmon::tail {

namespace {

constexpr std::size_t kMostEntries = 20'000;  // of one directory

std::string read_at(int fd, std::uint64_t offset, std::size_t length) {
  std::string out(length, '\0');
  const ssize_t got = ::pread(fd, out.data(), length, static_cast<off_t>(offset));
  out.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return out;
}

// Moves the mark to the file's end. False, and nothing is changed: there is nothing, or it cannot be read. `tail`: what
// tail_hash is of.
bool mark_end(int fd, FileMark& mark, std::string& tail) {
  struct stat state {};
  if (::fstat(fd, &state) != 0 || state.st_size == 0) return false;
  const auto size = static_cast<std::uint64_t>(state.st_size);
  const std::size_t length = std::min<std::uint64_t>(size, kMarkBytes);
  const std::string head = read_at(fd, 0, length);
  tail = read_at(fd, size - length, length);
  if (head.size() != length || tail.size() != length) return false;
  mark.offset = size;
  mark.head_hash = hash_bytes(head);
  mark.tail_hash = hash_bytes(tail);
  return true;
}

}  // namespace

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// The family name: the same for app.log, app.log.1, app.log-20261129 and app-20261129.log.
std::uint64_t family_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::size_t name = slash == std::string::npos ? 0 : slash + 1;
  const std::size_t end = path.find_first_of(".-", name + 1);
  return hash_bytes(std::string_view(path).substr(0, end));
}

// The name without what a rotation adds to it: app.log for app.log.1, app.log-20261129, app.log.old and
// app-20261129.log; other names as they are.
std::string rotated_from(const std::string& path) {
  constexpr std::size_t kDateDigits = 6;
  const std::size_t slash = path.rfind('/');
  const std::size_t name = slash == std::string::npos ? 0 : slash + 1;
  // Where the number or date at the end of the path's first `end` bytes begins, with its separator; `end` if none does.
  const auto number_before = [&](std::size_t end, std::size_t least_digits) {
    const std::size_t last = path.find_last_not_of("0123456789.-_:T", end - 1);
    std::size_t begin = last == std::string::npos || last < name ? name : last + 1;
    begin = std::min(path.find_first_of(".-_", begin), end);
    const auto digits = static_cast<std::size_t>(std::count_if(path.begin() + static_cast<std::ptrdiff_t>(begin),
                                                               path.begin() + static_cast<std::ptrdiff_t>(end),
                                                               [](char c) { return c >= '0' && c <= '9'; }));
    return begin > name && digits >= least_digits ? begin : end;
  };
  if (path.ends_with(".old") && path.size() > name + 4) return path.substr(0, path.size() - 4);
  if (const std::size_t begin = number_before(path.size(), 1); begin < path.size()) return path.substr(0, begin);
  const std::size_t dot = path.rfind('.');
  if (dot == std::string::npos || dot <= name) return path;
  return path.substr(0, number_before(dot, kDateDigits)) + path.substr(dot);
}

void FileSource::truncated(File& file, EventTaker& taker) {
  ++stats_.truncations;
  File* const copy = find_copy(file, file.mark);
  if (copy != nullptr) {
    copy->shadow_of = 0;
    FileMark mark = file.mark;
    mark.path = copy->mark.path;
    mark.device = copy->mark.device;
    mark.inode = copy->mark.inode;
    mark.handle = copy->mark.handle;
    mark.copy = true;
    const std::uint32_t order = mark.order;
    copy->mark = std::move(mark);
    copy->waits = file.waits;
    settle(file, file.mark.log, next_order_++);
    settle(*copy, file.mark.log, order);
    file.waits = true;
    (void)has_content_of(copy->fd.get(), copy->mark, copy->tail);
    copy->fresh = copy->at_end = false;
    copy->opened_in_look = looks_;
    copy->looked_at = {};
    taker.mark(key_of(copy->number), encode(copy->mark));
  } else if (!file.mark.copy) {
    ++stats_.unproven;
    note(file.mark.path,
         "was truncated, and no copy of its old content was found: lines may be missing that were "
         "written just before");
  }
  free_shadows(file);
  file.mark.offset = 0;
  file.mark.skipping = file.mark.copy = false;
  file.mark.head_hash = file.mark.tail_hash = kHashSeed;
  file.tail.clear();
  file.at_end = false;
  file.fresh = false;
  file.mtime = 0;
  file.looked_at = {};
  taker.mark(key_of(file.number), encode(file.mark));
}

// Nothing of it was read, as it waits. A copy that is not known yet is read first, from its start; others decide for
// themselves.
void FileSource::truncated_unbegun(File& file, EventTaker& taker) {
  ++stats_.truncations;
  const std::size_t before = files_.size();
  File* const copy = find_copy(file, file.unbegun);
  file.unbegun = {};
  if (copy == nullptr) {
    ++stats_.unproven;
    note(file.mark.path,
         "was truncated before it was read, and no copy of what it had was found: lines may be missing");
  } else if (files_.size() > before) {
    copy->fresh = false;
    copy->mark.copy = true;
    settle(*copy, file.mark.log, next_order_++);
    put_before(*copy, file, taker);
  }
}

// The newest file of the directory that has what `mark` says of `of`.
FileSource::File* FileSource::find_copy(const File& of, const FileMark& mark) {
  if (mark.offset == 0) return nullptr;
  const std::string directory = directory_of(of.mark.path);
  Directory listing(directory.c_str());
  std::string best;
  std::int64_t best_mtime = INT64_MIN;
  std::size_t entries = 0;
  while (const auto entry = listing.next()) {
    if (++entries > kMostEntries) break;
    const std::string path = directory + "/" + std::string(entry->name);
    if (family_of(path) != of.family) continue;
    struct stat state {};
    if (::stat(path.c_str(), &state) != 0 || !S_ISREG(state.st_mode)) continue;
    if (Id{state.st_dev, state.st_ino} == Id{of.mark.device, of.mark.inode}) continue;
    if (static_cast<std::uint64_t>(state.st_size) < mark.offset || mtime_of(state) < best_mtime) continue;
    // One that is read as a file of its own is none.
    if (const auto known = by_id_.find({state.st_dev, state.st_ino});
        known != by_id_.end() && files_.at(known->second)->mark.offset > 0)
      continue;
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    std::string tail;
    if (!fd.valid() || !has_content_of(fd.get(), mark, tail)) continue;
    best = path;
    best_mtime = mtime_of(state);
  }
  if (best.empty()) return nullptr;
  struct stat state {};
  if (::stat(best.c_str(), &state) == 0)
    if (const auto known = by_id_.find({state.st_dev, state.st_ino}); known != by_id_.end())
      return files_.at(known->second).get();
  return open(best, std::chrono::steady_clock::now());
}

// Whether all that both have is the same: their first bytes, and those before the end of the shorter. Of one that is
// not begun all that it has now counts.
bool FileSource::is_copy_of(const File& file, std::uint64_t size, const File& of) const {
  std::uint64_t known = of.mark.offset;
  struct stat state {};
  if (known == 0 && ::fstat(of.fd.get(), &state) == 0) known = static_cast<std::uint64_t>(state.st_size);
  const std::uint64_t common = std::min(size, known);
  if (common == 0) return false;
  const std::size_t length = std::min<std::uint64_t>(common, kMarkBytes);
  const auto same = [&](std::uint64_t offset) {
    const std::string mine = read_at(file.fd.get(), offset, length);
    return mine.size() == length && mine == read_at(of.fd.get(), offset, length);
  };
  if (same(0) && same(common - length)) return true;
  // The original may be truncated already.
  std::string tail;
  return of.mark.offset > 0 && size >= of.mark.offset && has_content_of(file.fd.get(), of.mark, tail);
}

// Compares what is known of the others first, because a family can have thousands of files.
void FileSource::decide_shadow(File& file, std::uint64_t size) {
  file.fresh = false;
  if (file.mark.offset > 0) return;
  const std::string head = read_at(file.fd.get(), 0, std::min<std::uint64_t>(size, kMarkBytes));
  std::vector<std::uint64_t> hashes = {kHashSeed};  // of the first bytes, by their number
  for (const char c : head) hashes.push_back(hash_bytes({&c, 1}, hashes.back()));
  const auto begins_like = [&](const File& other) {
    const std::size_t length = std::min<std::uint64_t>(other.mark.offset, kMarkBytes);
    if (length < hashes.size()) return hashes[length] == other.mark.head_hash;
    // Not all of it is copied yet. What was read of a short file is its tail.
    return other.mark.offset > kMarkBytes || other.tail.empty() || other.tail.starts_with(head);
  };
  const auto decide = [&](const File& other) {
    if (other.number == file.number || other.shadow_of != 0 || !is_copy_of(file, size, other)) return false;
    file.shadow_of = other.number;
    return true;
  };
  // Of those that are not begun only the one that it would be the copy of.
  const File* const live = holder_of(rotated_from(file.mark.path));
  if (live != nullptr && live->mark.offset == 0 && decide(*live)) return;
  for (const auto& [number, other] : files_)
    if (other->family == file.family && other->mark.offset > 0 && begins_like(*other) && decide(*other)) return;
}

// A copy has nothing that its original has not. What has more is a file of its own.
bool FileSource::still_shadow(File& file, std::uint64_t size) {
  const auto found = files_.find(file.shadow_of);
  if (found == files_.end()) {
    file.shadow_of = 0;
    return false;
  }
  const File& of = *found->second;
  struct stat state {};
  if (::fstat(of.fd.get(), &state) != 0) return true;
  const auto of_size = static_cast<std::uint64_t>(state.st_size);
  // Truncated: it will look for its copy when it is its turn.
  if (of_size < of.mark.offset || of_size != of.size || mtime_of(state) != of.mtime) return true;
  if (size > of_size || !is_copy_of(file, size, of)) file.shadow_of = 0;
  return file.shadow_of != 0;
}

// It was truncated before anything of it was read: a copy has lines that nothing else has, and that come first.
void FileSource::free_shadows_of_unbegun(File& of, EventTaker& taker) {
  std::vector<File*> shadows;
  const std::uint64_t log = of.mark.log;
  for (auto at = order_.lower_bound({log, 0}); at != order_.end() && at->first.first == log; ++at)
    if (File* const file = files_.at(at->second).get(); file->shadow_of == of.number) shadows.push_back(file);
  for (File* const file : shadows) {
    struct stat state {};
    if (::fstat(file->fd.get(), &state) != 0) continue;
    if (is_copy_of(*file, static_cast<std::uint64_t>(state.st_size), of)) continue;
    file->shadow_of = 0;
    put_before(*file, of, taker);
  }
}

// What the copies have of the original was read there, or is read in another copy.
void FileSource::free_shadows(const File& of) {
  for (const auto& [number, file] : files_) {
    if (file->shadow_of != of.number) continue;
    file->shadow_of = 0;
    pass_over(*file);
  }
}

// All that the file has now counts as read; of an unfinished line the rest is skipped.
void FileSource::pass_over(File& file) {
  std::string tail;
  if (!mark_end(file.fd.get(), file.mark, tail)) return;
  file.fresh = false;
  file.mark.skipping = tail.back() != '\n';
  file.tail = std::move(tail);
}

void FileSource::remember_unbegun(File& file) {
  std::string tail;
  if (file.mark.offset == 0) mark_end(file.fd.get(), file.unbegun, tail);
}

// True: the file was let go of.
bool FileSource::finish_if_done(File& file, TimePoint now, EventTaker& taker) {
  const bool seen = file.seen_in_look == looks_ && looks_ > 0;
  if (!file.at_end) return false;
  if (file.mark.copy) {
    // Only after another look: dropped earlier, a copy that matches the patterns would be taken for a new file.
    if (looks_ <= file.opened_in_look) return false;
    if (!seen) {
      drop(file.number, taker);
      return true;
    }
    file.mark.copy = false;
    taker.mark(key_of(file.number), encode(file.mark));
    return false;
  }
  if (seen && !file.deleted) return false;
  if (now - file.grew_at < (file.deleted ? options_.deleted_patience : options_.renamed_patience)) return false;
  drop(file.number, taker);
  return true;
}

}  // namespace resmon::tail
