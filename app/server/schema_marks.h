#pragma once

// A set of schemas of which something is known for good, such as that the store has all their fields. Nearly all rows
// are of such schemas: asking costs one comparison a row. Thread-safe.

#include <cstdint>
#include <vector>

#include "base/mutex.h"
#include "metric/batch.h"
#include "metric/schema.h"

namespace resmon::server {

class SchemaMarks {
 public:
  // `schemas` must outlive it.
  explicit SchemaMarks(const metric::SchemaTable& schemas) : schemas_(schemas) {}

  // The rows whose schemas are not marked. REQUIRES: the batch has a pin, as all rows whose schemas are given here
  std::vector<std::size_t> unmarked(const metric::Batch& batch) const {
    std::vector<std::size_t> out;
    const SharedLock lock(mutex_);
    for (std::size_t i = 0; i < batch.rows().size(); ++i)
      if (!has(batch.rows()[i].schema)) out.push_back(i);
    return out;
  }
  bool all_marked(const metric::Batch& batch) const {
    const SharedLock lock(mutex_);
    for (const metric::Row& row : batch.rows())
      if (!has(row.schema)) return false;
    return true;
  }
  // `clears`: of before what is known was found out; what was cleared meanwhile is not marked.
  void mark(const std::vector<metric::SchemaId>& ids, std::uint64_t clears) {
    if (ids.empty()) return;
    const Locked<SharedMutex> lock(mutex_);
    if (clears != clears_) return;
    for (const metric::SchemaId id : ids) {
      if (id >= generations_.size()) generations_.resize(schemas_.id_bound());
      generations_[id] = schemas_.generation(id);
    }
  }
  void clear() {
    const Locked<SharedMutex> lock(mutex_);
    ++clears_;
    generations_.clear();
  }
  std::uint64_t clears() const {
    const SharedLock lock(mutex_);
    return clears_;
  }

 private:
  bool has(metric::SchemaId id) const REQUIRES_SHARED(mutex_) {
    return id < generations_.size() && generations_[id] == schemas_.generation(id);
  }

  const metric::SchemaTable& schemas_;
  mutable SharedMutex mutex_;
  std::vector<std::uint32_t> generations_ GUARDED_BY(mutex_);  // by id: when it was marked
  std::uint64_t clears_ GUARDED_BY(mutex_) = 0;
};

}  // namespace resmon::server
