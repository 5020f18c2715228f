#pragma once

// Whether a rule names what no collector of resmon writes, which is most often a slip. It is no mistake: scripts,
// inputs and other agents write names that nobody knows ahead. Any thread.

#include <string>
#include <string_view>
#include <vector>

namespace resmon::metric {

struct NameDoubt {
  std::vector<std::string> measurements;  // it is settled where one of them has the field
  std::string field;                      // or a pattern of it; empty: the doubt is about the measurement
  std::string text;                       // with its place: "alerts.toml:2:14: rule.a.when: no collector writes …"
};

// "no collector writes the measurement 'dsk'; did you mean disk?". Empty where the name is documented, or is not one
// slip away from a documented one: nearly all names of others are not.
std::string doubt_about_measurement(std::string_view measurement);

// "no collector writes disk.used_precent; did you mean used_percent?". Empty where the field is documented, and of
// measurements whose fields depend on the machine or that are not documented.
std::string doubt_about_field(std::string_view measurement, std::string_view field);

}  // namespace resmon::metric
