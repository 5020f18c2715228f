#pragma once

// Checks whether written fields have the types that the store has for them. The store itself checks only after the
// writer has its answer; with this check before, the answer is the one that InfluxDB would give.

#include <cstdint>
#include <string>
#include <vector>

#include "metric/batch.h"
#include "metric/schema.h"
#include "schema_marks.h"
#include "store/reader.h"

namespace resmon::server {

class TypeCheck {
 public:
  struct Conflicts {
    std::uint64_t rows = 0;  // with a value that the store will refuse
    std::string first;       // in InfluxDB's words: "field type conflict: input field …"
  };

  TypeCheck(const metric::SchemaTable& schemas, const store::Reader& store)
      : schemas_(schemas), store_(store), good_(schemas) {}

  // Any thread. What is not stored yet conflicts with nothing.
  Conflicts find(const metric::Batch& batch);
  // After measurements may have been deleted: their fields may come back with other types.
  void forget();

 private:
  struct Mismatch {
    std::size_t field;
    metric::FieldType kept;  // the type that the store has
  };
  static std::vector<Mismatch> mismatches(const metric::Schema& schema, bool& all_known,
                                          const std::vector<store::Column>& columns);

  const metric::SchemaTable& schemas_;
  const store::Reader& store_;
  SchemaMarks good_;  // schemas without conflicts; a field's type changes with forget() only
};

}  // namespace resmon::server
