// What decodes stored lines: a journal's record, a block's header, each of its columns, and a filter. The first byte
// says which. A column of texts that decodes must encode to one that decodes to the same.

#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "base/crc32c.h"
#include "logs/block.h"
#include "logs/line_filter.h"
#include "logs/record.h"
#include "logs/words.h"

namespace {

using namespace resmon;
using namespace resmon::logs;

void fuzz_texts(std::string_view bytes, std::size_t count) {
  std::string_view rest = bytes;
  const auto texts = decode_texts(rest, count, 1U << 20U);
  if (!texts) return;
  std::vector<std::string_view> views;
  for (std::size_t i = 0; i < texts->size(); ++i) views.push_back((*texts)[i]);
  std::string encoded;
  std::vector<std::uint64_t> hashes;
  encode_texts(views, 1, encoded, hashes);
  rest = encoded;
  const auto again = decode_texts(rest, count, 1U << 20U);
  if (!again || again->bytes != texts->bytes || again->ends != texts->ends) std::abort();
  // What a filter leaves out does not have the phrase.
  static const auto filter = LineFilter::of_phrase("a = 1");
  std::vector<bool> left_out;
  rest = encoded;
  if (!decode_texts(rest, count, 1U << 20U, filter.get(), &left_out)) std::abort();
  for (std::size_t i = 0; i < views.size(); ++i)
    if (left_out[i] && to_lower(views[i]).find("a = 1") != std::string::npos) std::abort();
}

void fuzz_column(std::string_view bytes, Column column, std::size_t lines) {
  BlockInfo info;
  info.lines = lines;
  BlockLines decoded;
  if (column == kPids) {
    logline::Line one;
    std::vector<logline::Line> some(lines, one);
    std::string columns;
    info = encode_block("h", "s", some, 1, columns);
    if (!decoded.add(info, kUnits,
                     std::string_view(columns).substr(info.column_bytes[kTimes] + info.column_bytes[kLevelsAndCuts],
                                                      info.column_bytes[kUnits])))
      std::abort();
  }
  info.column_bytes[column] = static_cast<std::uint32_t>(bytes.size());
  info.checksums[column] = crc32c(bytes);
  if (!decoded.add(info, column, bytes)) return;
  std::vector<logline::Field> fields;
  for (std::size_t i = 0; i < lines; ++i) (void)decoded.line(i, fields);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::size_t lines = data[1] % 40U + 1;
  switch (data[0] % 10U) {
    case 0:
      (void)decode_record(bytes);
      break;
    case 1: {
      std::string_view rest = bytes;
      (void)decode_header(rest);
      break;
    }
    case 2: {
      const WordFilter filter(bytes);
      for (std::uint64_t i = 0; i < 50; ++i) (void)filter.may_have(i * 0x9e3779b97f4a7c15U);
      break;
    }
    case 3:
      fuzz_texts(bytes, lines);
      break;
    default:
      fuzz_column(bytes, static_cast<Column>(data[0] % 6U), lines);
  }
  return 0;
}
