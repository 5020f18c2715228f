#pragma once

// One scan under way: a tier's chunks in a range, merged with the head's rows, shown to a visitor. See scan.cc.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "store/chunk_list.h"
#include "store/chunk_reads.h"
#include "store/chunk_source.h"
#include "store/group_state.h"
#include "store/reader.h"
#include "store/rows.h"
#include "store/tier.h"

namespace resmon::store {

class Scan {
 public:
  struct Request {
    std::int64_t tier = kTierRaw;
    GroupId group = 0;
    std::span<const ColumnId> columns;    // as asked for
    const std::vector<ColumnId>& wanted;  // sorted, each once
    TimeRange range;
    Rows head;
    const GroupState* listed = nullptr;  // whose lists of chunks may be gone by, after its head was copied; null: none
    // What to do about a chunk that does not decode: go on without its rows, or end with kDamaged; then nothing from
    // damaged().first on has been shown, and the chunks concerned end with damaged().last.
    bool end_at_damage = false;
  };
  // All must outlive the scan.
  Scan(const ChunkSource& chunks, ReadsOnDemand& reads, Request request, const BlockVisitor& visit)
      : chunks_(chunks), reads_(reads), asked_(std::move(request)), visit_(visit), left_(asked_.range) {}

  Status run(bool descending);
  TimeRange damaged() const { return damaged_; }

 private:
  // Chunks that overlap.
  struct Cluster {
    std::vector<ChunkEntry> entries;
    UnixNanos first = 0;
    UnixNanos last = 0;
  };

  Status run_descending();
  Status run_ascending();
  Status begin(std::size_t first_look_up);
  void learn_newest_time(const ChunkList& list);
  Status look_up();
  Result<Cluster> next_cluster();
  Result<bool> show_cluster(const Cluster& cluster);
  Rows head_rows(UnixNanos from, UnixNanos to) const;
  Rows left_of(const Rows& rows) const;
  Status show_head(UnixNanos from, UnixNanos to);
  Status show(const Rows& rows);
  Status emit(const Rows& rows, std::size_t first, std::size_t last);

  const ChunkSource& chunks_;
  ReadsOnDemand& reads_;
  const Request asked_;
  const BlockVisitor& visit_;
  TimeRange left_;  // what has not been shown yet
  TimeRange damaged_{};
  // Entries not yet in a cluster, newest first. All are of one moment: entries of two could leave out a chunk that
  // several were joined into between them.
  std::vector<ChunkEntry> entries_;
  std::size_t next_entry_ = 0;
  std::size_t at_most_ = 0;  // of them are looked up at once
  bool all_entries_ = false;
  bool descending_ = false;
};

// Ascending, each once: as a scan wants them.
std::vector<ColumnId> each_once(std::span<const ColumnId> columns);

}  // namespace resmon::store
