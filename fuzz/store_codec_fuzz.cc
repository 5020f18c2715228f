// What decodes stored bytes: integer codes, chunks behind their checksum, snapshots of heads, pieces of
// heads, by rows and by columns. The first byte says which. A chunk that decodes must encode to a chunk that decodes to
// the same, as rows or as windows; a piece's rows, written again and turned to columns, must be the same rows.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "store/chunk.h"
#include "store/head_snapshot.h"
#include "store/integer_codec.h"
#include "store/piece.h"
#include "store/piece_columns.h"

namespace {

using namespace resmon::store;
constexpr std::uint8_t kPieces = 0xf0;  // first bytes from here on

void fuzz_piece(std::uint8_t shape, std::string_view bytes) {
  std::vector<Slot> slots(shape % 70U + 1);
  for (std::size_t i = 0; i < slots.size(); ++i)
    slots[i] = {static_cast<ColumnId>(i),
                static_cast<resmon::metric::FieldType>((i + shape / 70U) % resmon::metric::kFieldTypeCount)};
  Piece piece;
  piece.bytes = bytes;
  piece.slots = static_cast<std::uint32_t>(slots.size());
  if (is_by_columns(piece)) {
    piece.rows = shape % kMaxColumnRows + 1U;
    piece.first_time = 1;
  }
  Piece again;
  PieceEnd end;
  std::string scratch;
  begin_piece(slots.size(), again, end);
  PieceRows reader;
  reader.open(piece, slots);
  const auto has_values = [&] {
    for (const std::uint64_t word : reader.row().presence)
      if (word != 0) return true;
    return false;
  };
  std::vector<std::int64_t> times;
  while (reader.next()) {
    if (!has_values()) return;
    append_row(reader.time(), reader.row(), slots, again, end, scratch);
    times.push_back(reader.time());
  }
  ColumnsScratch kept;
  turn_to_columns(again, slots, kept);
  if (!times.empty() && again.rows <= kMaxColumnRows && !is_by_columns(again)) std::abort();
  PieceRows first;
  PieceRows second;
  first.open(piece, slots);
  second.open(again, slots);
  for (const std::int64_t time : times) {
    if (!first.next() || !second.next() || first.time() != time || second.time() != time) std::abort();
    if (first.row().presence != second.row().presence) std::abort();
    for (std::size_t slot = 0; slot < slots.size(); ++slot) {
      if (!first.has(slot)) continue;
      if (slots[slot].type == resmon::metric::FieldType::kString
              ? resmon::metric::as_string(first.row().cells[slot], piece.bytes) !=
                    resmon::metric::as_string(second.row().cells[slot], again.bytes)
              : first.row().cells[slot] != second.row().cells[slot])
        std::abort();
    }
  }
  if (second.next() || second.damaged()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] >= kPieces) {
    fuzz_piece(data[1], bytes.substr(1));
    return 0;
  }
  switch (data[0] % 3) {
    case 0: {
      std::vector<std::int64_t> values(static_cast<std::size_t>(data[1]) * 4 + 1);
      if (!decode_integers(bytes.substr(1), values)) break;
      std::string code;
      encode_integers(values, code);
      std::vector<std::int64_t> back(values.size());
      if (!decode_integers(code, back) || back != values) std::abort();
      back.resize(values.size() / 2);
      if (!decode_integers(code, back, false) || !std::equal(back.begin(), back.end(), values.begin())) std::abort();
      break;
    }
    case 1: {
      auto chunk = ChunkReader::open(bytes, ChunkReader::Verify::kStructureOnly);
      if (!chunk) break;
      (void)chunk->rows(nullptr, 1'000'000'000);
      const auto rows = chunk->rows();
      if (!rows || rows->text_bytes() > 1U << 20U) break;
      const std::string code = encode_chunk(*rows, data[0] / 3 % 2 == 1);  // as windows
      auto again = ChunkReader::open(code);
      if (!again) std::abort();
      const auto back = again->rows();
      if (!back || back->times != rows->times || back->columns.size() != rows->columns.size()) std::abort();
      for (std::size_t i = 0; i < rows->columns.size(); ++i)
        if (back->columns[i].presence != rows->columns[i].presence) std::abort();
      const std::size_t half = back->size() / 2;
      const auto first = again->rows(nullptr, back->times[half]);
      if (!first || first->size() != half || first->columns.size() != slice(*back, 0, half).columns.size())
        std::abort();
      break;
    }
    default: {
      struct Nothing final : SnapshotVisitor {
        void head(const HeadRecord& record) override {
          for (const PieceView& piece : record.pieces) seen += piece.rows + piece.bytes.size();
        }
        std::uint64_t seen = 0;
      } nothing;
      (void)read_snapshot(bytes, nothing);
    }
  }
  return 0;
}
