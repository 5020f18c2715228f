#pragma once

// Writing and reading the small pieces that chunks and log segments are made of. A reader never goes past its end:
// after the first thing that is not there it is `bad`, and everything it returns from then on is zero or empty.

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace resmon::store {

constexpr std::uint64_t zigzag(std::int64_t v) {
  return (static_cast<std::uint64_t>(v) << 1U) ^ static_cast<std::uint64_t>(v >> 63U);
}
constexpr std::int64_t unzigzag(std::uint64_t u) {
  return static_cast<std::int64_t>((u >> 1U) ^ (~(u & 1U) + 1U));
}

// LEB128.
inline void put_varint(std::string& out, std::uint64_t v) {
  for (; v >= 0x80; v >>= 7U) out.push_back(static_cast<char>(v | 0x80U));
  out.push_back(static_cast<char>(v));
}

// Little endian.
template <class T>
void put_fixed(std::string& out, T v) {
  static_assert(std::endian::native == std::endian::little);
  char raw[sizeof v];
  std::memcpy(raw, &v, sizeof v);
  out.append(raw, sizeof v);
}

class ByteReader {
 public:
  ByteReader() = default;
  explicit ByteReader(std::string_view bytes) : at_(bytes.empty() ? "" : bytes.data()), end_(at_ + bytes.size()) {}

  std::uint64_t varint() {
    // Most are of one byte.
    if (at_ != end_ && static_cast<unsigned char>(*at_) < 0x80) return static_cast<unsigned char>(*at_++);
    std::uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && at_ != end_; shift += 7) {
      const auto byte = static_cast<unsigned char>(*at_++);
      v |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
      if (byte < 0x80) return v;
    }
    fail();
    return 0;
  }
  // Passes over so many varints: eight bytes at a time, as only where they end matters.
  void pass_varints(std::size_t count) {
    while (count > 0) {
      if (end_ - at_ < 8) {
        while (at_ != end_ && static_cast<unsigned char>(*at_) >= 0x80) ++at_;
        if (at_ == end_) return fail();
        ++at_;
        --count;
        continue;
      }
      std::uint64_t ends = varint_ends(at_);
      const unsigned there = count_of(ends);
      if (there < count) {
        at_ += 8;
        count -= there;
        continue;
      }
      for (; count > 1; --count) ends &= ends - 1;
      at_ += std::countr_zero(ends) / 8 + 1;
      return;
    }
  }
  // The same up to the first that is odd, which is not passed; how many were.
  std::size_t pass_even_varints(std::size_t count) {
    std::size_t passed = 0;
    while (passed < count) {
      if (end_ - at_ < 8) {
        if (at_ == end_ || (static_cast<unsigned char>(*at_) & 1U) != 0) return passed;
        pass_varints(1);
        ++passed;
        continue;
      }
      std::uint64_t ends = varint_ends(at_);
      // The lowest bit of each byte that begins one, where its highest is in `ends`.
      std::uint64_t word = 0;
      std::memcpy(&word, at_, 8);
      if (const std::uint64_t odd = (ends << 8U | 0x80U) & word << 7U; odd != 0) ends &= (odd & (~odd + 1)) - 1;
      if (ends == 0) {
        if ((word & 1U) != 0) return passed;
        pass_varints(1);  // of more than eight bytes
        ++passed;
        continue;
      }
      const unsigned there = count_of(ends);
      if (passed + there <= count) {
        at_ += 8 - std::countl_zero(ends) / 8;
        passed += there;
        continue;
      }
      for (; passed + 1 < count; ++passed) ends &= ends - 1;
      at_ += std::countr_zero(ends) / 8 + 1;
      return count;
    }
    return passed;
  }
  template <class T>
  T fixed() {
    T v{};
    const std::string_view raw = take(sizeof v);
    if (raw.size() == sizeof v) std::memcpy(&v, raw.data(), sizeof v);
    return v;
  }
  // Never null, so that it can be copied from whatever its size is.
  std::string_view take(std::uint64_t size) {
    if (size > left()) {
      fail();
      return "";
    }
    const std::string_view taken(at_, size);
    at_ += size;
    return taken;
  }
  bool pass(std::size_t size) {
    if (size > left()) return fail(), false;
    at_ += size;
    return true;
  }
  std::string_view rest() const { return {at_, left()}; }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  bool empty() const { return at_ == end_; }
  bool bad() const { return bad_; }

 private:
  // The highest bit of each of the next eight bytes that is a varint's last.
  static std::uint64_t varint_ends(const char* at) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, 8);
    return ~word & 0x8080808080808080U;
  }
  static unsigned count_of(std::uint64_t highest_bits) {
    return static_cast<unsigned>((highest_bits >> 7U) * 0x0101010101010101U >> 56U);
  }
  void fail() {
    bad_ = true;
    at_ = end_;
  }

  const char* at_ = nullptr;
  const char* end_ = nullptr;
  bool bad_ = false;
};

// Bits, lowest first.
class BitWriter {
 public:
  // REQUIRES: count <= 64, bits < 2^count
  void put(std::uint64_t bits, unsigned count) {
    if (count == 0) return;
    word_ |= bits << used_;
    if (used_ + count >= 64) {
      put_fixed(out_, word_);
      word_ = used_ == 0 ? 0 : bits >> (64 - used_);
      used_ = used_ + count - 64;
    } else {
      used_ += count;
    }
  }
  std::string finish() {
    for (unsigned done = 0; done < used_; done += 8) out_.push_back(static_cast<char>(word_ >> done));
    used_ = 0;
    word_ = 0;
    return std::move(out_);
  }

 private:
  std::string out_;
  std::uint64_t word_ = 0;
  unsigned used_ = 0;
};

class BitReader {
 public:
  explicit BitReader(std::string_view bytes) : data_(bytes.data()), size_(bytes.size()) {}

  // REQUIRES: count <= 64
  [[gnu::always_inline]] std::uint64_t get(unsigned count) {
    if (count == 0) return 0;
    const std::size_t byte = at_ / 8;
    const unsigned shift = at_ % 8;
    at_ += count;
    std::uint64_t low = load(byte) >> shift;
    if (shift + count > 64) low |= load(byte + 8) << (64 - shift);
    return count == 64 ? low : low & ((std::uint64_t{1} << count) - 1);
  }
  bool bad() const { return at_ > size_ * 8; }
  // Within the last byte, of which the rest is not used.
  bool at_end() const { return !bad() && (at_ + 7) / 8 == size_; }

 private:
  std::uint64_t load(std::size_t byte) const {
    std::uint64_t word = 0;
    if (byte + 8 <= size_)
      std::memcpy(&word, data_ + byte, 8);
    else if (byte < size_)
      std::memcpy(&word, data_ + byte, size_ - byte);
    return word;
  }

  const char* data_;
  std::size_t size_;
  std::size_t at_ = 0;
};

}  // namespace resmon::store
