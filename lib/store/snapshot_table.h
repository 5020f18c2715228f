#pragma once

// The snapshots of heads that the file has, in the order in which they were written. They go in that order, too. The
// writer's thread only.

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/database.h"

namespace resmon::store {

class SnapshotTable {
 public:
  // Shows each that there is, oldest first; an error of `visit` ends it.
  using Visit = std::function<Status(std::uint64_t number, std::string_view data)>;
  Status load(Database& database, const Visit& visit);

  std::uint64_t next() const { return first_ + sizes_.size(); }  // number of the one that is written next
  std::uint64_t first() const { return first_; }                 // of the oldest; next() where there is none
  bool empty() const { return sizes_.empty(); }
  std::size_t count() const { return sizes_.size(); }
  std::uint64_t bytes() const { return bytes_; }

  // In the caller's transaction as number `number`, and once that is committed.
  static Status insert(Database& database, std::uint64_t number, std::string_view data);
  void inserted(std::size_t bytes);
  static Status remove_before(Database& database, std::uint64_t number);
  void removed_before(std::uint64_t number);

 private:
  std::uint64_t first_ = 1;
  std::deque<std::uint64_t> sizes_;  // 0 where a number was left out
  std::uint64_t bytes_ = 0;
};

}  // namespace resmon::store
