#pragma once

// Whether written fields have the types of the store, and of what was acknowledged and is on its way there.

#include <algorithm>
#include <string>

#include "metric/batch.h"
#include "metric/schema.h"
#include "pending_types.h"
#include "store/reader.h"
#include "type_check.h"

namespace resmon::server {

// Thread-safe.
class FieldTypes {
 public:
  // Both must outlive it.
  FieldTypes(const metric::SchemaTable& schemas, const store::Reader& store)
      : stored_(schemas, store), pending_(schemas, store) {}

  // Rows with a value that the store will refuse. `taken`: the rows of `all` that are otherwise good; only their fields
  // count as acknowledged from now on.
  TypeCheck::Conflicts find(const metric::Batch& all, const metric::Batch& taken) {
    // The pending ones first: a field that reaches the store between the two questions is known to the second.
    TypeCheck::Conflicts pending = pending_.find(taken);
    TypeCheck::Conflicts out = stored_.find(all);
    // Rows may be in both; InfluxDB counts them once, and what it counts is a hint.
    out.rows = std::max(out.rows, pending.rows);
    if (out.first.empty()) out.first = std::move(pending.first);
    return out;
  }

  // After measurements may have been deleted: their fields may come back with other types.
  void forget() {
    stored_.forget();
    pending_.forget();
  }

 private:
  TypeCheck stored_;
  PendingTypes pending_;
};

}  // namespace resmon::server
