#include "store/listing.h"

#include <algorithm>
#include <set>

namespace resmon::store {

std::string_view tag_value(const std::vector<metric::Tag>& tags, std::string_view key) {
  for (const metric::Tag& tag : tags) {
    if (tag.key == key) return tag.value;
  }
  return {};
}

Listing::Listing(std::vector<Column> columns, std::vector<const Group*> groups)
    : columns_(std::move(columns)), groups_(std::move(groups)) {
  // Nearly always all groups have the same keys.
  const auto same_key = [](const metric::Tag& a, const metric::Tag& b) { return a.key == b.key; };
  const Group* before = nullptr;
  std::set<std::string_view> keys;
  for (const Group* group : groups_) {
    if (before == nullptr ||
        !std::equal(before->tags.begin(), before->tags.end(), group->tags.begin(), group->tags.end(), same_key)) {
      for (const metric::Tag& tag : group->tags) keys.insert(tag.key);
    }
    before = group;
  }
  tag_keys_.assign(keys.begin(), keys.end());
  for (std::size_t i = 0; i < tag_keys_.size(); ++i) indexes_.emplace_back();
}

std::string_view Listing::value_of(std::uint32_t place, std::string_view key) const {
  return tag_value(groups_[place]->tags, key);
}

const Listing::Index* Listing::index_of(std::string_view key) const {
  const auto known = std::lower_bound(tag_keys_.begin(), tag_keys_.end(), key);
  if (known == tag_keys_.end() || *known != key) return nullptr;
  Index& index = indexes_[static_cast<std::size_t>(known - tag_keys_.begin())];
  std::call_once(index.made, [&] {
    for (std::uint32_t place = 0; place < groups_.size(); ++place)
      if (!value_of(place, key).empty()) index.places.push_back(place);
    std::stable_sort(index.places.begin(), index.places.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return value_of(a, key) < value_of(b, key); });
  });
  return &index;
}

std::span<const std::uint32_t> Listing::with_tag(std::string_view key, std::string_view value) const {
  const Index* const index = index_of(key);
  if (index == nullptr) return {};
  const auto first =
      std::lower_bound(index->places.begin(), index->places.end(), value,
                       [&](std::uint32_t place, std::string_view wanted) { return value_of(place, key) < wanted; });
  const auto last =
      std::upper_bound(first, index->places.end(), value,
                       [&](std::string_view wanted, std::uint32_t place) { return wanted < value_of(place, key); });
  return {first, last};
}

Listing::Places Listing::with_tag_in(std::string_view key, const TextSet& values) const {
  if (Places known = remembered(key, values)) return known;
  auto found = std::make_shared<std::vector<std::uint32_t>>();
  if (const Index* const index = index_of(key)) {
    auto place =
        std::lower_bound(index->places.begin(), index->places.end(), std::string_view(values.prefix),
                         [&](std::uint32_t one, std::string_view prefix) { return value_of(one, key) < prefix; });
    std::string_view before;  // no group in the index has an empty value
    bool holds = false;
    for (; place != index->places.end(); ++place) {
      const std::string_view value = value_of(*place, key);
      if (value != before) {
        if (!value.starts_with(values.prefix)) break;
        holds = values.has(value);
        before = value;
      }
      if (holds) found->push_back(*place);
    }
    std::sort(found->begin(), found->end());
  }
  remember({std::string(key), values.name, found});
  return found;
}

Listing::Places Listing::remembered(std::string_view key, const TextSet& values) const {
  const MutexLock lock(mutex_);
  const auto known = std::find_if(answers_.begin(), answers_.end(),
                                  [&](const Answer& one) { return one.key == key && one.values == values.name; });
  if (known == answers_.end()) return nullptr;
  std::rotate(answers_.begin(), known, known + 1);
  return answers_.front().places;
}

void Listing::remember(Answer answer) const {
  constexpr std::size_t kMostAnswers = 32;
  const MutexLock lock(mutex_);
  answers_.push_front(std::move(answer));
  std::size_t kept = 0;
  for (std::size_t i = 0; i < answers_.size(); ++i) {
    kept += answers_[i].places->size();
    if (i == kMostAnswers || kept > groups_.size()) answers_.resize(i);
  }
}

}  // namespace resmon::store
