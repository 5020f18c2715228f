#include "metric/name_doubt.h"

#include <algorithm>
#include <vector>

#include "config/nearest.h"
#include "metric/pinned_types.h"

namespace resmon::metric {

namespace {

// Its fields are what the kernel counts; the page has a selection.
constexpr std::string_view kOpenMeasurement = "nstat";

}  // namespace

std::string doubt_about_measurement(std::string_view measurement) {
  const std::vector<std::string> known = documented_measurements();
  if (std::find(known.begin(), known.end(), measurement) != known.end()) return {};
  const std::string* const near = config::nearest(measurement, known);
  // Of short names many are two letters apart ("web" and "mem").
  if (near == nullptr || config::edit_distance(measurement, *near) > (measurement.size() < 8 ? 1U : 2U)) return {};
  return "no collector writes the measurement '" + std::string(measurement) + "'; did you mean " + *near + "?";
}

std::string doubt_about_field(std::string_view measurement, std::string_view field) {
  if (measurement == kOpenMeasurement) return {};
  const std::vector<std::string> known = documented_fields(measurement);
  if (known.empty() || std::find(known.begin(), known.end(), field) != known.end()) return {};
  std::string out = "no collector writes " + std::string(measurement) + "." + std::string(field);
  if (const std::string* const near = config::nearest(field, known)) out += "; did you mean " + *near + "?";
  return out;
}

}  // namespace resmon::metric
