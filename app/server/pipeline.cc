#include "pipeline.h"

#include <pthread.h>

#include <chrono>

#include "base/log.h"

namespace resmon::server {

namespace {

constexpr auto kMaintainEvery = std::chrono::seconds(1);
constexpr auto kRetryPause = std::chrono::milliseconds(500);

}  // namespace

Pipeline::Pipeline(ingest::Log& log, store::Store& store, fleet::Fleet& fleet)
    : reader_(log.add_reader(ingest::LogReader::Loss::kNever)), store_(store), fleet_(fleet) {}

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
  auto maintain_at = std::chrono::steady_clock::now() + kMaintainEvery;
  while (true) {
    const auto entry = reader_.next(maintain_at);
    if (entry) {
      fleet_.observe(*entry->batch, entry->received);
      write(*entry);
      reader_.commit(entry->position);
    } else if (stopping_) {
      return;
    }
    if (std::chrono::steady_clock::now() >= maintain_at) {
      if (Status kept = store_.maintain(Clock::system().wall()); !kept)
        set_trouble(kept.error().message);
      else
        set_trouble("");
      maintain_at = std::chrono::steady_clock::now() + kMaintainEvery;
    }
  }
}

void Pipeline::write(const ingest::Entry& entry) {
  while (true) {
    auto report = store_.write(*entry.batch);
    if (report) {
      if (report->refused_samples > 0)
        log::warn("store", "samples refused", {{"samples", report->refused_samples}, {"first", report->first_refusal}});
      set_trouble("");
      return;
    }
    set_trouble(report.error().message);
    if (stopping_) {
      log::error("store", "stopping with samples that could not be stored", {{"samples", entry.batch->samples()}});
      return;
    }
    std::this_thread::sleep_for(kRetryPause);
    (void)store_.maintain(Clock::system().wall());  // retention may make room; the next write tells
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
