#pragma once

// Readers and writers for columns that base/bytes.h lacks, and the hash in file names.

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace resmon::logs {

inline void put_varint(std::string& out, std::uint64_t value) {
  ByteWriter(out).varint(value);
}
inline void put_text(std::string& out, std::string_view text) {
  ByteWriter(out).text(text);
}
inline void put_u32(std::string& out, std::uint32_t value) {
  ByteWriter(out).u32(value);
}

class Reader : public ByteReader {
 public:
  using ByteReader::ByteReader;
  using ByteReader::varint;
  // A number up to `most`; one above is an error.
  std::uint64_t varint(std::uint64_t most) {
    const std::uint64_t value = varint();
    if (value <= most) return value;
    return fail(), 0;
  }
  // Marks the input as damaged; nothing after it can be read.
  void fail() { (void)bytes(remaining() + 1); }
  bool ok() const { return !failed(); }
  bool done() const { return ok() && remaining() == 0; }
};

// A hash of 64 bits, the same in every process and version: it is in files. Not for those who choose colliding texts;
// a collision costs a look into a block, never a line.
inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}
inline std::uint64_t hash64(std::string_view text) {
  constexpr std::uint64_t kOne = 0x9e3779b97f4a7c15U;
  constexpr std::uint64_t kTwo = 0xd6e8feb86659fd93U;
  std::uint64_t hash = kOne ^ text.size();
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i, 8);
    hash = mix(hash ^ word, kTwo);
  }
  std::uint64_t rest = 0;
  std::memcpy(&rest, text.data() + i, text.size() - i);
  return mix(mix(hash ^ rest, kTwo), kOne);
}

}  // namespace resmon::logs
