#pragma once

// The segments of the recent log, oldest first, back into heads: when a store is opened after a crash, and when one is
// checked.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "store/catalog.h"
#include "store/head.h"
#include "store/segment.h"

namespace resmon::store {

class LogReplay {
 public:
  // Whose heads they are.
  class Heads {
   public:
    virtual ~Heads() = default;
    virtual Head& head(GroupId group) = 0;  // of a group that the catalog has
    // After a row or a record went into it; `from`: the record's.
    virtual void changed(GroupId group, HeadPlace from, SegmentKind kind) = 0;
  };
  LogReplay(const Catalog& catalog, Heads& heads) : catalog_(catalog), heads_(heads) {}

  // kDamaged, with what could be read done, where the segment, or some of it, is not what it should be.
  Result<SegmentKind> read(std::string_view segment);
  // After the last segment: groups whose heads lack rows, because of damage.
  std::vector<GroupId> broken() const;

 private:
  class Records;

  const Catalog& catalog_;
  Heads& heads_;
  metric::ListPool<Slot, HashOfSlot> lists_;
  // Of heads that lack something, so far: a delta that goes on from others that are gone already is made good by what
  // was gathered after it.
  struct Gap {
    std::vector<std::uint32_t> numbers;  // of the pieces that there are, as the log counts
    std::uint32_t incomplete_from = 0;   // such a number
  };
  std::unordered_map<GroupId, Gap> gaps_;
};

}  // namespace resmon::store
