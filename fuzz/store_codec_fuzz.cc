// What decodes stored bytes: integer codes, chunks behind their checksum, log segments. The first byte says which. A
// chunk that decodes must encode to a chunk that decodes to the same, as rows or as windows.

#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "store/chunk.h"
#include "store/integer_codec.h"
#include "store/segment.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace resmon::store;
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0: {
      std::vector<std::int64_t> values(static_cast<std::size_t>(data[1]) * 4 + 1);
      if (!decode_integers(bytes.substr(1), values)) break;
      std::string code;
      encode_integers(values, code);
      std::vector<std::int64_t> back(values.size());
      if (!decode_integers(code, back) || back != values) std::abort();
      break;
    }
    case 1: {
      auto chunk = ChunkReader::open(bytes, ChunkReader::Verify::kStructureOnly);
      if (!chunk) break;
      const auto rows = chunk->rows();
      if (!rows || rows->text_bytes() > 1U << 20U) break;
      const std::string code = encode_chunk(*rows, data[0] / 3 % 2 == 1);  // as windows
      auto again = ChunkReader::open(code);
      if (!again) std::abort();
      const auto back = again->rows();
      if (!back || back->times != rows->times || back->columns.size() != rows->columns.size()) std::abort();
      for (std::size_t i = 0; i < rows->columns.size(); ++i)
        if (back->columns[i].presence != rows->columns[i].presence) std::abort();
      break;
    }
    default: {
      struct Nothing final : SegmentVisitor {
        resmon::Status shape(GroupId, std::span<const SegmentColumn>) override { return {}; }
        void row(const SegmentRow& row) override {
          for (std::size_t i = 0; i < row.columns.size(); ++i) seen += row.columns[i] + row.cells[i];
        }
        std::uint64_t seen = 0;
      } nothing;
      (void)read_segment(bytes, nothing);
    }
  }
  return 0;
}
