#include "series_room.h"

#include <map>
#include <optional>

namespace resmon::server {

namespace {

constexpr auto kKeptFor = std::chrono::minutes(1);
constexpr int kSweepPart = 20;  // of the time, at most

std::string key_of(const metric::Schema& schema) {
  std::string key = schema.measurement;
  for (const metric::Tag& tag : schema.tags) key.append(1, '\0').append(tag.key).append(1, '\0').append(tag.value);
  return key;
}

}  // namespace

// The path of nearly every batch: one comparison a row.
std::vector<std::size_t> SeriesRoom::not_known(const metric::Batch& batch) const {
  std::vector<std::size_t> out;
  const std::shared_lock lock(stored_mutex_);
  for (std::size_t i = 0; i < batch.rows().size(); ++i) {
    const metric::SchemaId id = batch.rows()[i].schema;
    if (id >= stored_.size() || stored_[id] != schemas_.generation(id)) out.push_back(i);
  }
  return out;
}

std::string SeriesRoom::find(const metric::Batch& batch, std::vector<std::size_t>& no_room) {
  const std::vector<std::size_t> rows = not_known(batch);
  if (rows.empty()) return {};
  std::string first;
  std::map<metric::SchemaId, Answer> answers;
  {
    const std::lock_guard lock(mutex_);
    for (const std::size_t row : rows) {
      const metric::SchemaId id = batch.rows()[row].schema;
      const auto [at, fresh] = answers.try_emplace(id);
      if (fresh) at->second = admit(schemas_[id]);
      if (at->second.refusal.empty()) continue;
      if (first.empty()) first = at->second.refusal;
      no_room.push_back(row);
    }
  }
  const std::unique_lock lock(stored_mutex_);
  for (const auto& [id, answer] : answers) {
    if (!answer.stored) continue;
    if (id >= stored_.size()) stored_.resize(id + 1);
    stored_[id] = schemas_.generation(id);
  }
  return first;
}

SeriesRoom::Answer SeriesRoom::admit(const metric::Schema& schema) {
  const Time now = std::chrono::steady_clock::now();
  std::string key = key_of(schema);
  store::Place place = store_.place_for(schema.measurement, schema.tags, coming_.size());
  if (place.known) {
    coming_.erase(key);
    return {true, {}};
  }
  if (const auto at = coming_.find(key); at != coming_.end()) {
    at->second.at = now;
    return {};
  }
  if (!coming_.empty() && now >= sweep_after_) {
    sweep(now);
    place = store_.place_for(schema.measurement, schema.tags, coming_.size());
  }
  if (!place.refusal.empty()) return {false, std::move(place.refusal)};
  coming_.emplace(std::move(key), Coming{schema.measurement, schema.tags, now});
  return {};
}

// Lets go of what is stored by now, or never came.
void SeriesRoom::sweep(Time now) {
  std::erase_if(coming_, [&](const auto& one) {
    const Coming& coming = one.second;
    return now - coming.at >= kKeptFor || store_.place_for(coming.measurement, coming.tags, 0).known;
  });
  const Time end = std::chrono::steady_clock::now();
  sweep_after_ = end + kSweepPart * (end - now);
}

void SeriesRoom::forget() {
  const std::unique_lock lock(stored_mutex_);
  stored_.clear();
}

}  // namespace resmon::server
