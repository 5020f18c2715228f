#pragma once

// Rows of batches into heads. The writer's.

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "metric/batch.h"
#include "metric/schema.h"
#include "store/heads.h"
#include "store/piece.h"
#include "store/row_plans.h"
#include "store/store.h"

namespace resmon::store {

class RowTaker {
 public:
  // All must outlive it.
  RowTaker(const metric::SchemaTable& schemas, RowPlans& plans, Heads& heads)
      : schemas_(schemas), plans_(plans), heads_(heads) {}

  // Rows before `oldest`, and those that are not newer than `horizon`, are refused.
  WriteReport take(const metric::Batch& batch, UnixNanos oldest, UnixNanos horizon);

  // Since start; any thread.
  std::uint64_t stored_samples() const { return stored_; }
  std::uint64_t refused_samples() const { return refused_; }

 private:
  std::optional<std::string> refusal_of(const RowPlans::Plan* plan, const metric::Row& row) const;
  void take_row(const metric::Batch& batch, const metric::Row& row, WriteReport& report);

  const metric::SchemaTable& schemas_;
  RowPlans& plans_;
  Heads& heads_;
  UnixNanos oldest_ = INT64_MIN;   // of the batch under way
  UnixNanos horizon_ = INT64_MIN;  // of the batch under way
  SlotRow row_;                    // scratch
  std::atomic<std::uint64_t> stored_ = 0;
  std::atomic<std::uint64_t> refused_ = 0;
};

}  // namespace resmon::store
