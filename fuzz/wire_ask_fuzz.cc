// A server's ASK and a client's ANSWER: what is decoded is encoded again and must come back the same.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "wire/ask.h"

using namespace resmon::wire;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view payload(reinterpret_cast<const char*>(data), size);
  (void)decode_ask(payload);
  const auto list = decode_process_list(payload);
  if (!list) return 0;
  std::string frame;
  encode(*list, kMaxFrameBytes, frame);
  const auto again = decode_process_list(std::string_view(frame).substr(kHeaderBytes));
  if (!again || again->id != list->id || again->refusal != list->refusal || again->total != list->total) std::abort();
  if (list->refusal.empty() && again->rows.size() != list->rows.size()) std::abort();
  for (std::size_t i = 0; i < again->rows.size(); ++i)
    if (again->rows[i].name != list->rows[i].name || again->rows[i].resident_bytes != list->rows[i].resident_bytes ||
        again->rows[i].read_bytes_per_second != list->rows[i].read_bytes_per_second)
      std::abort();
  return 0;
}
