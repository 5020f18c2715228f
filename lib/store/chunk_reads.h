#pragma once

// What is asked of the table of chunks through one connection to the file, by the thread that has it.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/chunk_list.h"
#include "store/database.h"
#include "store/reader.h"

namespace resmon::store {

class ChunkReads {
 public:
  // `of_writer`: what it sees may be of a transaction that is rolled back.
  Status prepare(Database& database, bool of_writer);
  bool of_writer() const { return of_writer_; }

  // Adds to `entries`, newest first, at most so many chunks that have rows from range.first on and before range.last,
  // of those that end at or before last_end.
  Status find_newest(std::int64_t tier, GroupId group, TimeRange range, UnixNanos last_end, std::size_t at_most,
                     std::vector<ChunkEntry>& entries);
  // When the newest chunk ends; INT64_MIN where there is none.
  Result<UnixNanos> find_newest_time(std::int64_t tier, GroupId group);
  Result<bool> has_any(GroupId group);  // of any tier
  // Shows the chunk's bytes; false where there is no such chunk.
  template <class Show>
  Result<bool> show(std::int64_t id, const Show& show) {
    StatementReset reset(data_);
    RESMON_ASSIGN(const bool found, data_.bind(1, id).step());
    if (found) show(data_.blob(0));
    return found;
  }

 private:
  Statement newest_first_;
  Statement newest_time_;
  Statement data_;
  bool of_writer_ = false;
};

// Says what to read with, when the first is to be read.
class ReadsOnDemand {
 public:
  virtual Result<ChunkReads*> get() = 0;

 protected:
  ~ReadsOnDemand() = default;
};

// Those at hand.
class ReadsAtHand final : public ReadsOnDemand {
 public:
  explicit ReadsAtHand(ChunkReads& reads) : reads_(reads) {}
  Result<ChunkReads*> get() override { return &reads_; }

 private:
  ChunkReads& reads_;
};

// A reader's connection.
struct ReadConnection {
  Database database;
  ChunkReads reads;

  static Result<std::unique_ptr<ReadConnection>> open(const std::string& path);
};

}  // namespace resmon::store
