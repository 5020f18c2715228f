#include "pipeline.h"

#include <pthread.h>

#include <chrono>
#include <cstdlib>
#include <map>

#include "base/log.h"

namespace resmon::server {

namespace {

constexpr auto kMaintainEvery = std::chrono::seconds(1);
constexpr auto kRetryPause = std::chrono::milliseconds(500);
constexpr auto kEarlyFlushEvery = std::chrono::seconds(2);
constexpr auto kLookAgain = std::chrono::milliseconds(100);  // where the device could not be read
constexpr std::size_t kMostRemovals = 16;
constexpr std::string_view kMark = "journal";

// "journal's number:position", so that a position of another journal is not mistaken for one of this.
std::string mark_of(std::uint64_t id, std::uint64_t position) {
  return std::to_string(id) + ":" + std::to_string(position);
}
std::uint64_t position_of(const std::string& mark, std::uint64_t id) {
  const std::string prefix = std::to_string(id) + ":";
  return mark.starts_with(prefix) ? std::strtoull(mark.c_str() + prefix.size(), nullptr, 10) : 0;
}

}  // namespace

Pipeline::Pipeline(ingest::Log& log, ingest::LogReader& reader, store::Store& store, fleet::Fleet& fleet,
                   SetAside& refused, const std::string& directory)
    : log_(log), reader_(reader), store_(store), fleet_(fleet), refused_(refused), flush_requests_(directory) {
  if (const auto mark = store_.mark(kMark)) written_ = marked_ = position_of(*mark, log_.id());
  if (const std::uint64_t last = log_.stats().last_position; written_ > last) {
    log::warn("store", "the journal lost its end, which the store has; its positions are given out again",
              {{"journal", last}, {"store", written_}});
    written_ = last;
    mark_ahead_ = true;
    take_mark_back();
  }
  reader_.skip_through(written_);
  applied_ = written_;
  bell_->owner = this;
  reader_.on_readable([bell = bell_] {
    const std::lock_guard lock(bell->mutex);
    if (bell->owner != nullptr) bell->owner->ring();
  });
}

Pipeline::~Pipeline() {
  stop();
  const std::lock_guard lock(bell_->mutex);
  bell_->owner = nullptr;
}

void Pipeline::ring() {
  const std::lock_guard lock(mutex_);
  readable_ = true;
  wake_.notify_one();
}

void Pipeline::start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "store");
    run();
  });
}

void Pipeline::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
    applied_changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

std::string Pipeline::trouble() const {
  std::lock_guard lock(mutex_);
  return trouble_;
}

void Pipeline::set_trouble(std::string text) {
  std::string before;
  {
    std::lock_guard lock(mutex_);
    before = std::exchange(trouble_, text);
    applied_changed_.notify_all();
  }
  if (!text.empty() && before.empty())
    log::error("store", "cannot write; clients keep their samples", {{"reason", text}});
  if (text.empty() && !before.empty()) log::info("store", "writing again");
}

void Pipeline::run() {
  house_at_ = flushed_at_ = std::chrono::steady_clock::now();
  while (true) {
    const ingest::Entry* const entry = next();
    if (entry != nullptr) {
      writing_received_ = entry->received;
      if (entry->position > shown_) fleet_.observe(*entry->batch, entry->received);
      shown_ = std::max(shown_, entry->position);
      if (!write(*entry)) break;
      written_ = entry->position;
      applied(written_);
    } else if (stopping_) {
      keep_house();
      break;
    }
    serve_removals();
    if (std::chrono::steady_clock::now() - house_at_ >= kMaintainEvery) keep_house();
  }
  const std::lock_guard lock(mutex_);
  for (const auto& removal : removals_) removal->answer = fail(ErrorKind::kUnavailable, "the server is stopping");
  removals_.clear();
  answered_.notify_all();
}

// The next entry; null, after a wait, where there is none.
const ingest::Entry* Pipeline::next() {
  const std::uint64_t durable = log_.durable_position();  // before the look, which then shows all of it
  if (const ingest::Entry* const entry = reader_.try_next()) return entry;
  const auto now = std::chrono::steady_clock::now();
  if (reader_.caught_up()) {
    writing_received_ = 0;
    applied(durable);  // also past positions that hold nothing to show
  }
  if (log_.stopped() && reader_.caught_up()) return nullptr;
  const auto until = reader_.caught_up() ? house_at_ + kMaintainEvery : now + kLookAgain;
  std::unique_lock lock(mutex_);
  const auto called = [&] {
    return readable_ || stopping_ || (!removals_.empty() && removals_.front()->after <= applied_);
  };
  wake_.wait_until(lock, until, called);
  readable_ = false;
  return nullptr;
}

void Pipeline::applied(std::uint64_t position) {
  if (position <= applied_) return;
  applied_ = position;
  if (waiting_ == 0) return;
  const std::lock_guard lock(mutex_);
  applied_changed_.notify_all();
}

bool Pipeline::wait_for(std::uint64_t position, std::chrono::steady_clock::time_point until) const {
  if (applied_ >= position) return true;
  const auto patience = std::chrono::nanoseconds(until - std::chrono::steady_clock::now()).count();
  const UnixNanos received = writing_received_;
  if (received != 0 && Clock::system().wall() - received > patience) return false;
  std::unique_lock lock(mutex_);
  ++waiting_;
  applied_changed_.wait_until(lock, until, [&] { return applied_ >= position || !trouble_.empty() || stopping_; });
  --waiting_;
  return applied_ >= position;
}

Result<store::DeleteReport> Pipeline::remove(store::Deletion deletion, std::chrono::steady_clock::time_point until) {
  const auto removal = std::make_shared<Removal>();
  removal->deletion = std::move(deletion);
  removal->after = log_.durable_position();
  std::unique_lock lock(mutex_);
  if (stopping_) return fail(ErrorKind::kUnavailable, "the server is stopping");
  if (removals_.size() >= kMostRemovals) return fail(ErrorKind::kUnavailable, "too many deletions are waiting");
  removals_.push_back(removal);
  wake_.notify_one();
  answered_.wait_until(lock, until, [&] { return removal->answer.has_value(); });
  if (removal->answer) return *std::move(removal->answer);
  if (removal->begun) return fail(ErrorKind::kUnavailable, "the deletion takes longer; it goes on");
  std::erase(removals_, removal);
  return fail(ErrorKind::kUnavailable, "the store is behind; nothing was deleted");
}

// Deletes what is to be deleted from entries that are all written.
void Pipeline::serve_removals() {
  std::unique_lock lock(mutex_);
  while (!removals_.empty() && removals_.front()->after <= applied_) {
    const std::shared_ptr<Removal> removal = removals_.front();
    removals_.pop_front();
    removal->begun = true;
    lock.unlock();
    // The mark goes to disk with the deletion: what was deleted is not written again from the log.
    if (written_ != marked_ && store_.set_mark(kMark, mark_of(log_.id(), written_))) marked_ = written_;
    Result<store::DeleteReport> answer = store_.remove(removal->deletion);
    release();
    lock.lock();
    removal->answer.emplace(std::move(answer));
    answered_.notify_all();
  }
}

// About once a second, also while the store takes nothing.
void Pipeline::keep_house() {
  const auto now = std::chrono::steady_clock::now();
  house_at_ = now;
  if (mark_ahead_) take_mark_back();
  if (written_ != marked_ && store_.set_mark(kMark, mark_of(log_.id(), written_))) marked_ = written_;
  Status kept = store_.maintain(Clock::system().wall());
  // The log's disk is precious once half of it is used: what is written is made durable before its time.
  const journal::Stats log = log_.stats();
  if (kept && log.disk_bytes > log.limit_bytes / 2 && now - flushed_at_ >= kEarlyFlushEvery &&
      position_of(store_.durable_mark(kMark), log_.id()) < written_) {
    flushed_at_ = now;
    kept = store_.flush();
  }
  if (kept && flush_requests_.due([this] { return log_.stats().last_position; }, written_)) {
    flushed_at_ = now;
    kept = store_.flush();
    if (kept) flush_requests_.answered();
  }
  set_trouble(kept ? "" : kept.error().message);
  release();
  (void)log_.check();
}

// Until then the durable mark says of new entries that the store has them.
void Pipeline::take_mark_back() {
  if (!store_.set_mark(kMark, mark_of(log_.id(), written_)) || !store_.flush()) return;
  marked_ = written_;
  mark_ahead_ = false;
}

void Pipeline::release() {
  if (!mark_ahead_) reader_.commit(position_of(store_.durable_mark(kMark), log_.id()));
}

void Pipeline::set_aside(const metric::Batch& batch, const std::vector<store::RefusedRow>& rows) {
  std::map<std::string, std::pair<std::uint64_t, std::string>> hosts;  // samples, and why the first was refused
  for (const store::RefusedRow& one : rows) {
    const metric::Row& row = batch.rows()[one.row];
    refused_.add(batch, row, one.reason);
    for (const metric::Tag& tag : (*batch.pin().table())[row.schema].tags) {
      if (tag.key != "host") continue;
      auto& [samples, reason] = hosts[tag.value];
      samples += one.samples;
      if (reason.empty()) reason = one.reason;
    }
  }
  if (!told_) return;
  for (const auto& [host, refused] : hosts) told_(host, refused.first, refused.second);
}

// False: stopping, and the store does not take it. The log has it: it is written when the server starts again.
bool Pipeline::write(const ingest::Entry& entry) {
  while (true) {
    auto report = store_.write(*entry.batch);
    if (report) {
      set_aside(*entry.batch, report->refused_rows);
      return true;
    }
    set_trouble(report.error().message);
    if (stopping_) return false;
    std::this_thread::sleep_for(kRetryPause);
    keep_house();  // retention may make room; the next write tells
    entry.batch->renew_pin();
    // Whoever looks at the fleet need not wait for the store.
    shown_ = log_.look_ahead(
        shown_, [this](const metric::Batch& batch, UnixNanos received) { fleet_.observe(batch, received); });
  }
}

}  // namespace resmon::server
