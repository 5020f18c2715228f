#pragma once

// The table of chunks as its only writer has it, and the sums that the file keeps of it. What changes it is called in a
// transaction (store_file.h): begin() first, save() before the commit and committed() after it. Sums are read by any
// thread, everything else is the writer's.

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/chunk_list.h"
#include "store/database.h"
#include "store/reader.h"
#include "store/rows.h"
#include "store/tier.h"

namespace resmon::store {

class ChunkTable {
 public:
  // `changed`: told of each group whose chunks a committed transaction changed. It may be one that nobody knows, where
  // the file is damaged.
  using Changed = std::function<void(GroupId)>;
  explicit ChunkTable(Changed changed) : changed_(std::move(changed)) { publish(); }

  // `database` must outlive the table.
  Status prepare(Database& database);
  Status load_sums(Database& database);

  void begin();
  Status save();
  void committed();

  Status insert(std::int64_t tier, GroupId group, const Rows& rows, std::string_view data);
  Status remove(std::int64_t tier, GroupId group, std::int64_t id);
  struct Removed {
    std::vector<GroupId> groups;  // of each chunk
    bool any() const { return !groups.empty(); }
    std::uint64_t chunks() const { return groups.size(); }
  };
  // The oldest of a tier that end before `cutoff`, for good: rows that are not newer are refused from now on.
  Result<Removed> remove_oldest(std::int64_t tier, UnixNanos cutoff, std::int64_t at_most);

  // Chunks that overlap [first, last], and those beside it that rows there could be joined with.
  Result<std::vector<ChunkEntry>> near(std::int64_t tier, GroupId group, UnixNanos first, UnixNanos last);
  struct Newest {
    UnixNanos time = INT64_MIN;  // of its last row; where there is none
    std::int64_t rows = 0;
  };
  Result<Newest> newest(GroupId group);  // of rows
  // Where the first chunk of rows begins that ends at `time` or later.
  Result<std::optional<UnixNanos>> first_after(GroupId group, UnixNanos time);
  // To within a chunk's span; INT64_MAX where there is nothing.
  Result<UnixNanos> oldest(std::int64_t tier);

  std::uint64_t count() const { return count_; }
  std::uint64_t bytes(std::int64_t tier) const { return bytes_[static_cast<std::size_t>(tier)]; }
  // The newest last_time of a chunk that was removed for its age: what is not above it may be incomplete. Known before
  // the removal is committed. INT64_MIN: none was.
  UnixNanos horizon(std::int64_t tier) const { return horizon_[static_cast<std::size_t>(tier)]; }
  // The first full hour for which the tier has all, as far as age goes.
  UnixNanos floor(std::int64_t tier) const;

 private:
  struct Sums {
    std::int64_t chunks = 0;
    std::array<std::int64_t, kTiers> bytes{};
    std::array<std::int64_t, kTiers> horizon{INT64_MIN, INT64_MIN, INT64_MIN};
    bool operator==(const Sums&) const = default;
  };
  Result<bool> take_out(std::int64_t tier, GroupId group, std::int64_t id);  // false: it was not there
  void note_changed(GroupId group);
  void publish();

  const Changed changed_;
  Database* database_ = nullptr;
  Statement insert_;
  Statement remove_;
  Statement near_;
  Statement newest_;
  Statement first_after_;
  Sums sums_;                       // in the transaction under way
  Sums committed_;                  // in the file
  std::vector<GroupId> rewritten_;  // by the transaction under way
  std::atomic<std::uint64_t> count_ = 0;
  std::array<std::atomic<std::uint64_t>, kTiers> bytes_{};
  std::array<std::atomic<std::int64_t>, kTiers> horizon_;
};

}  // namespace resmon::store
