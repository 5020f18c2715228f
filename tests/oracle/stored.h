#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "metric/schema.h"
#include "store/store.h"

namespace resmon::oracle {

// The real store in a scratch directory, filled from lines in several batches with what it does in between (small
// chunks sealed, heads left over), so that queries meet all of its states. Removed with the object.
class Stored {
 public:
  static Result<std::unique_ptr<Stored>> make(std::string_view lines);
  ~Stored();
  Stored(const Stored&) = delete;
  Stored& operator=(const Stored&) = delete;

  const store::Reader& reader() const { return *store_; }

 private:
  Stored() = default;

  std::string directory_;
  metric::SchemaTable schemas_;
  std::unique_ptr<store::Store> store_;
};

}  // namespace resmon::oracle
