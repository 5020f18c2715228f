// What anybody may hand in at a door: any bytes, in pieces, in each format.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "door/taker.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace resmon;
  if (size < 2) return 0;
  door::TakerOptions options;
  const int kind = data[0] & 7;
  options.format = static_cast<door::Format>(kind > 4 ? kind - 4 : kind);
  options.shape.measurement = "in";
  options.shape.measurement_key = "m";
  options.shape.tag_keys = {"t"};
  options.shape.host_key = "h";
  options.max_line_bytes = 512;
  options.max_series = 20;
  metric::SchemaTable schemas(100);
  door::Shared shared(options);
  door::Taker taker(shared, schemas);
  door::Sender sender(data[0] % 3 == 0 ? "host" : "");
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  if (options.format == door::Format::kCollectd) {
    taker.take_datagram(text, 1'000'000'000, sender);
    return 0;
  }
  const door::Framing framing = data[0] >= 128 ? door::Framing::kLength : door::Framing::kLine;
  door::LineSplitter splitter(options.max_line_bytes, framing);
  std::vector<door::Answer> answers;
  std::vector<door::Answer>* const to = data[0] & 64 ? nullptr : &answers;
  const std::size_t step = 1 + data[1];
  for (std::size_t at = 0; at < text.size(); at += step) {
    splitter.feed(
        text.substr(at, step),
        [&](std::string_view lines) {
          if (framing == door::Framing::kLine)
            taker.take(lines, 1'000'000'000, sender, to);
          else
            taker.take_line(lines, 1'000'000'000, sender, to);
        },
        [&] { taker.refuse("too long", to); });
  }
  // One answer a line, and no line of a sender's in it.
  const door::TakerStats stats = shared.stats();
  std::uint64_t refused = 0;
  for (const door::Answer& one : answers) {
    std::string said;
    door::append_answer(one, said);
    if (said.find('\n') != said.size() - 1) __builtin_trap();
    refused += one.error.empty() ? 0U : 1U;
  }
  if (to != nullptr && (refused != stats.refused_lines || answers.size() > stats.lines + stats.refused_lines))
    __builtin_trap();
  std::size_t end = 0;
  for (const door::Answer& one : answers) {
    if (one.rows_end < end) __builtin_trap();
    end = one.rows_end;
  }
  taker.flush(2'000'000'000);
  if (end > taker.rows().rows().size() || schemas.size() > 20) __builtin_trap();
  return 0;
}
