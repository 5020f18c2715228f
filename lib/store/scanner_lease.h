#pragma once

// A connection of the scanner's, taken when it is needed first and given back when the lease ends: what is in memory is
// read without one.

#include <memory>
#include <utility>

#include "store/scanner.h"

namespace resmon::store {

class Scanner::Lease final : public ReadsOnDemand {
 public:
  explicit Lease(const Scanner& scanner) : scanner_(scanner) {}
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() {
    constexpr std::size_t kMostIdleConnections = 16;
    if (!connection_) return;
    const MutexLock lock(scanner_.mutex_);
    if (scanner_.idle_.size() < kMostIdleConnections) scanner_.idle_.push_back(std::move(connection_));
  }

  Result<ChunkReads*> get() override {
    if (!connection_) RESMON_TRY(take());
    return &connection_->reads;
  }

 private:
  Status take() {
    {
      const MutexLock lock(scanner_.mutex_);
      if (!scanner_.idle_.empty()) {
        connection_ = std::move(scanner_.idle_.back());
        scanner_.idle_.pop_back();
        return {};
      }
    }
    RESMON_ASSIGN(connection_, ReadConnection::open(scanner_.file_.path()));
    return {};
  }

  const Scanner& scanner_;
  std::unique_ptr<ReadConnection> connection_;
};

}  // namespace resmon::store
