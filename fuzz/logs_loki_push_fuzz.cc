// Loki's push in protobuf, and the labels of its streams. Any bytes are entries or an error.

#include <cstdint>
#include <cstdlib>

#include "logs/loki_push.h"

using namespace resmon;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  std::size_t bytes = 0;
  const Status read = logs::read_loki_push(input, [&](const logs::LokiLabels&, const logs::LokiEntry& entry) {
    bytes += entry.line.size();
    return Status();
  });
  if (read && bytes > size) std::abort();
  (void)logs::parse_loki_labels(input);
  return 0;
}
