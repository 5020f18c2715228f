#include "store/log_replay.h"

#include <algorithm>
#include <utility>

#include "store/row_segment.h"

namespace resmon::store {

namespace {

bool known(const Catalog& catalog, MeasurementId measurement, ColumnId id, metric::FieldType type) {
  const Column* const column = catalog.column(measurement, id);
  return column != nullptr && column->type == type;
}

}  // namespace

// The rows of one segment of format 1. Rows mostly come in the order in which their shapes did, group after group, and
// each touches memory of its own: a few shapes ahead it is fetched, or that would be most of the time.
class LogReplay::Rows final : public RowSegmentVisitor {
 public:
  explicit Rows(LogReplay& replay) : replay_(replay) {}

  Status shape(GroupId id, std::span<const SegmentColumn> columns) override {
    if (!replay_.catalog_.knows(id)) return fail(ErrorKind::kDamaged, "log segment: unknown group");
    const MeasurementId measurement = replay_.catalog_.measurement_of(id);
    for (const SegmentColumn& column : columns)
      if (!known(replay_.catalog_, measurement, column.id, column.type))
        return fail(ErrorKind::kDamaged, "log segment: unknown column");
    Head& head = replay_.heads_.head(id);
    shapes_.push_back({id, &head, slots_.size()});
    for (const SegmentColumn& column : columns) slots_.push_back(head.slot(column.id, column.type));
    head.share_slots(replay_.lists_.share(head.slots()));
    return {};
  }

  void row(const SegmentRow& row) override {
    constexpr std::size_t kAhead = 8;
    if (row.shape + kAhead * 2 < shapes_.size()) __builtin_prefetch(shapes_[row.shape + kAhead * 2].head);
    if (row.shape + kAhead < shapes_.size()) shapes_[row.shape + kAhead].head->prefetch_end();
    if (row.columns.empty()) return;
    const Shape& shape = shapes_[row.shape];
    row_.begin(shape.head->slots().size(), row.text);
    for (std::size_t i = 0; i < row.columns.size(); ++i) row_.set(slots_[shape.first + row.columns[i]], row.cells[i]);
    shape.head->add(row.time, row_, coded_);
    replay_.heads_.changed(shape.group, shape.head->end(), SegmentKind::kDelta);
  }

 private:
  struct Shape {
    GroupId group = 0;
    Head* head = nullptr;
    std::size_t first = 0;  // of its columns in slots_
  };
  LogReplay& replay_;
  std::vector<Shape> shapes_;
  std::vector<std::size_t> slots_;
  SlotRow row_;
  std::string coded_;
};

class LogReplay::Records final : public SegmentVisitor {
 public:
  explicit Records(LogReplay& replay) : replay_(replay) {}

  void head(const HeadRecord& record) override {
    if (!fits_catalog(record)) {
      problem = "unknown group or column";
      return;
    }
    while (lists_.size() <= record.list) lists_.emplace_back();
    if (lists_[record.list].empty()) lists_[record.list] = replay_.lists_.share(record.slots);
    Head& head = replay_.heads_.head(record.group);
    const auto gap = replay_.gaps_.find(record.group);
    if (gap == replay_.gaps_.end()) {
      // Nothing is missing, so a piece's number is its place.
      if (record.from.piece <= head.pieces().size() && head.restore(record, record.from, lists_[record.list]))
        changed.emplace_back(record.group, record.from);
      else
        open_gap(record, head);
      return;
    }
    close_gap(record, head, gap->second);
    if (gap->second.incomplete_from == kComplete) replay_.gaps_.erase(gap);
  }

  std::string problem;  // of the last record that had one
  std::vector<std::pair<GroupId, HeadPlace>> changed;

 private:
  static constexpr std::uint32_t kComplete = UINT32_MAX;

  void open_gap(const HeadRecord& record, Head& head) {
    Gap& gap = replay_.gaps_[record.group];
    for (std::uint32_t piece = 0; piece < head.pieces().size(); ++piece) gap.numbers.push_back(piece);
    gap.incomplete_from = gap.numbers.empty() ? 0 : gap.numbers.back();
    close_gap(record, head, gap);
  }

  // Takes the record if it begins with a piece: what is there from that piece on is whole then.
  void close_gap(const HeadRecord& record, Head& head, Gap& gap) {
    const auto at = std::lower_bound(gap.numbers.begin(), gap.numbers.end(), record.from.piece);
    const auto place = static_cast<std::uint32_t>(at - gap.numbers.begin());
    const bool goes_on = record.from.offset != 0;
    if (goes_on && (at == gap.numbers.end() || *at != record.from.piece)) return;
    if (!head.restore(record, {place, record.from.offset}, lists_[record.list])) return;
    gap.numbers.resize(place);
    for (std::uint32_t number = record.from.piece; gap.numbers.size() < head.pieces().size(); ++number)
      gap.numbers.push_back(number);
    if (!goes_on && record.from.piece <= gap.incomplete_from) gap.incomplete_from = kComplete;
    changed.emplace_back(record.group, record.from);
  }

  bool fits_catalog(const HeadRecord& record) {
    if (!replay_.catalog_.knows(record.group)) return false;
    const MeasurementId measurement = replay_.catalog_.measurement_of(record.group);
    if (record.list < checked_.size() && checked_[record.list] == measurement) return true;
    for (const Slot& slot : record.slots)
      if (!known(replay_.catalog_, measurement, slot.id, slot.type)) return false;
    checked_.resize(std::max(checked_.size(), record.list + 1), UINT32_MAX);
    checked_[record.list] = measurement;
    return true;
  }

  LogReplay& replay_;
  std::vector<Slots> lists_;            // equal ones of all segments are one
  std::vector<MeasurementId> checked_;  // by list: fits that measurement
};

Result<SegmentKind> LogReplay::read(std::string_view segment) {
  if (!segment.empty() && static_cast<std::uint8_t>(segment.front()) != kSegmentFormat) {
    Rows rows(*this);
    RESMON_TRY(read_row_segment(segment, rows));
    return SegmentKind::kDelta;
  }
  Records records(*this);
  const Result<SegmentKind> kind = read_segment(segment, records);
  // Of a segment that does not decode to its end, what there is counts like a delta.
  for (const auto& [group, from] : records.changed) heads_.changed(group, from, kind ? *kind : SegmentKind::kDelta);
  if (kind && !records.problem.empty()) return fail(ErrorKind::kDamaged, "log segment: " + records.problem);
  return kind;
}

std::vector<GroupId> LogReplay::broken() const {
  std::vector<GroupId> groups;
  for (const auto& [group, gap] : gaps_) groups.push_back(group);
  return groups;
}

}  // namespace resmon::store
