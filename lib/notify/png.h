#pragma once

// A small chart as a PNG (ISO/IEC 15948), for channels that show pictures. No I/O.

#include <optional>
#include <string>
#include <vector>

namespace resmon::notify {

inline constexpr int kChartWidth = 480;
inline constexpr int kChartHeight = 160;

// The values, oldest first, as a line over an area, and the limit as a line across. Empty for fewer than two values
// that are finite. Some kilobytes.
std::string chart_png(const std::vector<double>& values, std::optional<double> limit);

}  // namespace resmon::notify
