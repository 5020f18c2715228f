#include "store/scanner.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/scan.h"
#include "store/scanner_lease.h"

namespace resmon::store {

namespace {

// The group's newest row, if it is in the range and at hand, and no chunk has anything of its time or later.
std::optional<Head::NewestRow> find_newest(const GroupState& group, std::span<const ColumnId> columns,
                                           const TimeRange& range) {
  const std::lock_guard lock(group.mutex);
  if (group.head.empty()) return std::nullopt;
  const UnixNanos stored = group.newest_time;
  const bool known = stored != INT64_MIN || (group.chunks_version & GroupState::kNoChunk) != 0;
  const UnixNanos time = group.head.last_time();
  if (!known || time <= stored || time < range.first || time >= range.last) return std::nullopt;
  return group.head.newest(columns);
}

Status show(const Head::NewestRow& row, const BlockVisitor& visit) {
  std::vector<Block::ColumnData> columns;
  columns.reserve(row.cells.size());
  for (std::size_t i = 0; i < row.cells.size(); ++i)
    columns.push_back({std::span(row.cells).subspan(i, 1), std::span(row.there).subspan(i, 1), {}});
  return visit(Block{std::span(&row.time, 1), columns});
}

}  // namespace

Status Scanner::scan(GroupId id, std::span<const ColumnId> columns, TimeRange range, bool descending,
                     const BlockVisitor& visit) const {
  const GroupState* const group = heads_.find(id);
  if (group == nullptr) return fail(ErrorKind::kNotFound, "store: no group " + std::to_string(id));
  if (columns.empty() || range.first >= range.last) return {};
  if (descending) {
    // Mostly all that is asked for.
    if (const auto newest = find_newest(*group, columns, range)) {
      RESMON_TRY(show(*newest, visit));
      range.last = newest->time;
      if (range.first >= range.last) return {};
    }
  }
  const std::vector<ColumnId> wanted = each_once(columns);
  Rows head;
  {
    const std::lock_guard lock(group->mutex);
    head = group->head.copy(range, &wanted);
  }
  Lease lease(*this);
  return Scan(chunks_, lease, {kTierRaw, id, columns, wanted, range, std::move(head), group}, visit).run(descending);
}

void Scanner::close_connections() {
  const MutexLock lock(mutex_);
  idle_.clear();
}

}  // namespace resmon::store
