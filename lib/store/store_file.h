#pragma once

// The store's one file as its writer has it: opening it, transactions within its bounds, its write-ahead log, and the
// space kept for a start on a full disk. The writer's.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "base/file.h"
#include "base/result.h"
#include "store/catalog.h"
#include "store/chunk_reads.h"
#include "store/chunk_table.h"
#include "store/database.h"
#include "store/marks.h"
#include "store/store.h"
#include "store/store_time.h"

namespace resmon::store {

inline constexpr std::int64_t kApplicationId = 0x72736d6e;  // "rsmn"
inline constexpr std::int64_t kFormatVersion = 5;

std::string database_path(const std::string& directory);
// Makes the directory (0700) and holds its lock; kUnavailable while another process does.
Result<Fd> lock_directory(const std::string& directory);
std::string store_tables();  // the statements that make them
// kDamaged where it is no store, kUnsupported where it is of another version.
Result<Database> open_for_reading(const std::string& path);

class StoreFile {
 public:
  // What is new in the catalog goes before whatever refers to it. All must outlive the file.
  StoreFile(const Options& options, Catalog& catalog, Marks& marks, const StoreTime& time, ChunkTable::Changed changed);

  // Opens the file, and makes it where it is new. Not its contents: load() reads the sums.
  Status open();
  Status open_read_only();
  Status load() { return chunks_.load_sums(database_); }

  const std::string& path() const { return path_; }
  Database& database() { return database_; }
  ChunkTable& chunks() { return chunks_; }
  const ChunkTable& chunks() const { return chunks_; }
  ChunkReads& reads() { return reads_; }  // on the writer's connection

  // Removes the oldest chunks until so many pages are free; how many chunks that were.
  using Evict = std::function<Result<std::size_t>(std::int64_t pages)>;
  void set_evict(Evict evict) { evict_ = std::move(evict); }
  // `body` in a transaction, after what is new in the catalog. Where the size limit stops it, `evict` is called and it
  // is tried again: `body` may be called more than once.
  Status transact(const std::function<Status()>& body);
  // The same, once, without the catalog: for what makes room.
  Status transact_once(const std::function<Status()>& body);
  // A transaction writes about so much.
  std::size_t transaction_bytes() const { return transaction_bytes_; }
  // A transaction did not fit: as little as can be is done in the next.
  bool small_steps() const { return small_steps_; }

  // Brings the write-ahead log into the main file, as far as readers let it.
  Status checkpoint(int mode);
  // Gives free pages back to the file system.
  Status shrink(std::int64_t at_most_pages);
  Result<std::int64_t> pages() { return database_.query_integer("PRAGMA page_count"); }
  Result<std::int64_t> free_pages() { return database_.query_integer("PRAGMA freelist_count"); }
  Result<std::int64_t> most_pages() { return database_.query_integer("PRAGMA max_page_count"); }

  // A file beside it, in whose place a full disk has room for what a start needs.
  void keep_reserve();
  bool spend_reserve();  // false: there is none
  // Of the size limit, what the log, the reserve and small files may take.
  std::uint64_t beside_bytes() const;

 private:
  Status check_identity(bool& fresh);
  Status configure(bool fresh);
  Status attempt(const std::function<Status()>& body, bool& again);
  Result<bool> make_room(bool log_was_full, int attempt);
  void watch_wal();
  Status bound_wal();
  std::uint64_t reserve_bytes() const;

  const Options& options_;
  Catalog& catalog_;
  Marks& marks_;
  const StoreTime& time_;
  const std::string path_;
  const std::uint64_t wal_budget_bytes_;
  const std::size_t transaction_bytes_;
  Database database_;
  ChunkTable chunks_;
  ChunkReads reads_;
  Evict evict_;
  std::size_t wal_pages_ = 0;  // after the last commit
  bool small_steps_ = false;
  bool has_reserve_ = false;
};

}  // namespace resmon::store
