#include <algorithm>

#include "influxql/execute/select_internal.h"
#include "influxql/function/leaf_input.h"
#include "influxql/parse/duration.h"

// When a query is answered from what the store has kept of each minute and each hour (store::Reader::scan_windows)
// instead of from rows. Only where the answer is the same: functions that the least, the greatest, the sum, the number
// or the last value of a window determine; windows of GROUP BY time that are made of whole ones of the store; no
// condition on fields; nothing that asks for other columns of a chosen row. The ends of the range that are not whole
// windows are read as rows.

namespace resmon::influxql {
namespace {

// Fewer windows than these are not worth a second way of reading. Hours leave up to two of them to be read otherwise.
constexpr std::uint64_t kWorthMinutes = 4;
constexpr std::uint64_t kWorthHours = 24;

std::uint64_t windows_in(const store::TimeRange& range, UnixNanos width) {
  return (static_cast<std::uint64_t>(range.last) - static_cast<std::uint64_t>(range.first)) /
         static_cast<std::uint64_t>(width);
}

bool fits(const Windows& windows, UnixNanos width, const TimeSpan& span) {
  if (windows.interval == 0) return true;
  if (windows.interval % width != 0 || windows.offset % width != 0) return false;
  if (windows.zone == nullptr) return true;
  // Between two moments with whole offsets no zone has had another.
  for (const UnixNanos at : {span.first, span.last}) {
    if (windows.zone->offset_seconds(at) * kNanosPerSecond % width != 0) return false;
  }
  return true;
}

UnixNanos floor_to(UnixNanos time, UnixNanos width) {
  UnixNanos rest = time % width;
  if (rest < 0) rest += width;
  return time - rest;
}

// The whole windows within the span; empty (first == last) where it is not worth it.
store::TimeRange whole_windows(const TimeSpan& span, UnixNanos width) {
  constexpr UnixNanos kFar = INT64_MAX - 2 * store::kHourWidth;
  const UnixNanos from = std::max(span.first, -kFar);
  const UnixNanos to = std::min(span.last, kFar);
  store::TimeRange range{floor_to(from + width - 1, width), floor_to(to + 1, width)};
  if (range.last < range.first) range.last = range.first;
  return range;
}

}  // namespace

WindowPlan plan_windows(const SelectList& list, const OutputSeries& series) {
  WindowPlan out;
  if (list.calls.empty()) return out;
  const TimeSpan span = list.calls[0].reads;
  for (const CallPlan& call : list.calls) {
    const LeafSpec& leaf = call.leaf;
    const unsigned aggregates = window_aggregates(leaf);
    if (aggregates == 0 || call.reads.first != span.first || call.reads.last != span.last) return {};
    out.aggregates |= aggregates;
    // The newest of several groups' values is found by their times, which windows do not have.
    if (leaf.function == Function::kLast && (series.members.size() > 1 || leaf.own_time)) return {};
    if (leaf.own_time || leaf.wants_extras) {
      if (list.calls.size() > 1 || leaf.windows.interval != 0) return {};
      if (leaf.function != Function::kMin && leaf.function != Function::kMax) return {};
      out.chooses = true;
    }
  }
  for (const Member& member : series.members) {
    if (member.filtered || !member.bounded || !member.table->is_stored()) return {};
    for (const CallPlan& call : list.calls) {
      const int column = member.table->column(call.leaf.field);
      if (column >= 0 && data_type_of(member.table->columns()[static_cast<std::size_t>(column)].type) != call.leaf.type)
        return {};
    }
  }
  for (const UnixNanos width : {store::kHourWidth, store::kMinuteWidth}) {
    const bool all_fit = std::all_of(list.calls.begin(), list.calls.end(),
                                     [&](const CallPlan& call) { return fits(call.leaf.windows, width, span); });
    if (!all_fit) continue;
    out.range = whole_windows(span, width);
    if (windows_in(out.range, width) < (width == store::kHourWidth ? kWorthHours : kWorthMinutes)) continue;
    out.width = width;
    return out;
  }
  return {};
}

}  // namespace resmon::influxql
