#pragma once

// The class behind Store::open. Its methods are spread over files by what they do:
//   store.cc          opening, closing, transactions
//   store_write.cc    rows into heads
//   store_snapshots.cc  heads in the file, and the marks that say what the journal need not keep
//   store_seal.cc     heads to chunks
//   store_tiers.cc    sealed rows to windows of a minute and an hour
//   store_retain.cc   retention by age and bytes, the size of the files
//   store_delete.cc   deleting rows and series
//   store_forget.cc   series without rows
//   store_wal.cc      the write-ahead log's bound and the space kept for a start on a full disk
//   store_scan.cc     reading rows
//   store_windows.cc  reading windows
//
// Locks, always taken in this order: groups_mutex_ (shared, to find a group) then Group's mutex. The writer's
// connection and everything marked "the writer's" is used by the writer thread only.

#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/file.h"
#include "store/catalog.h"
#include "store/chunk_list.h"
#include "store/database.h"
#include "store/group_state.h"
#include "store/loaded_chunk.h"
#include "store/marks.h"
#include "store/removal.h"
#include "store/row_plans.h"
#include "store/snapshot_table.h"
#include "store/store.h"
#include "store/windows.h"

namespace resmon::store {

inline constexpr std::int64_t kApplicationId = 0x72736d6e;  // "rsmn"
inline constexpr std::int64_t kFormatVersion = 4;
inline constexpr std::int64_t kTierRaw = 0;
inline constexpr std::int64_t kTierMinute = 1;
inline constexpr std::int64_t kTierHour = 2;
inline constexpr std::size_t kTiers = 3;
inline constexpr UnixNanos kHour = 3'600'000'000'000;
// How a tier's rows are cut into chunks.
struct TierShape {
  UnixNanos width = 0;     // of a window; 0: rows as they came
  UnixNanos max_span = 0;  // no chunk spans more, so that a search by last_time knows how far to look
  UnixNanos max_gap = 0;   // a chunk ends where nothing came for this long
};
constexpr TierShape shape_of(std::int64_t tier) {
  if (tier == kTierRaw) return {0, 24 * kHour, 6 * kHour};
  if (tier == kTierMinute) return {kMinuteWidth, 24 * kHour, 6 * kHour};
  return {kHourWidth, 24 * 32 * kHour, 24 * 31 * kHour};
}

std::string database_path(const std::string& directory);
// Makes the directory (0700) and holds its lock; kUnavailable while another process does.
Result<Fd> lock_directory(const std::string& directory);
std::string store_tables();  // the statements that make them
// kDamaged where it is no store, kUnsupported where it is of another version.
Result<Database> open_for_reading(const std::string& path);

// a - b and a + b, held at the ends of the range.
UnixNanos minus(UnixNanos a, UnixNanos b);
UnixNanos plus(UnixNanos a, UnixNanos b);

class EmbeddedStore final : public Store {
 public:
  EmbeddedStore(const Options& options, const metric::SchemaTable& schemas);

  Status start(Fd lock);  // of the directory, if it is held already
  Fd give_lock() { return std::move(lock_); }

  Result<WriteReport> write(const metric::Batch& batch) override;
  Status maintain(UnixNanos now) override;
  Status set_mark(std::string_view name, std::string_view value) override;
  std::string mark(std::string_view name) const override { return marks_.newest(name); }
  std::string reached_mark(std::string_view name) const override { return marks_.reached(name); }
  std::string durable_mark(std::string_view name) const override { return marks_.durable(name); }
  std::string checkpointed_mark(std::string_view name) const override { return marks_.checkpointed(name); }
  Result<DeleteReport> remove(const Deletion& deletion, const std::function<void()>& begun) override;
  Status flush() override;
  Status close() override;
  void finish_by(std::chrono::steady_clock::time_point seal_by, std::chrono::steady_clock::time_point end_by) override {
    seal_by_ = seal_by;
    end_by_ = end_by;
  }
  UnixNanos refused_until(UnixNanos now) const override;
  Stats stats() const override;

  std::vector<std::string> measurements() const override { return catalog_.measurements(); }
  std::string no_room_for(std::string_view measurement, const metric::SharedList<metric::Tag>& tags,
                          const metric::SharedList<metric::Field>& fields) const override {
    return catalog_.no_room_for(measurement, tags, fields);
  }
  Place place_for(std::string_view measurement, const metric::SharedList<metric::Tag>& tags,
                  std::size_t coming) const override {
    return catalog_.place_for(measurement, tags, coming);
  }
  std::shared_ptr<const Listing> listing(std::string_view measurement) const override {
    return catalog_.listing(measurement);
  }
  std::vector<Column> columns(std::string_view measurement) const override { return catalog_.columns(measurement); }
  Status scan(GroupId group, std::span<const ColumnId> columns, TimeRange range, bool descending,
              const BlockVisitor& visit) const override;
  Status scan_windows(const WindowRequest& request, const WindowVisitor& visit) const override;

 private:
  struct ReadStatements {
    Statement newest_first;  // chunks of a group in a range
    Statement newest_time;   // where a tier of a group ends
    Statement data;

    Status prepare(Database& database);
    // Adds to `entries`, newest first, at most so many chunks that have rows from range.first on and before range.last,
    // of those that end at or before last_end.
    Status find_newest(std::int64_t tier, GroupId group, TimeRange range, UnixNanos last_end, std::size_t at_most,
                       std::vector<ChunkEntry>& entries);
    // When the newest chunk ends; INT64_MIN where there is none.
    Result<UnixNanos> find_newest_time(std::int64_t tier, GroupId group);
  };
  // What the file has, kept in its `meta`.
  struct Totals {
    std::int64_t chunks = 0;
    std::array<std::int64_t, kTiers> bytes{};  // of chunks
    // The newest last_time of a chunk that retention removed: what is not above it may be incomplete.
    std::array<std::int64_t, kTiers> horizon{INT64_MIN, INT64_MIN, INT64_MIN};
    bool operator==(const Totals&) const = default;
  };
  struct Connection;
  class ConnectionLease;
  struct Scan;
  class RestoredHeads;

  static bool late(const std::atomic<std::chrono::steady_clock::time_point>& by) {
    return std::chrono::steady_clock::now() >= by.load();
  }
  Status out_of_time() const;

  // store.cc
  Status prepare_file();
  Status load_catalog();
  GroupState& add_group_state(GroupId id);
  // Runs a transaction; where the size limit stops it, drops the oldest chunks and tries again.
  Status in_transaction(const std::function<Status()>& body);

  // store_write.cc
  std::optional<std::string> refusal_of(const RowPlans::Plan* plan, const metric::Row& row) const;
  void write_row(const metric::Batch& batch, const metric::Row& row, WriteReport& report);
  void note_row(GroupState& group, std::size_t memory_before, std::size_t rows_before);
  Status make_room();

  // store_snapshots.cc
  Status load_snapshots();
  void note_change(GroupState& group);
  void note_sealed(GroupState& group);
  Marks::Epoch needed_epoch() const;
  Status commit_marks(bool sync);
  bool snapshot_is_due() const;
  std::uint64_t whole_until() const;
  Result<bool> snapshot_heads(Marks::Epoch until, int transactions);
  Status save_heads();
  Status keep_snapshots();
  std::uint64_t snapshots_limit_bytes() const;
  void mark_oldest_saved();
  Status trim_snapshots();

  // store_seal.cc
  void mark_due(GroupState& group);
  Status seal_due(std::size_t at_most);
  Status seal_all();
  Status seal_largest();
  Status seal(std::span<GroupState* const> groups);
  void clear_head(GroupState& group);                           // its rows are in a chunk, or not wanted any more
  Result<std::size_t> seal_part(GroupState& group, Rows part);  // bytes written
  // Puts rows of a tier where they belong, joined with what is there.
  Status store_rows(GroupState& group, std::int64_t tier, Rows part, std::size_t& bytes);
  Result<std::vector<ChunkEntry>> chunks_near(std::int64_t tier, GroupId group, UnixNanos first, UnixNanos last);
  Status insert_chunk(GroupState& group, std::int64_t tier, const Rows& rows, std::size_t& bytes);
  Status look_up_newest(GroupState& group);

  // store_tiers.cc
  Status seal_tiers(GroupState& group, const std::vector<UnixNanos>& sealed, std::size_t& bytes);
  Status fold_tiers(GroupState& group, UnixNanos first, UnixNanos last, std::size_t& bytes);
  Status look_up_tiered(GroupState& group);
  static UnixNanos block_end(GroupId group, UnixNanos time);
  // The first time that the tier can answer for as far as retention goes, a full hour.
  UnixNanos tier_floor(std::int64_t tier) const;

  // store_retain.cc
  Status apply_size_limit();
  struct Removed {
    std::int64_t chunks = 0;
    std::int64_t bytes = 0;
  };
  // A transaction that removes the oldest chunks of a tier that end before `cutoff`.
  Result<Removed> remove_oldest(std::int64_t tier, UnixNanos cutoff, std::int64_t at_most);
  Status expire(std::int64_t tier, UnixNanos cutoff);
  Status look_up_oldest();
  Status evict_tier(std::int64_t tier, std::uint64_t limit_bytes);
  Result<std::size_t> evict(std::int64_t pages);  // chunks removed
  Status retain(UnixNanos now);
  Status shrink(std::int64_t at_most_pages);
  Status load_totals();
  Status save_totals();
  void commit_totals();

  // store_delete.cc
  Status load_removal();
  Status save_removal();
  Result<DeleteReport> finish_removal();
  Status seal_for_removal(const std::vector<GroupId>& groups, TimeRange range);
  Status remove_rows(GroupState& group, TimeRange range, DeleteReport& report, std::size_t& bytes);
  Result<std::uint64_t> cut_chunks(GroupState& group, std::int64_t tier, TimeRange range, std::size_t& bytes);
  Result<std::optional<Rows>> rows_outside(GroupState& group, std::int64_t tier, const ChunkEntry& entry,
                                           TimeRange range);
  Result<Rows> read_chunk(std::int64_t id, GroupId group);
  Result<bool> has_chunks(GroupId group);

  // store_forget.cc
  Result<bool> leaves_nothing(const GroupState& group);
  Status drop_expired(const std::vector<GroupId>& aged);
  void forget_groups(const std::vector<GroupId>& groups);
  Result<bool> unused(GroupId group);
  Status forget_unused();
  Status free_buried();

  // store_wal.cc
  void watch_wal();
  Status bound_wal();
  Status checkpoint(int mode);
  std::uint64_t reserve_bytes() const;
  void keep_reserve();
  bool spend_reserve();

  // store_scan.cc
  const GroupState* find_group(GroupId id) const;
  // Changes after each commit that changes the group's chunks, and before its head is cleared: whoever copied the head
  // first and then finds a list of this version misses nothing.
  std::uint64_t chunks_version(const GroupState& group) const;
  // Null where no lists are kept.
  Result<std::shared_ptr<const ChunkList>> newest_chunks(ReadStatements& select, const GroupState& group,
                                                         std::int64_t tier) const;
  Result<Rows> load_chunk(ReadStatements& select, const ChunkEntry& entry, GroupId group,
                          const std::vector<ColumnId>& wanted) const;
  void wall_off(std::int64_t chunk, GroupId group, const std::string& why) const;

  const Options options_;
  const metric::SchemaTable& schemas_;
  const std::string path_;
  std::uint64_t wal_budget_bytes_ = 0;
  std::size_t transaction_bytes_ = 0;
  std::size_t max_head_bytes_ = 0;  // a head that takes more is sealed

  Fd lock_;
  Catalog catalog_;
  mutable std::shared_mutex groups_mutex_;
  std::deque<GroupState> groups_;  // by id; grown under groups_mutex_, elements stay where they are

  // The writer's.
  Database database_;
  Statement insert_chunk_;
  Statement delete_chunk_;
  Statement select_near_;
  Statement select_newest_;
  Statement select_first_after_;
  ReadStatements select_;
  RowPlans plans_;
  std::vector<HeadAge> ages_;  // by GroupId
  std::vector<GroupId> due_;
  std::vector<GroupId> emptied_;  // groups that retention took a chunk of since they were looked at
  std::vector<GroupId> ended_;    // groups whose heads were dropped since the last commit of marks
  GroupId next_unused_ = 0;       // from where to look for groups that never had any
  std::size_t looked_at_once_ = 0;
  bool retention_behind_ = false;
  SnapshotTable snapshots_;
  std::vector<GroupId> sealed_;          // heads that are empty, of which the snapshots do not say so
  std::size_t next_saved_ = 0;           // GroupId from where to look for heads to save
  Marks::Epoch snapshotting_until_ = 0;  // a snapshot of rows from before it is under way; 0: none is
  UnixNanos last_snapshot_ = 0;          // when it was done
  std::uint64_t written_rows_ = 0;       // since start
  std::vector<GroupState*> rewritten_;   // groups whose chunks the transaction under way changes
  Totals totals_;                        // in the transaction under way
  Totals committed_;                     // in the file
  Marks marks_;
  bool catalog_dirty_ = false;      // entries wait for a commit
  std::optional<Removal> removal_;  // begun and not ended: nothing else is written
  bool removal_changed_ = false;    // the file says something else
  UnixNanos now_ = 0;
  // Of the batch being written: what is older, and what is not newer, is refused.
  UnixNanos oldest_taken_ = INT64_MIN;
  UnixNanos rows_horizon_ = INT64_MIN;
  UnixNanos last_checkpoint_ = 0;
  UnixNanos last_retention_ = 0;
  std::size_t wal_pages_ = 0;  // after the last commit
  bool small_steps_ = false;   // a transaction did not fit: as little as can be is done in the next
  bool has_reserve_ = false;
  // Scratch.
  SlotRow row_;
  std::string coded_;
  bool closed_ = false;

  std::atomic<std::chrono::steady_clock::time_point> seal_by_ = std::chrono::steady_clock::time_point::max();
  std::atomic<std::chrono::steady_clock::time_point> end_by_ = std::chrono::steady_clock::time_point::max();
  std::atomic<std::uint32_t> removals_ = 0;  // commits that removed chunks of any group
  mutable ChunkCache chunk_cache_;
  mutable ChunkListCache chunk_lists_;
  mutable std::mutex pool_mutex_;
  mutable std::vector<std::unique_ptr<Connection>> pool_;  // guarded by pool_mutex_

  mutable std::mutex damage_mutex_;
  mutable std::unordered_set<std::int64_t> damaged_;  // guarded by damage_mutex_; bounded
  struct Counters {
    std::atomic<std::uint64_t> head_rows, head_bytes, chunks, stored, refused, damaged, expired, expired_heads, evicted,
        deletions, deleted_rows, forgotten_groups;
    std::array<std::atomic<std::uint64_t>, kTiers> tier_bytes;
    std::array<std::atomic<std::int64_t>, kTiers> horizon;  // set before a removal is committed
    std::array<std::atomic<std::int64_t>, kTiers> oldest;   // 0: nothing
  };
  mutable Counters counters_{};
};

}  // namespace resmon::store
