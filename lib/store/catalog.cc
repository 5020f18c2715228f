#include "store/catalog.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "store/bytes.h"

namespace resmon::store {

namespace {

// Of a file that is not damaged, far more than there are: each id takes some 40 bytes.
constexpr std::uint64_t kMostIds = 1U << 26U;
constexpr std::size_t kGroupRowBytes = 16;  // beside the tags

std::size_t hash_of_group(MeasurementId measurement, std::string_view encoded_tags) {
  return std::hash<std::string_view>()(encoded_tags) + measurement * 0x9e3779b97f4a7c15ULL;
}

std::vector<Column> by_name(std::vector<Column> columns) {
  std::sort(columns.begin(), columns.end(), [](const Column& a, const Column& b) { return a.name < b.name; });
  return columns;
}

Unexpected<Error> damaged(const std::string& what) {
  return fail(ErrorKind::kDamaged, "catalog: " + what);
}

}  // namespace

std::string encode_tags(const std::vector<metric::Tag>& tags) {
  std::string out;
  put_varint(out, tags.size());
  for (const metric::Tag& tag : tags) {
    put_varint(out, tag.key.size());
    out += tag.key;
    put_varint(out, tag.value.size());
    out += tag.value;
  }
  return out;
}

Result<std::vector<metric::Tag>> decode_tags(std::string_view bytes) {
  ByteReader reader(bytes);
  const std::uint64_t count = reader.varint();
  if (count > bytes.size()) return damaged("bad tag set");
  std::vector<metric::Tag> tags;
  tags.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string_view key = reader.take(reader.varint());
    const std::string_view value = reader.take(reader.varint());
    tags.push_back({std::string(key), std::string(value)});
  }
  if (reader.bad() || !reader.empty()) return damaged("bad tag set");
  return tags;
}

Status Catalog::load(Database& database) {
  const Locked<SharedMutex> lock(mutex_);
  RESMON_TRY(load_measurements(database));
  RESMON_TRY(load_columns(database));
  return load_groups(database);
}

Status Catalog::load_measurements(Database& database) {
  RESMON_ASSIGN(Statement select, database.prepare("SELECT id, name FROM measurements ORDER BY id"));
  while (true) {
    RESMON_ASSIGN(const bool row, select.step());
    if (!row) return {};
    const auto id = static_cast<std::uint64_t>(select.integer(0));
    if (id >= kMostIds) return damaged("bad measurement");
    for (; measurements_.size() < id; measurements_.emplace_back().dropped = true)
      free_measurements_.push_back(static_cast<MeasurementId>(measurements_.size()));
    Measurement& measurement = measurements_.emplace_back();
    measurement.name = select.blob(1);
    measurement.dropped = measurement.name.empty();
    if (measurement.dropped)
      dropped_measurements_.push_back(static_cast<MeasurementId>(id));
    else
      measurement_ids_.emplace(measurement.name, static_cast<MeasurementId>(id));
  }
}

Status Catalog::load_columns(Database& database) {
  RESMON_ASSIGN(Statement select,
                database.prepare("SELECT measurement_id, id, name, type FROM columns ORDER BY measurement_id, id"));
  while (true) {
    RESMON_ASSIGN(const bool row, select.step());
    if (!row) return {};
    const auto measurement = static_cast<std::uint64_t>(select.integer(0));
    const auto type = static_cast<std::uint64_t>(select.integer(3));
    if (measurement >= measurements_.size() || type >= metric::kFieldTypeCount ||
        select.integer(1) != static_cast<std::int64_t>(measurements_[measurement].columns.size()))
      return damaged("bad column");
    Measurement& of = measurements_[measurement];
    const auto id = static_cast<ColumnId>(of.columns.size());
    of.columns.push_back({id, std::string(select.blob(2)), static_cast<metric::FieldType>(type)});
    of.column_ids.emplace(of.columns.back().name, id);
    most_columns_ = std::max(most_columns_, of.columns.size());
  }
}

Status Catalog::load_groups(Database& database) {
  RESMON_ASSIGN(Statement select, database.prepare("SELECT id, measurement_id, tags FROM groups ORDER BY id"));
  std::map<MeasurementId, std::vector<GroupId>> buried;
  while (true) {
    RESMON_ASSIGN(const bool row, select.step());
    if (!row) break;
    const auto id = static_cast<std::uint64_t>(select.integer(0));
    const auto measurement = static_cast<std::uint64_t>(select.integer(1));
    if (id >= kMostIds || measurement >= measurements_.size()) return damaged("bad group");
    for (; groups_.size() < id; groups_.push_back({static_cast<GroupId>(groups_.size()), {}})) {
      free_groups_.push_back(static_cast<GroupId>(groups_.size()));
      measurement_of_group_.push_back(kNone);
      dropped_.push_back(true);
    }
    Measurement& of = measurements_[measurement];
    measurement_of_group_.push_back(static_cast<MeasurementId>(measurement));
    dropped_.push_back(select.blob(2).empty());
    if (dropped_.back()) {
      groups_.push_back({static_cast<GroupId>(id), {}});
      ++dropped_count_;
      ++of.buried_groups;
      buried[static_cast<MeasurementId>(measurement)].push_back(static_cast<GroupId>(id));
      continue;
    }
    RESMON_ASSIGN(std::vector<metric::Tag> tags, decode_tags(select.blob(2)));
    const Group& group = groups_.emplace_back(Group{static_cast<GroupId>(id), std::move(tags)});
    group_ids_.emplace(hash_of_group(static_cast<MeasurementId>(measurement), select.blob(2)), group.id);
    of.groups.push_back(&group);
  }
  // What the snapshots that there are now say of them is not known.
  RESMON_ASSIGN(const std::int64_t last_snapshot,
                database.query_integer("SELECT ifnull(max(number), 0) FROM snapshots"));
  for (auto& [measurement, groups] : buried)
    graves_.push_back({measurement, static_cast<std::uint64_t>(last_snapshot), {}, std::move(groups)});
  for (const Measurement& measurement : measurements_) sort_groups(measurement);
  return {};
}

Result<MeasurementId> Catalog::add_measurement(std::string_view name) {
  const Locked<SharedMutex> lock(mutex_);
  if (const auto it = measurement_ids_.find(std::string(name)); it != measurement_ids_.end()) return it->second;
  // One that could have no group would not be dropped with its last one either.
  const std::size_t most = std::min<std::size_t>(max_groups_, kMostIds);
  if (groups_.size() - free_groups_.size() >= most)
    return fail(ErrorKind::kLimit, "more than " + std::to_string(most) + " groups");
  if (measurements_.size() - free_measurements_.size() >= most)
    return fail(ErrorKind::kLimit, "more than " + std::to_string(most) + " measurements");
  auto id = static_cast<MeasurementId>(measurements_.size());
  if (free_measurements_.empty()) {
    measurements_.emplace_back();
  } else {
    id = free_measurements_.back();
    free_measurements_.pop_back();
    measurements_[id] = {};
  }
  measurements_[id].name = name;
  measurement_ids_.emplace(name, id);
  new_measurements_.push_back(id);
  return id;
}

Result<Column> Catalog::add_column(MeasurementId measurement, std::string_view name, metric::FieldType type) {
  const Locked<SharedMutex> lock(mutex_);
  Measurement& of = measurements_[measurement];
  if (const auto it = of.column_ids.find(std::string(name)); it != of.column_ids.end()) return of.columns[it->second];
  if (of.columns.size() >= max_columns_)
    return fail(ErrorKind::kLimit, of.name + ": more than " + std::to_string(max_columns_) + " fields");
  const auto id = static_cast<ColumnId>(of.columns.size());
  of.columns.push_back({id, std::string(name), type});
  of.column_ids.emplace(name, id);
  of.listing = nullptr;
  most_columns_ = std::max(most_columns_, of.columns.size());
  new_columns_.emplace_back(measurement, of.columns.back());
  return of.columns.back();
}

Result<GroupId> Catalog::add_group(MeasurementId measurement, const metric::SharedList<metric::Tag>& tags) {
  const Locked<SharedMutex> lock(mutex_);
  const std::size_t hash = hash_of_group(measurement, encode_tags(tags));
  const auto [first, last] = group_ids_.equal_range(hash);
  for (auto it = first; it != last; ++it)
    if (measurement_of_group_[it->second] == measurement && groups_[it->second].tags == tags) return it->second;
  const std::size_t most = std::min<std::size_t>(max_groups_, kMostIds);
  if (groups_.size() - free_groups_.size() >= most)
    return fail(ErrorKind::kLimit, "more than " + std::to_string(most) + " groups");
  insert_group(measurement, tags, hash);
  return new_groups_.back();
}

bool Catalog::has_group(MeasurementId measurement, const metric::SharedList<metric::Tag>& tags) const {
  const auto [first, last] = group_ids_.equal_range(hash_of_group(measurement, encode_tags(tags)));
  for (auto it = first; it != last; ++it)
    if (measurement_of_group_[it->second] == measurement && groups_[it->second].tags == tags) return true;
  return false;
}

Place Catalog::place_for(std::string_view measurement, const metric::SharedList<metric::Tag>& tags,
                         std::size_t coming) const {
  Place out;
  const SharedLock lock(mutex_);
  const auto known = measurement_ids_.find(std::string(measurement));
  out.known = known != measurement_ids_.end() && has_group(known->second, tags);
  const std::size_t most = std::min<std::size_t>(max_groups_, kMostIds);
  if (!out.known && groups_.size() - free_groups_.size() + coming >= most)
    out.refusal = "max-series-per-database limit exceeded: (" + std::to_string(most) + ")";
  return out;
}

std::string Catalog::no_room_for(std::string_view measurement, const metric::SharedList<metric::Tag>& tags,
                                 const metric::SharedList<metric::Field>& fields) const {
  {
    const SharedLock lock(mutex_);
    if (const auto known = measurement_ids_.find(std::string(measurement)); known != measurement_ids_.end()) {
      const Measurement& of = measurements_[known->second];
      const auto fresh = std::count_if(fields.begin(), fields.end(),
                                       [&](const metric::Field& field) { return !of.column_ids.contains(field.name); });
      if (of.columns.size() + static_cast<std::size_t>(fresh) > max_columns_)
        return "max-fields-per-measurement limit exceeded: (" + std::to_string(max_columns_) + ")";
    }
  }
  return place_for(measurement, tags, 0).refusal;
}

void Catalog::insert_group(MeasurementId measurement, metric::SharedList<metric::Tag> tags, std::size_t hash) {
  auto id = static_cast<GroupId>(groups_.size());
  if (free_groups_.empty()) {
    groups_.emplace_back();
    measurement_of_group_.emplace_back();
    dropped_.emplace_back();
  } else {
    id = free_groups_.back();
    free_groups_.pop_back();
  }
  groups_[id] = {id, std::move(tags)};
  measurement_of_group_[id] = measurement;
  dropped_[id] = false;
  group_ids_.emplace(hash, id);
  new_groups_.push_back(id);
  Measurement& of = measurements_[measurement];
  of.groups.push_back(&groups_[id]);
  of.listing = nullptr;
}

void Catalog::sort_groups(const Measurement& measurement) {
  const auto by_tags = [](const Group* a, const Group* b) { return a->tags.items() < b->tags.items(); };
  std::vector<const Group*>& groups = measurement.groups;
  const auto middle = groups.begin() + static_cast<std::ptrdiff_t>(measurement.sorted);
  std::sort(middle, groups.end(), by_tags);
  std::inplace_merge(groups.begin(), middle, groups.end(), by_tags);
  measurement.sorted = groups.size();
}

Result<bool> Catalog::save(Database& database, std::size_t most_bytes) {
  const SharedLock lock(mutex_);
  if (!new_measurements_.empty()) {
    RESMON_ASSIGN(Statement insert, database.prepare("INSERT INTO measurements (id, name) VALUES (?1, ?2)"));
    for (const MeasurementId id : new_measurements_)
      RESMON_TRY(insert.bind(1, static_cast<std::int64_t>(id)).bind_text(2, measurements_[id].name).run());
  }
  if (!new_columns_.empty()) {
    RESMON_ASSIGN(Statement insert,
                  database.prepare("INSERT INTO columns (measurement_id, id, name, type) VALUES (?1, ?2, ?3, ?4)"));
    for (const auto& [id, column] : new_columns_) {
      insert.bind(1, static_cast<std::int64_t>(id)).bind(2, column.id).bind_text(3, column.name);
      RESMON_TRY(insert.bind(4, static_cast<std::int64_t>(column.type)).run());
    }
  }
  saving_groups_ = 0;
  if (!new_groups_.empty()) {
    RESMON_ASSIGN(Statement insert,
                  database.prepare("INSERT INTO groups (id, measurement_id, tags) VALUES (?1, ?2, ?3)"));
    for (std::size_t bytes = 0; saving_groups_ < new_groups_.size() && bytes < most_bytes; ++saving_groups_) {
      const GroupId id = new_groups_[saving_groups_];
      const std::string tags = encode_tags(groups_[id].tags);
      insert.bind(1, static_cast<std::int64_t>(id)).bind(2, measurement_of_group_[id]);
      RESMON_TRY(insert.bind_blob(3, tags).run());
      bytes += tags.size() + kGroupRowBytes;
    }
  }
  return saving_groups_ == new_groups_.size();
}

void Catalog::saved() {
  const Locked<SharedMutex> lock(mutex_);
  new_measurements_.clear();
  new_groups_.erase(new_groups_.begin(), new_groups_.begin() + static_cast<std::ptrdiff_t>(saving_groups_));
  saving_groups_ = 0;
  new_columns_.clear();
}

std::vector<GroupId> Catalog::find(const Filter& takes) const {
  const SharedLock lock(mutex_);
  std::vector<GroupId> ids;
  for (const Group& group : groups_)
    if (!dropped_[group.id] && takes(measurements_[measurement_of_group_[group.id]].name, group.tags))
      ids.push_back(group.id);
  return ids;
}

// A dropped group has no tag set, not even an empty one, and a dropped measurement no name. Columns stay: what
// snapshots still say of such a group is read by them.
Status Catalog::save_drop(Database& database, const std::vector<GroupId>& groups) {
  const SharedLock lock(mutex_);
  RESMON_ASSIGN(Statement group, database.prepare("UPDATE groups SET tags = x'' WHERE id = ?1"));
  std::map<MeasurementId, std::size_t> dropped;
  for (const GroupId id : groups) {
    RESMON_TRY(group.bind(1, static_cast<std::int64_t>(id)).run());
    ++dropped[measurement_of_group_[id]];
  }
  RESMON_ASSIGN(Statement measurement, database.prepare("UPDATE measurements SET name = '' WHERE id = ?1"));
  for (const auto& [id, count] : dropped)
    if (count == measurements_[id].groups.size()) RESMON_TRY(measurement.bind(1, static_cast<std::int64_t>(id)).run());
  return {};
}

void Catalog::drop(const std::vector<GroupId>& groups, std::uint64_t last_snapshot) {
  const Locked<SharedMutex> lock(mutex_);
  std::map<MeasurementId, std::vector<GroupId>> affected;
  for (const GroupId id : groups) {
    const MeasurementId measurement = measurement_of_group_[id];
    const auto [first, last] = group_ids_.equal_range(hash_of_group(measurement, encode_tags(groups_[id].tags)));
    for (auto it = first; it != last; ++it) {
      if (it->second != id) continue;
      group_ids_.erase(it);
      break;
    }
    dropped_[id] = true;
    affected[measurement].push_back(id);
  }
  dropped_count_ += groups.size();
  for (auto& [id, gone] : affected) {
    Measurement& of = measurements_[id];
    // Those that are sorted stay so; the others are sorted when somebody asks for a listing.
    const auto is_dropped = [&](const Group* group) REQUIRES(mutex_) { return dropped_[group->id]; };
    const auto middle = of.groups.begin() + static_cast<std::ptrdiff_t>(of.sorted);
    of.sorted -= static_cast<std::size_t>(std::count_if(of.groups.begin(), middle, is_dropped));
    std::erase_if(of.groups, is_dropped);
    of.listing = nullptr;
    of.buried_groups += gone.size();
    graves_.push_back({id, last_snapshot, std::exchange(of.epoch, std::make_shared<const Epoch>()), std::move(gone)});
    if (!of.groups.empty()) continue;
    of.dropped = true;
    measurement_ids_.erase(of.name);
    dropped_measurements_.push_back(id);
  }
}

Catalog::Buried Catalog::buried(std::uint64_t first_snapshot, std::size_t at_most) const {
  const SharedLock lock(mutex_);
  Buried out;
  std::set<MeasurementId> waiting;  // a listing of it was made before one of its earlier graves was dug
  std::map<MeasurementId, std::size_t> freed;
  for (const Grave& grave : graves_) {
    if (out.groups.size() >= at_most) break;
    if (!grave.epoch.expired()) waiting.insert(grave.measurement);
    if (grave.last_snapshot >= first_snapshot || waiting.contains(grave.measurement)) continue;
    out.groups.insert(out.groups.end(), grave.groups.begin(), grave.groups.end());
    freed[grave.measurement] += grave.groups.size();
  }
  for (const MeasurementId id : dropped_measurements_)
    if (measurements_[id].buried_groups == freed[id]) out.measurements.push_back(id);
  return out;
}

std::uint64_t Catalog::buried_until() const {
  const SharedLock lock(mutex_);
  std::uint64_t last = 0;
  for (const Grave& grave : graves_) last = std::max(last, grave.last_snapshot);
  return last;
}

Status Catalog::save_free(Database& database, const Buried& buried) {
  RESMON_ASSIGN(Statement group, database.prepare("DELETE FROM groups WHERE id = ?1"));
  for (const GroupId id : buried.groups) RESMON_TRY(group.bind(1, static_cast<std::int64_t>(id)).run());
  RESMON_ASSIGN(Statement columns, database.prepare("DELETE FROM columns WHERE measurement_id = ?1"));
  RESMON_ASSIGN(Statement measurement, database.prepare("DELETE FROM measurements WHERE id = ?1"));
  for (const MeasurementId id : buried.measurements) {
    RESMON_TRY(columns.bind(1, static_cast<std::int64_t>(id)).run());
    RESMON_TRY(measurement.bind(1, static_cast<std::int64_t>(id)).run());
  }
  return {};
}

void Catalog::free(const Buried& buried) {
  const Locked<SharedMutex> lock(mutex_);
  for (const GroupId id : buried.groups) {
    --measurements_[measurement_of_group_[id]].buried_groups;
    measurement_of_group_[id] = kNone;
    groups_[id].tags = {};
    free_groups_.push_back(id);
  }
  dropped_count_ -= buried.groups.size();
  std::erase_if(graves_, [&](const Grave& grave)
                             REQUIRES(mutex_) { return measurement_of_group_[grave.groups.front()] == kNone; });
  for (const MeasurementId id : buried.measurements) {
    measurements_[id] = {};
    measurements_[id].dropped = true;
    free_measurements_.push_back(id);
  }
  if (!buried.measurements.empty()) {
    most_columns_ = 0;
    for (const Measurement& one : measurements_) most_columns_ = std::max(most_columns_, one.columns.size());
  }
  const std::set<MeasurementId> gone(buried.measurements.begin(), buried.measurements.end());
  std::erase_if(dropped_measurements_, [&](MeasurementId id) { return gone.contains(id); });
}

std::vector<std::string> Catalog::measurements() const {
  const SharedLock lock(mutex_);
  std::vector<std::string> names;
  names.reserve(measurements_.size());
  for (const Measurement& measurement : measurements_)
    if (!measurement.dropped) names.push_back(measurement.name);
  std::sort(names.begin(), names.end());
  return names;
}

std::shared_ptr<const Listing> Catalog::listing(std::string_view measurement) const {
  static const auto kNothing = std::make_shared<const Listing>(std::vector<Column>(), std::vector<const Group*>());
  const SharedLock lock(mutex_);
  const auto it = measurement_ids_.find(std::string(measurement));
  if (it == measurement_ids_.end()) return kNothing;
  const Measurement& of = measurements_[it->second];
  const MutexLock listings_lock(listings_mutex_);
  if (of.listing == nullptr) {
    sort_groups(of);
    struct Held {
      std::shared_ptr<const Epoch> epoch;
      Listing listing;
    };
    // Constructed in place: a listing does not move.
    const std::shared_ptr<const Held> held(new Held{of.epoch, {by_name(of.columns), of.groups}});
    of.listing = {held, &held->listing};
  }
  return of.listing;
}

std::vector<Column> Catalog::columns(std::string_view measurement) const {
  const SharedLock lock(mutex_);
  const auto it = measurement_ids_.find(std::string(measurement));
  if (it == measurement_ids_.end()) return {};
  return by_name(measurements_[it->second].columns);
}

std::size_t Catalog::group_bound() const {
  const SharedLock lock(mutex_);
  return groups_.size();
}

Catalog::Counts Catalog::counts() const {
  const SharedLock lock(mutex_);
  Counts counts;
  counts.groups = groups_.size() - free_groups_.size() - dropped_count_;
  counts.buried = dropped_count_;
  counts.measurements = measurements_.size() - free_measurements_.size();
  counts.most_columns = most_columns_;
  return counts;
}

bool Catalog::knows(GroupId group) const {
  const SharedLock lock(mutex_);
  return group < groups_.size() && measurement_of_group_[group] != kNone;
}

bool Catalog::has(GroupId group) const {
  const SharedLock lock(mutex_);
  return group < groups_.size() && !dropped_[group];
}

MeasurementId Catalog::measurement_of(GroupId group) const {
  const SharedLock lock(mutex_);
  return measurement_of_group_[group];
}

std::string Catalog::describe(GroupId group) const {
  const SharedLock lock(mutex_);
  if (group >= groups_.size() || measurement_of_group_[group] == kNone) return "unknown group " + std::to_string(group);
  return metric::group_key(measurements_[measurement_of_group_[group]].name, groups_[group].tags);
}

const Column* Catalog::column(MeasurementId measurement, ColumnId id) const {
  const std::vector<Column>& columns = measurements_[measurement].columns;
  return id < columns.size() ? &columns[id] : nullptr;
}

}  // namespace resmon::store
