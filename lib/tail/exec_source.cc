#include "tail/exec_source.h"

#include <algorithm>
#include <cstdlib>

namespace resmon::tail {

namespace {

constexpr std::size_t kExecRead = 64U << 10U;
constexpr std::chrono::seconds kLongestExecPause{60};
constexpr std::chrono::seconds kExecFlush{5};  // for an unfinished line

}  // namespace

void ExecSource::start(TimePoint now) {
  const char* const path = std::getenv("PATH");
  auto child = ChildOutput::start(
      options_.command,
      {std::string("PATH=") + (path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin"), "LC_ALL=C.UTF-8", "HOME=/"});
  if (child)
    child_ = std::move(*child);
  else
    ended(now, child.error().message);
}

void ExecSource::ended(TimePoint now, const std::string& how) {
  if (told_ != how) findings_.push_back(options_.command.front() + ": " + how);
  told_ = how;
  next_start_ = now + pause_;
  pause_ = std::min(pause_ * 2, kLongestExecPause);
}

bool ExecSource::poll(TimePoint now, bool pause, EventTaker& taker) {
  if (pause) return false;
  if (!child_.running() && buffer_.empty()) {
    if (now < next_start_) return false;
    start(now);
    if (!child_.running()) return false;
  }
  bool alive = false;
  const std::size_t before = buffer_.size();
  if (child_.running()) alive = before > 2 * options_.split.max_bytes || child_.read(buffer_, kExecRead);
  if (buffer_.size() > before) came_at_ = now;
  const bool flush = !alive || now - came_at_ >= kExecFlush;
  std::string_view rest = buffer_;
  while (!rest.empty() && taker.has_room()) {
    const auto event = next_event(rest, flush, options_.split, state_);
    if (!event) break;
    taker.take(*event, options_.command.front());
    pause_ = std::chrono::seconds(1);
  }
  const bool more = buffer_.size() > before || (!alive && !rest.empty());
  buffer_.erase(0, buffer_.size() - rest.size());
  if (!alive && child_.running()) ended(now, child_.ending());
  return more;
}

}  // namespace resmon::tail
