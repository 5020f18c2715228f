#include "tail/file_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <ctime>

#include "tail/file_source_internal.h"

namespace resmon::tail {

namespace {

constexpr std::size_t kPollBytes = 1U << 20U;
constexpr std::size_t kChunkBytes = 256U << 10U;
constexpr auto kMostIdlePause = std::chrono::seconds(2);

std::chrono::nanoseconds processor_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

std::string key_of(std::uint32_t number) {
  return std::to_string(number);
}

std::int64_t mtime_of(const struct stat& state) {
  return state.st_mtim.tv_sec * 1'000'000'000 + state.st_mtim.tv_nsec;
}

FileSource::FileSource(FileOptions options) : options_(std::move(options)) {}
FileSource::~FileSource() = default;

void FileSource::restore(const std::map<std::string, std::string>& marks) {
  for (const auto& [key, value] : marks) {
    const auto number = static_cast<std::uint32_t>(std::strtoul(key.c_str(), nullptr, 10));
    auto mark = decode_file_mark(value);
    if (number == 0 || !mark) continue;
    next_number_ = std::max(next_number_, number + 1);
    next_order_ = std::max(next_order_, mark->order + 1);
    unclaimed_inodes_.emplace(mark->inode, number);
    unclaimed_.emplace(number, std::move(*mark));
    had_marks_ = true;
  }
}

bool FileSource::poll(TimePoint now, bool only_deleted, EventTaker& taker) {
  if (now >= next_look_) {
    const auto before = processor_time();
    look(now, taker);
    // However many files there are, looking for them takes no more than a fiftieth of the processor.
    const auto took = processor_time() - before;
    next_look_ = now + std::max<std::chrono::nanoseconds>(options_.look_interval, took * 50);
  }
  std::string buffer;
  const std::uint64_t read_before = stats_.read_bytes;
  bool more = false;
  std::vector<std::uint32_t> due;
  for (const auto& [number, file] : files_) {
    if (only_deleted && !file->deleted) continue;
    // Files that lately had nothing new are looked at less often.
    const auto quiet = std::min<std::chrono::nanoseconds>((now - file->grew_at) / 10, kMostIdlePause);
    if (now - file->looked_at >= quiet || file->looked_at == TimePoint{}) due.push_back(number);
  }
  const auto middle = std::upper_bound(due.begin(), due.end(), turn_);
  std::rotate(due.begin(), middle, due.end());
  for (const std::uint32_t number : due) {
    if (!taker.has_room() || stats_.read_bytes - read_before >= kPollBytes) return true;
    turn_ = number;
    const auto found = files_.find(number);
    if (found != files_.end() && read(*found->second, now, buffer, taker)) more = true;
  }
  for (const std::uint32_t number : std::exchange(waiting_, {})) {
    const auto waits = files_.find(number);
    if (waits == files_.end() || must_wait(*waits->second, now)) continue;
    waits->second->looked_at = {};
    more = true;
  }
  return more;
}

// True: there is more to read at once.
bool FileSource::read(File& file, TimePoint now, std::string& buffer, EventTaker& taker) {
  struct stat state {};
  if (::fstat(file.fd.get(), &state) != 0) return false;
  file.looked_at = now;
  const auto size = static_cast<std::uint64_t>(state.st_size);
  const std::int64_t mtime = mtime_of(state);
  const bool changed = size != file.size || mtime != file.mtime;
  file.deleted = state.st_nlink == 0;
  if (changed) file.grew_at = now;
  file.size = size;
  file.mtime = mtime;
  if (file.fresh && size > 0) decide_shadow(file, size);
  if (file.shadow_of != 0 && still_shadow(file, size)) return false;
  if (file.mark.offset == 0 && changed) {
    free_shadows_of_unbegun(file, taker);
    std::string tail;
    if (file.unbegun.offset > 0 && !has_content_of(file.fd.get(), file.unbegun, tail)) truncated_unbegun(file, taker);
  }
  const bool is_other = size < file.mark.offset ||
                        (file.mark.offset > 0 && changed && !has_content_of(file.fd.get(), file.mark, file.tail));
  if (is_other) {
    truncated(file, taker);
    return true;
  }
  if (must_wait(file, now)) {
    if (changed) remember_unbegun(file);
    waiting_.push_back(file.number);
    return false;
  }
  if (file.unbegun.offset > 0) file.unbegun = {};
  bool more = false;
  if (size > file.mark.offset) more = read_chunk(file, size, now, buffer, taker);
  file.at_end = file.mark.offset >= size || file.broken;
  file.behind = more;
  if (finish_if_done(file, now, taker)) return false;
  if (more) file.looked_at = {};  // with the next poll, however long ago it grew
  return more;
}

bool FileSource::read_chunk(File& file, std::uint64_t size, TimePoint now, std::string& buffer, EventTaker& taker) {
  buffer.resize(std::max(kChunkBytes, 2 * options_.split.max_bytes + 4096));
  const ssize_t got = ::pread(file.fd.get(), buffer.data(), buffer.size(), static_cast<off_t>(file.mark.offset));
  if (got < 0) note(file.mark.path, "cannot be read: " + std::string(std::strerror(errno)));
  file.broken = got < 0;
  if (got <= 0) return false;
  // The bytes continue the file only if it was not truncated meanwhile.
  if (file.mark.offset > 0 && !has_content_of(file.fd.get(), file.mark, file.tail)) {
    truncated(file, taker);
    return true;
  }
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
  stats_.read_bytes += bytes.size();
  std::string_view rest = bytes;
  // The end of a line whose beginning was flushed.
  const bool inside = !file.tail.empty() && file.tail.back() != '\n' && !file.mark.skipping;
  if (inside && rest.front() == '\n') rest.remove_prefix(1);
  const bool all = file.mark.offset + bytes.size() >= size;
  const bool flush = all && (file.mark.copy || now - file.grew_at >= options_.flush_after);
  SplitState split{file.mark.skipping, 0};
  bool full = false;
  while (!rest.empty()) {
    if (!taker.has_room()) {
      full = true;
      break;
    }
    const auto event = next_event(rest, flush, options_.split, split);
    if (!event) break;
    taker.take(*event, file.mark.path);
  }
  stats_.skipped_bytes += split.skipped_bytes;
  const std::size_t consumed = bytes.size() - rest.size();
  if (consumed > 0) {
    file.mark.skipping = split.skipping;
    advance(file.mark, file.tail, bytes.substr(0, consumed));
    taker.mark(key_of(file.number), encode(file.mark));
  }
  return full || (!all && consumed > 0);
}

// The files of the log that come before it are read to their ends first. Twice as long as an unfinished line is waited
// for is enough: a file that still has no end then is being written to.
bool FileSource::must_wait(File& file, TimePoint now) {
  if (!file.waits) return false;
  if (file.waits_since == TimePoint{}) file.waits_since = now;
  const bool long_enough = now - file.waits_since >= 2 * options_.flush_after;
  for (auto at = order_.find(file.place); at != order_.begin();) {
    --at;
    if (at->first.first != file.mark.log) break;
    const File& before = *files_.at(at->second);
    if (before.shadow_of != 0) continue;  // not read, so it has no end
    if (before.waits || (!before.at_end && (before.behind || !long_enough))) return true;
    break;
  }
  file.waits = false;
  file.waits_since = {};
  return false;
}

void FileSource::drop(std::uint32_t number, EventTaker& taker) {
  const auto found = files_.find(number);
  if (found == files_.end()) return;
  const File& file = *found->second;
  free_shadows(file);
  taker.mark(key_of(number), {});
  unsettle(file);
  if (const auto id = by_id_.find({file.mark.device, file.mark.inode}); id != by_id_.end() && id->second == number)
    by_id_.erase(id);
  for (const std::string& path : file.names) unname(file, path);
  files_.erase(found);
  stats_.files = files_.size();
}

}  // namespace resmon::tail
