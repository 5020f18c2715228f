#pragma once

// What people say of a host, as opposed to what it reports: a display name, a note, tags, whether its silence is
// wanted, and thresholds of its own.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "metric/schema.h"

namespace resmon::fleet {

// From which values on a figure of the overview is shown as raised, and from which on as trouble. Percent; load is per
// core.
struct Threshold {
  std::string figure;  // cpu, memory, swap, disk, load or pressure
  double raised = 0;
  double high = 0;
  bool operator==(const Threshold&) const = default;
};
using Thresholds = std::vector<Threshold>;  // each figure at most once

struct HostSettings {
  std::string display_name;
  std::string note;
  std::vector<metric::Tag> tags;  // by key
  bool paused = false;            // no alert, not in trouble
  Thresholds thresholds;
  bool operator==(const HostSettings&) const = default;
  bool empty() const { return *this == HostSettings(); }
};

inline constexpr std::size_t kMostDisplayNameBytes = 128;
inline constexpr std::size_t kMostNoteBytes = 4096;
inline constexpr std::size_t kMostHostTags = 32;
inline constexpr std::size_t kMostTagBytes = 128;  // of a key and of a value

// kInvalid, with the member that is wrong. Sorts the tags.
Status check(HostSettings& settings);
Status check(const Thresholds& thresholds);

}  // namespace resmon::fleet
