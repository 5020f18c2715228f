#pragma once

// Bounds-checked reading and writing of the primitives of frames and records: LEB128 varints, zigzag, length-prefixed
// text, little-endian fixed integers. A ByteReader never reads past its end: after a short or malformed read it is
// failed() and returns zeros, so that a decoder checks once at the end of a group of reads.

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace resmon {

constexpr std::uint64_t zigzag(std::int64_t v) {
  return (static_cast<std::uint64_t>(v) << 1U) ^ static_cast<std::uint64_t>(v >> 63);
}
constexpr std::int64_t unzigzag(std::uint64_t v) {
  return static_cast<std::int64_t>((v >> 1U) ^ (~(v & 1U) + 1U));
}

class ByteWriter {
 public:
  explicit ByteWriter(std::string& out) : out_(out) {}

  void u8(std::uint8_t v) { out_.push_back(static_cast<char>(v)); }
  void u16(std::uint16_t v) { fixed(v); }
  void u32(std::uint32_t v) { fixed(v); }
  void u64(std::uint64_t v) { fixed(v); }
  void varint(std::uint64_t v) {
    char buffer[10];
    std::size_t n = 0;
    while (v >= 0x80) {
      buffer[n++] = static_cast<char>(v | 0x80U);
      v >>= 7U;
    }
    buffer[n++] = static_cast<char>(v);
    out_.append(buffer, n);
  }
  void signed_varint(std::int64_t v) { varint(zigzag(v)); }
  void bytes(std::string_view v) { out_.append(v); }
  void text(std::string_view v) {
    varint(v.size());
    out_.append(v);
  }

 private:
  template <class T>
  void fixed(T v) {
    static_assert(std::endian::native == std::endian::little);
    char buffer[sizeof v];
    std::memcpy(buffer, &v, sizeof v);
    out_.append(buffer, sizeof v);
  }
  std::string& out_;
};

class ByteReader {
 public:
  explicit ByteReader(std::string_view data) : at_(data.data()), end_(data.data() + data.size()) {}

  bool failed() const { return failed_; }
  std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }
  std::string_view rest() const { return {at_, remaining()}; }

  std::uint8_t u8() { return fixed<std::uint8_t>(); }
  std::uint16_t u16() { return fixed<std::uint16_t>(); }
  std::uint32_t u32() { return fixed<std::uint32_t>(); }
  std::uint64_t u64() { return fixed<std::uint64_t>(); }
  std::uint64_t varint() {
    if (at_ != end_ && static_cast<signed char>(*at_) >= 0) [[likely]]
      return static_cast<std::uint8_t>(*at_++);
    return long_varint();
  }
  std::int64_t signed_varint() { return unzigzag(varint()); }
  std::string_view bytes(std::size_t n) {
    if (n > remaining()) {
      fail();
      return {};
    }
    const std::string_view v(at_, n);
    at_ += n;
    return v;
  }
  std::string_view text() { return bytes(varint()); }

 private:
  void fail() {
    failed_ = true;
    at_ = end_;
  }
  std::uint64_t long_varint() {
    // Up to eight bytes at once: a loop over them is mispredicted at each number whose length differs from the last
    // one's.
    if (remaining() >= 8) [[likely]] {
      std::uint64_t word = 0;
      std::memcpy(&word, at_, 8);
      const std::uint64_t ends = ~word & 0x8080808080808080U;
      if (ends != 0) [[likely]] {
        at_ += (std::countr_zero(ends) >> 3) + 1;
        word &= (ends ^ (ends - 1)) & 0x7f7f7f7f7f7f7f7fU;
        // Closes the gaps between groups of 7, 14, and 28 bits.
        word = (word & 0x007f007f007f007fU) | ((word & 0x7f007f007f007f00U) >> 1U);
        word = (word & 0x00003fff00003fffU) | ((word & 0x3fff00003fff0000U) >> 2U);
        return (word & 0x000000000fffffffU) | ((word & 0x0fffffff00000000U) >> 4U);
      }
    }
    std::uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at_ == end_) break;
      const auto byte = static_cast<std::uint8_t>(*at_++);
      if (shift == 63 && byte > 1) break;  // would not fit in 64 bits
      v |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
      if (byte < 0x80) return v;
    }
    fail();
    return 0;
  }
  template <class T>
  T fixed() {
    T v{};
    const std::string_view raw = bytes(sizeof v);
    if (!raw.empty()) std::memcpy(&v, raw.data(), sizeof v);
    return v;
  }

  const char* at_;
  const char* end_;
  bool failed_ = false;
};

}  // namespace resmon
