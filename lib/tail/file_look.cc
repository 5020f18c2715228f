// Finds files: by the patterns, and after a restart files that were read before and have been renamed since.

#include <fcntl.h>
#include <glob.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/directory.h"
#include "base/result.h"
#include "tail/file_source_internal.h"

namespace resmon::tail {

namespace {

constexpr std::size_t kMostNoted = 1000;
constexpr std::size_t kMostNames = 8;  // of one file that are remembered
constexpr std::size_t kMostDirectoryEntries = 20'000;

bool compressed(std::string_view path) {
  for (const std::string_view ending : {".gz", ".xz", ".bz2", ".zst", ".lz4", ".zip", ".Z"})
    if (path.ends_with(ending)) return true;
  return false;
}

// Following needs an open file each.
void allow_open_files(std::size_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, wanted);
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

void FileSource::note(const std::string& path, const std::string& text) {
  if (noted_.size() >= kMostNoted || !noted_.insert(path + text).second) return;
  findings_.push_back(path + ": " + text);
}

void FileSource::look(TimePoint now, EventTaker& taker) {
  stats_.looks = ++looks_;
  stats_.unreadable = stats_.over_limit = stats_.compressed = 0;
  // The oldest of the new ones first: the order in which their lines were written.
  std::vector<std::pair<std::int64_t, std::string>> unknown;
  for (const std::string& pattern : options_.globs) {
    glob_t found{};
    if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0) {
      for (std::size_t i = 0; i < found.gl_pathc; ++i)
        if (const auto mtime = see(found.gl_pathv[i])) unknown.emplace_back(*mtime, found.gl_pathv[i]);
    }
    ::globfree(&found);
  }
  std::sort(unknown.begin(), unknown.end());
  for (const auto& [mtime, path] : unknown) discover(path, now, taker);
  if (!unclaimed_.empty()) locate_unclaimed(now, taker);
  // Copies that are gone again.
  std::vector<std::uint32_t> gone;
  for (const auto& [number, file] : files_)
    if (file->shadow_of != 0 && file->seen_in_look != looks_) gone.push_back(number);
  for (const std::uint32_t number : gone) drop(number, taker);
}

// Its modification time if it is a file that is not known.
std::optional<std::int64_t> FileSource::see(const std::string& path) {
  struct stat state {};
  if (::stat(path.c_str(), &state) != 0 || !S_ISREG(state.st_mode)) return std::nullopt;
  const auto known = by_id_.find({state.st_dev, state.st_ino});
  if (known == by_id_.end()) return mtime_of(state);
  File& file = *files_.at(known->second);
  file.seen_in_look = looks_;
  if (file.mark.path == path) return std::nullopt;
  // It has more than one name, or was renamed.
  struct stat old {};
  if (::stat(file.mark.path.c_str(), &old) == 0 && Id{old.st_dev, old.st_ino} == known->first) return std::nullopt;
  file.mark.path = path;
  file.family = family_of(path);
  name(file, path);
  return std::nullopt;
}

void FileSource::discover(const std::string& path, TimePoint now, EventTaker& taker) {
  // Two patterns, or two names, may have found it.
  if (!see(path)) return;
  if (compressed(path)) {
    ++stats_.compressed;
    return;
  }
  if (files_.size() >= options_.max_files) {
    ++stats_.over_limit;
    note("files", "more than " + std::to_string(options_.max_files) + " match; the others are not read");
    return;
  }
  File* const file = open(path, now);
  if (file == nullptr) {
    ++stats_.unreadable;
    note(path, "cannot be read: " + std::string(std::strerror(errno)));
    return;
  }
  file->seen_in_look = looks_;
  if (!claim(*file, taker)) start_fresh(*file, taker);
}

FileSource::File* FileSource::open(const std::string& path, TimePoint now) {
  if (files_.size() % 256 == 200) allow_open_files(files_.size() + 2048);
  auto file = std::make_unique<File>();
  file->fd = Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat state {};
  if (!file->fd.valid() || ::fstat(file->fd.get(), &state) != 0) return nullptr;
  if (!S_ISREG(state.st_mode)) return nullptr;
  file->number = next_number_++;
  file->mark.path = path;
  file->mark.log = hash_bytes(rotated_from(path));
  file->family = family_of(path);
  file->grew_at = now;
  file->opened_in_look = looks_;
  identify(file->fd.get(), state, file->mark);
  by_id_[{state.st_dev, state.st_ino}] = file->number;
  File* const out = file.get();
  files_.emplace(file->number, std::move(file));
  stats_.files = files_.size();
  return out;
}

// A file that was never read is the last of its log, unless the one that it was rotated from has newer content that is
// not begun. Its mark is kept from here on: it may be renamed before anything of it is read, while nobody looks.
void FileSource::start_fresh(File& file, EventTaker& taker) {
  const std::string& path = file.mark.path;
  const std::string base = rotated_from(path);
  File* const had_name = holder_of(path);
  File* const live = base == path ? nullptr : holder_of(base);
  const File* const relative = had_name != nullptr ? had_name : live;
  settle(file, relative == nullptr ? file.mark.log : relative->mark.log, next_order_++);
  struct stat mine {};
  struct stat others {};
  if (live != nullptr && live->mark.path == base && live->mark.offset == 0 && ::fstat(file.fd.get(), &mine) == 0 &&
      ::fstat(live->fd.get(), &others) == 0 && mtime_of(mine) <= mtime_of(others))
    put_before(file, *live, taker);
  if (const auto at = order_.find(file.place); at != order_.begin() && std::prev(at)->first.first == file.mark.log) {
    // As far as is known from here on; and it is looked at now, however quiet it was.
    File& before = *files_.at(std::prev(at)->second);
    before.at_end = false;
    before.looked_at = {};
  }
  name(file, path);
  if (looks_ == 1 && !had_marks_ && options_.from_end) pass_over(file);
  taker.mark(key_of(file.number), encode(file.mark));
}

// Who has the name, or had it last.
FileSource::File* FileSource::holder_of(const std::string& path) {
  const auto at = by_path_.find(path);
  const auto file = at == by_path_.end() ? files_.end() : files_.find(at->second);
  return file == files_.end() ? nullptr : file->second.get();
}

void FileSource::settle(File& file, std::uint64_t log, std::uint32_t order) {
  unsettle(file);
  // Only a damaged mark has the place of another.
  while (!order_.try_emplace({log, order}, file.number).second) order = next_order_++;
  file.place = {log, order};
  file.mark.log = log;
  file.mark.order = order;
}

void FileSource::unsettle(const File& file) {
  if (const auto at = order_.find(file.place); at != order_.end() && at->second == file.number) order_.erase(at);
}

// The file takes the other's place, and the other becomes the last.
void FileSource::put_before(File& file, File& other, EventTaker& taker) {
  const auto [log, order] = std::pair(other.mark.log, other.mark.order);
  settle(other, log, next_order_++);
  settle(file, log, order);
  file.waits = other.waits;
  other.waits = true;
  for (const File* const moved : {&file, &other}) taker.mark(key_of(moved->number), encode(moved->mark));
}

// The newest file that had the name. One that is renamed keeps it until another takes it: that one waits for its rest.
void FileSource::name(File& file, const std::string& path) {
  by_path_[path] = file.number;
  std::erase(file.names, path);
  file.names.push_back(path);
  if (file.names.size() <= kMostNames) return;
  unname(file, file.names.front());
  file.names.erase(file.names.begin());
}

void FileSource::unname(const File& file, const std::string& path) {
  if (const auto at = by_path_.find(path); at != by_path_.end() && at->second == file.number) by_path_.erase(at);
}

// The file had the name in an earlier life. Who has it now, and came later, is of the same log.
void FileSource::leave_name(File& file, const std::string& path) {
  File* const other = holder_of(path);
  if (other == &file) return;
  const bool is_there = other != nullptr && other->mark.path == path;
  if (is_there && other->mark.order > file.mark.order) settle(*other, file.mark.log, other->mark.order);
  if (other == nullptr || (!is_there && other->mark.order < file.mark.order)) name(file, path);
}

// The file goes on under the number and mark that it had. A mark under another number is the caller's to erase.
void FileSource::adopt(File& file, std::uint32_t number, FileMark mark) {
  unsettle(file);
  const auto at = files_.find(file.number);
  std::unique_ptr<File> owned = std::move(at->second);
  files_.erase(at);
  mark.path = file.mark.path;
  mark.device = file.mark.device;
  mark.inode = file.mark.inode;
  mark.handle = file.mark.handle;
  file.number = number;
  file.mark = std::move(mark);
  file.fresh = false;
  // The tail comes with the check of the content.
  file.mtime = 0;
  if (!has_content_of(file.fd.get(), file.mark, file.tail)) file.tail.clear();
  by_id_[{file.mark.device, file.mark.inode}] = number;
  files_.emplace(number, std::move(owned));
  settle(file, file.mark.log, file.mark.order);
  if (const auto path = by_path_.find(file.mark.path); path == by_path_.end() || !files_.contains(path->second))
    name(file, file.mark.path);
}

// Whether an earlier life read this very file.
bool FileSource::claim(File& file, EventTaker& taker) {
  auto [at, end] = unclaimed_inodes_.equal_range(file.mark.inode);
  for (; at != end; ++at) {
    const auto unclaimed = unclaimed_.find(at->second);
    if (unclaimed == unclaimed_.end()) continue;
    FileMark& mark = unclaimed->second;
    const bool both = mark.handle != 0 && file.mark.handle != 0;
    std::string tail;
    const bool same = both ? mark.handle == file.mark.handle
                           : mark.device == file.mark.device || has_content_of(file.fd.get(), mark, tail);
    if (!same) continue;
    const std::uint32_t number = at->second;
    FileMark taken = std::move(mark);
    unclaimed_.erase(unclaimed);
    unclaimed_inodes_.erase(at);
    const std::string had = taken.path;
    adopt(file, number, std::move(taken));
    if (had != file.mark.path) leave_name(file, had);
    name(file, file.mark.path);
    // What was found before it in this look is older than its content, of which nothing was read.
    const File& last = *files_.at(std::prev(order_.upper_bound({file.mark.log, UINT32_MAX}))->second);
    if (file.mark.offset == 0 && last.fresh && last.opened_in_look == looks_) {
      settle(file, file.mark.log, next_order_++);
      taker.mark(key_of(file.number), encode(file.mark));
    }
    return true;
  }
  return false;
}

void FileSource::locate_unclaimed(TimePoint now, EventTaker& taker) {
  for (auto& [number, mark] : std::exchange(unclaimed_, {})) {
    if (locate(number, mark, now, taker)) continue;
    taker.mark(key_of(number), {});
    ++stats_.unproven;
    note(mark.path, "was followed before and is gone: lines may be missing that were written just before");
  }
  unclaimed_inodes_.clear();
}

// Looks for a file by what is known of it: by its inode in its directory, then by its content under its name, then
// among its family.
bool FileSource::locate(std::uint32_t number, const FileMark& mark, TimePoint now, EventTaker& taker) {
  const std::string directory = directory_of(mark.path);
  const std::uint64_t family = family_of(mark.path);
  std::vector<std::string> relatives;
  std::string same_inode;
  Directory listing(directory.c_str());
  std::size_t entries = 0;
  while (const auto entry = listing.next()) {
    if (++entries > kMostDirectoryEntries) break;
    std::string path = directory + "/" + std::string(entry->name);
    if (entry->inode == mark.inode) same_inode = path;
    if (path == mark.path)
      relatives.insert(relatives.begin(), std::move(path));
    else if (family_of(path) == family)
      relatives.push_back(std::move(path));
  }
  if (!same_inode.empty()) relatives.insert(relatives.begin(), same_inode);
  for (const std::string& path : relatives) {
    struct stat state {};
    if (::stat(path.c_str(), &state) != 0 || !S_ISREG(state.st_mode)) continue;
    const auto known = by_id_.find({state.st_dev, state.st_ino});
    if (known != by_id_.end() && files_.at(known->second)->mark.offset > 0) continue;
    if (known == by_id_.end() && compressed(path)) continue;
    File* const file = known != by_id_.end() ? files_.at(known->second).get() : open(path, now);
    if (file == nullptr) continue;
    std::string tail;
    const bool by_handle = path == same_inode && mark.handle != 0 && mark.handle == file->mark.handle;
    const bool good = by_handle || (mark.offset > 0 && has_content_of(file->fd.get(), mark, tail));
    if (good) {
      taker.mark(key_of(file->number), {});
      adopt(*file, number, mark);
      leave_name(*file, mark.path);
      return true;
    }
    if (known == by_id_.end()) {
      by_id_.erase({file->mark.device, file->mark.inode});
      files_.erase(file->number);
      stats_.files = files_.size();
    }
  }
  return false;
}

}  // namespace resmon::tail
