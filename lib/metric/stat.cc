#include "metric/stat.h"

#include <cmath>

namespace resmon::metric {

void set_stat(const StatInfo& stat, const StatValue& value, RowWriter& row, std::size_t field) {
  if (std::holds_alternative<std::monostate>(value)) return;
  if (const double* real = std::get_if<double>(&value)) {
    row.set(field, std::round(*real * 1000) / 1000);
    return;
  }
  const std::uint64_t* natural = std::get_if<std::uint64_t>(&value);
  const std::int64_t number = natural != nullptr ? static_cast<std::int64_t>(*natural) : std::get<std::int64_t>(value);
  if (stat.kind != StatKind::kLimit || number != 0) row.set(field, number);
}

}  // namespace resmon::metric
