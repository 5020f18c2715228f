// Tiers: windows of a minute and of an hour, written in the transaction that seals the rows they are made of. So there
// is one rule, and no crash can break it: of every hour before a group's `tiered_until`, the tiers say exactly what the
// group's sealed rows say. Rows that are not sealed yet are a reader's business (window_scan.cc).
//
// Once the sealed rows of a group pass the end of a block of six hours, the block's windows are folded and stored as
// one chunk of 360 minutes and one of 6 hours, the latter joined with what came before. Late or overwritten rows touch
// hours that were folded already: those hours are folded again, from all of their rows, and replace what the tier said,
// by the same rules by which late rows replace rows.
//
// Rejected: folding each seal's rows at once (chunks of 60 minutes cost half as much again for their tables, and are
// rewritten to be joined); marking windows dirty and folding them later (a reader then has to know, and so has a
// crash); adding late rows to the aggregates (a row that overwrites another cannot be taken out of a minimum).
//
// What retention has removed cannot be folded again. Rows at or before the newest of it are refused when they come, and
// an hour that was folded and then cut by retention keeps the windows it has.

#include "store/tier_writer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "store/scan.h"
#include "store/tier.h"
#include "store/windows.h"

namespace resmon::store {

namespace {

constexpr std::int64_t kBlockHours = 6;
// A group far behind (an import) catches up by this much with each seal.
constexpr int kMaxBlocksASeal = 16;

}  // namespace

UnixNanos TierWriter::block_end(GroupId group, UnixNanos time) {
  const UnixNanos from = window_start(time, kHour);
  const std::int64_t into = ((from / kHour + group) % kBlockHours + kBlockHours) % kBlockHours;
  return plus(from, (kBlockHours - into) * kHour);
}

Status TierWriter::look_up(GroupState& group) {
  if (group.tiered_known) return {};
  group.tiered_until = INT64_MIN;
  group.block_hours = 0;
  for (const std::int64_t tier : {kTierMinute, kTierHour}) {
    RESMON_ASSIGN(const UnixNanos newest, file_.reads().find_newest_time(tier, group.id));
    if (newest != INT64_MIN)
      group.tiered_until = std::max(group.tiered_until, plus(window_start(newest, kHour), kHour));
  }
  group.tiered_known = true;
  return {};
}

Status TierWriter::add(GroupState& group, const std::vector<UnixNanos>& sealed, std::size_t& bytes) {
  RESMON_TRY(look_up(group));
  // Hours folded before that have new rows, neighbours together.
  const UnixNanos floor = file_.chunks().floor(kTierRaw);
  for (std::size_t row = 0; row < sealed.size() && sealed[row] < group.tiered_until;) {
    const UnixNanos first = window_start(sealed[row], kHour);
    UnixNanos last = plus(first, kHour);
    for (; row < sealed.size() && sealed[row] < group.tiered_until; ++row) {
      if (sealed[row] >= plus(last, kHour) || last - first >= shape_of(kTierMinute).max_span) break;
      if (sealed[row] >= last) last = plus(last, kHour);
    }
    if (first >= floor) RESMON_TRY(fold(group, first, last, bytes));
  }
  // Whole blocks that the rows have passed. Most seals end within the block that the one before began.
  const UnixNanos known_end = group.block_end_hour * kHour;
  if (sealed.front() >= known_end - group.block_hours * kHour && group.newest_time < known_end && group.block_hours > 0)
    return {};
  for (int block = 0; block < kMaxBlocksASeal; ++block) {
    UnixNanos from = group.tiered_until;
    RESMON_ASSIGN(const std::optional<UnixNanos> next, file_.chunks().first_after(group.id, from));
    if (!next) return {};
    from = std::max(from, window_start(*next, kHour));
    const UnixNanos to = block_end(group.id, from);
    group.block_end_hour = static_cast<std::int32_t>(to / kHour);
    group.block_hours = static_cast<std::uint8_t>((to - from) / kHour);
    // A row of a wrong clock, far ahead, ends no block.
    if (to > group.newest_time || (time_.now != 0 && to > time_.now)) return {};
    RESMON_TRY(fold(group, from, to, bytes));
    group.tiered_until = to;
  }
  return {};
}

// REQUIRES: full hours.
Status TierWriter::fold(GroupState& group, UnixNanos first, UnixNanos last, std::size_t& bytes) {
  std::vector<WindowColumn> columns;
  std::vector<ColumnId> ids;
  while (const Column* const column = catalog_.column(group.measurement, static_cast<ColumnId>(ids.size()))) {
    columns.push_back({column->id, column->type});
    ids.push_back(column->id);
  }
  constexpr unsigned kAll = (1U << kAggregateCount) - 1;
  WindowFolder minutes(columns, kAll, kMinuteWidth);
  WindowFolder hours(columns, kAll, kHourWidth);
  const BlockVisitor visit = [&](const Block& block) -> Status {
    minutes.add(block);
    hours.add(block);
    return {};
  };
  ReadsAtHand reads(file_.reads());
  RESMON_TRY(Scan(source_, reads, {kTierRaw, group.id, ids, ids, {first, last}, {}}, visit).run(false));
  for (const std::int64_t tier : {kTierMinute, kTierHour}) {
    Rows windows = (tier == kTierMinute ? minutes : hours).take();
    // Below its floor the tier does not answer; a few windows there would only look as if it did.
    const auto kept = std::lower_bound(windows.times.begin(), windows.times.end(), file_.chunks().floor(tier));
    if (kept != windows.times.begin())
      windows = slice(windows, static_cast<std::size_t>(kept - windows.times.begin()), windows.size());
    if (windows.times.empty()) continue;
    RESMON_TRY(chunks_.put(group, tier, std::move(windows), bytes));
  }
  return {};
}

// Hours that begin or end within the range are folded again from the rows that are left, or, where age has removed
// those, go as a whole.
Result<bool> TierWriter::remove(GroupState& group, TimeRange range, std::size_t& bytes) {
  RESMON_TRY(look_up(group));
  const UnixNanos tiered_until = group.tiered_until;
  const UnixNanos floor = file_.chunks().floor(kTierRaw);
  const UnixNanos first_hour = window_start(range.first, kHour);
  const UnixNanos last_hour = window_start(range.last, kHour);
  const bool fold_first = first_hour < range.first && first_hour >= floor;
  const bool fold_last = last_hour < range.last && last_hour >= floor;
  const std::size_t bytes_before = bytes;
  for (const std::int64_t tier : {kTierMinute, kTierHour}) {
    const UnixNanos width = shape_of(tier).width;
    const TimeRange windows{fold_first ? first_hour : window_start(range.first, width),
                            fold_last ? plus(last_hour, kHour) : range.last};
    RESMON_TRY(chunks_.cut(group, tier, windows, bytes));
  }
  const bool any = bytes != bytes_before;
  if (fold_first && first_hour < tiered_until) RESMON_TRY(fold(group, first_hour, plus(first_hour, kHour), bytes));
  if (fold_last && last_hour < tiered_until && !(fold_first && last_hour == first_hour))
    RESMON_TRY(fold(group, last_hour, plus(last_hour, kHour), bytes));
  return any;
}

}  // namespace resmon::store
