// Appending and making room: all in memory.
//
// A record is encoded once, under the mutex, straight into the block that the commit thread will hand to the kernel and
// that readers will be shown; only its payload's checksum, the expensive part, is computed before the mutex is taken.
// Where one segment ends and the next begins is decided here, not where files are written, because the producer has to
// know it before it encodes. So is which old segments go: append plans with what will be on disk once the commit thread
// has done what was decided so far, and the commit thread removes before it creates, so the bound holds at every
// moment.
//
// Rejected: a ring of fixed slots (records differ in size a thousandfold); one block a batch (a batch of one small
// record would cost a block); dropping single records at the bound (readers would lose the definitions that later ones
// need).

#include <algorithm>
#include <cstring>

#include "base/crc32c.h"
#include "journal/state.h"

namespace resmon::journal {

namespace {

constexpr std::size_t kInlineBatch = 64;

}  // namespace

// A recovered group is not appended to: its producer's definitions are gone.
bool State::may_append_to_newest() const {
  const auto& groups = segments_.groups();
  return !groups.empty() && groups.back().first >= session_first_;
}

bool State::begins_segment(std::size_t payload_bytes) const {
  const MutexLock lock(mutex_);
  return !may_append_to_newest() || !sizes_.fits(segments_.groups().back().bytes, payload_bytes);
}

void State::put(const RecordHeader& header, std::string_view payload) {
  segments_.extend(
      blocks_.put({segments_.groups().back().first, last_position_, total_weight_}, header, seed_, payload));
}

void State::put_mark() {
  last_marked_ = durable_position_.load();
  char mark[8];
  std::memcpy(mark, &last_marked_, sizeof mark);
  const std::string_view payload(mark, sizeof mark);
  put({8, kMark, static_cast<std::uint32_t>(last_position_ + 1), crc32c(payload)}, payload);
}

// Checksums of the records of a batch, without an allocation for few.
class State::Checksums {
 public:
  explicit Checksums(std::span<const std::string_view> batch) {
    std::uint32_t* crcs = few_;
    if (batch.size() > kInlineBatch) {
      many_.resize(batch.size());
      crcs = many_.data();
    }
    for (std::size_t i = 0; i < batch.size(); ++i) crcs[i] = crc32c(batch[i]);
  }
  std::uint32_t operator[](std::size_t i) const { return many_.empty() ? few_[i] : many_[i]; }

 private:
  std::uint32_t few_[kInlineBatch];
  std::vector<std::uint32_t> many_;
};

Unexpected<Error> State::refuse(std::size_t records, std::string why) {
  counters_.refused_records += records;
  trigger_.refused();
  return fail(ErrorKind::kUnavailable, std::move(why));
}

// Puts the records behind all that are there. True: the first began a segment. REQUIRES: there is room
bool State::put_batch(std::span<const std::string_view> batch, const Checksums& crcs, std::uint64_t used,
                      std::uint64_t reserve) {
  bool began = false;
  bool put_mark_first = mark_due();
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const bool begins = !sizes_.fits(used, batch[i].size());
    if (begins) {
      segments_.begin_group(last_position_ + 1, reserve);
      began = began || i == 0;
    }
    if (put_mark_first) put_mark();
    put_mark_first = false;
    put({static_cast<std::uint32_t>(batch[i].size()), begins ? std::uint8_t{kStartsSegment} : std::uint8_t{0},
         static_cast<std::uint32_t>(last_position_ + 1), crcs[i]},
        batch[i]);
    ++last_position_;
    blocks_.end_at(last_position_);
    segments_.end_at(last_position_);
    used = segments_.groups().back().bytes;
    counters_.appended_bytes += batch[i].size();
  }
  return began;
}

// `at`: the first position to give out; 0: the next. A higher one leaves those between out, which takes a new segment.
Result<Appended> State::append(std::span<const std::string_view> batch, std::uint64_t at, std::uint64_t weight) {
  RESMON_ASSIGN(const std::uint64_t bytes, sizes_.encoded_bytes(batch));
  const Checksums crcs(batch);
  Appended appended;
  std::vector<std::function<void()>> wakes;
  bool nudge = false;
  {
    const MutexLock lock(mutex_);
    if (trigger_.stopping()) return fail(ErrorKind::kUnavailable, "the journal is closed");
    if (at != 0 && at <= last_position_)
      return fail(ErrorKind::kInvalid, "position " + std::to_string(at) + " was given out before");
    const bool skips = at > last_position_ + 1;
    appended.first = skips ? at : last_position_ + 1;
    appended.last = appended.first - 1 + batch.size();
    if (batch.empty()) return appended;
    const std::uint64_t waiting = blocks_.waiting_bytes();
    if (waiting + bytes > options_.buffer_bytes && (waiting > 0 || bytes > options_.buffer_bytes))
      return refuse(batch.size(), trigger_.error().empty() ? "too much waits to be written" : trigger_.error());

    const std::uint64_t used =
        skips || !may_append_to_newest() ? options_.segment_bytes : segments_.groups().back().bytes;
    const std::uint64_t begun = sizes_.segments_begun(batch, used, mark_due());
    const std::uint64_t reserve = allotment(options_.segment_bytes);
    if (begun > 0 && !retention_.make_room(begun * reserve, durable_position()))
      return refuse(batch.size(), "the journal is full: a reader that must not lose is behind");

    if (skips) last_position_ = at - 1;
    const bool was_idle = waiting == 0;
    if (was_idle) trigger_.begin_waiting(std::chrono::steady_clock::now());
    appended.began_segment = put_batch(batch, crcs, used, reserve);
    counters_.appended_records += batch.size();
    segments_.weigh_newest(weight);
    total_weight_ += weight;
    blocks_.set_weight(total_weight_);
    if (reserve_.runs_low(last_position_)) trigger_.touch_cursors();
    nudge = trigger_.appended(was_idle);
    collect_wakes(durable_position_.load(), wakes);
  }
  if (nudge) work_ready_.notify_one();
  for (const auto& wake : wakes) wake();
  return appended;
}

void State::collect_wakes(std::uint64_t durable, std::vector<std::function<void()>>& wakes) {
  bool waiting = false;
  const std::uint64_t may_show = shown();
  for (const auto& reader : readers_)
    waiting = reader->position_->take_wake(reader->position_->visible(durable, may_show), wakes) || waiting;
  if (waiting) progressed_.notify_all();
}

}  // namespace resmon::journal
