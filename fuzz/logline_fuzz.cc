// Encoded lines from a client: what can be decoded is encoded again and must come back the same.

#include <cstdint>
#include <cstdlib>

#include "logline/line.h"

using namespace resmon;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  logline::Lines lines;
  if (!logline::decode({reinterpret_cast<const char*>(data), size}, lines)) return 0;
  logline::Lines again;
  if (!logline::decode(logline::encode(lines), again) || again.size() != lines.size()) std::abort();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const logline::Line a = lines[i];
    const logline::Line b = again[i];
    if (a.time != b.time || a.level != b.level || a.cut != b.cut || a.unit != b.unit || a.pid != b.pid ||
        a.message != b.message || a.fields.size() != b.fields.size())
      std::abort();
    for (std::size_t f = 0; f < a.fields.size(); ++f)
      if (a.fields[f].name != b.fields[f].name || a.fields[f].value != b.fields[f].value) std::abort();
  }
  return 0;
}
