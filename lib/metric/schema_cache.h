#pragma once

// What an encoder remembers of each schema that it has met, so that it makes it once and not for each row.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "metric/schema.h"

namespace resmon::metric {

// Beyond its bound it forgets all and begins again. Not thread-safe.
template <class Value>
class SchemaCache {
 public:
  // `schemas` must outlive it.
  SchemaCache(const SchemaTable& schemas, std::size_t limit_bytes) : schemas_(&schemas), limit_bytes_(limit_bytes) {}

  // What belongs to the schema that has the id now; valid until the next call. Where there is none yet,
  // `make(schema, bytes)` returns a std::unique_ptr<Value>, and adds to `bytes` what it takes beyond sizeof(Value).
  template <class Make>
  const Value& of(SchemaId id, const Make& make) {
    const std::uint32_t generation = schemas_->generation(id);
    if (id < entries_.size() && entries_[id].value && entries_[id].generation == generation) return *entries_[id].value;
    std::size_t bytes = sizeof(Value);
    std::unique_ptr<Value> made = make((*schemas_)[id], bytes);
    if (bytes_ + bytes > limit_bytes_) {
      entries_.clear();
      bytes_ = 0;
    }
    if (id >= entries_.size()) entries_.resize(std::max<std::size_t>(std::size_t{id} + 1, entries_.size() * 2));
    Entry& entry = entries_[id];
    bytes_ = bytes_ - entry.bytes + bytes;
    entry = {std::move(made), bytes, generation};
    return *entry.value;
  }

 private:
  struct Entry {
    std::unique_ptr<Value> value;
    std::size_t bytes = 0;
    std::uint32_t generation = 0;  // of the id that it was made for
  };

  const SchemaTable* schemas_;
  std::size_t limit_bytes_;
  std::vector<Entry> entries_;  // by schema id
  std::size_t bytes_ = 0;
};

}  // namespace resmon::metric
