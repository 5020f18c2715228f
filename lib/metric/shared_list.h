#pragma once

// A list that is written once and then held by many: the fields of a machine's `cpu` are those of ten thousand others.
// Copies share the elements; who adds to a shared list gets elements of its own first. Reads like a const vector.
//
// Not thread-safe where it is changed; the elements of a list that nobody changes may be read from any thread.

#include <algorithm>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <unordered_set>
#include <utility>
#include <vector>

namespace resmon::metric {

template <class T>
class SharedList {
 public:
  using value_type = T;
  using const_iterator = typename std::vector<T>::const_iterator;

  SharedList() = default;
  SharedList(std::initializer_list<T> items) : SharedList(std::vector<T>(items)) {}
  SharedList(std::vector<T> items)  // NOLINT(google-explicit-constructor): a list is a vector that can be shared
      : items_(items.empty() ? nullptr : std::make_shared<std::vector<T>>(std::move(items))) {}

  const std::vector<T>& items() const {
    static const std::vector<T> none;
    return items_ ? *items_ : none;
  }
  operator const std::vector<T>&() const { return items(); }  // NOLINT(google-explicit-constructor)

  std::size_t size() const { return items_ ? items_->size() : 0; }
  bool empty() const { return size() == 0; }
  const T& operator[](std::size_t index) const { return (*items_)[index]; }
  const_iterator begin() const { return items().begin(); }
  const_iterator end() const { return items().end(); }
  bool operator==(const SharedList& other) const { return items_ == other.items_ || items() == other.items(); }
  bool same_as(const SharedList& other) const { return items_ == other.items_; }  // the very same elements
  bool sole_owner() const { return items_.use_count() <= 1; }                     // nobody else has the elements

  void push_back(T item) { own().push_back(std::move(item)); }
  void reserve(std::size_t count) { own().reserve(count); }
  void shrink_to_fit() {
    if (items_ && items_.use_count() == 1) items_->shrink_to_fit();
  }

 private:
  std::vector<T>& own() {
    if (!items_)
      items_ = std::make_shared<std::vector<T>>();
    else if (items_.use_count() != 1)
      items_ = std::make_shared<std::vector<T>>(*items_);
    return *items_;
  }
  std::shared_ptr<std::vector<T>> items_;  // null: empty
};

// Gives equal lists the same elements. Keeps one handle of each list that it was shown until drop_unused finds that
// nobody else has one.
template <class T, class HashOfItem>
class ListPool {
 public:
  SharedList<T> share(SharedList<T> list) {
    if (list.empty()) return list;
    const auto known = lists_.find(list);
    if (known != lists_.end()) return *known;
    list.shrink_to_fit();
    return *lists_.insert(std::move(list)).first;
  }
  std::size_t size() const { return lists_.size(); }
  // Looks through all lists, so it does so only once there are twice as many as it left the last time.
  void drop_unused() {
    if (lists_.size() < look_through_at_) return;
    std::erase_if(lists_, [](const SharedList<T>& list) { return list.sole_owner(); });
    look_through_at_ = std::max(kLeastToLookThrough, 2 * lists_.size());
  }

 private:
  static constexpr std::size_t kLeastToLookThrough = 256;
  struct Hash {
    std::size_t operator()(const SharedList<T>& list) const {
      std::size_t seed = list.size();
      for (const T& item : list) seed ^= HashOfItem()(item) + 0x9e3779b97f4a7c15ULL + (seed << 6U) + (seed >> 2U);
      return seed;
    }
  };
  std::unordered_set<SharedList<T>, Hash> lists_;
  std::size_t look_through_at_ = kLeastToLookThrough;
};

}  // namespace resmon::metric
