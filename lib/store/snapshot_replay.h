#pragma once

// Snapshots of heads, oldest first, back into heads: when a store is opened after a crash, and when one is checked.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "store/catalog.h"
#include "store/head.h"
#include "store/head_snapshot.h"

namespace resmon::store {

class SnapshotReplay {
 public:
  // Whose heads they are.
  class Heads {
   public:
    virtual ~Heads() = default;
    virtual Head& head(GroupId group) = 0;  // of a group that the catalog has
    // After a record went into it, with the pieces from number `from` on.
    virtual void changed(GroupId group, std::uint32_t from) = 0;
  };
  SnapshotReplay(const Catalog& catalog, Heads& heads) : catalog_(catalog), heads_(heads) {}

  // kDamaged, with what could be read done, where the snapshot, or some of it, is not what it should be.
  Status read(std::string_view snapshot);
  // After the last snapshot: groups whose heads lack rows, because of damage.
  std::vector<GroupId> broken() const;

 private:
  class Records;

  const Catalog& catalog_;
  Heads& heads_;
  metric::ListPool<Slot, HashOfSlot> lists_;
  // Of heads that lack something, so far.
  struct Gap {
    std::vector<std::uint32_t> numbers;  // of the pieces that there are, as the snapshots count
    std::uint32_t missing_before = 0;    // pieces below this number are not all there
  };
  std::unordered_map<GroupId, Gap> gaps_;
};

}  // namespace resmon::store
