#pragma once

// The addresses from which each user has signed in, so that wrong passwords of strangers do not lock the user out
// there. Stored in a file across restarts, as digests, which do not reveal the addresses. Bounded: the least recently
// used entry is removed. If the file cannot be read or written, only this memory is lost. Thread-safe.

#include <list>
#include <map>
#include <string>
#include <string_view>

#include "base/mutex.h"

namespace resmon::auth {

class KnownAddresses {
 public:
  KnownAddresses(std::string file, std::size_t most) : file_(std::move(file)), most_(most) {}

  void load();
  // `network` is as network_of() makes it.
  bool has(std::string_view user, std::string_view network) const;
  void add(std::string_view user, std::string_view network);

 private:
  void save() const REQUIRES(mutex_);
  bool insert(const std::string& key) REQUIRES(mutex_);  // false: it was there

  const std::string file_;
  const std::size_t most_;
  mutable Mutex mutex_;
  std::list<std::string> keys_ GUARDED_BY(mutex_);  // the last used last
  std::map<std::string, std::list<std::string>::iterator, std::less<>> places_ GUARDED_BY(mutex_);
};

}  // namespace resmon::auth
