#include "influxql/limits.h"

namespace resmon::influxql {
namespace {

Status within(std::uint64_t count, std::uint64_t limit, const char* what) {
  if (count <= limit) return {};
  return fail(ErrorKind::kLimit,
              std::string(what) + " limit exceeded: (" + std::to_string(count) + "/" + std::to_string(limit) + ")");
}

}  // namespace

Status Budget::series(std::uint64_t count) {
  return within(series_ += count, limits_.max_series, "max-select-series");
}
Status Budget::points(std::uint64_t count) {
  return within(points_ += count, limits_.max_points, "max-row");
}
Status Budget::buckets(std::uint64_t count) const {
  return within(count, limits_.max_buckets, "max-select-buckets");
}
Status Budget::buffer(std::uint64_t bytes) {
  return within(buffer_bytes_ += bytes, limits_.max_buffer_bytes, "max-select-buffer");
}

Status Budget::rows(std::uint64_t count) {
  RESMON_TRY(within(rows_ += count, limits_.max_rows, "max-select-point"));
  return alive();
}

Status Budget::alive() const {
  if (limits_.cancelled != nullptr && limits_.cancelled->load(std::memory_order_relaxed)) {
    return fail(ErrorKind::kUnavailable, "query interrupted");
  }
  if (limits_.deadline && std::chrono::steady_clock::now() >= *limits_.deadline) {
    return fail(ErrorKind::kLimit, "query-timeout limit exceeded");
  }
  return {};
}

}  // namespace resmon::influxql
