// The embedded store. One SQLite file is index, allocator and transaction log for compressed chunks; everything that
// makes it small and fast happens before SQLite sees the data.
//
// A written row goes to its group's head in memory (head.h), compressed, from where readers see it at once. Whoever
// writes keeps the row in a log of its own, the journal, until a mark says that the file has it. A head that is long or
// old enough is sealed: encoded as a chunk and committed. Now and then heads are committed as they are
// (head_snapshots.cc), so that a start need not read much of the journal. Rows that the file has and the journal
// brings again are equal, and the next seal joins them.
//
// Rejected: writing each head to its own row every checkpoint (1,000 hosts are 25,000 rows every ten seconds); keeping
// a group's chunks together in a WITHOUT ROWID table (SQLite then keeps a quarter page of a blob in the tree and leaves
// half an overflow page empty: a third more disk); SQLite's exclusive locking mode (readers need connections of their
// own; a lock on a file beside it says the same thing).

#include "store/embedded_store.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/log.h"
#include "store/damaged_file.h"
#include "store/tier.h"

namespace resmon::store {

namespace {

constexpr std::size_t kMaxHeadBytes = 4U << 20U;
constexpr std::size_t kMaxMarkBytes = 65'536;
constexpr std::size_t kSealsACall = 2048;         // of maintain
constexpr std::size_t kDueAtWrite = 512;          // bulk loads seal as they go
constexpr std::uint64_t kShareSealedAtOnce = 64;  // of what heads may take, where they take more
constexpr std::uint64_t kDiskShareOfHeads = 8;
constexpr std::int64_t kPagesFreedAtClose = INT64_C(1) << 16U;

Options checked(const Options& options) {
  Options out = options;
  out.rows_per_chunk = std::clamp<std::uint32_t>(options.rows_per_chunk, 2, 8192);
  // Heads are on disk too, in snapshots, and cannot be removed to make room.
  if (options.disk_limit_bytes > 0)
    out.head_limit_bytes = std::min(options.head_limit_bytes, options.disk_limit_bytes / kDiskShareOfHeads);
  return out;
}

std::uint64_t bytes_of_files(const std::string& directory) {
  std::uint64_t bytes = 0;
  std::error_code ignored;
  for (std::filesystem::directory_iterator file(directory, ignored), end; !ignored && file != end;
       file.increment(ignored)) {
    struct stat info {};
    if (::lstat(file->path().c_str(), &info) == 0 && S_ISREG(info.st_mode))
      bytes += static_cast<std::uint64_t>(info.st_size);
  }
  return bytes;
}

Unexpected<Error> closed() {
  return fail(ErrorKind::kInvalid, "store is closed");
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(const Options& options, const metric::SchemaTable& schemas) {
  auto store = std::make_unique<EmbeddedStore>(options, schemas);
  Status started = store->start({});
  if (!started && started.error().kind == ErrorKind::kDamaged && !options.read_only) {
    Fd lock = store->give_lock();
    store.reset();
    RESMON_ASSIGN(const std::string aside, set_damaged_aside(options.directory, Clock::system().wall()));
    log::error("store", "the file is damaged and was set aside; another is made, of what the journal has",
               {{"reason", started.error().message}, {"file", aside}});
    store = std::make_unique<EmbeddedStore>(options, schemas);
    started = store->start(std::move(lock));
  }
  if (!started) return fail(std::move(started).error().wrap("store " + options.directory));
  return std::unique_ptr<Store>(std::move(store));
}

EmbeddedStore::EmbeddedStore(const Options& options, const metric::SchemaTable& schemas)
    : options_(checked(options)),
      catalog_(options.max_groups, options.max_columns_per_measurement),
      file_(options_, catalog_, marks_, time_, [this](GroupId id) { heads_.chunks_changed(id); }),
      source_(options_, catalog_),
      // What is sealed of one group goes into one transaction, with room for the pages around it.
      heads_(catalog_, marks_, options_.rows_per_chunk,
             options.disk_limit_bytes == 0 ? kMaxHeadBytes : std::min(kMaxHeadBytes, file_.transaction_bytes() / 2)),
      plans_(schemas, catalog_,
             [this](GroupId id, MeasurementId measurement) -> GroupState& {
               GroupState& group = heads_.add(id);
               group.measurement = measurement;
               return group;
             }),
      taker_(schemas, plans_, heads_),
      chunk_writer_(options_, file_, source_),
      tier_writer_(time_, file_, catalog_, source_, chunk_writer_),
      sealer_(time_, file_, heads_, chunk_writer_, tier_writer_),
      snapshots_(options_, time_, file_, catalog_, marks_, heads_, removal_, sealer_),
      retention_(options_, file_, heads_),
      unused_(options_, time_, file_, catalog_, heads_, plans_, snapshots_),
      deleter_(file_, catalog_, heads_, removal_, snapshots_, sealer_, chunk_writer_, tier_writer_, unused_),
      scanner_(file_, heads_, source_) {
  file_.set_evict([this](std::int64_t pages) { return retention_.evict(pages); });
}

Status EmbeddedStore::start(Fd lock) {
  if (options_.read_only) {
    RESMON_TRY(file_.open_read_only());
    // Of one moment: the log's rows are of groups that the catalog has.
    RESMON_TRY(file_.database().execute("BEGIN"));
    RESMON_TRY(load());
    closed_ = true;
    return file_.database().execute("COMMIT");
  }
  lock_ = std::move(lock);
  if (!lock_.valid()) {
    RESMON_ASSIGN(lock_, lock_directory(options_.directory));
  }
  RESMON_TRY(open_file());
  RESMON_TRY(load());
  // What a crash left in the write-ahead log may not have reached the disk yet. A full disk is no reason not to start:
  // what is there can be read, and marks become durable once there is room.
  if (Status done = file_.checkpoint(SQLITE_CHECKPOINT_TRUNCATE); done)
    marks_.all_synced();
  else
    log::warn("store", "the write-ahead log cannot be brought in now", {{"reason", done.error().message}});
  if (Status limited = retention_.apply_size_limit(); !limited) {
    if (limited.error().kind != ErrorKind::kUnavailable) return limited;
    log::warn("store", "the size limit cannot be kept now", {{"reason", limited.error().message}});
  }
  file_.keep_reserve();
  return {};
}

Status EmbeddedStore::open_file() {
  Status opened = file_.open();
  // A full disk has no room even for the log's index, without which nothing can be read.
  if (!opened && opened.error().kind == ErrorKind::kUnavailable && file_.spend_reserve()) opened = file_.open();
  return opened;
}

Status EmbeddedStore::load() {
  RESMON_TRY(catalog_.load(file_.database()));
  for (GroupId id = 0; id < catalog_.group_bound(); ++id) heads_.add(id);
  RESMON_TRY(file_.load());
  RESMON_TRY(marks_.load(file_.database()));
  if (!options_.read_only) RESMON_TRY(removal_.load(file_.database(), heads_.size()));
  return snapshots_.load();
}

Result<WriteReport> EmbeddedStore::write(const metric::Batch& batch) {
  if (closed_) return closed();
  RESMON_TRY(make_room());
  const UnixNanos oldest = options_.retain.count() > 0 && time_.now != 0
                               ? minus(time_.now, std::chrono::nanoseconds(options_.retain).count())
                               : INT64_MIN;
  return taker_.take(batch, oldest, file_.chunks().horizon(kTierRaw));
}

// Where series are very many, the bound of the options would leave each head room for a few rows only, and chunks of a
// few rows cost many times what full ones do.
std::uint64_t EmbeddedStore::head_limit_bytes() const {
  const std::uint64_t least = std::uint64_t{heads_.open()} * options_.head_bytes_a_series;
  return std::max(options_.head_limit_bytes, options_.disk_limit_bytes == 0
                                                 ? least
                                                 : std::min(least, options_.disk_limit_bytes / kDiskShareOfHeads));
}

// Before rows are taken: what is over its bound goes to disk, or nothing is taken.
Status EmbeddedStore::make_room() {
  RESMON_TRY(finish_removal());
  // Otherwise maintain does it, in small portions.
  if (heads_.due().size() >= kDueAtWrite) RESMON_TRY(seal_due(heads_.due().size()));
  const std::uint64_t limit = head_limit_bytes();
  for (std::uint64_t before = UINT64_MAX; heads_.bytes() > limit && heads_.bytes() < before;) {
    before = heads_.bytes();
    RESMON_TRY(sealer_.seal_large(limit / kShareSealedAtOnce));
  }
  if (snapshots_.too_large()) {
    snapshots_.mark_oldest_due();
    RESMON_TRY(seal_due(heads_.due().size()));
  }
  return {};
}

Status EmbeddedStore::seal_due(std::size_t at_most) {
  if (heads_.due().empty()) return {};
  RESMON_TRY(sealer_.seal_due(at_most));
  return snapshots_.trim();
}

Status EmbeddedStore::finish_removal() {
  if (!removal_.get()) return {};
  RESMON_TRY(deleter_.finish());
  retention_.look_again();
  return {};
}

Result<DeleteReport> EmbeddedStore::remove(const Deletion& deletion, const std::function<void()>& begun) {
  if (closed_) return closed();
  retention_.look_again();
  return deleter_.remove(deletion, begun);
}

Status EmbeddedStore::maintain(UnixNanos now) {
  if (closed_) return closed();
  const bool set_back = now < time_.now;
  time_.now = now;
  snapshots_.time_moved(set_back);
  if (set_back) {
    last_checkpoint_ = 0;
    retention_.look_again();
  }
  RESMON_TRY(finish_removal());
  if (snapshots_.too_large()) snapshots_.mark_oldest_due();
  RESMON_TRY(sort_aged());
  // Everything that touches the file waits for the checkpoint, so that it shares transactions; except when much is due.
  const bool checkpoint = minus(now, last_checkpoint_) >= std::chrono::nanoseconds(options_.checkpoint_every).count();
  if (heads_.due().size() >= kSealsACall / 2 || checkpoint) RESMON_TRY(seal_due(kSealsACall));
  if (!checkpoint) {
    if (retention_.behind()) RESMON_TRY(retention_.retain(now));
    return unused_.look();
  }
  RESMON_TRY(snapshots_.keep(taker_.stored_samples()));
  RESMON_TRY(snapshots_.keep_marks());
  last_checkpoint_ = now;
  file_.keep_reserve();
  RESMON_TRY(retention_.retain(now));
  return unused_.look();
}

// Heads that are old enough to be sealed.
Status EmbeddedStore::sort_aged() {
  // Retention is of chunks, so no head is kept for longer than rows are.
  const auto rows_kept = options_.retain.count() > 0 ? options_.retain : options_.seal_after;
  const UnixNanos seal_after = std::chrono::nanoseconds(std::min(options_.seal_after, rows_kept)).count();
  std::vector<GroupId> aged;
  for (GroupId id = 0; id < heads_.size(); ++id) {
    HeadAge& age = heads_.age(id);
    if (!age.open) continue;
    if (age.opened == 0 || age.opened > time_.now) age.opened = time_.now;
    if (time_.now - age.opened >= seal_after && !heads_[id].due) aged.push_back(id);
  }
  return unused_.sort_aged(aged);
}

Status EmbeddedStore::set_mark(std::string_view name, std::string_view value) {
  if (closed_) return closed();
  if (name.empty() || name.size() > 255 || value.size() > kMaxMarkBytes)
    return fail(ErrorKind::kInvalid, "store: a mark's name has 1 to 255 bytes and its value at most 65536");
  marks_.set(name, value, taker_.stored_samples());
  return {};
}

Status EmbeddedStore::flush() {
  if (closed_) return closed();
  RESMON_TRY(snapshots_.save_all());
  RESMON_TRY(snapshots_.commit_marks(true));
  // A reader in the way is no failure: what was written is synced.
  (void)file_.checkpoint(SQLITE_CHECKPOINT_PASSIVE);
  return {};
}

Status EmbeddedStore::close() {
  if (closed_) return {};
  RESMON_TRY(sealer_.seal_all());
  RESMON_TRY(snapshots_.trim());
  RESMON_TRY(snapshots_.save_all());
  RESMON_TRY(snapshots_.commit_marks(true));
  RESMON_TRY(snapshots_.trim());
  RESMON_TRY(file_.shrink(kPagesFreedAtClose));
  closed_ = true;
  scanner_.close_connections();
  file_.keep_reserve();
  return file_.checkpoint(SQLITE_CHECKPOINT_TRUNCATE);
}

Stats EmbeddedStore::stats() const {
  Stats stats;
  const Catalog::Counts counts = catalog_.counts();
  stats.groups = counts.groups;
  stats.buried_groups = counts.buried;
  stats.forgotten_groups = unused_.forgotten();
  stats.measurements = counts.measurements;
  stats.most_columns = counts.most_columns;
  stats.max_groups = options_.max_groups;
  stats.max_columns = options_.max_columns_per_measurement;
  stats.head_rows = heads_.rows();
  stats.head_bytes = heads_.bytes();
  stats.stored_samples = taker_.stored_samples();
  stats.refused_samples = taker_.refused_samples();
  const ChunkTable& chunks = file_.chunks();
  stats.chunks = chunks.count();
  stats.rows_bytes = chunks.bytes(kTierRaw);
  stats.minutes_bytes = chunks.bytes(kTierMinute);
  stats.hours_bytes = chunks.bytes(kTierHour);
  stats.rows_oldest = retention_.oldest(kTierRaw);
  stats.minutes_oldest = retention_.oldest(kTierMinute);
  stats.hours_oldest = retention_.oldest(kTierHour);
  stats.damaged_chunks = source_.damaged() + snapshots_.damaged();
  stats.expired_chunks = retention_.expired();
  stats.expired_heads = unused_.expired_heads();
  stats.evicted_chunks = retention_.evicted();
  stats.deletions = deleter_.deletions();
  stats.deleted_rows = deleter_.deleted_rows();
  stats.disk_bytes = bytes_of_files(options_.directory);
  return stats;
}

}  // namespace resmon::store
