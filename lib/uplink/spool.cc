#include "uplink/spool.h"

#include <sys/random.h>

#include <chrono>
#include <cstring>
#include <random>

namespace resmon::uplink {

namespace {

constexpr std::size_t kSpareBatches = 2;

wire::StreamId random_stream() {
  wire::StreamId id{};
  if (getrandom(id.data(), id.size(), 0) == static_cast<ssize_t>(id.size())) return id;
  std::mt19937_64 random(static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()));
  for (std::uint8_t& byte : id) byte = static_cast<std::uint8_t>(random());
  return id;
}

}  // namespace

Spool::Spool(std::uint64_t limit_bytes) : limit_bytes_(limit_bytes), stream_(random_stream()) {}

metric::Batch Spool::take_empty() {
  if (spare_.empty()) return {};
  metric::Batch batch = std::move(spare_.back());
  spare_.pop_back();
  return batch;
}

std::uint64_t Spool::push(metric::Batch batch) {
  backlog_samples_ += batch.samples();
  backlog_bytes_ += batch.memory_bytes();
  batches_.push_back(std::move(batch));
  while (backlog_bytes_ > limit_bytes_ && batches_.size() > 1) {
    dropped_samples_ += batches_.front().samples();
    ++dropped_batches_;
    forget_oldest();
  }
  return last();
}

void Spool::acknowledge(std::uint64_t sequence) {
  while (!batches_.empty() && first_ <= sequence) forget_oldest();
}

void Spool::discard(std::uint64_t sequence) {
  metric::Batch& batch = batches_[sequence - first_];
  dropped_samples_ += batch.samples();
  ++dropped_batches_;
  backlog_samples_ -= batch.samples();
  backlog_bytes_ -= batch.memory_bytes();
  batch = metric::Batch();
  backlog_bytes_ += batch.memory_bytes();
}

void Spool::forget_oldest() {
  metric::Batch& oldest = batches_.front();
  backlog_samples_ -= oldest.samples();
  backlog_bytes_ -= oldest.memory_bytes();
  if (spare_.size() < kSpareBatches) {
    oldest.clear();
    spare_.push_back(std::move(oldest));
  }
  batches_.pop_front();
  ++first_;
}

}  // namespace resmon::uplink
