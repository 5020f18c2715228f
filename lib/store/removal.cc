#include "store/removal.h"

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

}  // namespace resmon::store
