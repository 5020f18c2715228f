#include "fleet/host_settings.h"

#include <algorithm>
#include <array>

namespace resmon::fleet {

namespace {

constexpr std::array<std::string_view, 6> kFigures{"cpu", "memory", "swap", "disk", "load", "pressure"};
constexpr double kMostThreshold = 1000;

bool has_control(std::string_view text, bool lines) {
  return std::any_of(text.begin(), text.end(), [&](char c) {
    return (static_cast<unsigned char>(c) < 32 && !(lines && (c == '\n' || c == '\t'))) || c == 127;
  });
}

Status check_text(std::string_view what, std::string_view text, std::size_t most, bool lines = false) {
  if (text.size() > most)
    return fail(ErrorKind::kInvalid, std::string(what) + " has at most " + std::to_string(most) + " bytes");
  if (has_control(text, lines)) return fail(ErrorKind::kInvalid, std::string(what) + " has no control characters");
  return {};
}

}  // namespace

Status check(const Thresholds& thresholds) {
  for (auto at = thresholds.begin(); at != thresholds.end(); ++at) {
    if (std::find(kFigures.begin(), kFigures.end(), at->figure) == kFigures.end())
      return fail(ErrorKind::kInvalid,
                  "thresholds: '" + at->figure.substr(0, 64) + "' is none of cpu, memory, swap, disk, load, pressure");
    if (!(at->raised > 0 && at->high >= at->raised && at->high <= kMostThreshold))
      return fail(ErrorKind::kInvalid, "thresholds." + at->figure + ": 0 < raised <= high <= 1000");
    if (std::any_of(thresholds.begin(), at, [&](const Threshold& one) { return one.figure == at->figure; }))
      return fail(ErrorKind::kInvalid, "thresholds." + at->figure + " is there twice");
  }
  return {};
}

Status check(HostSettings& settings) {
  RESMON_TRY(check_text("name", settings.display_name, kMostDisplayNameBytes));
  RESMON_TRY(check_text("note", settings.note, kMostNoteBytes, true));
  if (settings.tags.size() > kMostHostTags) return fail(ErrorKind::kInvalid, "at most 32 tags");
  for (const metric::Tag& tag : settings.tags) {
    if (tag.key.empty() || tag.value.empty()) return fail(ErrorKind::kInvalid, "tags: a key and a value are needed");
    RESMON_TRY(check_text("tags: a key", tag.key, kMostTagBytes));
    RESMON_TRY(check_text("tags: a value", tag.value, kMostTagBytes));
    if (tag.key.find_first_of(":\" ") != std::string::npos || tag.value.find('"') != std::string::npos)
      return fail(ErrorKind::kInvalid, "tags: no \", and in a key no : and no space");
  }
  std::sort(settings.tags.begin(), settings.tags.end(),
            [](const metric::Tag& a, const metric::Tag& b) { return a.key < b.key; });
  return check(settings.thresholds);
}

}  // namespace resmon::fleet
