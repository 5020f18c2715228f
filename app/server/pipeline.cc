#include "pipeline.h"

#include <pthread.h>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>

#include "base/log.h"
#include "influxql/parse/time_text.h"

namespace resmon::server {

std::optional<ingest::Progress> progress_of(const std::string& mark, std::uint64_t id) {
  unsigned long long of = 0, position = 0, samples = 0;
  long long received = 0;
  if (std::sscanf(mark.c_str(), "%llu:%llu:%llu:%lld", &of, &position, &samples, &received) != 4 || of != id)
    return std::nullopt;
  return ingest::Progress{position, samples, received};
}

namespace {

constexpr auto kMaintainEvery = std::chrono::seconds(1);
constexpr auto kRetryPause = std::chrono::milliseconds(500);
constexpr auto kFlushPause = std::chrono::seconds(2);
constexpr std::uint64_t kStoreShare = 4;  // of the journal's space, what only the store still needs takes one part
constexpr auto kLookAgain = std::chrono::milliseconds(100);  // where the device could not be read
constexpr std::size_t kMostRemovals = 16;
constexpr std::string_view kMark = kJournalMark;
constexpr std::string_view kMissingMark = "missing";

// "journal's number:position:samples:time": a position of another journal is not mistaken for one of this.
std::string mark_of(std::uint64_t id, const ingest::Progress& progress) {
  return fmt::format("{}:{}:{}:{}", id, progress.position, progress.samples, progress.received);
}
std::uint64_t position_of(const std::string& mark, std::uint64_t id) {
  return progress_of(mark, id).value_or(ingest::Progress()).position;
}

std::string rfc3339(UnixNanos time) {
  std::string text;
  influxql::append_rfc3339(text, time, nullptr);
  return text;
}

void say_missing(const ingest::Missing& missing) {
  log::error("store", "samples that were acknowledged are missing: the files that had them are damaged or gone",
             {{"samples", missing.samples}, {"from", rfc3339(missing.from)}, {"to", rfc3339(missing.to)}});
}

}  // namespace

Pipeline::Pipeline(ingest::Log& log, ingest::LogReader& reader, store::Store& store, fleet::Fleet& fleet,
                   SetAside& refused, const std::string& directory)
    : log_(log), reader_(reader), store_(store), fleet_(fleet), refused_(refused), flush_requests_(directory) {
  const std::string mark = store_.mark(kMark);
  unsigned long long samples = 0;
  long long from = 0, to = 0;
  if (std::sscanf(store_.mark(kMissingMark).c_str(), "%llu:%lld:%lld", &samples, &from, &to) == 3)
    missing_ = {samples, from, to};
  if (const auto progress = progress_of(mark, log_.id()))
    written_ = *progress;
  else if (!mark.empty())
    log::error("store",
               "the journal is not the one from which the store was written; samples that were acknowledged after the "
               "store's last write are lost",
               {{"store", mark}, {"journal", log_.id()}});
  marked_ = written_.position;
  const ingest::Progress reached = progress_of(store_.reached_mark(kMark), log_.id()).value_or(written_);
  replayed_through_ = reached.position;
  replay_end_ = log_.durable_position();
  written_samples_ = written_.samples;
  log_.skip_to(reached.position > written_.position ? reached : written_);
  reader_.start_after(written_);
  missing_end_ = reader_.missing_end();
  if (missing_end_.samples > 0) say_missing(missing_end_);
  applied_ = written_.position;
  bell_->owner = this;
  reader_.on_readable([bell = bell_] {
    const MutexLock lock(bell->mutex);
    if (bell->owner != nullptr) bell->owner->ring();
  });
}

Pipeline::~Pipeline() {
  stop({});
  const MutexLock lock(bell_->mutex);
  bell_->owner = nullptr;
}

void Pipeline::ring() {
  const MutexLock lock(mutex_);
  readable_ = true;
  wake_.notify_one();
}

void Pipeline::start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "store");
    run();
  });
}

void Pipeline::stop(std::chrono::steady_clock::time_point until) {
  stop_by_ = until;
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
    applied_changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

std::string Pipeline::trouble() const {
  MutexLock lock(mutex_);
  return trouble_;
}

void Pipeline::set_trouble(std::string text) {
  std::string before;
  {
    MutexLock lock(mutex_);
    before = std::exchange(trouble_, text);
  }
  if (!text.empty() && before.empty())
    log::error("store", "cannot write; clients keep their samples", {{"reason", text}});
  if (text.empty() && !before.empty()) log::info("store", "writing again");
}

void Pipeline::set_refusing(bool refusing) {
  const MutexLock lock(mutex_);
  if (std::exchange(refusing_, refusing) != refusing) applied_changed_.notify_all();
}

void Pipeline::run() {
  house_at_ = flushed_at_ = std::chrono::steady_clock::now();
  while (true) {
    if (std::chrono::steady_clock::now() >= stop_by_.load()) {
      log::info("store", "stopped before all was stored; the journal keeps the rest",
                {{"samples", stats().backlog_samples}});
      (void)store_.set_mark(kMark, mark_of(log_.id(), written_));
      break;
    }
    const ingest::Entry* const entry = next();
    if (entry != nullptr) {
      writing_received_ = entry->received;
      if (entry->position > shown_) fleet_.observe(*entry->batch, entry->received);
      shown_ = std::max(shown_, entry->position);
      if (seen_) seen_(*entry);
      if (!write(*entry)) break;
      written_ = reader_.progress();
      written_samples_ = written_.samples;
      note_missing();
      applied(written_.position);
    } else if (stopping_) {
      keep_house();
      break;
    }
    serve_removals();
    if (std::chrono::steady_clock::now() - house_at_ >= kMaintainEvery) keep_house();
  }
  const MutexLock lock(mutex_);
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
  const MutexLock lock(mutex_);
  while (!readable_ && !stopping_ && (removals_.empty() || removals_.front()->after > applied_))
    if (!wake_.wait_until(mutex_, until)) break;
  readable_ = false;
  return nullptr;
}

void Pipeline::applied(std::uint64_t position) {
  if (position <= applied_) return;
  applied_ = position;
  if (waiting_ == 0) return;
  const MutexLock lock(mutex_);
  applied_changed_.notify_all();
}

bool Pipeline::wait_for(std::uint64_t position, std::chrono::steady_clock::time_point until) const {
  if (applied_ >= position) return true;
  const auto patience = std::chrono::nanoseconds(until - std::chrono::steady_clock::now()).count();
  const UnixNanos received = writing_received_;
  const bool replaying = applied_ < replay_end_;
  if (!replaying && received != 0 && Clock::system().wall() - received > patience) return false;
  const MutexLock lock(mutex_);
  ++waiting_;
  while (applied_ < position && !refusing_ && !stopping_)
    if (!applied_changed_.wait_until(mutex_, until)) break;
  --waiting_;
  return applied_ >= position;
}

Result<store::DeleteReport> Pipeline::remove(store::Deletion deletion, std::chrono::steady_clock::time_point until) {
  const auto removal = std::make_shared<Removal>();
  removal->deletion = std::move(deletion);
  removal->after = log_.durable_position();
  const MutexLock lock(mutex_);
  if (stopping_) return fail(ErrorKind::kUnavailable, "the server is stopping");
  if (removals_.size() >= kMostRemovals) return fail(ErrorKind::kUnavailable, "too many deletions are waiting");
  removals_.push_back(removal);
  wake_.notify_one();
  while (!removal->answer)
    if (!answered_.wait_until(mutex_, until)) break;
  // Of one that is about to be written down it is not known yet whether it will happen; that does not take long.
  while (removal->taken && !removal->answer && !removal->begun) answered_.wait(mutex_);
  if (removal->answer) return *std::move(removal->answer);
  if (removal->begun)
    return fail(ErrorKind::kUnavailable, "the deletion takes longer; it continues, also after a restart of the server");
  std::erase(removals_, removal);
  return fail(ErrorKind::kUnavailable, "the store is behind; nothing was deleted");
}

// Deletes what is to be deleted from entries that are all written.
void Pipeline::serve_removals() {
  MutexLock lock(mutex_);
  while (!removals_.empty() && removals_.front()->after <= applied_) {
    const std::shared_ptr<Removal> removal = removals_.front();
    removals_.pop_front();
    removal->taken = true;
    lock.unlock();
    // The mark goes to disk with the deletion: what was deleted is not written again from the log.
    if (written_.position != marked_ && store_.set_mark(kMark, mark_of(log_.id(), written_)))
      marked_ = written_.position;
    Result<store::DeleteReport> answer = store_.remove(removal->deletion, [&] {
      const MutexLock begun(mutex_);
      removal->begun = true;
      answered_.notify_all();
    });
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
  if (written_.position != marked_ && store_.set_mark(kMark, mark_of(log_.id(), written_))) marked_ = written_.position;
  Status kept = store_.maintain(Clock::system().wall());
  if (kept && now - flushed_at_ >= kFlushPause && journal_holds_much()) {
    flushed_at_ = now;
    kept = store_.flush();
  }
  if (kept && flush_requests_.due([this] { return log_.stats().last_position; }, written_.position)) {
    flushed_at_ = now;
    kept = store_.flush();
    if (kept) flush_requests_.answered();
  }
  set_trouble(kept ? "" : kept.error().message);
  release();
  (void)log_.check();
}

// Whether the journal keeps more for the store alone than it may: then the heads that need it are written to the file.
bool Pipeline::journal_holds_much() const {
  const journal::Stats log = log_.stats();
  const std::uint64_t durable = position_of(store_.durable_mark(kMark), log_.id());
  if (written_.position <= durable || log.last_position < log.first_position) return false;
  const auto kept = static_cast<double>(log.last_position - log.first_position + 1);
  const auto held = static_cast<double>(log.last_position - std::max(durable, log.first_position - 1));
  return held / kept * static_cast<double>(log.disk_bytes) > static_cast<double>(log.limit_bytes) / kStoreShare;
}

void Pipeline::release() {
  reader_.hold_after(position_of(store_.checkpointed_mark(kMark), log_.id()));
  reader_.commit(position_of(store_.durable_mark(kMark), log_.id()));
}

ingest::Missing Pipeline::missing() const {
  MutexLock lock(mutex_);
  if (missing_end_.samples == 0) return missing_;
  return {missing_.samples + missing_end_.samples, missing_end_.from, missing_end_.to};
}

// With the mark of what was written up to here, in one transaction: counted once, whenever the process ends.
void Pipeline::note_missing() {
  const std::vector<ingest::Missing> found = reader_.take_missing();
  if (found.empty()) return;
  MutexLock lock(mutex_);
  for (const ingest::Missing& one : found) {
    if (one.samples > one.of_end) say_missing({one.samples - one.of_end, one.from, one.to});
    missing_ = {missing_.samples + one.samples, one.from, one.to};
  }
  missing_end_ = reader_.missing_end();
  if (!store_.set_mark(kMissingMark, fmt::format("{}:{}:{}", missing_.samples, missing_.from, missing_.to)) ||
      !store_.set_mark(kMark, mark_of(log_.id(), written_)))
    return;
  marked_ = written_.position;
  // So that the next start begins behind the gap, and does not report it again.
  if (const Status flushed = store_.flush(); !flushed)
    log::warn("store", "the gap in the journal will be reported again by the next start",
              {{"reason", flushed.error().message}});
}

ingest::LogReader::Stats Pipeline::stats() const {
  ingest::LogReader::Stats stats = reader_.stats();
  // What is written counts as done, although the journal keeps it until the store's file has it.
  const std::uint64_t last = log_.stats().last_position;
  stats.backlog_entries = last - std::min(last, applied_.load());
  stats.backlog_samples =
      stats.backlog_entries == 0 ? 0 : log_.samples() - std::min(log_.samples(), written_samples_.load());
  stats.oldest_received.reset();
  if (const UnixNanos received = writing_received_; received != 0) stats.oldest_received = received;
  return stats;
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
      // What an earlier process wrote already, and is written again after a crash, was reported then.
      if (entry.position > replayed_through_) set_aside(*entry.batch, report->refused_rows);
      set_refusing(false);
      return true;
    }
    set_refusing(true);
    set_trouble(report.error().message);
    if (stopping_) return false;
    std::this_thread::sleep_for(kRetryPause);
    keep_house();  // retention may make room; the next write tells
    entry.batch->renew_pin();
    // The fleet is updated at once, without waiting for the store.
    shown_ = log_.look_ahead(
        shown_, [this](const metric::Batch& batch, UnixNanos received) { fleet_.observe(batch, received); });
  }
}

}  // namespace resmon::server
