#include "base/crc32c.h"

#include <array>
#include <cstddef>
#include <cstring>

namespace resmon {

namespace {

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = (c & 1U) != 0 ? (c >> 1U) ^ 0x82f63b78U : c >> 1U;
    table[i] = c;
  }
  return table;
}

std::uint32_t portable(std::uint32_t crc, const char* data, std::size_t size) {
  static constexpr auto kTable = make_table();
  for (std::size_t i = 0; i < size; ++i)
    crc = kTable[(crc ^ static_cast<unsigned char>(data[i])) & 0xffU] ^ (crc >> 8U);
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t hardware(std::uint32_t crc, const char* data, std::size_t size) {
  std::uint64_t c = crc;
  for (; size >= 8; data += 8, size -= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, data, 8);
    c = __builtin_ia32_crc32di(c, word);
  }
  auto c32 = static_cast<std::uint32_t>(c);
  for (; size > 0; ++data, --size) c32 = __builtin_ia32_crc32qi(c32, static_cast<unsigned char>(*data));
  return c32;
}
#endif

}  // namespace

std::uint32_t crc32c(std::string_view bytes, std::uint32_t seed) {
#if defined(__x86_64__)
  static const bool kHardware = __builtin_cpu_supports("sse4.2") != 0;
  if (kHardware) return ~hardware(~seed, bytes.data(), bytes.size());
#endif
  return ~portable(~seed, bytes.data(), bytes.size());
}

}  // namespace resmon
