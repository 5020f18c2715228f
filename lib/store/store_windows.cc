// Reading windows. The tiers say what the sealed rows say of every full hour before the end of the tier's newest chunk;
// a window with rows in the head is read from rows, and so is what the tier has lost to its own retention or to damage.
// Whatever is read from where, the same folder makes the windows, so the seams do not show.
//
// The head is copied first: a row that is not in the copy was sealed before, and then its tier was written in the same
// transaction, or comes later. Where the tier ends is looked up after that and can only be further by then.

#include <algorithm>

#include "store/embedded_store.h"
#include "store/store_scan.h"

namespace resmon::store {

namespace {

constexpr std::size_t kMaxWindowsAtOnce = 1024;

struct Segment {
  TimeRange range;
  bool tier = false;
};

// The windows that have one of the rows, as stretches that are apart, ascending. What lies between rows that are less
// than an hour apart is of the same stretch: each costs a search, and so there are no more of them than hours.
std::vector<TimeRange> stretches_of(const std::vector<UnixNanos>& times, UnixNanos width, UnixNanos floor) {
  std::vector<TimeRange> stretches;
  for (const UnixNanos time : times) {
    const bool any = !stretches.empty();
    if (any && time < stretches.back().last) continue;
    const UnixNanos start = window_start(time, width);
    if (any && minus(start, stretches.back().last) < kHour)
      stretches.back().last = plus(start, width);
    else if (start >= floor)
      stretches.push_back({start, plus(start, width)});
  }
  return stretches;
}

// Cuts `range` into what the tier answers and what rows have to, `dirty`.
std::vector<Segment> segments_of(TimeRange range, UnixNanos tier_first, UnixNanos tier_last,
                                 const std::vector<TimeRange>& dirty) {
  std::vector<Segment> segments;
  const auto add = [&](UnixNanos first, UnixNanos last, bool tier) {
    first = std::max(first, range.first);
    last = std::min(last, range.last);
    if (first >= last) return;
    if (!segments.empty() && segments.back().tier == tier)
      segments.back().range.last = last;
    else
      segments.push_back({{first, last}, tier});
  };
  tier_last = std::max(tier_first, tier_last);
  add(range.first, tier_first, false);
  UnixNanos at = tier_first;
  for (const TimeRange& stretch : dirty) {
    if (stretch.last <= tier_first || stretch.first >= tier_last) continue;
    add(at, stretch.first, true);
    const UnixNanos from = std::max(at, stretch.first);
    at = stretch.last;
    add(from, at, false);
  }
  add(at, tier_last, true);
  add(std::max(at, tier_last), range.last, false);
  return segments;
}

}  // namespace

Status EmbeddedStore::scan_windows(const WindowRequest& request, const WindowVisitor& visit) const {
  if (request.width != kMinuteWidth && request.width != kHourWidth)
    return fail(ErrorKind::kInvalid, "store: there are windows of a minute and of an hour only");
  const GroupState* const group = find_group(request.group);
  if (group == nullptr) return fail(ErrorKind::kNotFound, "store: no group " + std::to_string(request.group));
  if (request.columns.empty() || request.range.first >= request.range.last) return {};
  const std::int64_t tier = request.width == kMinuteWidth ? kTierMinute : kTierHour;

  std::vector<ColumnId> columns;
  for (const WindowColumn& column : request.columns) columns.push_back(column.id);
  std::vector<ColumnId> wanted = columns;
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  const std::vector<ColumnId> window_columns = wanted_window_columns(request);
  if (window_columns.empty()) return {};
  // Where in a block of the tier each of them is.
  std::vector<std::array<std::size_t, kAggregateCount>> places(request.columns.size());
  for (std::size_t c = 0; c < places.size(); ++c)
    for (std::size_t a = 0; a < kAggregateCount; ++a) {
      const ColumnId id = window_column(request.columns[c].id, static_cast<Aggregate>(a));
      const auto it = std::lower_bound(window_columns.begin(), window_columns.end(), id);
      const bool there = it != window_columns.end() && *it == id;
      places[c][a] = there ? static_cast<std::size_t>(it - window_columns.begin()) : SIZE_MAX;
    }

  Rows head;
  {
    std::lock_guard lock(group->mutex);
    head = group->head.copy(request.range, &wanted);
  }
  RESMON_ASSIGN(ConnectionLease lease, ConnectionLease::take(*this));
  ReadStatements& select = (*lease).select;
  UnixNanos newest = INT64_MIN;
  RESMON_ASSIGN(const std::shared_ptr<const ChunkList> list, newest_chunks(select, *group, tier));
  if (list) {
    if (!list->entries.empty()) newest = list->entries.front().last_time;
  } else {
    RESMON_ASSIGN(newest, select.find_newest_time(tier, request.group));
  }
  const UnixNanos tier_last = newest == INT64_MIN ? INT64_MIN : plus(window_start(newest, kHour), kHour);
  const std::vector<TimeRange> dirty = stretches_of(head.times, request.width, tier_floor(kTierRaw));

  const auto read_rows = [&](TimeRange range) -> Status {
    WindowFolder folder(request.columns, request.aggregates, request.width);
    const BlockVisitor fold = [&](const Block& block) -> Status {
      folder.add(block);
      return folder.closed_windows() < kMaxWindowsAtOnce ? Status() : show_windows(folder.take(true), request, visit);
    };
    const auto begin = std::lower_bound(head.times.begin(), head.times.end(), range.first);
    const auto end = std::lower_bound(begin, head.times.end(), range.last);
    const bool whole = begin == head.times.begin() && end == head.times.end();
    Rows part = whole ? head
                      : slice(head, static_cast<std::size_t>(begin - head.times.begin()),
                              static_cast<std::size_t>(end - head.times.begin()));
    RESMON_TRY((
        Scan{*this, select, kTierRaw, request.group, columns, wanted, range, fold, std::move(part), group}.run(false)));
    return show_windows(folder.take(), request, visit);
  };
  std::vector<WindowBlock::ColumnData> data(request.columns.size());
  std::vector<std::uint64_t> nothing;
  const BlockVisitor show = [&](const Block& block) -> Status {
    const std::size_t words = (block.times.size() + 63) / 64;
    if (nothing.size() < words) nothing.resize(words);
    for (std::size_t c = 0; c < data.size(); ++c) {
      data[c] = {};
      for (std::size_t a = 0; a < kAggregateCount; ++a) {
        if (places[c][a] == SIZE_MAX) continue;
        const Block::ColumnData& column = block.columns[places[c][a]];
        data[c].cells[a] = column.cells;
        data[c].presence = column.presence;
        if (request.columns[c].type == metric::FieldType::kString && !column.text.empty()) data[c].text = column.text;
      }
      if (data[c].presence.empty()) data[c].presence = {nothing.data(), words};
    }
    return visit(WindowBlock{block.times, data});
  };
  const auto read_tier = [&](TimeRange range) -> Status {
    while (range.first < range.last) {
      Scan scan{*this, select, tier, request.group, window_columns, window_columns, range, show, {}, group};
      scan.end_at_damage = true;
      const Status status = scan.run(false);
      if (status || status.error().kind != ErrorKind::kDamaged || scan.damaged.first == INT64_MIN) return status;
      const TimeRange damaged{std::max(range.first, scan.damaged.first),
                              std::min(range.last, plus(scan.damaged.last, request.width))};
      RESMON_TRY(read_rows(damaged));
      range.first = damaged.last;
    }
    return {};
  };
  for (const Segment& segment :
       segments_of(request.range, std::max(request.range.first, tier_floor(tier)), tier_last, dirty))
    RESMON_TRY(segment.tier ? read_tier(segment.range) : read_rows(segment.range));
  return {};
}

}  // namespace resmon::store
