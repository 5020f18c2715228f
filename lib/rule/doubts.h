#pragma once

// Names in rules that no collector writes.

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "config/toml_tree.h"
#include "metric/name_doubt.h"
#include "rule/rule.h"

namespace resmon::rule {

// Whether one of the rules writes this field of the measurement (or, if `field` is empty, the measurement), or may do.
bool may_write(std::span<const Rule> rules, const std::string& measurement, const std::string& field);

// Of the last of `rules`, which was read from `table`; `path`: "rule[2]". What the rules before it write is known. A
// measurement that is given by a pattern is not doubted, nor are its fields.
void find_doubts(const config::Node& table, const std::string& path, const std::string& file,
                 const std::vector<Rule>& rules, std::vector<metric::NameDoubt>& out);

// The texts of those that are not settled by what is there: `fields_of` returns the fields that a measurement is known
// to have, and none where it is not known.
std::vector<std::string> unsettled(const std::vector<metric::NameDoubt>& doubts,
                                   const std::function<std::vector<std::string>(const std::string&)>& fields_of);

}  // namespace resmon::rule
