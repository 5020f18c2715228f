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

}  // namespace resmon::lineproto
