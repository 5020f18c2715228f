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
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  std::uint64_t varint() {
    std::uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) break;
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      v |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
      if (byte < 0x80) return v;
    }
    bad_ = true;
    rest_ = {};
    return 0;
  }
  template <class T>
  T fixed() {
    T v{};
    const std::string_view raw = take(sizeof v);
    if (raw.size() == sizeof v) std::memcpy(&v, raw.data(), sizeof v);
    return v;
  }
  std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) {
      bad_ = true;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::string_view rest() const { return rest_; }
  bool empty() const { return rest_.empty(); }
  bool bad() const { return bad_; }

 private:
  std::string_view rest_;
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
  std::uint64_t get(unsigned count) {
    if (count == 0) return 0;
    const std::size_t byte = at_ / 8;
    const unsigned shift = at_ % 8;
    at_ += count;
    std::uint64_t low = load(byte) >> shift;
    if (shift + count > 64) low |= load(byte + 8) << (64 - shift);
    return count == 64 ? low : low & ((std::uint64_t{1} << count) - 1);
  }
  bool bad() const { return at_ > size_ * 8; }

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
