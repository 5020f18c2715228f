#include <algorithm>
#include <cmath>

#include "influxql/execute/select_internal.h"

// The few best of many series: SELECT top(m, 5), host FROM (SELECT max(x) AS m FROM … GROUP BY host). The store's
// windows have each host's maximum, but not when it was: that takes the rows of a whole window. So all hosts are
// compared by their windows first, and only of those that may be among the five are rows read.
//
// A value is in [start, start + width) of its window, and windows of one width lie side by side: of two equal values in
// different windows it is known which is the earlier.

namespace resmon::influxql {
namespace {

bool is_of(const Cell& cell, DataType type) {
  if (const auto* d = std::get_if<double>(&cell)) return type == DataType::kFloat && !std::isnan(*d);
  if (std::holds_alternative<std::int64_t>(cell)) return type == DataType::kInteger;
  return std::holds_alternative<std::uint64_t>(cell) && type == DataType::kUnsigned;
}

}  // namespace

std::optional<Few> few_of(const Plan& plan, const SelectList& list) {
  const Compiled& c = *plan.compiled;
  if (list.calls.size() != 1 || c.condition != nullptr || !plan.dimensions.empty()) return std::nullopt;
  const CallPlan& call = list.calls[0];
  const bool top = call.leaf.function == Function::kTop;
  if ((!top && call.leaf.function != Function::kBottom) || call.leaf.by_tags || call.leaf.count == 0 ||
      call.leaf.windows.interval != 0 || !call.transforms.empty())
    return std::nullopt;
  return Few{call.leaf.count, top, call.leaf.field, call.leaf.type};
}

bool chooses_one(const Plan& plan, const SelectList& list, const std::vector<OutputSeries>& series, const Few& few) {
  const Select& select = plan.compiled->select;
  const bool lone = list.calls.size() == 1 && list.references.empty() && list.outputs.size() == 1 &&
                    list.outputs[0].single_slot() == 0 && plan.outputs[0].base == few.field;
  const bool stored = plan.sources.size() == 1 && plan.sources[0].table != nullptr;
  return lone && stored && series.size() > few.count && select.limit == 0 && select.offset == 0 &&
         list.calls[0].transforms.empty() && plan_windows(list, series[0]).chooses;
}

void keep_best(const Few& few, std::vector<Candidate>& candidates) {
  const bool comparable = std::all_of(candidates.begin(), candidates.end(),
                                      [&](const Candidate& one) { return is_of(one.value, few.type); });
  if (candidates.size() <= few.count || !comparable) return;
  const auto better = [&](const Candidate& a, const Candidate& b) {
    if (a.value != b.value) return few.greatest ? b.value < a.value : a.value < b.value;
    return a.time < b.time;
  };
  std::vector<Candidate> sorted = candidates;
  const auto last = sorted.begin() + static_cast<std::ptrdiff_t>(few.count - 1);
  std::nth_element(sorted.begin(), last, sorted.end(), better);
  std::erase_if(candidates, [&](const Candidate& one) { return better(*last, one); });
}

}  // namespace resmon::influxql
