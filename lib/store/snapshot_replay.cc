#include "store/snapshot_replay.h"

#include <algorithm>
#include <utility>

namespace resmon::store {

namespace {

bool known(const Catalog& catalog, MeasurementId measurement, ColumnId id, metric::FieldType type) {
  const Column* const column = catalog.column(measurement, id);
  return column != nullptr && column->type == type;
}

}  // namespace

class SnapshotReplay::Records final : public SnapshotVisitor {
 public:
  explicit Records(SnapshotReplay& replay) : replay_(replay) {}

  void head(const HeadRecord& record) override {
    // Where a head ends says nothing of columns, and may be said of a group that is forgotten, or of one that has its
    // id.
    const bool ends = record.pieces.empty() && record.from == 0;
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
      if (record.from <= head.pieces().size() && head.restore(record, record.from, lists_[record.list]))
        replay_.heads_.changed(record.group, record.from);
      else
        open_gap(record, head);
      return;
    }
    put_behind_gap(record, head, gap->second);
    if (gap->second.missing_before == 0) replay_.gaps_.erase(gap);
  }

  std::string problem;  // of the last record that had one

 private:
  void open_gap(const HeadRecord& record, Head& head) {
    Gap& gap = replay_.gaps_[record.group];
    gap.missing_before = std::max(record.from, 1U);
    for (std::uint32_t piece = 0; piece < head.pieces().size(); ++piece) gap.numbers.push_back(piece);
    put_behind_gap(record, head, gap);
  }

  void put_behind_gap(const HeadRecord& record, Head& head, Gap& gap) {
    const auto at = std::lower_bound(gap.numbers.begin(), gap.numbers.end(), record.from);
    const auto place = static_cast<std::uint32_t>(at - gap.numbers.begin());
    const bool joins = place == record.from;  // all pieces before it are there
    if (!head.restore(record, place, lists_[record.list])) return;
    gap.numbers.resize(place);
    for (std::uint32_t number = record.from; gap.numbers.size() < head.pieces().size(); ++number)
      gap.numbers.push_back(number);
    gap.missing_before = joins ? 0 : std::max(gap.missing_before, record.from);
    replay_.heads_.changed(record.group, record.from);
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

  SnapshotReplay& replay_;
  std::vector<Slots> lists_;            // equal ones of all snapshots are one
  std::vector<MeasurementId> checked_;  // by list: fits that measurement
};

Status SnapshotReplay::read(std::string_view snapshot) {
  Records records(*this);
  RESMON_TRY(read_snapshot(snapshot, records));
  if (!records.problem.empty()) return fail(ErrorKind::kDamaged, "head snapshot: " + records.problem);
  return {};
}

std::vector<GroupId> SnapshotReplay::broken() const {
  std::vector<GroupId> groups;
  for (const auto& [group, gap] : gaps_) groups.push_back(group);
  return groups;
}

}  // namespace resmon::store
