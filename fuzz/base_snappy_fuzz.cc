// Snappy from anybody: any bytes unpack within their bound, or are an error. What is packed unpacks to the same.

#include <cstdint>
#include <cstdlib>

#include "base/snappy.h"

using namespace resmon;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto out = unpack_snappy(input, 1U << 16U);
  if (out && out->size() > (1U << 16U)) std::abort();
  std::string packed;
  pack_snappy(input, packed);
  const auto again = unpack_snappy(packed, size);
  if (!again || *again != input) std::abort();
  return 0;
}
