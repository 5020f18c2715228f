#pragma once

// Which measurements, fields and groups there are. All of it is in memory; what is new is written with the next
// transaction of the writer, before anything that refers to it.
//
// Groups and measurements come and go (containers, network interfaces), so their ids are used again. A group that is
// dropped is *buried* first: its id waits until no snapshot of heads mentions it any more, and until nobody has a
// listing that it is in. Then its row leaves the file and its id is free.
//
// One writer thread calls what changes the catalog or saves it; any thread the others.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "metric/schema.h"
#include "store/database.h"
#include "store/place.h"
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
  bool has_new() const { return !(new_measurements_.empty() && new_columns_.empty() && new_groups_.empty()); }

  using Filter = std::function<bool(std::string_view measurement, const std::vector<metric::Tag>& tags)>;
  std::vector<GroupId> find(const Filter& takes) const;  // ascending
  // Groups without rows leave the catalog, and measurements that have no others, with their columns: first in the
  // caller's transaction, and once that is committed here. What a reader has of them stays valid as long as it has the
  // listing. `last_snapshot`: no later snapshot has rows of them. REQUIRES: saved, and not dropped
  // before.
  Status save_drop(Database& database, const std::vector<GroupId>& groups);
  void drop(const std::vector<GroupId>& groups, std::uint64_t last_snapshot);

  // What nothing refers to any more, where the snapshots begin with `first_snapshot`.
  struct Buried {
    std::vector<GroupId> groups;
    std::vector<MeasurementId> measurements;  // without any group, buried ones neither
    bool empty() const { return groups.empty() && measurements.empty(); }
  };
  Buried buried(std::uint64_t first_snapshot, std::size_t at_most) const;
  // The newest snapshot that says anything of a buried group; 0: none is buried.
  std::uint64_t buried_until() const;
  // Their ids become free: first in the caller's transaction, and once that is committed here.
  static Status save_free(Database& database, const Buried& buried);
  void free(const Buried& buried);

  std::vector<std::string> measurements() const;
  std::string no_room_for(std::string_view measurement, const metric::SharedList<metric::Tag>& tags,
                          const metric::SharedList<metric::Field>& fields) const;  // as Reader::no_room_for
  Place place_for(std::string_view measurement, const metric::SharedList<metric::Tag>& tags,
                  std::size_t coming) const;                                   // as Store::place_for
  std::shared_ptr<const Listing> listing(std::string_view measurement) const;  // as Reader::listing
  std::vector<Column> columns(std::string_view measurement) const;

  std::size_t group_bound() const;  // ids of groups are below this
  struct Counts {
    std::size_t groups = 0;  // those of which there may be rows
    std::size_t buried = 0;
    std::size_t measurements = 0;
    std::size_t most_columns = 0;  // of one measurement
  };
  Counts counts() const;
  bool knows(GroupId group) const;                    // also one that is buried
  bool has(GroupId group) const;                      // and is not dropped
  MeasurementId measurement_of(GroupId group) const;  // REQUIRES: knows(group)
  std::string describe(GroupId group) const;          // for people; any id
  // Null where unknown. The writer's thread only; valid until the next add_.
  const Column* column(MeasurementId measurement, ColumnId id) const NO_THREAD_SAFETY_ANALYSIS;

 private:
  static constexpr MeasurementId kNone = UINT32_MAX;
  // As long as one is there, listings that were made while it was a measurement's newest are, too.
  struct Epoch {};
  struct Measurement {
    std::string name;
    std::vector<Column> columns;  // by id
    std::unordered_map<std::string, ColumnId> column_ids;
    // By tag set as far as `sorted`; then as they came. Sorted under listings_mutex_, too.
    mutable std::vector<const Group*> groups;
    mutable std::size_t sorted = 0;
    std::size_t buried_groups = 0;
    bool dropped = false;
    std::shared_ptr<const Epoch> epoch = std::make_shared<const Epoch>();
    // Of the two above, once somebody has asked; null when they have changed since. Guarded by listings_mutex_, too.
    mutable std::shared_ptr<const Listing> listing;
  };
  // Of one measurement, dropped together.
  struct Grave {
    MeasurementId measurement = 0;
    std::uint64_t last_snapshot = 0;
    std::weak_ptr<const Epoch> epoch;
    std::vector<GroupId> groups;
  };
  bool has_group(MeasurementId measurement, const metric::SharedList<metric::Tag>& tags) const REQUIRES_SHARED(mutex_);
  void insert_group(MeasurementId measurement, metric::SharedList<metric::Tag> tags, std::size_t hash) REQUIRES(mutex_);
  // REQUIRES: mutex_ held; where it is shared, listings_mutex_ as well.
  static void sort_groups(const Measurement& measurement);
  Status load_measurements(Database& database) REQUIRES(mutex_);
  Status load_columns(Database& database) REQUIRES(mutex_);
  Status load_groups(Database& database) REQUIRES(mutex_);

  const std::uint32_t max_groups_;
  const std::uint32_t max_columns_;

  mutable SharedMutex mutex_;
  mutable Mutex listings_mutex_;                              // taken after mutex_, which is shared then
  std::vector<Measurement> measurements_ GUARDED_BY(mutex_);  // by id
  std::unordered_map<std::string, MeasurementId> measurement_ids_ GUARDED_BY(mutex_);  // of those not dropped
  std::vector<MeasurementId> measurement_of_group_ GUARDED_BY(mutex_);                 // by id; kNone: the id is free
  std::deque<Group> groups_ GUARDED_BY(mutex_);                                        // by id; never moved
  std::vector<bool> dropped_ GUARDED_BY(mutex_);  // by id of the group; also where it is free
  std::size_t dropped_count_ GUARDED_BY(mutex_) = 0;
  std::size_t most_columns_ GUARDED_BY(mutex_) = 0;                             // of one measurement
  std::unordered_multimap<std::size_t, GroupId> group_ids_ GUARDED_BY(mutex_);  // by hash of measurement and tags
  std::vector<GroupId> free_groups_ GUARDED_BY(mutex_);
  std::vector<MeasurementId> free_measurements_ GUARDED_BY(mutex_);
  std::vector<MeasurementId> dropped_measurements_ GUARDED_BY(mutex_);
  std::deque<Grave> graves_ GUARDED_BY(mutex_);  // in the order in which they were dug

  // The writer's.
  std::vector<MeasurementId> new_measurements_;                // not saved yet
  std::vector<GroupId> new_groups_;                            // not saved yet
  std::vector<std::pair<MeasurementId, Column>> new_columns_;  // not saved yet
  std::size_t saving_groups_ = 0;                              // of new_groups_, when the transaction is committed
};

// A tag set as the bytes the file keeps: the count, then each key and value after its length.
std::string encode_tags(const std::vector<metric::Tag>& tags);
Result<std::vector<metric::Tag>> decode_tags(std::string_view bytes);

}  // namespace resmon::store
