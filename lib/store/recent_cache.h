#pragma once

// What was used last, within a bound of memory.

#include <cstddef>
#include <iterator>
#include <list>
#include <memory>
#include <unordered_map>
#include <utility>

#include "base/mutex.h"

namespace resmon::store {

// Thread-safe. A Value tells its memory_bytes(), the same each time. Whoever has one may keep it.
template <class Key, class Value>
class RecentCache {
 public:
  explicit RecentCache(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  std::shared_ptr<const Value> find(Key key) {  // null: not here
    const MutexLock lock(mutex_);
    const auto place = places_.find(key);
    if (place == places_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, place->second);
    return place->second->value;
  }

  // Takes the place of what is there.
  void add(Key key, std::shared_ptr<const Value> value) {
    const std::size_t bytes = value->memory_bytes() + kInTheCache;
    if (bytes > limit_bytes_ / 8) return;  // one that is rarely asked for must not cost all others
    std::list<Entry> gone;                 // freed without the lock
    const MutexLock lock(mutex_);
    if (const auto place = places_.find(key); place != places_.end()) remove(place->second, gone);
    entries_.push_front({key, std::move(value)});
    places_.emplace(key, entries_.begin());
    memory_bytes_ += bytes;
    while (memory_bytes_ > limit_bytes_) remove(std::prev(entries_.end()), gone);
  }

  std::size_t memory_bytes() const {
    const MutexLock lock(mutex_);
    return memory_bytes_;
  }

 private:
  static constexpr std::size_t kInTheCache = 160;  // the nodes of its list and map, and what allocations cost
  struct Entry {
    Key key{};
    std::shared_ptr<const Value> value;
  };

  void remove(typename std::list<Entry>::iterator entry, std::list<Entry>& gone) REQUIRES(mutex_) {
    memory_bytes_ -= entry->value->memory_bytes() + kInTheCache;
    places_.erase(entry->key);
    gone.splice(gone.begin(), entries_, entry);
  }

  const std::size_t limit_bytes_;
  mutable Mutex mutex_;
  std::list<Entry> entries_ GUARDED_BY(mutex_);  // newest use first
  std::unordered_map<Key, typename std::list<Entry>::iterator> places_ GUARDED_BY(mutex_);
  std::size_t memory_bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace resmon::store
