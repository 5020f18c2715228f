// Heads are bytes already (piece.h), and grow at their end: a checkpoint copies what is new of each. What is new of a
// piece continues what earlier segments had of it, so damage to one segment costs, of the groups in it, the rows up to
// the end of a piece and not only its own.

#include "store/segment.h"

#include <zstd.h>

#include "base/crc32c.h"
#include "store/bytes.h"

namespace resmon::store {

namespace {

constexpr std::uint64_t kMaxBytes = 256U << 20U;

Unexpected<Error> damaged(const char* what) {
  return fail(ErrorKind::kDamaged, std::string("log segment: ") + what);
}

// Times differ from the last one said; in 64 bits without a sign, as any two times do.
void put_time(std::string& out, UnixNanos time, UnixNanos& last) {
  put_varint(out,
             zigzag(static_cast<std::int64_t>(static_cast<std::uint64_t>(time) - static_cast<std::uint64_t>(last))));
  last = time;
}

UnixNanos get_time(ByteReader& reader, UnixNanos& last) {
  last =
      static_cast<UnixNanos>(static_cast<std::uint64_t>(last) + static_cast<std::uint64_t>(unzigzag(reader.varint())));
  return last;
}

Result<Slots> get_slots(ByteReader& reader) {
  const std::uint64_t count = reader.varint();
  if (count > reader.rest().size()) return damaged("bad list of columns");
  std::vector<Slot> slots(count);
  for (Slot& slot : slots) {
    slot.id = static_cast<ColumnId>(reader.varint());
    const auto type = reader.fixed<std::uint8_t>();
    if (type >= metric::kFieldTypeCount) return damaged("bad list of columns");
    slot.type = static_cast<metric::FieldType>(type);
  }
  if (reader.bad()) return damaged("cut short");
  return Slots(std::move(slots));
}

}  // namespace

std::uint16_t check_of(std::string_view bytes) {
  return static_cast<std::uint16_t>(crc32c(bytes));
}

void SegmentWriter::head(GroupId group, const Slots& slots, HeadPlace from, std::span<const Piece> pieces) {
  if (from.offset != 0 && from.offset == pieces[from.piece].bytes.size()) from = {from.piece + 1, 0};
  put_varint(buffer_, zigzag(static_cast<std::int64_t>(group) - static_cast<std::int64_t>(last_group_)));
  last_group_ = group;
  const auto [list, fresh] = lists_.try_emplace(slots.items().data(), lists_.size());
  put_varint(buffer_, list->second);
  if (fresh) {
    put_varint(buffer_, slots.size());
    for (const Slot& slot : slots) {
      put_varint(buffer_, slot.id);
      buffer_.push_back(static_cast<char>(slot.type));
    }
  }
  put_varint(buffer_, from.piece);
  put_varint(buffer_, from.offset);
  if (from.offset != 0) put_fixed(buffer_, check_of(std::string_view(pieces[from.piece].bytes).substr(0, from.offset)));
  put_varint(buffer_, pieces.size() - from.piece);
  std::size_t offset = from.offset;
  for (const Piece& piece : pieces.subspan(from.piece)) {
    if (offset == 0) {
      put_varint(buffer_, piece.slots);
      put_time(buffer_, piece.first_time, last_time_);
    }
    put_varint(buffer_, piece.rows);
    put_time(buffer_, piece.last_time, last_time_);
    const std::string_view bytes = std::string_view(piece.bytes).substr(offset);
    put_varint(buffer_, bytes.size());
    buffer_.append(bytes);
    offset = 0;
  }
}

std::string SegmentWriter::finish() const {
  std::string body(1, static_cast<char>(kind_));
  body.resize(1 + ZSTD_compressBound(buffer_.size()));
  const std::size_t size = ZSTD_compress(body.data() + 1, body.size() - 1, buffer_.data(), buffer_.size(), 1);
  body.resize(1 + (ZSTD_isError(size) != 0 ? 0 : size));
  std::string out(1, static_cast<char>(kSegmentFormat));
  put_fixed(out, crc32c(body));
  return out + body;
}

Result<SegmentKind> read_segment(std::string_view bytes, SegmentVisitor& visitor) {
  ByteReader outer(bytes);
  if (outer.fixed<std::uint8_t>() != kSegmentFormat) return damaged("unknown format");
  if (const auto checksum = outer.fixed<std::uint32_t>(); outer.bad() || crc32c(outer.rest()) != checksum)
    return damaged("wrong checksum");
  const auto kind = outer.fixed<std::uint8_t>();
  if (outer.bad() || kind > static_cast<std::uint8_t>(SegmentKind::kGathered)) return damaged("unknown kind");
  const unsigned long long size = ZSTD_getFrameContentSize(outer.rest().data(), outer.rest().size());
  if (size > kMaxBytes) return damaged("bad size");  // the two error values are larger still
  std::string buffer(size, '\0');
  if (ZSTD_decompress(buffer.data(), buffer.size(), outer.rest().data(), outer.rest().size()) != size)
    return damaged("does not decompress");

  std::vector<Slots> lists;
  std::vector<PiecePart> parts;
  std::uint64_t group = 0;
  UnixNanos last_time = 0;
  ByteReader reader(buffer);
  while (!reader.empty()) {
    group += static_cast<std::uint64_t>(unzigzag(reader.varint()));
    if (group > UINT32_MAX) return damaged("bad group");
    const std::uint64_t list = reader.varint();
    if (list > lists.size()) return damaged("unknown list of columns");
    if (list == lists.size()) {
      RESMON_ASSIGN(Slots slots, get_slots(reader));
      lists.push_back(std::move(slots));
    }
    const Slots& slots = lists[list];
    const std::uint64_t piece = reader.varint();
    const std::uint64_t offset = reader.varint();
    const std::uint16_t check = offset == 0 ? std::uint16_t{0} : reader.fixed<std::uint16_t>();
    const std::uint64_t count = reader.varint();
    if (piece > UINT32_MAX || offset > UINT32_MAX || count > reader.rest().size() || (offset != 0 && count == 0))
      return damaged("bad place");
    parts.clear();
    for (std::uint64_t i = 0; i < count; ++i) {
      PiecePart part;
      const bool begins = i > 0 || offset == 0;
      if (begins) {
        const std::uint64_t known = reader.varint();
        if (known == 0 || known > slots.size()) return damaged("bad piece");
        part.slots = static_cast<std::uint32_t>(known);
        part.first_time = get_time(reader, last_time);
        if (i > 0 && part.first_time <= parts.back().last_time) return damaged("pieces out of order");
      }
      const std::uint64_t rows = reader.varint();
      part.last_time = get_time(reader, last_time);
      part.bytes = reader.take(reader.varint());
      if (reader.bad()) return damaged("cut short");
      if (rows == 0 || rows > UINT32_MAX || part.bytes.empty() || (begins && part.last_time < part.first_time))
        return damaged("bad piece");
      part.rows = static_cast<std::uint32_t>(rows);
      parts.push_back(part);
    }
    if (reader.bad()) return damaged("cut short");
    visitor.head({static_cast<GroupId>(group),
                  static_cast<std::size_t>(list),
                  slots,
                  {static_cast<std::uint32_t>(piece), static_cast<std::uint32_t>(offset)},
                  check,
                  parts});
  }
  return static_cast<SegmentKind>(kind);
}

}  // namespace resmon::store
