#include "fleet/fleet.h"

// Rows come by the thousand and most of them do not matter here, so what a schema means to the overview is found out
// once, when it is first seen, and kept by schema id: a row that means nothing costs one look-up. Many schemas can mean
// one series (the same fields in another order), so the numbers themselves are the series'. A batch is read as a whole
// before the hosts that it has rows of are summed up: in between, half of a gather would look like a host that lost the
// other half.

#include <algorithm>
#include <array>
#include <bit>
#include <tuple>

#include "fleet/fleet_internal.h"

namespace resmon::fleet {

namespace {

constexpr auto kClientInterval = std::chrono::seconds(5);  // of one that does not say
constexpr auto kOtherInterval = std::chrono::seconds(60);  // of what has come once
constexpr UnixNanos kOneArrival = 500'000'000;             // parts of one flush come within this
constexpr UnixNanos kKeepSeries = 600'000'000'000;
constexpr std::size_t kRemovals = 1000;
constexpr std::size_t kMostReasonBytes = 300;

std::string key_of(Kind kind, const metric::Schema& schema) {
  std::string key(1, static_cast<char>('0' + static_cast<int>(kind)));
  for (const metric::Tag& tag : schema.tags) key.append(tag.key).append(1, '\0').append(tag.value).append(1, '\0');
  return key;
}

std::string tag_of(const metric::Schema& schema, std::string_view key) {
  for (const metric::Tag& tag : schema.tags)
    if (tag.key == key) return tag.value;
  return {};
}

}  // namespace

State state_at(UnixNanos now, UnixNanos last_seen, std::chrono::nanoseconds interval, bool connected) {
  const std::chrono::nanoseconds otherwise = connected ? kClientInterval : kOtherInterval;
  const auto step = std::clamp<std::int64_t>((interval.count() > 0 ? interval : otherwise).count(), 1'000'000'000,
                                             86'400'000'000'000);
  const std::int64_t silent = now - last_seen;
  if (silent <= 2 * step + 2'000'000'000) return State::kUp;
  if (silent <= 6 * step + 10'000'000'000) return State::kLate;
  return State::kDown;
}

std::string_view state_name(State state) {
  switch (state) {
    case State::kUp:
      return "up";
    case State::kLate:
      return "late";
    case State::kDown:
      return "down";
  }
  return "down";
}

Fleet::Fleet(const metric::SchemaTable& schemas, const Clock& clock, FleetLimits limits)
    : schemas_(schemas), clock_(clock), limits_(limits) {}
Fleet::~Fleet() = default;

Fleet::Entry* Fleet::find(std::string_view name) const {
  const auto it = entries_.find(name);
  return it == entries_.end() || !it->second->own ? nullptr : it->second.get();
}

Fleet::Entry& Fleet::entry(const std::string& name) {
  auto& found = entries_[name];
  if (!found) found = std::make_unique<Entry>();
  if (!std::exchange(found->own, true)) {
    ++own_;
    found->host.name = name;
    found->host.first_seen = clock_.wall();
    forgotten_.erase(name);
    ++memory_version_;
  }
  return *found;
}

// Null where rows of that time make no host of it.
Fleet::Entry* Fleet::entry_for_data(const std::string& name, UnixNanos time) {
  if (Entry* const known = find(name)) return known;
  if (const auto it = forgotten_.find(name); it != forgotten_.end() && time <= it->second) return nullptr;
  if (own_ >= limits_.hosts) {
    ++refused_hosts_;
    return nullptr;
  }
  return &entry(name);
}

void Fleet::connected(const ingest::ClientInfo& client) {
  MutexLock lock(mutex_);
  if (own_ >= limits_.hosts && find(client.host) == nullptr) {
    ++refused_hosts_;
    return;
  }
  Entry& entry = this->entry(client.host);
  Host& host = entry.host;
  if (host.software != client.software || host.tags != client.tags || entry.said_interval != client.interval)
    ++memory_version_;
  host.connected = true;
  host.address = client.address;
  host.software = client.software;
  host.interval = entry.said_interval = client.interval;
  host.clock_skew = client.clock_skew;
  host.tags = client.tags;
  host.last_seen = host.connected_since = clock_.wall();
  host.version = ++version_;
}

void Fleet::heard_from(const std::string& name) {
  MutexLock lock(mutex_);
  if (Entry* const entry = find(name)) entry->host.last_seen = clock_.wall();
}

void Fleet::disconnected(const std::string& name) {
  MutexLock lock(mutex_);
  Entry* const entry = find(name);
  if (entry == nullptr) return;
  entry->host.connected = false;
  entry->host.version = ++version_;
}

void Fleet::refused(const std::string& name, std::uint64_t samples, const std::string& reason) {
  MutexLock lock(mutex_);
  Entry* const entry = find(name);
  if (entry == nullptr) return;
  Host& host = entry->host;
  host.refused_samples += samples;
  host.last_refusal = reason.substr(0, kMostReasonBytes);
  host.version = ++version_;
}

void Fleet::remember(const std::string& name, UnixNanos last_seen) {
  MutexLock lock(mutex_);
  if (find(name) != nullptr || own_ >= limits_.hosts) return;
  if (const auto it = forgotten_.find(name); it != forgotten_.end() && last_seen <= it->second) return;
  Host& host = entry(name).host;
  host.first_seen = std::min(last_seen, clock_.wall());
  host.last_seen = host.newest_sample = host.first_seen;
  host.version = ++version_;
}

void Fleet::restore(const Memory& memory) {
  const UnixNanos now = clock_.wall();
  MutexLock lock(mutex_);
  for (const Host& known : memory.hosts) {
    if (find(known.name) != nullptr || own_ >= limits_.hosts) continue;
    Entry& made = entry(known.name);
    made.host = known;
    made.host.connected = false;
    made.host.connected_since = 0;
    made.host.first_seen = std::min(known.first_seen, now);
    made.host.last_seen = std::min(known.last_seen, now);
    made.host.newest_sample = std::min(known.newest_sample, now);
    made.host.received_samples = 0;
    made.said_interval = known.interval;
    made.host.version = ++version_;
  }
  for (const ForgottenHost& gone : memory.forgotten)
    if (find(gone.name) == nullptr && forgotten_.size() < limits_.forgotten)
      forgotten_.emplace(gone.name, gone.newest_sample);
  thresholds_ = memory.thresholds;
}

Status Fleet::change_settings(const std::string& host, const std::function<Status(HostSettings&)>& change) {
  MutexLock lock(mutex_);
  Entry* const known = find(host);
  if (known == nullptr) return fail(ErrorKind::kNotFound, "no host has this name");
  HostSettings next = known->host.settings ? *known->host.settings : HostSettings();
  RESMON_TRY(change(next));
  RESMON_TRY(check(next));
  known->host.settings = next.empty() ? nullptr : std::make_shared<const HostSettings>(std::move(next));
  known->host.version = ++version_;
  ++memory_version_;
  return {};
}

Thresholds Fleet::thresholds() const {
  MutexLock lock(mutex_);
  return thresholds_;
}

void Fleet::set_thresholds(Thresholds thresholds) {
  MutexLock lock(mutex_);
  thresholds_ = std::move(thresholds);
  ++memory_version_;
}

Memory Fleet::memory() const {
  Memory memory;
  memory.hosts = hosts();
  MutexLock lock(mutex_);
  for (const auto& [name, newest] : forgotten_) memory.forgotten.push_back({name, newest});
  memory.thresholds = thresholds_;
  return memory;
}

std::uint64_t Fleet::memory_version() const {
  MutexLock lock(mutex_);
  return memory_version_;
}

Series* Fleet::series_of(Entry& entry, Kind kind, const metric::Schema& schema) {
  const std::string key = key_of(kind, schema);
  if (const auto it = entry.series.find(key); it != entry.series.end()) return it->second.get();
  if (series_ >= limits_.series) {
    ++refused_series_;
    return nullptr;
  }
  ++series_;
  std::string name;
  if (kind == Kind::kDisk) name = tag_of(schema, "path");
  if (kind == Kind::kPressure) name = tag_of(schema, "resource");
  return entry.series.emplace(key, std::make_unique<Series>(kind, std::move(name))).first->second.get();
}

Fleet::Meaning Fleet::make_meaning(const metric::Schema& schema, std::uint32_t generation, UnixNanos time) {
  Meaning meaning;
  // The server's own rows about a host's alerts are not a sign of life of the host.
  const std::string host = schema.measurement == "alert" ? std::string() : tag_of(schema, "host");
  if (host.empty()) meaning.generation = generation;
  if (!host.empty()) meaning.entry = entry_for_data(host, time);
  if (meaning.entry == nullptr) return meaning;  // of a host that there is no room for, there may be the next time
  meaning.generation = generation;
  const Kind kind = kind_of(schema);
  if (kind == Kind::kNothing) return meaning;
  Reading reading;
  bool any = false;
  for (std::size_t i = 0; i < kMostFields; ++i)
    for (std::size_t f = 0; f < schema.fields.size(); ++f)
      if (!field_names(kind)[i].empty() && schema.fields[f].name == field_names(kind)[i]) {
        reading.fields[i] = static_cast<int>(f);
        any = true;
      }
  if (!any) return meaning;
  reading.series = series_of(*meaning.entry, kind, schema);
  if (reading.series == nullptr) {
    meaning.generation = 0;  // there may be room the next time
    return meaning;
  }
  readings_.push_back(reading);
  meaning.reading = static_cast<std::uint32_t>(readings_.size());
  return meaning;
}

const Fleet::Meaning& Fleet::meaning_of(metric::SchemaId id, UnixNanos time) {
  if (meanings_.size() <= id) meanings_.resize(std::max<std::size_t>(std::size_t{id} + 1, meanings_.size() * 2));
  Meaning& meaning = meanings_[id];
  const std::uint32_t generation = schemas_.generation(id);
  if (meaning.generation != generation) meaning = make_meaning(schemas_[id], generation, time);
  return meaning;
}

void Fleet::observe(const metric::Batch& batch, UnixNanos received) {
  MutexLock lock(mutex_);
  touched_.clear();
  for (const metric::Row& row : batch.rows()) {
    // A clock that was ahead once must not shut out what comes after it was set right.
    const UnixNanos heard = std::min(row.time, received);
    const Meaning& meaning = meaning_of(row.schema, row.time);
    if (meaning.entry == nullptr) continue;
    Entry& entry = *meaning.entry;
    Host& host = entry.host;
    for (const std::uint64_t word : batch.presence(row))
      host.received_samples += static_cast<std::uint64_t>(std::popcount(word));
    host.last_seen = std::max(host.last_seen, received);
    if (heard > host.newest_sample) {
      host.newest_sample = heard;
      entry.newer = true;
    }
    if (!std::exchange(entry.touched, true)) touched_.push_back(&entry);
    if (meaning.reading != 0) read_row(entry, readings_[meaning.reading - 1], schemas_[row.schema], batch, row, heard);
  }
  for (Entry* const entry : touched_) {
    entry->touched = false;
    if (std::exchange(entry->newer, false) && received - entry->arrivals.last() >= kOneArrival)
      entry->arrivals.seen(received);
    sum_up(*entry);
  }
}

void Fleet::read_row(Entry& entry, const Reading& reading, const metric::Schema& schema, const metric::Batch& batch,
                     const metric::Row& row, UnixNanos heard) {
  Series& series = *reading.series;
  if (!series.begin_row(row.time, heard)) return;
  for (std::size_t i = 0; i < kMostFields; ++i) {
    if (reading.fields[i] < 0) continue;
    const auto field = static_cast<std::size_t>(reading.fields[i]);
    if (!batch.has(row, field)) continue;
    if (const auto value = number_of(schema.fields[field].type, batch.value(row, field)))
      series.read(i, row.time, *value);
  }
  note_client(entry.host, series);
}

void Fleet::note_client(Host& host, const Series& series) const {
  if (series.kind() != Kind::kClient) return;
  const auto keep = [&](std::int64_t& target, std::size_t field) {
    if (const Series::Reading* const reading = series.reading(field))
      target = static_cast<std::int64_t>(std::clamp(reading->value, -kMostWhole, kMostWhole));
  };
  keep(host.backlog_samples, 0);
  keep(host.dropped_samples, 1);
}

void Fleet::replay(const metric::Schema& schema, UnixNanos time, std::span<const std::optional<double>> values) {
  MutexLock lock(mutex_);
  Entry* const entry = find(tag_of(schema, "host"));
  const Kind kind = kind_of(schema);
  if (entry == nullptr || kind == Kind::kNothing) return;
  Series* const series = series_of(*entry, kind, schema);
  const UnixNanos heard = std::min(time, clock_.wall());
  if (series == nullptr || !series->begin_row(time, heard)) return;
  for (std::size_t i = 0; i < kMostFields; ++i)
    for (std::size_t f = 0; f < values.size(); ++f)
      if (values[f] && schema.fields[f].name == field_names(kind)[i]) series->read(i, time, *values[f]);
  Host& host = entry->host;
  note_client(host, *series);
  host.newest_sample = std::max(host.newest_sample, heard);
  host.last_seen = std::max(host.last_seen, heard);
}

void Fleet::replayed(const std::string& host) {
  MutexLock lock(mutex_);
  if (Entry* const entry = find(host)) sum_up(*entry);
}

void Fleet::sum_up(Entry& entry) {
  Host& host = entry.host;
  const bool said = host.connected && entry.said_interval.count() > 0;
  std::vector<const Series*> series;
  series.reserve(entry.series.size());
  for (const auto& [key, one] : entry.series) series.push_back(one.get());
  const Digest digest = digest_of(series, entry.said_interval);
  host.summary = digest.summary;
  if (said)
    host.interval = entry.said_interval;
  else if (const auto learned = std::max(digest.interval, entry.arrivals.value()); learned.count() > 0)
    host.interval = learned;
  host.version = ++version_;
}

void Fleet::drop_meanings() {
  meanings_.clear();
  readings_.clear();
}

void Fleet::remove(Entry& entry) {
  series_ -= entry.series.size();
  note_removal(entry.host.name);
  ++memory_version_;
  --own_;
  if (entry.elsewhere.empty()) {
    entries_.erase(entries_.find(entry.host.name));
    return;
  }
  // Another server has it still.
  Entry left;
  left.host.name = entry.host.name;
  left.host.version = ++version_;
  left.elsewhere = std::move(entry.elsewhere);
  entry = std::move(left);
}

void Fleet::note_removal(const std::string& name) {
  removals_.emplace_back(++version_, name);
  if (removals_.size() <= kRemovals) return;
  unknown_removals_ = removals_.front().first;
  removals_.pop_front();
}

Fleet::Forgotten Fleet::forget(const std::string& name) {
  MutexLock lock(mutex_);
  Entry* const known = find(name);
  if (known == nullptr) return Forgotten::kUnknown;
  if (known->host.connected) return Forgotten::kConnected;
  if (forgotten_.size() >= limits_.forgotten)
    forgotten_.erase(std::min_element(forgotten_.begin(), forgotten_.end(),
                                      [](const auto& a, const auto& b) { return a.second < b.second; }));
  forgotten_[name] = known->host.newest_sample;
  drop_meanings();
  remove(*known);
  return Forgotten::kDone;
}

void Fleet::forget_unused(UnixNanos hosts_before) {
  MutexLock lock(mutex_);
  bool any = false;
  for (auto it = entries_.begin(); it != entries_.end();) {
    Entry& entry = *(it++)->second;
    if (!entry.own) continue;
    if (!entry.host.connected && entry.host.last_seen < hosts_before && !is_paused(entry.host)) {
      remove(entry);
      any = true;
      continue;
    }
    UnixNanos newest = 0;
    for (const auto& [key, series] : entry.series) newest = std::max(newest, series->heard());
    const std::size_t gone = std::erase_if(entry.series, [&](const auto& item) {
      const std::int64_t patience = std::max(kKeepSeries, std::min(item.second->interval().count(), kKeepSeries * 144));
      return newest - item.second->heard() > 4 * patience;
    });
    series_ -= gone;
    any = any || gone > 0;
  }
  std::erase_if(forgotten_, [&](const auto& item) { return item.second < hosts_before; });
  if (any) drop_meanings();
}

std::uint64_t Fleet::version() const {
  MutexLock lock(mutex_);
  return version_;
}

std::optional<std::vector<std::string>> Fleet::removed(std::uint64_t after) const {
  MutexLock lock(mutex_);
  if (unknown_removals_ > after) return std::nullopt;
  std::vector<std::string> names;
  for (const auto& [version, name] : removals_)
    if (version > after) names.push_back(name);
  return names;
}

FleetStats Fleet::stats() const {
  MutexLock lock(mutex_);
  return {own_, series_, forgotten_.size(), refused_hosts_, refused_series_, limits_};
}

}  // namespace resmon::fleet
