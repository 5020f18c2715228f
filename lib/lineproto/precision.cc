#include "lineproto/precision.h"

namespace resmon::lineproto {

Result<Precision> parse_precision(std::string_view name) {
  if (name.empty() || name == "n" || name == "ns") return Precision::kNanosecond;
  if (name == "u" || name == "us" || name == "µ") return Precision::kMicrosecond;
  if (name == "ms") return Precision::kMillisecond;
  if (name == "s") return Precision::kSecond;
  if (name == "m") return Precision::kMinute;
  if (name == "h") return Precision::kHour;
  return fail(ErrorKind::kInvalid,
              "invalid precision \"" + std::string(name.substr(0, 16)) + "\" (use n, u, ms, s, m or h)");
}

std::string_view precision_name(Precision precision) {
  switch (precision) {
    case Precision::kNanosecond:
      return "ns";
    case Precision::kMicrosecond:
      return "us";
    case Precision::kMillisecond:
      return "ms";
    case Precision::kSecond:
      return "s";
    case Precision::kMinute:
      return "m";
    case Precision::kHour:
      return "h";
  }
  return "ns";
}

namespace {

// What a timestamp that was read in `precision` must have been in, to be of this century; empty: nothing fits.
std::string_view likely_precision(UnixNanos time, Precision precision) {
  const auto raw = static_cast<double>(time) / static_cast<double>(nanoseconds_per(precision));
  constexpr double kYear2000 = 946'684'800e9;
  for (const Precision one : {Precision::kSecond, Precision::kMillisecond, Precision::kMicrosecond}) {
    const double at = raw * static_cast<double>(nanoseconds_per(one));
    if (at >= kYear2000 && at < kYear2000 * 5) return precision_name(one);
  }
  return {};
}

}  // namespace

std::string wrong_unit(std::string_view measurement, UnixNanos time, Precision precision, std::string_view setting) {
  std::string out(measurement.substr(0, 80));
  out.append(": the timestamp ").append(std::to_string(time / nanoseconds_per(precision)));
  out.append(" is not after 1970 in ").append(precision_name(precision));
  const std::string_view meant = likely_precision(time, precision);
  if (meant.empty()) return out;
  const std::size_t place = setting.find('*');
  out.append("; did you mean ").append(setting.substr(0, place)).append(meant);
  if (place != std::string_view::npos) out.append(setting.substr(place + 1));
  return out + "?";
}

}  // namespace resmon::lineproto
