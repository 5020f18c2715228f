#pragma once

// The shape of rows: one measurement, one tag set, an ordered list of typed fields. A row (batch.h) is a time and one
// cell for each field of its schema, some of which may be absent. Everything that moves samples names shapes by a small
// dense SchemaId, so that no string is touched per sample.

#include <compare>
#include <cstdint>
#include <deque>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
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
  std::vector<Tag> tags;      // sorted by key, keys unique, no empty key or value
  std::vector<Field> fields;  // names unique; the order is the order of a row's cells
  bool operator==(const Schema&) const = default;
};

// Sorts the tags and drops those with an empty key or value, as InfluxDB does. A later duplicate of a key wins.
void normalise_tags(std::vector<Tag>& tags);

// "measurement,key=value,…" with line protocol's escapes: one text for one group (measurement + tag set).
std::string group_key(std::string_view measurement, const std::vector<Tag>& tags);

using SchemaId = std::uint32_t;

// Interns schemas: equal schemas get one id. Ids are dense from 0 and never taken back; so the table is bounded, and
// intern fails with kLimit when it is full. Thread-safe; references stay valid as long as the table.
class SchemaTable {
 public:
  explicit SchemaTable(std::size_t limit = 4'000'000) : limit_(limit) {}

  Result<SchemaId> intern(Schema schema);
  const Schema& operator[](SchemaId id) const;  // REQUIRES: id came from intern
  std::size_t size() const;

 private:
  const std::size_t limit_;
  mutable std::shared_mutex mutex_;
  std::deque<Schema> schemas_;                          // guarded by mutex_
  std::unordered_multimap<std::size_t, SchemaId> ids_;  // by hash of the schema; guarded by mutex_
};

}  // namespace resmon::metric
