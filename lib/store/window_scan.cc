// Reading windows. The tiers say what the sealed rows say of every full hour before the end of the tier's newest chunk;
// a window with rows in the head is read from rows, and so is what the tier has lost to its own retention or to damage.
// Whatever is read from where, the same folder makes the windows, so the seams do not show.
//
// The head is copied first: a row that is not in the copy was sealed before, and then its tier was written in the same
// transaction, or comes later. Where the tier ends is looked up after that and can only be further by then.

#include <algorithm>
#include <array>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "store/scan.h"
#include "store/scanner.h"
#include "store/scanner_lease.h"
#include "store/windows.h"

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

// One call of scan_windows.
class Scanner::WindowScan {
 public:
  WindowScan(const Scanner& scanner, const WindowRequest& request, const WindowVisitor& visit)
      : scanner_(scanner),
        request_(request),
        visit_(visit),
        tier_(request.width == kMinuteWidth ? kTierMinute : kTierHour),
        window_columns_(wanted_window_columns(request)),
        data_(request.columns.size()) {
    for (const WindowColumn& column : request.columns) columns_.push_back(column.id);
    wanted_ = each_once(columns_);
  }

  Status run(const GroupState& group) {
    if (window_columns_.empty()) return {};
    find_places();
    {
      const std::lock_guard lock(group.mutex);
      head_ = group.head.copy(request_.range, &wanted_);
    }
    group_ = &group;
    RESMON_ASSIGN(const UnixNanos tier_last, end_of_tier());
    const ChunkTable& table = scanner_.file_.chunks();
    const std::vector<TimeRange> dirty = stretches_of(head_.times, request_.width, table.floor(kTierRaw));
    for (const Segment& segment :
         segments_of(request_.range, std::max(request_.range.first, table.floor(tier_)), tier_last, dirty))
      RESMON_TRY(segment.tier ? read_tier(segment.range) : read_rows(segment.range));
    return {};
  }

 private:
  // Where in a block of the tier each column's aggregates are.
  void find_places() {
    places_.resize(request_.columns.size());
    for (std::size_t c = 0; c < places_.size(); ++c)
      for (std::size_t a = 0; a < kAggregateCount; ++a) {
        const ColumnId id = window_column(request_.columns[c].id, static_cast<Aggregate>(a));
        const auto it = std::lower_bound(window_columns_.begin(), window_columns_.end(), id);
        const bool there = it != window_columns_.end() && *it == id;
        places_[c][a] = there ? static_cast<std::size_t>(it - window_columns_.begin()) : SIZE_MAX;
      }
  }

  // A full hour; INT64_MIN where the tier has nothing.
  Result<UnixNanos> end_of_tier() {
    UnixNanos newest = INT64_MIN;
    RESMON_ASSIGN(const std::shared_ptr<const ChunkList> list, scanner_.chunks_.newest(lease_, *group_, tier_));
    if (list) {
      if (!list->entries.empty()) newest = list->entries.front().last_time;
    } else {
      RESMON_ASSIGN(ChunkReads* const reads, lease_.get());
      RESMON_ASSIGN(newest, reads->find_newest_time(tier_, request_.group));
    }
    return newest == INT64_MIN ? INT64_MIN : plus(window_start(newest, kHour), kHour);
  }

  Status read_rows(TimeRange range) {
    WindowFolder folder(request_.columns, request_.aggregates, request_.width);
    const BlockVisitor fold = [&](const Block& block) -> Status {
      folder.add(block);
      return folder.closed_windows() < kMaxWindowsAtOnce ? Status() : show_windows(folder.take(true), request_, visit_);
    };
    const auto begin = std::lower_bound(head_.times.begin(), head_.times.end(), range.first);
    const auto end = std::lower_bound(begin, head_.times.end(), range.last);
    const bool whole = begin == head_.times.begin() && end == head_.times.end();
    Rows part = whole ? head_
                      : slice(head_, static_cast<std::size_t>(begin - head_.times.begin()),
                              static_cast<std::size_t>(end - head_.times.begin()));
    RESMON_TRY(Scan(scanner_.chunks_, lease_,
                    {kTierRaw, request_.group, columns_, wanted_, range, std::move(part), group_}, fold)
                   .run(false));
    return show_windows(folder.take(), request_, visit_);
  }

  Status read_tier(TimeRange range) {
    const BlockVisitor show = [&](const Block& block) { return show_block(block); };
    while (range.first < range.last) {
      Scan scan(scanner_.chunks_, lease_,
                {tier_, request_.group, window_columns_, window_columns_, range, {}, group_, true}, show);
      const Status status = scan.run(false);
      if (status || status.error().kind != ErrorKind::kDamaged || scan.damaged().first == INT64_MIN) return status;
      const TimeRange damaged{std::max(range.first, scan.damaged().first),
                              std::min(range.last, plus(scan.damaged().last, request_.width))};
      RESMON_TRY(read_rows(damaged));
      range.first = damaged.last;
    }
    return {};
  }

  Status show_block(const Block& block) {
    const std::size_t words = (block.times.size() + 63) / 64;
    if (nothing_.size() < words) nothing_.resize(words);
    for (std::size_t c = 0; c < data_.size(); ++c) {
      data_[c] = {};
      for (std::size_t a = 0; a < kAggregateCount; ++a) {
        if (places_[c][a] == SIZE_MAX) continue;
        const Block::ColumnData& column = block.columns[places_[c][a]];
        data_[c].cells[a] = column.cells;
        data_[c].presence = column.presence;
        if (request_.columns[c].type == metric::FieldType::kString && !column.text.empty()) data_[c].text = column.text;
      }
      if (data_[c].presence.empty()) data_[c].presence = {nothing_.data(), words};
    }
    return visit_(WindowBlock{block.times, data_});
  }

  const Scanner& scanner_;
  const WindowRequest& request_;
  const WindowVisitor& visit_;
  const std::int64_t tier_;
  const std::vector<ColumnId> window_columns_;  // of the tier, ascending
  std::vector<ColumnId> columns_;               // as asked for
  std::vector<ColumnId> wanted_;                // ascending, each once
  std::vector<std::array<std::size_t, kAggregateCount>> places_;
  Rows head_;
  const GroupState* group_ = nullptr;
  Lease lease_{scanner_};
  std::vector<WindowBlock::ColumnData> data_;
  std::vector<std::uint64_t> nothing_;  // the presence of a column that is not there
};

Status Scanner::scan_windows(const WindowRequest& request, const WindowVisitor& visit) const {
  if (request.width != kMinuteWidth && request.width != kHourWidth)
    return fail(ErrorKind::kInvalid, "store: there are windows of a minute and of an hour only");
  const GroupState* const group = heads_.find(request.group);
  if (group == nullptr) return fail(ErrorKind::kNotFound, "store: no group " + std::to_string(request.group));
  if (request.columns.empty() || request.range.first >= request.range.last) return {};
  return WindowScan(*this, request, visit).run(*group);
}

}  // namespace resmon::store
