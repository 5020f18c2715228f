#pragma once

// The types of new fields that were acknowledged and are not in the store yet. It detects two types for one new field,
// in one request or in two that follow each other closely. The store would refuse the second type only after its writer
// has the answer.

#include <string>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "metric/batch.h"
#include "metric/schema.h"
#include "schema_marks.h"
#include "store/reader.h"
#include "type_check.h"

namespace resmon::server {

// Thread-safe.
class PendingTypes {
 public:
  PendingTypes(const metric::SchemaTable& schemas, const store::Reader& store)
      : schemas_(schemas), store_(store), settled_(schemas) {}

  // Rows with a value of another type than one that was taken, or comes before it in the batch. Numbers of another kind
  // are left to the store. What the store knows is TypeCheck's, which must be asked after this: the store may learn of
  // a field at any moment.
  TypeCheck::Conflicts find(const metric::Batch& batch);
  void forget();

 private:
  std::vector<std::size_t> conflicts_of(const metric::Schema& schema, std::string& first) REQUIRES(mutex_);

  const metric::SchemaTable& schemas_;
  const store::Reader& store_;
  SchemaMarks settled_;  // schemas without conflicts; forgotten together with the types
  Mutex mutex_;
  // By measurement, 0, field. Bounded, and forgotten when the bound is reached: by then the store knows what was
  // pending.
  std::unordered_map<std::string, metric::FieldType> types_ GUARDED_BY(mutex_);
};

}  // namespace resmon::server
