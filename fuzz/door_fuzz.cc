// What anybody may hand in at a door: any bytes, in pieces, in each format.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "door/taker.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace resmon;
  if (size < 2) return 0;
  door::TakerOptions options;
  options.format = static_cast<door::Format>(data[0] % 4);
  options.shape.measurement = "in";
  options.shape.measurement_key = "m";
  options.shape.tag_keys = {"t"};
  options.max_line_bytes = 512;
  options.max_series = 20;
  metric::SchemaTable schemas(100);
  door::Taker taker(options, schemas);
  door::LineSplitter splitter(options.max_line_bytes, data[0] >= 128 ? door::Framing::kLength : door::Framing::kLine);
  metric::Batch rows;
  std::string answer;
  std::uint64_t answers = 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::size_t step = 1 + data[1];
  for (std::size_t at = 0; at < text.size(); at += step) {
    splitter.feed(
        text.substr(at, step), [&](std::string_view line) { taker.take(line, 1'000'000'000, rows, &answer); },
        [&] { taker.refuse("too long", &answer); });
  }
  taker.flush(2'000'000'000, rows);
  for (const char c : answer) answers += c == '\n' ? 1U : 0U;
  // One answer a line, and no line of a sender's in it.
  if (answers + (options.format == door::Format::kStatsd ? 1 : 0) < taker.stats().refused_lines ||
      answers > taker.stats().lines + taker.stats().refused_lines)
    __builtin_trap();
  if (schemas.size() > 20) __builtin_trap();
  return 0;
}
