#pragma once

// A collector's state for each disk or interface, by name. A file lists them in nearly the same order each time, so a
// lookup first tries the place after the last one found. An entry that was not seen in a gather is removed at its end.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace resmon::collect {

template <class T>
class EntityTable {
 public:
  void begin() {
    cursor_ = 0;
    ++generation_;
  }

  // The entity of this name; what `make` returns when it is new; nullptr when it was already handed out since begin.
  // Valid until the next call.
  template <class Make>
  T* get(std::string_view name, Make make) {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const std::size_t at = cursor_ + i < entries_.size() ? cursor_ + i : cursor_ + i - entries_.size();
      if (entries_[at].name == name) return take(at);
    }
    entries_.push_back(Entry{std::string(name), 0, make()});
    return take(entries_.size() - 1);
  }

  void end() {
    std::erase_if(entries_, [this](const Entry& entry) { return entry.seen != generation_; });
  }
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string name;
    std::uint64_t seen;
    T value;
  };

  T* take(std::size_t at) {
    cursor_ = at + 1;
    if (std::exchange(entries_[at].seen, generation_) == generation_) return nullptr;
    return &entries_[at].value;
  }

  std::vector<Entry> entries_;
  std::size_t cursor_ = 0;
  std::uint64_t generation_ = 0;
};

}  // namespace resmon::collect
