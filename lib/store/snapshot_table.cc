#include "store/snapshot_table.h"

namespace resmon::store {

namespace {
constexpr std::uint64_t kMostNumbersLeftOut = 1U << 20U;  // a file that was tampered with must not take all memory
}  // namespace

Status SnapshotTable::load(Database& database, const Visit& visit) {
  RESMON_ASSIGN(Statement select, database.prepare("SELECT number, data FROM snapshots ORDER BY number"));
  while (true) {
    RESMON_ASSIGN(const bool row, select.step());
    if (!row) return {};
    const auto number = static_cast<std::uint64_t>(select.integer(0));
    if (sizes_.empty()) first_ = number;
    if (number < next() || number - next() > kMostNumbersLeftOut)
      return fail(ErrorKind::kDamaged, "snapshots of heads have bad numbers");
    while (next() < number) sizes_.push_back(0);
    inserted(select.blob(1).size());
    RESMON_TRY(visit(number, select.blob(1)));
  }
}

Status SnapshotTable::insert(Database& database, std::uint64_t number, std::string_view data) {
  RESMON_ASSIGN(Statement insert, database.prepare("INSERT INTO snapshots (number, data) VALUES (?1, ?2)"));
  return insert.bind(1, static_cast<std::int64_t>(number)).bind_blob(2, data).run();
}

void SnapshotTable::inserted(std::size_t bytes) {
  sizes_.push_back(bytes);
  bytes_ += bytes;
}

Status SnapshotTable::remove_before(Database& database, std::uint64_t number) {
  RESMON_ASSIGN(Statement remove, database.prepare("DELETE FROM snapshots WHERE number < ?1"));
  return remove.bind(1, static_cast<std::int64_t>(number)).run();
}

void SnapshotTable::removed_before(std::uint64_t number) {
  for (; first_ < number && !sizes_.empty(); ++first_) {
    bytes_ -= sizes_.front();
    sizes_.pop_front();
  }
}

}  // namespace resmon::store
