#include "fleet/fleet.h"

// Rows come by the thousand and most of them do not matter here, so what a schema means to the overview is found out
// once, when it is first seen, and kept by schema id: a row that means nothing costs one look-up. The few schemas that
// the overview shows something of have a Role, which is ten times as large.

#include <algorithm>
#include <array>
#include <bit>

namespace resmon::fleet {

namespace {

constexpr std::size_t kMostReasonBytes = 300;
constexpr std::size_t kMostHosts = 100'000;
constexpr double kMostWhole = 9e18;  // what a client says may be any double
constexpr auto kDefaultInterval = std::chrono::seconds(5);

enum class Kind { kNothing, kCpu, kMemory, kSwap, kDisk, kNetwork, kPressure, kSystem, kClient };

State state_at(UnixNanos now, UnixNanos last_seen, std::chrono::nanoseconds interval) {
  const auto step = std::max<std::int64_t>((interval.count() > 0 ? interval : kDefaultInterval).count(), 1'000'000'000);
  const std::int64_t silent = now - last_seen;
  if (silent <= 2 * step + 2'000'000'000) return State::kUp;
  if (silent <= 6 * step + 10'000'000'000) return State::kLate;
  return State::kDown;
}

}  // namespace

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

struct Fleet::Role {
  Kind kind = Kind::kNothing;
  Entry* entry = nullptr;  // of its host
  std::array<int, 3> fields{-1, -1, -1};
  std::string name;         // a disk's path, a pressure's resource
  UnixNanos time = 0;       // of the newest row, or when it came if it claims to be of the future
  UnixNanos counted = 0;    // kNetwork: the time of the counters below
  double used_percent = 0;  // kDisk, and kPressure: its share
  double received = 0;      // kNetwork, counters
  double sent = 0;
  std::optional<double> receive_rate;  // bytes per second
  std::optional<double> send_rate;
};

struct Fleet::Entry {
  Host host;
  std::vector<Role*> disks;
  std::vector<Role*> interfaces;
  std::vector<Role*> pressures;  // of `some`
};

Fleet::Fleet(const metric::SchemaTable& schemas, const Clock& clock) : schemas_(schemas), clock_(clock) {}
Fleet::~Fleet() = default;

Fleet::Entry& Fleet::entry(const std::string& name) {
  auto& found = entries_[name];
  if (!found) {
    found = std::make_unique<Entry>();
    found->host.name = name;
    found->host.first_seen = clock_.wall();
  }
  return *found;
}

void Fleet::connected(const ingest::ClientInfo& client) {
  std::lock_guard lock(mutex_);
  if (entries_.size() >= kMostHosts && !entries_.contains(client.host)) return;
  Host& host = entry(client.host).host;
  host.connected = true;
  host.address = client.address;
  host.software = client.software;
  host.interval = client.interval;
  host.clock_skew = client.clock_skew;
  host.tags = client.tags;
  host.last_seen = host.connected_since = clock_.wall();
  host.version = ++version_;
}

void Fleet::heard_from(const std::string& name) {
  std::lock_guard lock(mutex_);
  if (const auto it = entries_.find(name); it != entries_.end()) it->second->host.last_seen = clock_.wall();
}

void Fleet::disconnected(const std::string& name) {
  std::lock_guard lock(mutex_);
  const auto it = entries_.find(name);
  if (it == entries_.end()) return;
  it->second->host.connected = false;
  it->second->host.version = ++version_;
}

void Fleet::refused(const std::string& name, std::uint64_t samples, const std::string& reason) {
  std::lock_guard lock(mutex_);
  const auto it = entries_.find(name);
  if (it == entries_.end()) return;
  Host& host = it->second->host;
  host.refused_samples += samples;
  host.last_refusal = reason.substr(0, kMostReasonBytes);
  host.version = ++version_;
}

void Fleet::remember(const std::string& name, UnixNanos last_seen) {
  std::lock_guard lock(mutex_);
  if (entries_.contains(name) || entries_.size() >= kMostHosts) return;
  Host& host = entry(name).host;
  host.first_seen = std::min(last_seen, clock_.wall());
  host.last_seen = host.newest_sample = host.first_seen;
  host.version = ++version_;
}

const Fleet::Meaning& Fleet::meaning_of(metric::SchemaId id) {
  if (meanings_.size() <= id) meanings_.resize(id + 1);
  Meaning& meaning = meanings_[id];
  const std::uint32_t generation = schemas_.generation(id);
  if (meaning.generation == generation) return meaning;
  meaning = {generation, nullptr, nullptr};
  const metric::Schema& schema = schemas_[id];
  const auto tag = [&](std::string_view key) -> std::string {
    for (const metric::Tag& t : schema.tags)
      if (t.key == key) return t.value;
    return {};
  };
  const std::string host = tag("host");
  if (host.empty() || (entries_.size() >= kMostHosts && !entries_.contains(host))) return meaning;
  meaning.entry = &entry(host);
  Role role;
  const auto want = [&](Kind kind, std::array<std::string_view, 3> names) {
    bool any = false;
    for (std::size_t i = 0; i < names.size(); ++i)
      for (std::size_t f = 0; f < schema.fields.size(); ++f)
        if (!names[i].empty() && schema.fields[f].name == names[i]) {
          role.fields[i] = static_cast<int>(f);
          any = true;
        }
    if (any) role.kind = kind;
    return any;
  };
  std::vector<Role*>* peers = nullptr;
  if (schema.measurement == "cpu" && tag("cpu") == "cpu-total") {
    want(Kind::kCpu, {"usage_active", "", ""});
  } else if (schema.measurement == "mem") {
    want(Kind::kMemory, {"used_percent", "", ""});
  } else if (schema.measurement == "swap") {
    want(Kind::kSwap, {"used_percent", "", ""});
  } else if (schema.measurement == "disk") {
    role.name = tag("path");
    if (want(Kind::kDisk, {"used_percent", "", ""})) peers = &meaning.entry->disks;
  } else if (schema.measurement == "net") {
    if (want(Kind::kNetwork, {"bytes_recv", "bytes_sent", ""})) peers = &meaning.entry->interfaces;
  } else if (schema.measurement == "pressure" && tag("type") == "some") {
    role.name = tag("resource");
    if (want(Kind::kPressure, {"avg10", "", ""})) peers = &meaning.entry->pressures;
  } else if (schema.measurement == "system") {
    want(Kind::kSystem, {"load1", "n_cpus", "uptime"});
  } else if (schema.measurement == "internal_client") {
    want(Kind::kClient, {"backlog_samples", "dropped_samples", ""});
  }
  if (role.kind == Kind::kNothing) return meaning;
  role.entry = meaning.entry;
  roles_.push_back(std::move(role));
  meaning.role = &roles_.back();
  if (peers != nullptr) peers->push_back(meaning.role);
  return meaning;
}

void Fleet::observe(const metric::Batch& batch, UnixNanos received) {
  std::lock_guard lock(mutex_);
  for (const metric::Row& row : batch.rows()) {
    const Meaning& meaning = meaning_of(row.schema);
    if (meaning.entry == nullptr) continue;
    Host& host = meaning.entry->host;
    for (const std::uint64_t word : batch.presence(row))
      host.received_samples += static_cast<std::uint64_t>(std::popcount(word));
    host.last_seen = std::max(host.last_seen, received);
    // A clock that was ahead once must not shut out what comes after it was set right.
    const UnixNanos time = std::min(row.time, received);
    host.newest_sample = std::max(host.newest_sample, time);
    if (meaning.role == nullptr) continue;
    Role& role = *meaning.role;
    if (time < role.time) continue;
    role.time = time;
    apply(role, batch, row);
    host.version = ++version_;
  }
}

void Fleet::apply(Role& role, const metric::Batch& batch, const metric::Row& row) {
  const metric::Schema& schema = schemas_[row.schema];
  const auto number = [&](std::size_t slot) -> std::optional<double> {
    const int field = role.fields[slot];
    if (field < 0 || !batch.has(row, static_cast<std::size_t>(field))) return std::nullopt;
    const metric::Cell cell = batch.value(row, static_cast<std::size_t>(field));
    switch (schema.fields[static_cast<std::size_t>(field)].type) {
      case metric::FieldType::kFloat:
        return metric::as_float(cell);
      case metric::FieldType::kInteger:
        return static_cast<double>(metric::as_integer(cell));
      case metric::FieldType::kUnsigned:
        return static_cast<double>(cell);
      default:
        return std::nullopt;
    }
  };
  const auto whole = [](double v) { return static_cast<std::int64_t>(std::clamp(v, -kMostWhole, kMostWhole)); };
  const auto keep = [](std::optional<double>& target, const std::optional<double>& value) {
    if (value) target = value;
  };
  const auto keep_whole = [&](std::optional<std::int64_t>& target, const std::optional<double>& value) {
    if (value) target = whole(*value);
  };
  Host& host = role.entry->host;
  Summary& summary = host.summary;
  switch (role.kind) {
    case Kind::kCpu:
      keep(summary.cpu_percent, number(0));
      break;
    case Kind::kMemory:
      keep(summary.memory_percent, number(0));
      break;
    case Kind::kSwap:
      keep(summary.swap_percent, number(0));
      break;
    case Kind::kSystem:
      keep(summary.load1, number(0));
      keep_whole(summary.n_cpus, number(1));
      keep_whole(summary.uptime_seconds, number(2));
      break;
    case Kind::kClient:
      host.backlog_samples = whole(number(0).value_or(static_cast<double>(host.backlog_samples)));
      host.dropped_samples = whole(number(1).value_or(static_cast<double>(host.dropped_samples)));
      break;
    case Kind::kDisk: {
      role.used_percent = number(0).value_or(0);
      summary.disk_percent.reset();
      for (const Role* disk : role.entry->disks) {
        // A file system that is no longer mounted stops counting after a while.
        if (disk->time == 0 ||
            role.time - disk->time > 10 * std::max<std::int64_t>(host.interval.count(), 60'000'000'000))
          continue;
        if (summary.disk_percent && *summary.disk_percent >= disk->used_percent) continue;
        summary.disk_percent = disk->used_percent;
        summary.disk_path = disk->name;
      }
      break;
    }
    case Kind::kPressure: {
      const auto share = number(0);
      if (!share) break;
      role.used_percent = *share;
      summary.pressure_percent.reset();
      for (const Role* one : role.entry->pressures) {
        if (one->time == 0 || role.time - one->time > 60'000'000'000) continue;
        if (summary.pressure_percent && *summary.pressure_percent >= one->used_percent) continue;
        summary.pressure_percent = one->used_percent;
        summary.pressure_resource = one->name;
      }
      break;
    }
    case Kind::kNetwork: {
      const double in = number(0).value_or(0);
      const double out = number(1).value_or(0);
      // Counters and times are the client's to choose: differences of doubles cannot overflow.
      const double seconds = (static_cast<double>(row.time) - static_cast<double>(role.counted)) / 1e9;
      role.receive_rate.reset();
      role.send_rate.reset();
      if (role.counted != 0 && seconds > 0 && in >= role.received && out >= role.sent) {
        role.receive_rate = (in - role.received) / seconds;
        role.send_rate = (out - role.sent) / seconds;
      }
      role.received = in;
      role.sent = out;
      role.counted = row.time;
      summary.network_receive_bytes_per_second.reset();
      summary.network_send_bytes_per_second.reset();
      for (const Role* interface : role.entry->interfaces) {
        if (!interface->receive_rate || role.time - interface->time > 60'000'000'000) continue;
        summary.network_receive_bytes_per_second =
            summary.network_receive_bytes_per_second.value_or(0) + *interface->receive_rate;
        summary.network_send_bytes_per_second =
            summary.network_send_bytes_per_second.value_or(0) + *interface->send_rate;
      }
      break;
    }
    case Kind::kNothing:
      break;
  }
}

Host Fleet::view(const Entry& entry, UnixNanos now) const {
  Host host = entry.host;
  host.state = state_at(now, host.last_seen, host.interval);
  return host;
}

std::vector<Host> Fleet::hosts() const {
  const UnixNanos now = clock_.wall();
  std::lock_guard lock(mutex_);
  std::vector<Host> out;
  out.reserve(entries_.size());
  for (const auto& [name, entry] : entries_) out.push_back(view(*entry, now));
  return out;
}

std::vector<Host> Fleet::changed(std::uint64_t after, UnixNanos before) const {
  const UnixNanos now = clock_.wall();
  std::lock_guard lock(mutex_);
  std::vector<Host> out;
  for (const auto& [name, entry] : entries_) {
    const Host& host = entry->host;
    const bool other_state =
        state_at(now, host.last_seen, host.interval) != state_at(before, host.last_seen, host.interval);
    if (host.version > after || other_state) out.push_back(view(*entry, now));
  }
  return out;
}

std::uint64_t Fleet::version() const {
  std::lock_guard lock(mutex_);
  return version_;
}

}  // namespace resmon::fleet
