// SQLite's write-ahead log is brought into the main file when a transaction's worth of pages is in it, by ourselves and
// not by SQLite's autocheckpoint: so it is known which marks the main file has, and what the log has besides can be
// replayed from where the marks point. The log's bound is the file layer's (bounded_files.h); here it is kept from
// being met: what is left of it once half is used is waited for.
//
// A start needs the log's index, a file of some 32 KiB, before anything can be read. So that a full disk does not keep
// the server from starting, the space for it is kept in a file that is removed when it is needed.

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "store/embedded_store.h"

namespace resmon::store {

namespace {
constexpr std::uint64_t kFrameBytes = 1024 + 24;
constexpr std::uint64_t kFramesAnIndexBlock = 4062;
constexpr std::uint64_t kIndexBlockBytes = 32U << 10U;
constexpr std::uint64_t kDatabaseBytes = 32U << 10U;  // for pages that are written beside
}  // namespace

void EmbeddedStore::watch_wal() {
  sqlite3_wal_hook(
      database_.handle(),
      [](void* store, sqlite3*, const char*, int pages) {
        static_cast<EmbeddedStore*>(store)->wal_pages_ = static_cast<std::size_t>(pages);
        return SQLITE_OK;
      },
      this);
}

// After each commit.
Status EmbeddedStore::bound_wal() {
  const std::uint64_t bytes = wal_pages_ * kFrameBytes;
  if (bytes < transaction_bytes_) return {};
  // Half the budget: readers are waited for, so that the log starts over. Should that fail, the next transaction tries
  // again.
  (void)checkpoint(bytes < wal_budget_bytes_ / 2 ? SQLITE_CHECKPOINT_PASSIVE : SQLITE_CHECKPOINT_TRUNCATE);
  return {};
}

Status EmbeddedStore::checkpoint(int mode) {
  int pages = 0;
  int done = 0;
  const int code = sqlite3_wal_checkpoint_v2(database_.handle(), nullptr, mode, &pages, &done);
  if (code != SQLITE_OK) return fail(sqlite_error(database_.handle(), code, "wal_checkpoint"));
  if (pages != done) return {};
  if (mode == SQLITE_CHECKPOINT_TRUNCATE) wal_pages_ = 0;
  marks_.all_checkpointed();
  return {};
}

std::uint64_t EmbeddedStore::reserve_bytes() const {
  return (wal_budget_bytes_ / kFrameBytes / kFramesAnIndexBlock + 1) * kIndexBlockBytes + kDatabaseBytes;
}

void EmbeddedStore::keep_reserve() {
  if (has_reserve_) return;
  const std::string path = options_.directory + "/reserve";
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  has_reserve_ = file.valid() && ::posix_fallocate(file.get(), 0, static_cast<off_t>(reserve_bytes())) == 0;
  if (file.valid() && !has_reserve_) (void)::unlink(path.c_str());
}

bool EmbeddedStore::spend_reserve() {
  has_reserve_ = false;
  return ::unlink((options_.directory + "/reserve").c_str()) == 0;
}

}  // namespace resmon::store
