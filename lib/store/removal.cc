#include "store/removal.h"

#include "base/log.h"
#include "store/bytes.h"

namespace resmon::store {

// The range, then the groups as runs: how many ids are left out, how many follow each other.
std::string encode_removal(const Removal& removal) {
  std::string out;
  put_fixed(out, removal.range.first);
  put_fixed(out, removal.range.last);
  GroupId next = 0;
  for (std::size_t at = 0; at < removal.groups.size();) {
    std::size_t end = at + 1;
    while (end < removal.groups.size() && removal.groups[end] == removal.groups[end - 1] + 1) ++end;
    put_varint(out, removal.groups[at] - next);
    put_varint(out, end - at);
    next = removal.groups[end - 1] + 1;
    at = end;
  }
  return out;
}

std::optional<Removal> decode_removal(std::string_view bytes, std::size_t group_bound) {
  ByteReader reader(bytes);
  Removal removal;
  removal.range.first = reader.fixed<UnixNanos>();
  removal.range.last = reader.fixed<UnixNanos>();
  for (std::uint64_t next = 0; !reader.empty();) {
    next += reader.varint();
    const std::uint64_t count = reader.varint();
    if (reader.bad() || next > group_bound || count > group_bound - next) return std::nullopt;
    for (std::uint64_t i = 0; i < count; ++i) removal.groups.push_back(static_cast<GroupId>(next++));
  }
  if (reader.bad()) return std::nullopt;
  return removal;
}

Status PendingRemoval::load(Database& database, std::size_t group_bound) {
  RESMON_ASSIGN(Statement select, database.prepare("SELECT value FROM meta WHERE key = 'removal'"));
  RESMON_ASSIGN(const bool row, select.step());
  if (!row) return {};
  removal_ = decode_removal(select.blob(0), group_bound);
  if (!removal_) log::error("store", "what was being deleted is not legible; some of it may be left", {});
  changed_ = !removal_;
  return {};
}

Status PendingRemoval::save(Database& database) const {
  if (!changed_) return {};
  if (!removal_) return database.execute("DELETE FROM meta WHERE key = 'removal'");
  const std::string data = encode_removal(*removal_);
  RESMON_ASSIGN(Statement insert, database.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES ('removal', ?1)"));
  return insert.bind_blob(1, data).run();
}

void PendingRemoval::begin(Removal removal) {
  removal_ = std::move(removal);
  changed_ = true;
}

void PendingRemoval::take_back() {
  removal_.reset();
  changed_ = false;
}

void PendingRemoval::end() {
  removal_.reset();
  changed_ = true;
}

}  // namespace resmon::store
