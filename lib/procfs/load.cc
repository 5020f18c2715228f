#include "procfs/load.h"

#include <string>

#include "procfs/scan.h"

namespace resmon::procfs {

namespace {

// The only, or first, line; an error when it is missing or cut off.
Status first_line(std::string_view text, std::string_view& line) {
  if (text.empty()) return fail(malformed("empty"));
  Lines lines(text);
  if (!lines.next(line)) return fail(lines.error("cut off"));
  return {};
}

}  // namespace

Status parse_loadavg(std::string_view text, LoadAverage& out) {
  std::string_view line;
  RESMON_TRY(first_line(text, line));
  Fields fields(line);
  if (!fields.decimal(out.one) || !fields.decimal(out.five) || !fields.decimal(out.fifteen))
    return fail(malformed("not three numbers: " + quoted(line)));
  return {};
}

Status parse_uptime(std::string_view text, double& seconds) {
  std::string_view line;
  RESMON_TRY(first_line(text, line));
  Fields fields(line);
  if (!fields.decimal(seconds)) return fail(malformed("not a number: " + quoted(line)));
  return {};
}

Status parse_pressure(std::string_view text, PressureFile& out) {
  out = {};
  Lines lines(text);
  std::string_view line;
  while (lines.next(line)) {
    Fields fields(line);
    Pressure* pressure = nullptr;
    if (fields.literal("some ")) {
      pressure = &out.some;
      out.has_some = true;
    } else if (fields.literal("full ")) {
      pressure = &out.full;
      out.has_full = true;
    } else {
      continue;
    }
    const auto average = [&](std::string_view key, double& value) {
      fields.skip_blanks();
      return fields.literal(key) && fields.decimal(value);
    };
    if (!average("avg10=", pressure->average_10) || !average("avg60=", pressure->average_60) ||
        !average("avg300=", pressure->average_300))
      return fail(lines.error("not three averages: " + quoted(line)));
    fields.skip_blanks();
    if (!fields.literal("total=") || !fields.number(pressure->total_microseconds))
      return fail(lines.error("no total: " + quoted(line)));
  }
  if (lines.cut()) return fail(lines.error("cut off"));
  if (!out.has_some && !out.has_full) return fail(malformed("neither \"some\" nor \"full\" in it"));
  return {};
}

Status parse_numbers(std::string_view text, std::span<std::uint64_t> out) {
  std::string_view line;
  RESMON_TRY(first_line(text, line));
  Fields fields(line);
  for (std::uint64_t& number : out) {
    std::int64_t negative = 0;
    if (fields.number(number)) continue;
    if (!fields.signed_number(negative))
      return fail(malformed("fewer than " + std::to_string(out.size()) + " numbers: " + quoted(line)));
    number = 0;
  }
  return {};
}

}  // namespace resmon::procfs
