#pragma once

// What was used last, within a bound of memory.

#include <array>
#include <cstddef>
#include <functional>
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
  // One larger than `largest_bytes` is not kept: it is rarely asked for and must not cost all others.
  RecentCache(std::size_t limit_bytes, std::size_t largest_bytes)
      : limit_bytes_(limit_bytes), largest_bytes_(largest_bytes) {}

  std::shared_ptr<const Value> find(Key key) {  // null: not here
    const MutexLock lock(mutex_);
    const auto place = places_.find(key);
    if (place == places_.end()) return nullptr;
    place->second->used = true;
    return place->second->value;
  }

  // Takes the place of what is there.
  void add(Key key, std::shared_ptr<const Value> value) {
    const std::size_t bytes = value->memory_bytes() + kInTheCache;
    if (bytes > largest_bytes_) return;
    std::list<Entry> gone;  // freed without the lock
    const MutexLock lock(mutex_);
    if (const auto place = places_.find(key); place != places_.end()) remove(place->second, gone);
    entries_.push_front({key, std::move(value), false});
    places_.emplace(key, entries_.begin());
    memory_bytes_ += bytes;
    while (memory_bytes_ > limit_bytes_) {
      const auto oldest = std::prev(entries_.end());
      if (std::exchange(oldest->used, false))
        entries_.splice(entries_.begin(), entries_, oldest);
      else
        remove(oldest, gone);
    }
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
    bool used = false;  // since it was put in front
  };

  void remove(typename std::list<Entry>::iterator entry, std::list<Entry>& gone) REQUIRES(mutex_) {
    memory_bytes_ -= entry->value->memory_bytes() + kInTheCache;
    places_.erase(entry->key);
    gone.splice(gone.begin(), entries_, entry);
  }

  const std::size_t limit_bytes_;
  const std::size_t largest_bytes_;
  mutable Mutex mutex_;
  // The last one goes when there is no room, unless it was used since it was put in front: then it is put there again.
  // Rejected: to move what is found to the front, which touches its neighbours' memory at each look-up.
  std::list<Entry> entries_ GUARDED_BY(mutex_);
  std::unordered_map<Key, typename std::list<Entry>::iterator> places_ GUARDED_BY(mutex_);
  std::size_t memory_bytes_ GUARDED_BY(mutex_) = 0;
};

// The same in parts with a lock each, chosen by key: threads that answer one query look things up all the time, and
// with one lock they would wait for each other more than they read. Each part forgets by itself.
template <class Key, class Value>
class RecentCacheInParts {
 public:
  explicit RecentCacheInParts(std::size_t limit_bytes) {
    for (auto& part : parts_)
      part = std::make_unique<RecentCache<Key, Value>>(limit_bytes / kParts, limit_bytes / kParts);
  }

  std::shared_ptr<const Value> find(const Key& key) { return part(key).find(key); }
  void add(const Key& key, std::shared_ptr<const Value> value) { part(key).add(key, std::move(value)); }

 private:
  static constexpr std::size_t kParts = 8;
  RecentCache<Key, Value>& part(const Key& key) { return *parts_[std::hash<Key>()(key) % kParts]; }

  std::array<std::unique_ptr<RecentCache<Key, Value>>, kParts> parts_;
};

}  // namespace resmon::store
