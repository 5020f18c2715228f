#include "tail/journal_source.h"

#include <algorithm>

#include "tail/journal_export.h"

namespace resmon::tail {

namespace {

constexpr std::size_t kJournalBuffer = 512U << 10U;
constexpr std::size_t kMostEntryBytes = 8U << 20U;
constexpr std::chrono::seconds kMostPause{60};
constexpr const char* kCursorKey = "cursor";
constexpr const char* kFirstLines = "--lines=1000";  // of a journal that was never read

}  // namespace

void JournalSource::restore(const std::map<std::string, std::string>& marks) {
  if (const auto at = marks.find(kCursorKey); at != marks.end()) cursor_ = at->second;
}

void JournalSource::start(TimePoint now) {
  std::vector<std::string> words{options_.program, "--output=export", "--follow", "--no-pager", "--quiet"};
  if (cursor_.empty()) {
    words.emplace_back(kFirstLines);
  } else {
    words.emplace_back("--no-tail");
    words.push_back("--after-cursor=" + cursor_);
  }
  if (!options_.priority.empty()) words.push_back("--priority=" + options_.priority);
  words.insert(words.end(), options_.matches.begin(), options_.matches.end());
  const char* const path = std::getenv("PATH");
  auto child = ChildOutput::start(
      words, {std::string("PATH=") + (path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin"), "LC_ALL=C.UTF-8"});
  buffer_.clear();
  if (child)
    child_ = std::move(*child);
  else
    ended(now, child.error().message);
}

void JournalSource::ended(TimePoint now, const std::string& how) {
  if (told_ != how) findings_.push_back(options_.program + ": " + how);
  told_ = how;
  next_start_ = now + pause_;
  pause_ = std::min(pause_ * 2, kMostPause);
}

bool JournalSource::poll(TimePoint now, bool pause, EventTaker& taker) {
  if (!child_.running()) {
    if (pause || now < next_start_) return false;
    start(now);
    if (!child_.running()) return false;
  }
  bool alive = true;
  const std::size_t before = buffer_.size();
  if (!pause && buffer_.size() < kMostEntryBytes) alive = child_.read(buffer_, kJournalBuffer);
  std::string_view rest = buffer_;
  std::size_t taken = 0;
  while (taker.has_room()) {
    bool malformed = false;
    const auto entry = next_journal_entry(rest, malformed);
    if (malformed) {
      ++malformed_;
      continue;
    }
    if (!entry) break;
    taker.take_line(entry->line);
    cursor_.assign(entry->cursor);
    taker.mark(kCursorKey, cursor_);
    ++taken;
  }
  if (taken > 0) {
    pause_ = std::chrono::seconds(1);
    told_.clear();
  }
  const bool full = !taker.has_room();
  if (rest.size() >= kMostEntryBytes && !full) {
    ++malformed_;  // no entry is that long
    rest = {};
  }
  buffer_.erase(0, buffer_.size() - rest.size());
  const bool came = buffer_.size() + taken > before;
  if (buffer_.empty() && buffer_.capacity() > kJournalBuffer) std::string().swap(buffer_);
  if (!alive && !full) ended(now, child_.ending());
  return full || (alive && came && taken > 0);
}

}  // namespace resmon::tail
