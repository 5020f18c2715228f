#pragma once

// A connection of the scanner's, given back when the lease ends.

#include <memory>
#include <utility>

#include "store/scanner.h"

namespace resmon::store {

class Scanner::Lease {
 public:
  static Result<Lease> take(const Scanner& scanner) {
    Lease lease(scanner);
    {
      const MutexLock lock(scanner.mutex_);
      if (!scanner.idle_.empty()) {
        lease.connection_ = std::move(scanner.idle_.back());
        scanner.idle_.pop_back();
        return lease;
      }
    }
    RESMON_ASSIGN(lease.connection_, ReadConnection::open(scanner.file_.path()));
    return lease;
  }
  Lease(Lease&&) = default;
  ~Lease() {
    constexpr std::size_t kMostIdleConnections = 16;
    if (!connection_) return;
    const MutexLock lock(scanner_->mutex_);
    if (scanner_->idle_.size() < kMostIdleConnections) scanner_->idle_.push_back(std::move(connection_));
  }

  ChunkReads& reads() { return connection_->reads; }

 private:
  explicit Lease(const Scanner& scanner) : scanner_(&scanner) {}

  const Scanner* scanner_;
  std::unique_ptr<ReadConnection> connection_;
};

}  // namespace resmon::store
