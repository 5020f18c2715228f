#pragma once

// How far the store is in what others keep and would write again, the journal: values by name, each of which becomes
// durable only when the file has every row that was written before it.
//
// Rows lie in heads for long before the file has them. So the rows between two calls of set() are an epoch; a head
// remembers the epoch of its oldest row that the file does not have, and what may be stored is what was set before the
// oldest such epoch. Set, stored and read for saving by the writer; the values that others ask for by any thread.

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/database.h"

namespace resmon::store {

class Marks {
 public:
  using Epoch = std::uint64_t;
  static constexpr Epoch kNone = UINT64_MAX;  // the file has all rows

  // What the file has. Only that counts until something else is set.
  Status load(Database& database);

  // The epoch of a row that is written now.
  Epoch use() {
    used_ = true;
    return epochs_.back().number;
  }
  // Begins an epoch, unless the one under way has no row yet; its number. `samples`: so many were written so far.
  Epoch begin(std::uint64_t samples);
  void set(std::string_view name, std::string_view value, std::uint64_t samples);
  // How many samples had been written when the epoch began.
  std::uint64_t samples_before(Epoch epoch) const { return before(epoch).samples; }

  // For each of these, `needed` is the oldest epoch with a row that the file does not have.
  bool to_save(Epoch needed) const;                     // the file has other values
  bool to_sync(Epoch needed) const;                     // a crash would find others
  Status save(Database& database, Epoch needed) const;  // in the caller's transaction
  void saved(Epoch needed, bool synced);                // once that is committed
  // All that was committed was synced; and it is in the database's main file.
  void all_synced();
  void all_checkpointed();

  std::string newest(std::string_view name) const;        // as set last
  std::string durable(std::string_view name) const;       // what a crash finds again
  std::string checkpointed(std::string_view name) const;  // what the main file has
  // As an earlier process had set it when it committed last: not all rows before it need be there.
  std::string reached(std::string_view name) const;

 private:
  using Values = std::map<std::string, std::string, std::less<>>;
  struct Begun {
    Epoch number = 1;
    std::uint64_t samples = 0;
    Values values;  // set before it
  };
  const Begun& before(Epoch epoch) const;
  std::string find(const Values& values, std::string_view name) const;

  // The writer's.
  std::deque<Begun> epochs_{{}};  // ascending; the last is under way
  bool used_ = false;             // it has rows
  Values saved_newest_;           // what saved() saw as the newest

  mutable std::mutex mutex_;
  // Guarded by mutex_; changed by the writer only, who may therefore read them without.
  Values newest_;
  Values committed_;
  Values durable_;
  Values checkpointed_;
  Values reached_;
};

}  // namespace resmon::store
