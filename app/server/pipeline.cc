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
}

Pipeline::~Pipeline() {
  stop();
}

void Pipeline::start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "store");
    run();
  });
}

void Pipeline::stop() {
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
    const ingest::Entry* const entry = reader_.next(house_at_ + kMaintainEvery);
    if (entry != nullptr) {
      if (entry->position > shown_) fleet_.observe(*entry->batch, entry->received);
      shown_ = std::max(shown_, entry->position);
      if (!write(*entry)) return;
      written_ = entry->position;
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
