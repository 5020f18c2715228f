#include "store/scanner.h"

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>

#include "store/scan.h"
#include "store/scanner_lease.h"

namespace resmon::store {

Status Scanner::scan(GroupId id, std::span<const ColumnId> columns, TimeRange range, bool descending,
                     const BlockVisitor& visit) const {
  const GroupState* const group = heads_.find(id);
  if (group == nullptr) return fail(ErrorKind::kNotFound, "store: no group " + std::to_string(id));
  if (columns.empty() || range.first >= range.last) return {};
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
