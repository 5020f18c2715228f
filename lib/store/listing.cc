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

std::span<const std::uint32_t> Listing::with_tag(std::string_view key, std::string_view value) const {
  const auto known = std::lower_bound(tag_keys_.begin(), tag_keys_.end(), key);
  if (known == tag_keys_.end() || *known != key) return {};
  const auto value_of = [&](std::uint32_t place) { return tag_value(groups_[place]->tags, key); };
  Index& index = indexes_[static_cast<std::size_t>(known - tag_keys_.begin())];
  std::call_once(index.made, [&] {
    for (std::uint32_t place = 0; place < groups_.size(); ++place)
      if (!value_of(place).empty()) index.places.push_back(place);
    std::stable_sort(index.places.begin(), index.places.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return value_of(a) < value_of(b); });
  });
  const auto first =
      std::lower_bound(index.places.begin(), index.places.end(), value,
                       [&](std::uint32_t place, std::string_view wanted) { return value_of(place) < wanted; });
  const auto last =
      std::upper_bound(first, index.places.end(), value,
                       [&](std::string_view wanted, std::uint32_t place) { return wanted < value_of(place); });
  return {first, last};
}

}  // namespace resmon::store
