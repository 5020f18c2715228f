#pragma once

// The reading side: rows and windows of a group, from its head and its chunks. Thread-safe.

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "store/chunk_reads.h"
#include "store/chunk_source.h"
#include "store/heads.h"
#include "store/reader.h"
#include "store/store_file.h"

namespace resmon::store {

class Scanner {
 public:
  // All must outlive the scanner.
  Scanner(const StoreFile& file, const Heads& heads, const ChunkSource& chunks)
      : file_(file), heads_(heads), chunks_(chunks) {}

  // As Reader's.
  Status scan(GroupId group, std::span<const ColumnId> columns, TimeRange range, bool descending,
              const BlockVisitor& visit) const;
  Status scan_windows(const WindowRequest& request, const WindowVisitor& visit) const;

  void close_connections();  // those that nobody uses

 private:
  class Lease;
  class WindowScan;

  const StoreFile& file_;
  const Heads& heads_;
  const ChunkSource& chunks_;
  mutable Mutex mutex_;
  mutable std::vector<std::unique_ptr<ReadConnection>> idle_ GUARDED_BY(mutex_);
};

}  // namespace resmon::store
