#pragma once

// Tags of a series as texts and lists. Internal to the engine's parts.

#include <string>
#include <string_view>
#include <vector>

#include "metric/batch.h"

namespace resmon::alert {

inline std::string series_key(const std::vector<metric::Tag>& tags) {
  std::string out;
  for (const metric::Tag& tag : tags) out.append(tag.key).append(1, '\1').append(tag.value).append(1, '\2');
  return out;
}

inline std::string key_of(std::string_view rule, std::string_view host, const std::vector<metric::Tag>& tags) {
  std::string out(rule);
  out.append(1, '\0').append(host).append(1, '\0').append(series_key(tags));
  return out;
}

inline std::string_view tag_of(const std::vector<metric::Tag>& tags, std::string_view key) {
  for (const metric::Tag& tag : tags)
    if (tag.key == key) return tag.value;
  return {};
}

inline std::vector<metric::Tag> without(const std::vector<metric::Tag>& tags, std::string_view key) {
  std::vector<metric::Tag> out;
  for (const metric::Tag& tag : tags)
    if (tag.key != key) out.push_back(tag);
  return out;
}

}  // namespace resmon::alert
