#include "store/log_replay.h"

#include <algorithm>
#include <utility>

namespace resmon::store {

namespace {

bool known(const Catalog& catalog, MeasurementId measurement, ColumnId id, metric::FieldType type) {
  const Column* const column = catalog.column(measurement, id);
  return column != nullptr && column->type == type;
}

}  // namespace

class LogReplay::Records final : public SegmentVisitor {
 public:
  explicit Records(LogReplay& replay) : replay_(replay) {}

  void head(const HeadRecord& record) override {
    // Where a head ends says nothing of columns, and may be said of a group that is forgotten, or of one that has its
    // id.
    const bool ends = record.parts.empty() && record.from == HeadPlace{};
    if (ends && !replay_.catalog_.knows(record.group)) return;
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
