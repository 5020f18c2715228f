#include "store/marks.h"

#include <algorithm>

namespace resmon::store {

namespace {
constexpr std::size_t kMostEpochs = 1024;
}  // namespace

Status Marks::load(Database& database) {
  RESMON_ASSIGN(Statement select, database.prepare("SELECT name, value, newest FROM marks"));
  const std::lock_guard lock(mutex_);
  while (true) {
    RESMON_ASSIGN(const bool row, select.step());
    if (!row) break;
    const std::string name(select.blob(0));
    if (const std::string_view value = select.blob(1); !value.empty()) committed_.emplace(name, value);
    reached_.emplace(name, select.blob(2));
  }
  newest_ = committed_;
  saved_newest_ = committed_;
  epochs_.back().values = committed_;
  return {};
}

Marks::Epoch Marks::begin(std::uint64_t samples) {
  if (used_) epochs_.push_back({epochs_.back().number + 1, samples, epochs_.back().values});
  used_ = false;
  return epochs_.back().number;
}

void Marks::set(std::string_view name, std::string_view value, std::uint64_t samples) {
  begin(samples);
  epochs_.back().values.insert_or_assign(std::string(name), std::string(value));
  // Rows of an epoch that is left out count to the one before: an older mark is right, too.
  if (epochs_.size() > kMostEpochs) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < epochs_.size(); ++i)
      if (i % 2 == 0 || i + 1 == epochs_.size()) std::swap(epochs_[kept++], epochs_[i]);
    epochs_.resize(kept);
  }
  const std::lock_guard lock(mutex_);
  newest_ = epochs_.back().values;
}

const Marks::Begun& Marks::before(Epoch epoch) const {
  const auto after = std::upper_bound(epochs_.begin(), epochs_.end(), epoch,
                                      [](Epoch number, const Begun& begun) { return number < begun.number; });
  return after == epochs_.begin() ? epochs_.front() : *std::prev(after);
}

bool Marks::to_save(Epoch needed) const {
  return before(needed).values != committed_ || newest_ != saved_newest_;
}

bool Marks::to_sync(Epoch needed) const {
  return before(needed).values != durable_;
}

Status Marks::save(Database& database, Epoch needed) const {
  const Values& values = before(needed).values;
  RESMON_ASSIGN(Statement insert,
                database.prepare("INSERT OR REPLACE INTO marks (name, value, newest) VALUES (?1, ?2, ?3)"));
  for (const auto& [name, newest] : newest_) {
    const std::string value = find(values, name);  // outlives the statement's run
    RESMON_TRY(insert.bind_text(1, name).bind_blob(2, value).bind_blob(3, newest).run());
  }
  return {};
}

void Marks::saved(Epoch needed, bool synced) {
  while (epochs_.size() > 1 && epochs_[1].number <= needed) epochs_.pop_front();
  saved_newest_ = newest_;
  const std::lock_guard lock(mutex_);
  committed_ = before(needed).values;
  if (synced) durable_ = committed_;
}

void Marks::all_synced() {
  const std::lock_guard lock(mutex_);
  durable_ = committed_;
}

void Marks::all_checkpointed() {
  const std::lock_guard lock(mutex_);
  checkpointed_ = committed_;
}

std::string Marks::find(const Values& values, std::string_view name) const {
  const auto it = values.find(name);
  return it == values.end() ? std::string() : it->second;
}

std::string Marks::newest(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  return find(newest_, name);
}

std::string Marks::durable(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  return find(durable_, name);
}

std::string Marks::checkpointed(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  return find(checkpointed_, name);
}

std::string Marks::reached(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  return find(reached_, name);
}

}  // namespace resmon::store
