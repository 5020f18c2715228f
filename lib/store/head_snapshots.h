#pragma once

// Heads in the file, as they are, and the marks that say what a log outside need not keep for them. The writer's.

#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "store/catalog.h"
#include "store/heads.h"
#include "store/marks.h"
#include "store/removal.h"
#include "store/sealer.h"
#include "store/snapshot_table.h"
#include "store/store.h"
#include "store/store_file.h"
#include "store/store_time.h"

namespace resmon::store {

class HeadSnapshots {
 public:
  // All must outlive the snapshots.
  HeadSnapshots(const Options& options, const StoreTime& time, StoreFile& file, const Catalog& catalog, Marks& marks,
                Heads& heads, PendingRemoval& removal, Sealer& sealer)
      : options_(options),
        time_(time),
        file_(file),
        catalog_(catalog),
        marks_(marks),
        heads_(heads),
        removal_(removal),
        sealer_(sealer) {}

  // Makes the heads that the snapshots have.
  Status load();
  std::uint64_t damaged() const { return damaged_; }  // snapshots that load() skipped

  // What is due, a part at a time. `samples`: so many were written since start.
  Status keep(std::uint64_t samples);
  // Everything that heads have is in the file when it returns.
  Status save_all();
  // Commits where heads ended, and how far the file has everything; with `sync` on the disk.
  Status commit_marks(bool sync);
  // The same, synced where the disk has another mark.
  Status keep_marks();
  // Deletes snapshots that no head needs.
  Status trim();

  // They take more than their part of the disk; what to seal then is marked as due.
  bool too_large() const { return table_.bytes() > limit_bytes(); }
  void mark_oldest_due();

  bool empty() const { return table_.empty(); }
  std::uint64_t first() const { return table_.first(); }
  std::uint64_t next() const { return table_.next(); }
  // After the time moved on, or back: then when the last one was done is not known any more.
  void time_moved(bool back) {
    if (back || last_ == 0) last_ = time_.now;
  }

 private:
  class RestoredHeads;

  bool is_due(std::uint64_t samples) const;
  std::uint64_t whole_until() const;
  Result<bool> save(Marks::Epoch until, int transactions);
  std::uint64_t limit_bytes() const;

  const Options& options_;
  const StoreTime& time_;
  StoreFile& file_;
  const Catalog& catalog_;
  Marks& marks_;
  Heads& heads_;
  PendingRemoval& removal_;
  Sealer& sealer_;
  SnapshotTable table_;
  std::size_t next_saved_ = 0;           // GroupId from where to look for heads to save
  Marks::Epoch snapshotting_until_ = 0;  // a snapshot of rows from before it is under way; 0: none is
  UnixNanos last_ = 0;                   // when it was done
  std::uint64_t damaged_ = 0;
};

}  // namespace resmon::store
