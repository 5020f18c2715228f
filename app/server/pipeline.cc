#include "pipeline.h"

#include <pthread.h>

#include <fmt/format.h>

#include <chrono>
#include <cstdio>

#include "base/log.h"
#include "influxql/time_text.h"

namespace resmon::server {

namespace {

constexpr auto kMaintainEvery = std::chrono::seconds(1);
constexpr auto kRetryPause = std::chrono::milliseconds(500);
constexpr auto kEarlyFlushEvery = std::chrono::seconds(2);
constexpr std::string_view kMark = "journal";

constexpr std::string_view kMissingMark = "missing";

// "journal's number:position:samples:time": a position of another journal is not mistaken for one of this.
std::string mark_of(std::uint64_t id, const ingest::Progress& progress) {
  return fmt::format("{}:{}:{}:{}", id, progress.position, progress.samples, progress.received);
}
// Nothing, where the mark is of another journal.
std::optional<ingest::Progress> progress_of(const std::string& mark, std::uint64_t id) {
  unsigned long long of = 0, position = 0, samples = 0;
  long long received = 0;
  if (std::sscanf(mark.c_str(), "%llu:%llu:%llu:%lld", &of, &position, &samples, &received) != 4 || of != id)
    return std::nullopt;
  return ingest::Progress{position, samples, received};
}
std::uint64_t position_of(const std::string& mark, std::uint64_t id) {
  return progress_of(mark, id).value_or(ingest::Progress()).position;
}

std::string time_text(UnixNanos time) {
  std::string text;
  influxql::append_rfc3339(text, time, nullptr);
  return text;
}

void say_missing(const ingest::Missing& missing) {
  log::error("store", "samples that were acknowledged are missing: the files that had them are damaged or gone",
             {{"samples", missing.samples}, {"from", time_text(missing.from)}, {"to", time_text(missing.to)}});
}

}  // namespace

Pipeline::Pipeline(ingest::Log& log, ingest::LogReader& reader, store::Store& store, fleet::Fleet& fleet,
                   SetAside& refused, const std::string& directory)
    : log_(log), reader_(reader), store_(store), fleet_(fleet), refused_(refused), flush_requests_(directory) {
  const std::string mark = store_.mark(kMark).value_or("");
  unsigned long long samples = 0;
  long long from = 0, to = 0;
  if (std::sscanf(store_.mark(kMissingMark).value_or("").c_str(), "%llu:%lld:%lld", &samples, &from, &to) == 3)
    missing_ = {samples, from, to};
  if (const auto progress = progress_of(mark, log_.id()))
    written_ = *progress;
  else if (!mark.empty())
    log::error("store",
               "the journal is another one than the store was written from; what was acknowledged after the store's "
               "last write is lost",
               {{"store", mark}, {"journal", log_.id()}});
  marked_ = written_.position;
  log_.skip_to(written_);
  reader_.start_after(written_);
  missing_end_ = reader_.missing_end();
  if (missing_end_.samples > 0) say_missing(missing_end_);
}

Pipeline::~Pipeline() {
  stop({});
}

void Pipeline::start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "store");
    run();
  });
}

void Pipeline::stop(std::chrono::steady_clock::time_point until) {
  stop_by_ = until;
  stopping_ = true;
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
  }
  if (!text.empty() && before.empty())
    log::error("store", "cannot write; clients keep their samples", {{"reason", text}});
  if (text.empty() && !before.empty()) log::info("store", "writing again");
}

void Pipeline::run() {
  house_at_ = flushed_at_ = std::chrono::steady_clock::now();
  while (true) {
    if (std::chrono::steady_clock::now() >= stop_by_.load()) {
      log::info("store", "stopped before all was stored; the journal keeps the rest",
                {{"samples", reader_.stats().backlog_samples}});
      (void)store_.set_mark(kMark, mark_of(log_.id(), written_));
      return;
    }
    const ingest::Entry* const entry = reader_.next(house_at_ + kMaintainEvery);
    if (entry != nullptr) {
      if (entry->position > shown_) fleet_.observe(*entry->batch, entry->received);
      shown_ = std::max(shown_, entry->position);
      if (!write(*entry)) return;
      written_ = reader_.progress();
      note_missing();
    } else if (stopping_) {
      keep_house();
      return;
    }
    if (std::chrono::steady_clock::now() - house_at_ >= kMaintainEvery) keep_house();
  }
}

// About once a second, also while the store takes nothing.
void Pipeline::keep_house() {
  const auto now = std::chrono::steady_clock::now();
  house_at_ = now;
  if (written_.position != marked_ && store_.set_mark(kMark, mark_of(log_.id(), written_))) marked_ = written_.position;
  Status kept = store_.maintain(Clock::system().wall());
  // The log's disk is precious once half of it is used: what is written is made durable before its time.
  const journal::Stats log = log_.stats();
  if (kept && log.disk_bytes > log.limit_bytes / 2 && now - flushed_at_ >= kEarlyFlushEvery &&
      position_of(store_.durable_mark(kMark), log_.id()) < written_.position) {
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

void Pipeline::release() {
  reader_.hold_after(position_of(store_.checkpointed_mark(kMark), log_.id()));
  reader_.commit(position_of(store_.durable_mark(kMark), log_.id()));
}

ingest::Missing Pipeline::missing() const {
  std::lock_guard lock(mutex_);
  if (missing_end_.samples == 0) return missing_;
  return {missing_.samples + missing_end_.samples, missing_end_.from, missing_end_.to};
}

// With the mark of what was written up to here, in one transaction: counted once, whenever the process ends.
void Pipeline::note_missing() {
  const std::vector<ingest::Missing> found = reader_.take_missing();
  if (found.empty()) return;
  std::lock_guard lock(mutex_);
  for (const ingest::Missing& one : found) {
    if (one.samples > one.of_end) say_missing({one.samples - one.of_end, one.from, one.to});
    missing_ = {missing_.samples + one.samples, one.from, one.to};
  }
  missing_end_ = reader_.missing_end();
  if (store_.set_mark(kMissingMark, fmt::format("{}:{}:{}", missing_.samples, missing_.from, missing_.to)) &&
      store_.set_mark(kMark, mark_of(log_.id(), written_)))
    marked_ = written_.position;
}

// False: stopping, and the store does not take it. The log has it: it is written when the server starts again.
bool Pipeline::write(const ingest::Entry& entry) {
  while (true) {
    auto report = store_.write(*entry.batch);
    if (report) {
      for (const store::RefusedRow& one : report->refused_rows)
        refused_.add(*entry.batch, entry.batch->rows()[one.row], one.reason);
      return true;
    }
    set_trouble(report.error().message);
    if (stopping_) return false;
    std::this_thread::sleep_for(kRetryPause);
    keep_house();  // retention may make room; the next write tells
    // Whoever looks at the fleet need not wait for the store.
    shown_ = log_.look_ahead(
        shown_, [this](const metric::Batch& batch, UnixNanos received) { fleet_.observe(batch, received); });
  }
}

void remember_hosts(const store::Reader& store, fleet::Fleet& fleet) {
  // Every client sends `system`; its load is there whatever else it leaves out.
  std::vector<store::ColumnId> columns;
  for (const store::Column& column : store.columns("system"))
    if (column.name == "load1") columns.push_back(column.id);
  if (columns.empty()) return;
  for (const auto& group : store.groups("system")) {
    for (const metric::Tag& tag : group->tags) {
      if (tag.key != "host") continue;
      UnixNanos last = 0;
      // The newest block is enough: an error ends the scan.
      (void)store.scan(group->id, columns, {}, true, [&](const store::Block& block) -> Status {
        if (!block.times.empty()) last = block.times.back();
        return fail(ErrorKind::kLimit, "enough");
      });
      if (last != 0) fleet.remember(tag.value, last);
    }
  }
}

}  // namespace resmon::server
