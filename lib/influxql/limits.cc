#include "influxql/limits.h"

#include <algorithm>

namespace resmon::influxql {
namespace {

Status within(std::uint64_t count, std::uint64_t limit, const char* what) {
  if (count <= limit) return {};
  return fail(ErrorKind::kLimit,
              std::string(what) + " limit exceeded: (" + std::to_string(count) + "/" + std::to_string(limit) + ")");
}

}  // namespace

bool MemoryPool::take(std::uint64_t bytes) {
  std::uint64_t used = used_bytes_.load(std::memory_order_relaxed);
  do {
    if (bytes > limit_bytes_ || used > limit_bytes_ - bytes) return false;
  } while (!used_bytes_.compare_exchange_weak(used, used + bytes));
  return true;
}

MemoryClaim::~MemoryClaim() {
  if (pool_ != nullptr) pool_->give_back(held_);
}

Status MemoryClaim::take(std::uint64_t bytes) {
  const std::uint64_t wanted = bytes_.fetch_add(bytes) + bytes;
  if (pool_ == nullptr || wanted <= held_) return {};
  Status status = hold(wanted);
  if (!status) bytes_ -= bytes;
  return status;
}

Status MemoryClaim::hold(std::uint64_t bytes) {
  constexpr std::uint64_t kStepBytes = 256U << 10U;
  MutexLock lock(mutex_);
  if (bytes <= held_) return {};
  const std::uint64_t needed = bytes - held_;
  std::uint64_t wanted = std::max(needed, kStepBytes);
  if (!pool_->take(wanted) && !pool_->take(wanted = needed)) {
    return fail(ErrorKind::kLimit, "query-memory limit exceeded: all queries together may hold " +
                                       std::to_string(pool_->limit_bytes()) +
                                       " bytes: ask for less at once, or set limits.query_memory_bytes");
  }
  held_ += wanted;
  return {};
}

void MemoryClaim::give_back(std::uint64_t bytes) {
  std::uint64_t now = bytes_;
  while (!bytes_.compare_exchange_weak(now, now - std::min(bytes, now))) {
  }
}

Status Budget::series(std::uint64_t count) {
  return within(series_ += count, limits_.max_series, "max-select-series");
}
Status Budget::points(std::uint64_t count, std::uint64_t bytes) {
  RESMON_TRY(within(points_ += count, limits_.max_points, "max-row"));
  return answer_ != nullptr ? answer_->take(bytes) : Status();
}
Status Budget::buckets(std::uint64_t count) const {
  return within(count, limits_.max_buckets, "max-select-buckets");
}
Status Budget::buffer(std::uint64_t bytes) {
  RESMON_TRY(within(working_.bytes() + bytes, limits_.max_buffer_bytes, "max-select-buffer"));
  return working_.take(bytes);
}

Status Budget::rows(std::uint64_t count) {
  RESMON_TRY(within(rows_ += count, limits_.max_rows, "max-select-point"));
  return alive();
}

Status Budget::alive() const {
  for (const std::atomic<bool>* flag : {limits_.cancelled, limits_.stopping, limits_.killed}) {
    if (flag != nullptr && flag->load(std::memory_order_relaxed))
      return fail(ErrorKind::kUnavailable, "query interrupted");
  }
  if (limits_.deadline && std::chrono::steady_clock::now() >= *limits_.deadline) {
    return fail(ErrorKind::kLimit, "query-timeout limit exceeded");
  }
  return {};
}

}  // namespace resmon::influxql
