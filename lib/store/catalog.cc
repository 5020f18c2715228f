#include "store/catalog.h"

#include <algorithm>
#include <mutex>

#include "store/bytes.h"

namespace resmon::store {

namespace {

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
  std::unique_lock lock(mutex_);
  RESMON_ASSIGN(Statement measurements, database.prepare("SELECT id, name FROM measurements ORDER BY id"));
  while (true) {
    RESMON_ASSIGN(const bool row, measurements.step());
    if (!row) break;
    if (measurements.integer(0) != static_cast<std::int64_t>(measurements_.size()))
      return damaged("measurement ids have a gap");
    std::string name(measurements.blob(1));
    measurement_ids_.emplace(name, static_cast<MeasurementId>(measurements_.size()));
    measurements_.push_back({});
    measurements_.back().name = std::move(name);
  }
  RESMON_ASSIGN(Statement columns,
                database.prepare("SELECT measurement_id, id, name, type FROM columns ORDER BY measurement_id, id"));
  while (true) {
    RESMON_ASSIGN(const bool row, columns.step());
    if (!row) break;
    const auto measurement = static_cast<std::uint64_t>(columns.integer(0));
    const auto type = static_cast<std::uint64_t>(columns.integer(3));
    if (measurement >= measurements_.size() || type >= metric::kFieldTypeCount ||
        columns.integer(1) != static_cast<std::int64_t>(measurements_[measurement].columns.size()))
      return damaged("bad column");
    Measurement& of = measurements_[measurement];
    const auto id = static_cast<ColumnId>(of.columns.size());
    of.columns.push_back({id, std::string(columns.blob(2)), static_cast<metric::FieldType>(type)});
    of.column_ids.emplace(of.columns.back().name, id);
    of.saved_columns = of.columns.size();
  }
  RESMON_ASSIGN(Statement groups, database.prepare("SELECT id, measurement_id, tags FROM groups ORDER BY id"));
  while (true) {
    RESMON_ASSIGN(const bool row, groups.step());
    if (!row) break;
    const auto measurement = static_cast<std::uint64_t>(groups.integer(1));
    if (groups.integer(0) != static_cast<std::int64_t>(groups_.size()) || measurement >= measurements_.size())
      return damaged("bad group");
    RESMON_ASSIGN(std::vector<metric::Tag> tags, decode_tags(groups.blob(2)));
    const Group& group = groups_.emplace_back(Group{static_cast<GroupId>(groups_.size()), std::move(tags)});
    group_ids_.emplace(hash_of_group(static_cast<MeasurementId>(measurement), groups.blob(2)), group.id);
    measurement_of_group_.push_back(static_cast<MeasurementId>(measurement));
    measurements_[measurement].groups.push_back(&group);
  }
  for (Measurement& measurement : measurements_)
    std::sort(measurement.groups.begin(), measurement.groups.end(),
              [](const auto& a, const auto& b) { return a->tags.items() < b->tags.items(); });
  saved_measurements_ = measurements_.size();
  saved_groups_ = groups_.size();
  return {};
}

Result<MeasurementId> Catalog::add_measurement(std::string_view name) {
  std::unique_lock lock(mutex_);
  if (const auto it = measurement_ids_.find(std::string(name)); it != measurement_ids_.end()) return it->second;
  if (measurements_.size() >= max_groups_)
    return fail(ErrorKind::kLimit, "more than " + std::to_string(max_groups_) + " measurements");
  const auto id = static_cast<MeasurementId>(measurements_.size());
  measurements_.push_back({});
  measurements_.back().name = name;
  measurement_ids_.emplace(name, id);
  return id;
}

Result<Column> Catalog::add_column(MeasurementId measurement, std::string_view name, metric::FieldType type) {
  std::unique_lock lock(mutex_);
  Measurement& of = measurements_[measurement];
  if (const auto it = of.column_ids.find(std::string(name)); it != of.column_ids.end()) return of.columns[it->second];
  if (of.columns.size() >= max_columns_)
    return fail(ErrorKind::kLimit, of.name + ": more than " + std::to_string(max_columns_) + " fields");
  const auto id = static_cast<ColumnId>(of.columns.size());
  of.columns.push_back({id, std::string(name), type});
  of.column_ids.emplace(name, id);
  of.listing = nullptr;
  return of.columns.back();
}

Result<GroupId> Catalog::add_group(MeasurementId measurement, const metric::SharedList<metric::Tag>& tags) {
  std::unique_lock lock(mutex_);
  const std::size_t hash = hash_of_group(measurement, encode_tags(tags));
  const auto [first, last] = group_ids_.equal_range(hash);
  for (auto it = first; it != last; ++it)
    if (measurement_of_group_[it->second] == measurement && groups_[it->second].tags == tags) return it->second;
  if (groups_.size() >= max_groups_)
    return fail(ErrorKind::kLimit, "more than " + std::to_string(max_groups_) + " groups");
  insert_group(measurement, tags, hash);
  return static_cast<GroupId>(groups_.size() - 1);
}

void Catalog::insert_group(MeasurementId measurement, metric::SharedList<metric::Tag> tags, std::size_t hash) {
  const Group& group = groups_.emplace_back(Group{static_cast<GroupId>(groups_.size()), std::move(tags)});
  group_ids_.emplace(hash, group.id);
  measurement_of_group_.push_back(measurement);
  Measurement& of = measurements_[measurement];
  of.groups.insert(std::upper_bound(of.groups.begin(), of.groups.end(), &group,
                                    [](const Group* a, const Group* b) { return a->tags.items() < b->tags.items(); }),
                   &group);
  of.listing = nullptr;
}

Result<bool> Catalog::save(Database& database, std::size_t most_bytes) {
  std::shared_lock lock(mutex_);
  if (saved_measurements_ < measurements_.size()) {
    RESMON_ASSIGN(Statement insert, database.prepare("INSERT INTO measurements (id, name) VALUES (?1, ?2)"));
    for (std::size_t id = saved_measurements_; id < measurements_.size(); ++id)
      RESMON_TRY(insert.bind(1, static_cast<std::int64_t>(id)).bind_text(2, measurements_[id].name).run());
  }
  for (std::size_t id = 0; id < measurements_.size(); ++id) {
    const Measurement& measurement = measurements_[id];
    if (measurement.saved_columns == measurement.columns.size()) continue;
    RESMON_ASSIGN(Statement insert,
                  database.prepare("INSERT INTO columns (measurement_id, id, name, type) VALUES (?1, ?2, ?3, ?4)"));
    for (std::size_t c = measurement.saved_columns; c < measurement.columns.size(); ++c) {
      const Column& column = measurement.columns[c];
      insert.bind(1, static_cast<std::int64_t>(id)).bind(2, column.id).bind_text(3, column.name);
      RESMON_TRY(insert.bind(4, static_cast<std::int64_t>(column.type)).run());
    }
  }
  saving_groups_ = saved_groups_;
  if (saved_groups_ < groups_.size()) {
    RESMON_ASSIGN(Statement insert,
                  database.prepare("INSERT INTO groups (id, measurement_id, tags) VALUES (?1, ?2, ?3)"));
    for (std::size_t bytes = 0; saving_groups_ < groups_.size() && bytes < most_bytes; ++saving_groups_) {
      const std::size_t id = saving_groups_;
      const std::string tags = encode_tags(groups_[id].tags);
      insert.bind(1, static_cast<std::int64_t>(id)).bind(2, measurement_of_group_[id]);
      RESMON_TRY(insert.bind_blob(3, tags).run());
      bytes += tags.size() + kGroupRowBytes;
    }
  }
  return saving_groups_ == groups_.size();
}

void Catalog::saved() {
  std::unique_lock lock(mutex_);
  saved_measurements_ = measurements_.size();
  saved_groups_ = saving_groups_;
  for (Measurement& measurement : measurements_) measurement.saved_columns = measurement.columns.size();
}

std::vector<std::string> Catalog::measurements() const {
  std::shared_lock lock(mutex_);
  std::vector<std::string> names;
  names.reserve(measurements_.size());
  for (const Measurement& measurement : measurements_) names.push_back(measurement.name);
  std::sort(names.begin(), names.end());
  return names;
}

std::shared_ptr<const Listing> Catalog::listing(std::string_view measurement) const {
  static const auto kNothing = std::make_shared<const Listing>(std::vector<Column>(), std::vector<const Group*>());
  std::shared_lock lock(mutex_);
  const auto it = measurement_ids_.find(std::string(measurement));
  if (it == measurement_ids_.end()) return kNothing;
  const Measurement& of = measurements_[it->second];
  std::lock_guard listings_lock(listings_mutex_);
  if (of.listing == nullptr) of.listing = std::make_shared<const Listing>(by_name(of.columns), of.groups);
  return of.listing;
}

std::vector<Column> Catalog::columns(std::string_view measurement) const {
  std::shared_lock lock(mutex_);
  const auto it = measurement_ids_.find(std::string(measurement));
  if (it == measurement_ids_.end()) return {};
  return by_name(measurements_[it->second].columns);
}

std::size_t Catalog::group_count() const {
  std::shared_lock lock(mutex_);
  return groups_.size();
}

MeasurementId Catalog::measurement_of(GroupId group) const {
  std::shared_lock lock(mutex_);
  return measurement_of_group_[group];
}

std::string Catalog::describe(GroupId group) const {
  std::shared_lock lock(mutex_);
  if (group >= groups_.size()) return "unknown group " + std::to_string(group);
  return metric::group_key(measurements_[measurement_of_group_[group]].name, groups_[group].tags);
}

const Column* Catalog::column(MeasurementId measurement, ColumnId id) const {
  const std::vector<Column>& columns = measurements_[measurement].columns;
  return id < columns.size() ? &columns[id] : nullptr;
}

}  // namespace resmon::store
