#pragma once

// The class behind Store::open: what happens when. What is done is its parts':
//   StoreFile      the SQLite file: transactions within bounds, the write-ahead log
//   ChunkTable     the table of chunks and its sums
//   Heads          what is not sealed yet, of each group
//   RowTaker       rows into heads
//   Sealer         heads to chunks, with ChunkWriter (joining, cutting) and TierWriter (windows)
//   HeadSnapshots  heads in the file, and the marks that say what the journal need not keep
//   Retention      what is too old or too much
//   Deleter        deleting rows and series
//   UnusedSeries   series without rows
//   Scanner        reading, with ChunkSource (chunks read lately, damage) and Scan
//
// Locks, always taken in this order: that of Heads (shared, to find a group), then GroupState's. The writer's
// connection and everything that is called the writer's is used by the writer thread only.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "store/catalog.h"
#include "store/chunk_source.h"
#include "store/chunk_writer.h"
#include "store/deleter.h"
#include "store/head_snapshots.h"
#include "store/heads.h"
#include "store/marks.h"
#include "store/removal.h"
#include "store/retention.h"
#include "store/row_plans.h"
#include "store/row_taker.h"
#include "store/scanner.h"
#include "store/sealer.h"
#include "store/store.h"
#include "store/store_file.h"
#include "store/store_time.h"
#include "store/tier_writer.h"
#include "store/unused_series.h"

namespace resmon::store {

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
    time_.finish_by(seal_by, end_by);
  }
  UnixNanos refused_until(UnixNanos now) const override { return retention_.refused_until(now); }
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
              const BlockVisitor& visit) const override {
    return scanner_.scan(group, columns, range, descending, visit);
  }
  Status scan_windows(const WindowRequest& request, const WindowVisitor& visit) const override {
    return scanner_.scan_windows(request, visit);
  }

 private:
  Status open_file();
  Status load();
  std::uint64_t head_limit_bytes() const;
  Status make_room();
  Status finish_removal();
  Status sort_aged();
  Status seal_due(std::size_t at_most);

  const Options options_;
  Fd lock_;
  StoreTime time_;
  Catalog catalog_;
  Marks marks_;
  StoreFile file_;
  ChunkSource source_;
  Heads heads_;
  RowPlans plans_;
  RowTaker taker_;
  ChunkWriter chunk_writer_;
  TierWriter tier_writer_;
  Sealer sealer_;
  PendingRemoval removal_;
  HeadSnapshots snapshots_;
  Retention retention_;
  UnusedSeries unused_;
  Deleter deleter_;
  Scanner scanner_;
  UnixNanos last_checkpoint_ = 0;
  bool closed_ = false;
};

}  // namespace resmon::store
