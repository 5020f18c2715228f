#include "ingest/questions.h"

#include <algorithm>
#include <utility>

namespace resmon::ingest {

std::optional<std::uint64_t> Questions::ask(Done done, Time now) {
  if (ended_) {
    done(fail(ErrorKind::kNotFound, "its client is not connected"));
    return std::nullopt;
  }
  std::erase_if(waiting_, [&](const One& one) { return now - one.asked > kLife; });
  if (waiting_.size() >= kMost) {
    done(fail(ErrorKind::kLimit, "too many requests ask this client at the same time; try again"));
    return std::nullopt;
  }
  waiting_.push_back({++last_id_, now, std::move(done)});
  return last_id_;
}

void Questions::take(wire::ProcessList list) {
  const auto one = std::find_if(waiting_.begin(), waiting_.end(), [&](const One& it) { return it.id == list.id; });
  if (one == waiting_.end()) return;
  const Done done = std::move(one->done);
  waiting_.erase(one);
  done(std::move(list));
}

void Questions::end() {
  ended_ = true;
  for (const One& one : std::exchange(waiting_, {}))
    one.done(fail(ErrorKind::kUnavailable, "its client disconnected before it answered"));
}

}  // namespace resmon::ingest
