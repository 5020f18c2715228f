#pragma once

// The types of the fields that docs/schema.md documents, and values of one type of number as another. Any thread.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metric/value.h"

namespace resmon::metric {

// The type that the field has whoever writes it first. Nothing: the page does not have it, so the first writer decides.
std::optional<FieldType> pinned_type(std::string_view measurement, std::string_view field);

// The measurements of the page, and the fields of one; of a measurement that it does not have none.
std::vector<std::string> documented_measurements();
std::vector<std::string> documented_fields(std::string_view measurement);

// The same number in another type. Nothing where that type does not hold it exactly: 5.5 as an integer, -1 as an
// unsigned one, 2^53 + 1 as a float. REQUIRES: is_number of both
std::optional<Cell> convert_number(Cell cell, FieldType from, FieldType to);

}  // namespace resmon::metric
