#pragma once

// A deletion that has begun, as the file keeps it until it is done.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/database.h"
#include "store/reader.h"

namespace resmon::store {

struct Removal {
  TimeRange range;
  std::vector<GroupId> groups;  // ascending
};

std::string encode_removal(const Removal& removal);
// Nothing, where the bytes are not one. Ids are below `group_bound`.
std::optional<Removal> decode_removal(std::string_view bytes, std::size_t group_bound);

// The one that has begun and not ended, in the file's `meta`. As long as there is one nothing else is written. The
// writer's.
class PendingRemoval {
 public:
  Status load(Database& database, std::size_t group_bound);
  Status save(Database& database) const;     // in the caller's transaction
  bool changed() const { return changed_; }  // the file says something else
  void saved() { changed_ = false; }

  const std::optional<Removal>& get() const { return removal_; }
  void begin(Removal removal);
  void take_back();  // it was not saved
  void end();
  void not_ended(Removal removal) { removal_ = std::move(removal); }  // its end was not saved

 private:
  std::optional<Removal> removal_;
  bool changed_ = false;
};

}  // namespace resmon::store
