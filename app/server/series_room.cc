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

std::string SeriesRoom::find(const metric::Batch& batch, std::vector<std::size_t>& no_room) {
  const std::uint64_t clears = stored_.clears();
  const std::vector<std::size_t> rows = stored_.unmarked(batch);
  if (rows.empty()) return {};
  std::string first;
  std::map<metric::SchemaId, Answer> answers;
  {
    const MutexLock lock(mutex_);
    for (const std::size_t row : rows) {
      const metric::SchemaId id = batch.rows()[row].schema;
      const auto [at, fresh] = answers.try_emplace(id);
      if (fresh) at->second = admit(schemas_[id]);
      if (at->second.refusal.empty()) continue;
      if (first.empty()) first = at->second.refusal;
      no_room.push_back(row);
    }
  }
  std::vector<metric::SchemaId> stored;
  for (const auto& [id, answer] : answers)
    if (answer.stored) stored.push_back(id);
  stored_.mark(stored, clears);
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
  stored_.clear();
}

}  // namespace resmon::server
