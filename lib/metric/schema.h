#pragma once

// The shape of rows: one measurement, one tag set, an ordered list of typed fields. A row (batch.h) is a time and one
// cell for each field of its schema, some of which may be absent. Everything that moves samples names shapes by a small
// dense SchemaId, so that no string is touched per sample.

#include <array>
#include <atomic>
#include <bit>
#include <compare>
#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "metric/shared_list.h"
#include "metric/value.h"

namespace resmon::metric {

struct Tag {
  std::string key;
  std::string value;
  auto operator<=>(const Tag&) const = default;
};

struct Field {
  std::string name;
  FieldType type = FieldType::kFloat;
  bool operator==(const Field&) const = default;
};

struct Schema {
  std::string measurement;
  SharedList<Tag> tags;      // sorted by key, keys unique, no empty key or value
  SharedList<Field> fields;  // names unique; the order is the order of a row's cells
  bool operator==(const Schema&) const = default;
};

// Sorts the tags and drops those with an empty key or value, as InfluxDB does. A later duplicate of a key wins.
void normalise_tags(std::vector<Tag>& tags);
inline void normalise_tags(SharedList<Tag>& tags) {
  std::vector<Tag> items = tags;
  normalise_tags(items);
  tags = std::move(items);
}

// "measurement,key=value,…" with line protocol's escapes: one text for one group (measurement + tag set).
std::string group_key(std::string_view measurement, const std::vector<Tag>& tags);

using SchemaId = std::uint32_t;

// Interns schemas: equal schemas get one id. Ids are dense from 0 and never taken back; so the table is bounded, and
// intern fails with kLimit when it is full. Equal lists of fields are kept once. Thread-safe; references stay valid as
// long as the table.
//
// Every row of every batch is looked up here by several threads: a look-up takes no lock. Schemas lie in blocks that
// double in size and never move.
class SchemaTable {
 public:
  explicit SchemaTable(std::size_t limit = 4'000'000) : limit_(limit) {}
  ~SchemaTable();
  SchemaTable(const SchemaTable&) = delete;
  SchemaTable& operator=(const SchemaTable&) = delete;

  Result<SchemaId> intern(Schema schema);
  const Schema& operator[](SchemaId id) const {  // REQUIRES: id came from intern
    const Place place = place_of(id);
    return blocks_[place.block].load(std::memory_order_acquire)[place.index];
  }
  std::size_t size() const { return size_.load(std::memory_order_acquire); }

 private:
  static constexpr unsigned kFirstBlockBits = 6;
  struct Place {
    unsigned block;
    std::size_t index;
  };
  static constexpr std::size_t block_size(unsigned block) { return std::size_t{1} << (block + kFirstBlockBits); }
  static constexpr Place place_of(SchemaId id) {
    const std::size_t moved = std::size_t{id} + block_size(0);
    const auto block = static_cast<unsigned>(std::bit_width(moved)) - 1 - kFirstBlockBits;
    return {block, moved - block_size(block)};
  }
  struct HashOfField {
    std::size_t operator()(const Field& field) const;
  };

  const std::size_t limit_;
  std::array<std::atomic<Schema*>, 32 - kFirstBlockBits + 1> blocks_{};
  std::atomic<std::size_t> size_{0};
  mutable std::shared_mutex mutex_;
  std::unordered_multimap<std::size_t, SchemaId> ids_;  // by hash of the schema; guarded by mutex_
  ListPool<Field, HashOfField> field_lists_;            // guarded by mutex_
};

}  // namespace resmon::metric
