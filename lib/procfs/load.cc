#include "procfs/load.h"

namespace resmon::procfs {

namespace {

std::string_view first_line(std::string_view text) {
  std::string_view line;
  Lines(text).next(line);
  return line;
}

// Takes the next word, which should be "key=VALUE"; false when it is another or VALUE is no number.
template <class Value>
bool take_named(Fields& fields, std::string_view key, Value& value) {
  fields.skip_blanks();
  if (fields.literal(key)) return fields.take(value);
  std::string_view other;
  fields.word(other);
  return false;
}

}  // namespace

Status parse_loadavg(std::string_view text, LoadAverage& out, Skipped& skipped) {
  const std::string_view line = first_line(text);
  Fields fields(line);
  std::size_t good = 0;
  for (Decimal* value : {&out.one, &out.five, &out.fifteen}) good += fields.take(*value) ? 1U : 0U;
  if (good < 3) skipped.add(1, line.empty() ? "empty" : "not three numbers", line);
  if (good == 0) return nothing_of_use(skipped, "");
  return {};
}

Status parse_uptime(std::string_view text, double& seconds, Skipped& skipped) {
  const std::string_view line = first_line(text);
  if (Fields(line).decimal(seconds)) return {};
  skipped.add(1, line.empty() ? "empty" : "not a number", line);
  return nothing_of_use(skipped, "");
}

Status parse_pressure(std::string_view text, PressureFile& out, Skipped& skipped) {
  out = {};
  bool any = false;
  Lines lines(text);
  std::string_view line;
  while (lines.next(line)) {
    Fields fields(line);
    std::string_view word;
    fields.word(word);
    if (word != "some" && word != "full") {
      skipped.add(lines.number(), line.empty() ? "empty" : "neither \"some\" nor \"full\"", line);
      continue;
    }
    std::optional<Pressure>& pressure = word == "some" ? out.some : out.full;
    if (pressure) {
      skipped.add(lines.number(), "given twice", line);
      continue;
    }
    pressure.emplace();
    int values = 0;
    values += take_named(fields, "avg10=", pressure->average_10) ? 1 : 0;
    values += take_named(fields, "avg60=", pressure->average_60) ? 1 : 0;
    values += take_named(fields, "avg300=", pressure->average_300) ? 1 : 0;
    values += take_named(fields, "total=", pressure->total_microseconds) ? 1 : 0;
    if (values < 4) skipped.add(lines.number(), "not three averages and a total", line);
    if (values == 0) pressure.reset();
    any = any || values != 0;
  }
  if (!any) return nothing_of_use(skipped, "empty");
  return {};
}

Status parse_numbers(std::string_view text, std::span<Number> out, Skipped& skipped) {
  const std::string_view line = first_line(text);
  Fields fields(line);
  std::size_t good = 0;
  for (Number& number : out) good += fields.take(number) ? 1U : 0U;
  if (good < out.size()) skipped.add(1, line.empty() ? "empty" : "fewer numbers than there should be", line);
  if (good == 0) return nothing_of_use(skipped, "");
  return {};
}

Status parse_signed(std::string_view text, std::int64_t& out, Skipped& skipped) {
  const std::string_view line = first_line(text);
  Fields fields(line);
  const bool negative = fields.literal("-");
  std::uint64_t value = 0;
  const bool digits = !fields.rest().empty() && fields.rest().front() >= '0' && fields.rest().front() <= '9';
  if (!digits || !fields.number(value) || !fields.at_end() || value > INT64_MAX) {
    skipped.add(1, line.empty() ? "empty" : "not a whole number", line);
    return nothing_of_use(skipped, "");
  }
  out = negative ? -static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value);
  return {};
}

}  // namespace resmon::procfs
