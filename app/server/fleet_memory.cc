#include "fleet_memory.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "fleet_memory_text.h"

namespace resmon::server {

namespace {

constexpr std::size_t kMostBytes = 256U << 20U;  // of 100,000 hosts with long tags it is a tenth of this
constexpr const char* kMeasurements[] = {"cpu", "mem", "swap", "disk", "net", "pressure", "system", "internal_client"};

// The last rows of a series: enough for its interval and its rates.
void remember_series(const store::Reader& store, const std::string& measurement, const store::Group& group,
                     const std::vector<store::Column>& columns, fleet::Fleet& fleet) {
  constexpr std::size_t kRows = 4;
  metric::Schema schema{measurement, group.tags, {}};
  const auto& names = fleet::field_names(fleet::kind_of(schema));
  std::vector<store::ColumnId> ids;
  for (const store::Column& column : columns) {
    if (std::find(names.begin(), names.end(), column.name) == names.end()) continue;
    ids.push_back(column.id);
    schema.fields.push_back({column.name, column.type});
  }
  if (ids.empty()) return;
  // The newest block is enough: an error ends the scan.
  (void)store.scan(group.id, ids, {}, true, [&](const store::Block& block) -> Status {
    std::vector<std::optional<double>> values(ids.size());
    for (std::size_t row = block.times.size() - std::min(kRows, block.times.size()); row < block.times.size(); ++row) {
      for (std::size_t c = 0; c < ids.size(); ++c) {
        values[c].reset();
        if (block.columns[c].has(row)) values[c] = fleet::number_of(schema.fields[c].type, block.columns[c].cells[row]);
      }
      fleet.replay(schema, block.times[row], values);
    }
    return fail(ErrorKind::kLimit, "enough");
  });
}

}  // namespace

void FleetMemory::load() {
  const auto content = read_file(path_, kMostBytes);
  if (!content) {
    if (content.error().kind != ErrorKind::kNotFound)
      log::warn("server", "the saved list of hosts cannot be read", {{"reason", content.error().message}});
    return;
  }
  const auto memory = parse_fleet_memory(*content);
  if (!memory) {
    log::warn("server", "the saved list of hosts cannot be parsed; stored data are not affected",
              {{"file", path_}, {"reason", memory.error().message}});
    return;
  }
  fleet_.restore(*memory);
  MutexLock lock(mutex_);
  saved_version_ = fleet_.memory_version();
}

Status FleetMemory::save() {
  MutexLock lock(mutex_);
  const std::uint64_t version = fleet_.memory_version();
  RESMON_TRY(write_file_atomically(path_, format_fleet_memory(fleet_.memory()), 0600));
  saved_version_ = version;
  return {};
}

bool FleetMemory::changed() const {
  MutexLock lock(mutex_);
  return saved_version_ != fleet_.memory_version();
}

void FleetMemory::save_if_changed() {
  if (!changed()) return;
  const Status saved = save();
  MutexLock lock(mutex_);
  if (std::exchange(failing_, !saved) == !saved) return;
  if (saved)
    log::info("server", "the list of hosts is saved again");
  else
    log::warn("server", "the list of hosts cannot be saved", {{"reason", saved.error().message}});
}

namespace {

// What says that a host was there, in the order of how likely it is that it was sent: a client can leave out all but
// the second (profile = "none"), others send what they have.
constexpr std::pair<const char*, const char*> kSignsOfHosts[] = {
    {"system", "load1"}, {"internal_client", "backlog_samples"}, {"mem", "total"}, {"cpu", "usage_idle"}};

// Time of the newest row; 0: there is none.
UnixNanos newest_of(const store::Reader& store, store::GroupId group, const std::vector<store::ColumnId>& columns) {
  UnixNanos last = 0;
  // The newest block is enough: an error ends the scan.
  (void)store.scan(group, columns, {}, true, [&](const store::Block& block) -> Status {
    if (!block.times.empty()) last = block.times.back();
    return fail(ErrorKind::kLimit, "enough");
  });
  return last;
}

}  // namespace

void remember_hosts(const store::Reader& store, fleet::Fleet& fleet) {
  std::set<std::string, std::less<>> known;
  for (const auto& [measurement, field] : kSignsOfHosts) {
    std::vector<store::ColumnId> columns;
    for (const store::Column& column : store.columns(measurement))
      if (column.name == field) columns.push_back(column.id);
    if (columns.empty()) continue;
    std::map<std::string, UnixNanos> found;  // a host has several series when its tags changed
    const std::shared_ptr<const store::Listing> listing = store.listing(measurement);
    for (const store::Group* const group : listing->groups())
      for (const metric::Tag& tag : group->tags) {
        if (tag.key != "host" || known.contains(tag.value)) continue;
        UnixNanos& newest = found[tag.value];
        newest = std::max(newest, newest_of(store, group->id, columns));
      }
    for (const auto& [host, newest] : found) {
      if (newest == 0) continue;
      known.insert(host);
      fleet.remember(host, newest);
    }
  }
}

void remember_values(const store::Reader& store, fleet::Fleet& fleet, const std::atomic<bool>& stopping) {
  for (const fleet::Host& host : fleet.hosts()) {
    if (host.connected) continue;
    for (const char* const measurement : kMeasurements) {
      const std::shared_ptr<const store::Listing> listing = store.listing(measurement);
      for (const std::uint32_t place : listing->with_tag("host", host.name)) {
        if (stopping) return;
        remember_series(store, measurement, *listing->groups()[place], listing->columns(), fleet);
      }
    }
    fleet.replayed(host.name);
  }
}

}  // namespace resmon::server
