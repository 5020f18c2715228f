#pragma once

// What a client has sampled and the server has not yet acknowledged: batches numbered from 1 without a gap, oldest
// first. Bounded by bytes; when full the oldest are dropped and counted, because the newest are what tells of the
// trouble at hand. One thread. Lives in memory: a client that ends with unacknowledged batches loses them, and says so
// in its log.

#include <cstdint>
#include <deque>
#include <vector>

#include "metric/batch.h"
#include "wire/frame.h"

namespace resmon::uplink {

class Spool {
 public:
  explicit Spool(std::uint64_t limit_bytes);

  const wire::StreamId& stream() const { return stream_; }

  // An empty batch to fill, reused from acknowledged ones; hand it to push.
  metric::Batch take_empty();
  // Takes a batch and returns its sequence number.
  std::uint64_t push(metric::Batch batch);
  // Forgets everything up to and including `sequence`. A number that was never given out is ignored.
  void acknowledge(std::uint64_t sequence);
  // Leaves of a batch only its number: its samples count as dropped. REQUIRES: first() <= sequence <= last().
  void discard(std::uint64_t sequence);

  bool empty() const { return batches_.empty(); }
  std::uint64_t first() const { return first_; }                       // of the oldest kept; last() + 1 when empty
  std::uint64_t last() const { return first_ + batches_.size() - 1; }  // 0 before the first push
  const metric::Batch& at(std::uint64_t sequence) const { return batches_[sequence - first_]; }

  std::uint64_t backlog_samples() const { return backlog_samples_; }
  std::uint64_t backlog_bytes() const { return backlog_bytes_; }
  std::uint64_t dropped_samples() const { return dropped_samples_; }
  std::uint64_t dropped_batches() const { return dropped_batches_; }

 private:
  void forget_oldest();

  const std::uint64_t limit_bytes_;
  wire::StreamId stream_;
  std::uint64_t first_ = 1;
  std::deque<metric::Batch> batches_;
  std::vector<metric::Batch> spare_;
  std::uint64_t backlog_samples_ = 0;
  std::uint64_t backlog_bytes_ = 0;
  std::uint64_t dropped_samples_ = 0;
  std::uint64_t dropped_batches_ = 0;
};

}  // namespace resmon::uplink
