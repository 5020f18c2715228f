#pragma once

// The embedded store: one directory, one SQLite file, one writer, any number of readers. See embedded_store.cc for how
// it works and docs/storage_format.md for what is on disk.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "metric/batch.h"
#include "store/deletion.h"
#include "store/place.h"
#include "store/reader.h"

namespace resmon::store {

inline constexpr std::uint64_t kLeastDiskLimitBytes = 6U << 20U;
inline constexpr std::size_t kMaxStringBytes = 1U << 20U;  // of one value

// What is kept of the windows of a minute or an hour (reader.h).
struct TierOptions {
  std::chrono::seconds retain{0};  // older windows are removed. 0 keeps them for ever
  // The tier's chunks take no more: the oldest go first. 0: no limit of its own.
  std::uint64_t limit_bytes = 0;
};

struct Options {
  std::string directory;  // created (0700) when missing
  // A group's head is sealed into a chunk when it holds this many rows, or when its oldest row is this old. Chunks are
  // joined later, up to three times as many rows, usually twice: that takes a twentieth off the disk, and heads stay
  // small.
  std::uint32_t rows_per_chunk = 960;
  std::chrono::seconds seal_after{5400};
  // What is due is committed together, this often.
  std::chrono::seconds checkpoint_every{10};
  // Heads are written as they are, unsealed, when so many samples were written since the oldest that the file does not
  // have, or a quarter of what heads have if that is more, and this often. A start after a crash writes as many again,
  // from the log of whoever keeps a mark here.
  std::uint64_t snapshot_samples = 8'000'000;
  std::chrono::seconds snapshot_every{600};
  // Rows older than this are removed. 0 keeps them for ever.
  std::chrono::seconds retain{std::chrono::hours(24 * 30)};
  // Chunks of rows take no more than this: the oldest go first. 0: no limit but disk_limit_bytes.
  std::uint64_t rows_limit_bytes = 0;
  TierOptions minutes{std::chrono::hours(24 * 365), 2ULL << 30U};
  TierOptions hours{std::chrono::hours(24 * 365 * 5), 512ULL << 20U};
  // All files in the directory together never take more than this, from 6 MiB up: the oldest rows go first, then the
  // oldest minutes, then hours. 0: no limit.
  std::uint64_t disk_limit_bytes = 10ULL << 30U;
  // Of that, what files of others in the directory may take.
  std::uint64_t others_bytes = 0;
  // Rows not sealed yet may take about this much memory, or so much for each series that has some, if that is more;
  // above it, large heads are sealed early (into smaller chunks, joined later). A start after a crash reads as much.
  std::uint64_t head_limit_bytes = 128ULL << 20U;
  std::uint64_t head_bytes_a_series = 320;
  // Chunks read lately are kept in up to this much memory (loaded_chunk.h), and where the newest chunks are in up to a
  // quarter of it (chunk_list.h). 0: none.
  std::size_t chunk_cache_bytes = 32U << 20U;
  // Columns of chunks that were read again are kept in up to this much memory (decoded_chunk.h): of 1,000 hosts, a day
  // of one field by minutes takes 36 MB.
  std::size_t decoded_cache_bytes = 64U << 20U;
  // For reading what is committed, also beside the process that writes: nothing is locked, made or changed, and nothing
  // can be written. Rows that come later may or may not be seen.
  bool read_only = false;
  std::uint32_t max_groups = 1'000'000;
  std::uint32_t max_columns_per_measurement = 4096;
};

struct RefusedRow {
  std::size_t row = 0;        // of the batch
  std::string reason;         // of its first value that was refused; the others may be stored
  std::uint64_t samples = 0;  // of it that were refused
};

struct WriteReport {
  static constexpr std::size_t kMostRows = 1000;
  std::uint64_t stored_samples = 0;
  std::uint64_t refused_samples = 0;  // type conflicts, limits, older than the retention
  std::string first_refusal;          // empty, or what was refused first and why: "cpu usage_user: float into integer"
  std::vector<RefusedRow> refused_rows;  // the first kMostRows, ascending
};

struct Stats {
  std::uint64_t groups = 0;            // with rows or windows, or new
  std::uint64_t buried_groups = 0;     // forgotten, their place not free yet
  std::uint64_t forgotten_groups = 0;  // since start; without a row or window left
  std::uint64_t measurements = 0;
  std::uint64_t most_columns = 0;  // of one measurement
  std::uint64_t max_groups = 0;    // with the buried ones; as many measurements
  std::uint64_t max_columns = 0;   // of one measurement
  std::uint64_t head_rows = 0;
  std::uint64_t chunks = 0;
  std::uint64_t stored_samples = 0;   // since start
  std::uint64_t refused_samples = 0;  // since start
  std::uint64_t disk_bytes = 0;
  std::uint64_t damaged_chunks = 0;  // found by reads since start; walled off, the rest answers
  std::uint64_t expired_chunks = 0;  // since start; removed by age
  std::uint64_t expired_heads = 0;   // since start; their rows expired before they were sealed
  std::uint64_t evicted_chunks = 0;  // since start; removed to stay within disk_limit_bytes
  std::uint64_t deletions = 0;       // since start; calls of remove that succeeded
  std::uint64_t deleted_rows = 0;    // since start; by remove
  std::uint64_t head_bytes = 0;      // memory of rows not sealed yet
  std::uint64_t rows_bytes = 0;      // of chunks of rows
  std::uint64_t minutes_bytes = 0;   // of chunks of windows of a minute
  std::uint64_t hours_bytes = 0;     // of chunks of windows of an hour
  // The oldest stored of each, to within a chunk, looked up once a minute; 0: nothing. Rows not sealed count, too.
  UnixNanos rows_oldest = 0;
  UnixNanos minutes_oldest = 0;
  UnixNanos hours_oldest = 0;
};

class Store : public Reader {
 public:
  // Makes or opens the store. `schemas` must outlive the store. A file that cannot be opened for damage, or whose
  // catalog is damaged, is set aside (damaged_file.h) and another made; with read_only it is kDamaged. Damaged chunks
  // are walled off when met, counted, and the rest answers. kUnavailable when another process has the store open.
  static Result<std::unique_ptr<Store>> open(const Options& options, const metric::SchemaTable& schemas);

  // write, maintain, set_mark, remove, flush and close: one thread at a time (the writer's). `write` makes rows visible
  // to readers at once; it fails as a whole only when nothing was taken (a full disk), and may then be called again
  // with the same batch.
  virtual Result<WriteReport> write(const metric::Batch& batch) = 0;
  // Writes heads that are due and removes what is past retention. Call about once a second.
  virtual Status maintain(UnixNanos now) = 0;
  // Remembers `value` under `name`. It becomes durable once the file has all rows written before this call, so that
  // whoever keeps a log of them keeps here how far the log is not needed any more. Not more than 64 KiB.
  virtual Status set_mark(std::string_view name, std::string_view value) = 0;
  // The newest value of set_mark, after a crash the newest durable one: all rows written before it are there, and
  // perhaps some of those written later. Empty where there is none. This and the next three: any thread.
  virtual std::string mark(std::string_view name) const = 0;
  // The value that mark() had in an earlier process when that committed last.
  virtual std::string reached_mark(std::string_view name) const = 0;
  // The newest value of set_mark that a crash or a power cut from now on will find again, with all rows written before
  // it: a log's reader may let go of what lies before this position.
  virtual std::string durable_mark(std::string_view name) const = 0;
  // The newest value of set_mark that, with all rows written before it, is in the database's main file and needs
  // nothing of the write-ahead log any more.
  virtual std::string checkpointed_mark(std::string_view name) const = 0;
  // Deletes rows for good: those written before this call, also from the windows of a minute and an hour, together with
  // every mark set before it, so that a log's reader that goes on from its mark brings none of them back. On disk
  // (fsync) when it returns. Rows written later stay. Series without any row left are forgotten, and measurements
  // without series, with the types of their fields. Once `begun` was called the deletion happens: what a crash or a
  // full disk kept from being deleted is deleted before anything else is written. An error before that deletes nothing.
  // A window of which rows are deleted and others are past their retention is deleted as a whole.
  virtual Result<DeleteReport> remove(const Deletion& deletion, const std::function<void()>& begun = {}) = 0;
  // Everything written so far is on disk (fsync) when it returns.
  virtual Status flush() = 0;
  // Seals all heads, flushes. Call before destruction for a clean stop; destruction alone is a crash.
  virtual Status close() = 0;

  // Of a series, where so many others are `coming` that were let in and are not stored yet. Any thread.
  virtual Place place_for(std::string_view measurement, const metric::SharedList<metric::Tag>& tags,
                          std::size_t coming) const = 0;
  // Rows at or before this time are refused at `now`: they are past their retention, or the size limit's. Any thread.
  virtual UnixNanos refused_until(UnixNanos now) const = 0;
  // From `seal_by` on no head is sealed, and from `end_by` on nothing long is begun or gone on with: what was not
  // committed by then is kUnavailable, and the file is as a crash would leave it. For a stop that must end in time. Any
  // thread.
  virtual void finish_by(std::chrono::steady_clock::time_point seal_by,
                         std::chrono::steady_clock::time_point end_by) = 0;

  virtual Stats stats() const = 0;  // any thread
};

}  // namespace resmon::store
