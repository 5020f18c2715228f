#pragma once

// Protobuf messages put together by hand, for tests.

#include <bit>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace resmon::test {

inline std::string proto_bytes(std::uint64_t number, std::string_view bytes) {
  std::string out;
  ByteWriter writer(out);
  writer.varint(number << 3U | 2U);
  writer.text(bytes);
  return out;
}
inline std::string proto_varint(std::uint64_t number, std::uint64_t value) {
  std::string out;
  ByteWriter writer(out);
  writer.varint(number << 3U);
  writer.varint(value);
  return out;
}
inline std::string proto_fixed64(std::uint64_t number, std::uint64_t bits) {
  std::string out;
  ByteWriter writer(out);
  writer.varint(number << 3U | 1U);
  writer.u64(bits);
  return out;
}
inline std::string proto_double(std::uint64_t number, double value) {
  return proto_fixed64(number, std::bit_cast<std::uint64_t>(value));
}

}  // namespace resmon::test
