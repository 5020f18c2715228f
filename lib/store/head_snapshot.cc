// Heads are bytes already (piece.h): a snapshot copies the pieces that are new or have grown.

#include "store/head_snapshot.h"

#include <zstd.h>

#include "base/crc32c.h"
#include "store/bytes.h"

namespace resmon::store {

namespace {

constexpr std::uint64_t kMaxBytes = 256U << 20U;

Unexpected<Error> damaged_snapshot(const char* what) {
  return fail(ErrorKind::kDamaged, std::string("head snapshot: ") + what);
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
  if (count > reader.rest().size()) return damaged_snapshot("bad list of columns");
  std::vector<Slot> slots(count);
  for (Slot& slot : slots) {
    slot.id = static_cast<ColumnId>(reader.varint());
    const auto type = reader.fixed<std::uint8_t>();
    if (type >= metric::kFieldTypeCount) return damaged_snapshot("bad list of columns");
    slot.type = static_cast<metric::FieldType>(type);
  }
  if (reader.bad()) return damaged_snapshot("cut short");
  return Slots(std::move(slots));
}

}  // namespace

void SnapshotWriter::head(GroupId group, const Slots& slots, std::uint32_t from, std::span<const Piece> pieces) {
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
  put_varint(buffer_, from);
  put_varint(buffer_, pieces.size() - from);
  for (const Piece& piece : pieces.subspan(from)) {
    put_varint(buffer_, piece.slots);
    put_time(buffer_, piece.first_time, last_time_);
    put_varint(buffer_, piece.rows);
    put_time(buffer_, piece.last_time, last_time_);
    put_varint(buffer_, piece.bytes.size());
    buffer_.append(piece.bytes);
  }
}

std::string SnapshotWriter::finish() const {
  std::string body(ZSTD_compressBound(buffer_.size()), '\0');
  const std::size_t size = ZSTD_compress(body.data(), body.size(), buffer_.data(), buffer_.size(), 1);
  body.resize(ZSTD_isError(size) != 0 ? 0 : size);
  std::string out(1, static_cast<char>(kSnapshotFormat));
  put_fixed(out, crc32c(body));
  return out + body;
}

namespace {

Result<std::string> unpack(std::string_view bytes) {
  ByteReader outer(bytes);
  if (outer.fixed<std::uint8_t>() != kSnapshotFormat) return damaged_snapshot("unknown format");
  if (const auto checksum = outer.fixed<std::uint32_t>(); outer.bad() || crc32c(outer.rest()) != checksum)
    return damaged_snapshot("wrong checksum");
  const unsigned long long size = ZSTD_getFrameContentSize(outer.rest().data(), outer.rest().size());
  if (size > kMaxBytes) return damaged_snapshot("bad size");  // the two error values are larger still
  std::string buffer(size, '\0');
  if (ZSTD_decompress(buffer.data(), buffer.size(), outer.rest().data(), outer.rest().size()) != size)
    return damaged_snapshot("does not decompress");
  return buffer;
}

Status read_pieces(ByteReader& reader, std::uint64_t count, std::size_t slots, UnixNanos& last_time,
                   std::vector<PieceView>& pieces) {
  pieces.clear();
  for (std::uint64_t i = 0; i < count; ++i) {
    PieceView piece;
    const std::uint64_t known = reader.varint();
    if (known == 0 || known > slots) return damaged_snapshot("bad piece");
    piece.slots = static_cast<std::uint32_t>(known);
    piece.first_time = get_time(reader, last_time);
    if (i > 0 && piece.first_time <= pieces.back().last_time) return damaged_snapshot("pieces out of order");
    const std::uint64_t rows = reader.varint();
    piece.last_time = get_time(reader, last_time);
    piece.bytes = reader.take(reader.varint());
    if (reader.bad()) return damaged_snapshot("cut short");
    if (rows == 0 || rows > UINT32_MAX || piece.bytes.empty() || piece.last_time < piece.first_time)
      return damaged_snapshot("bad piece");
    piece.rows = static_cast<std::uint32_t>(rows);
    pieces.push_back(piece);
  }
  return {};
}

}  // namespace

Status read_snapshot(std::string_view bytes, SnapshotVisitor& visitor) {
  RESMON_ASSIGN(const std::string buffer, unpack(bytes));
  std::vector<Slots> lists;
  std::vector<PieceView> pieces;
  std::uint64_t group = 0;
  UnixNanos last_time = 0;
  ByteReader reader(buffer);
  while (!reader.empty()) {
    group += static_cast<std::uint64_t>(unzigzag(reader.varint()));
    if (group > UINT32_MAX) return damaged_snapshot("bad group");
    const std::uint64_t list = reader.varint();
    if (list > lists.size()) return damaged_snapshot("unknown list of columns");
    if (list == lists.size()) {
      RESMON_ASSIGN(Slots slots, get_slots(reader));
      lists.push_back(std::move(slots));
    }
    const Slots& slots = lists[list];
    const std::uint64_t from = reader.varint();
    const std::uint64_t count = reader.varint();
    if (reader.bad()) return damaged_snapshot("cut short");
    if (from > UINT32_MAX || count > reader.rest().size()) return damaged_snapshot("bad place");
    RESMON_TRY(read_pieces(reader, count, slots.size(), last_time, pieces));
    visitor.head(
        {static_cast<GroupId>(group), static_cast<std::size_t>(list), slots, static_cast<std::uint32_t>(from), pieces});
  }
  return {};
}

}  // namespace resmon::store
