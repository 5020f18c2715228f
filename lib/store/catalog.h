#pragma once

// Which measurements, fields and groups there are. All of it is in memory; what is new is written with the next
// transaction of the writer, before anything that refers to it.
//
// One writer thread calls the add_ functions, save and saved; any thread the others.

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "metric/schema.h"
#include "store/database.h"
#include "store/reader.h"

namespace resmon::store {

using MeasurementId = std::uint32_t;

class Catalog {
 public:
  Catalog(std::uint32_t max_groups, std::uint32_t max_columns) : max_groups_(max_groups), max_columns_(max_columns) {}

  Status load(Database& database);

  Result<MeasurementId> add_measurement(std::string_view name);
  // The column of that name, made with `type` if it is new. Its type may be another.
  Result<Column> add_column(MeasurementId measurement, std::string_view name, metric::FieldType type);
  Result<GroupId> add_group(MeasurementId measurement, const metric::SharedList<metric::Tag>& tags);

  // Writes what is new in the caller's transaction, groups up to about so many bytes of tags. True: that was all. Call
  // saved() once the transaction is committed.
  Result<bool> save(Database& database, std::size_t most_bytes);
  void saved();

  std::vector<std::string> measurements() const;
  std::shared_ptr<const Listing> listing(std::string_view measurement) const;  // as Reader::listing
  std::vector<Column> columns(std::string_view measurement) const;

  std::size_t group_count() const;
  MeasurementId measurement_of(GroupId group) const;  // REQUIRES: group < group_count()
  std::string describe(GroupId group) const;          // for people; any id
  // Null where unknown. The writer's thread only; valid until the next add_.
  const Column* column(MeasurementId measurement, ColumnId id) const;

 private:
  struct Measurement {
    std::string name;
    std::vector<Column> columns;  // by id
    std::unordered_map<std::string, ColumnId> column_ids;
    std::vector<const Group*> groups;  // by tag set
    std::size_t saved_columns = 0;
    // Of the two above, once somebody has asked; null when they have changed since. Guarded by listings_mutex_, too.
    mutable std::shared_ptr<const Listing> listing;
  };
  // REQUIRES: mutex_ held.
  void insert_group(MeasurementId measurement, metric::SharedList<metric::Tag> tags, std::size_t hash);

  const std::uint32_t max_groups_;
  const std::uint32_t max_columns_;

  mutable std::shared_mutex mutex_;
  mutable std::mutex listings_mutex_;                               // taken after mutex_, which is shared then
  std::vector<Measurement> measurements_;                           // guarded by mutex_
  std::unordered_map<std::string, MeasurementId> measurement_ids_;  // guarded by mutex_
  std::vector<MeasurementId> measurement_of_group_;                 // guarded by mutex_
  std::deque<Group> groups_;                                        // by id; grown under mutex_, never moved
  std::unordered_multimap<std::size_t, GroupId> group_ids_;  // by hash of measurement and tags; guarded by mutex_

  // The writer's.
  std::size_t saved_measurements_ = 0;
  std::size_t saved_groups_ = 0;
  std::size_t saving_groups_ = 0;  // when the transaction is committed
};

// A tag set as the bytes the file keeps: the count, then each key and value after its length.
std::string encode_tags(const std::vector<metric::Tag>& tags);
Result<std::vector<metric::Tag>> decode_tags(std::string_view bytes);

}  // namespace resmon::store
