#include "base/snappy.h"

// google/snappy, format_description.txt. A block is the length of the result as a varint, then elements: literals, and
// copies of what was written before, which may overlap what they write.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>

#include "base/bytes.h"

namespace resmon {

namespace {

// The densest element is a copy of 64 bytes in three. So a few bytes cannot claim gigabytes.
constexpr std::size_t kMostExpansion = 22;

class Unpacker {
 public:
  Unpacker(ByteReader in, std::size_t packed_bytes, std::string& out)
      : in_(in), packed_bytes_(packed_bytes), out_(out) {}

  Status run() {
    while (in_.remaining() > 0) {
      const std::uint8_t tag = in_.u8();
      switch (tag & 3U) {
        case 0:
          RESMON_TRY(literal(tag >> 2U));
          break;
        case 1:
          RESMON_TRY(copy((tag >> 2U & 7U) + 4, (static_cast<std::size_t>(tag & 0xe0U) << 3U) | in_.u8()));
          break;
        case 2:
          RESMON_TRY(copy((tag >> 2U) + 1U, in_.u16()));
          break;
        default:
          RESMON_TRY(copy((tag >> 2U) + 1U, in_.u32()));
      }
    }
    return at_ == out_.size() ? Status() : wrong("it is shorter than it says");
  }

 private:
  Unexpected<Error> wrong(const std::string& what) const {
    return fail(ErrorKind::kInvalid, "snappy: byte " + std::to_string(packed_bytes_ - in_.remaining()) + ": " + what);
  }

  Status literal(std::size_t code) {
    std::size_t length = code + 1;
    if (code >= 60) {
      std::size_t more = 0;
      for (std::size_t i = 0; i < code - 59; ++i) more |= static_cast<std::size_t>(in_.u8()) << (8 * i);
      length = more + 1;
    }
    if (in_.failed() || length > in_.remaining()) return wrong("a literal is cut off");
    if (length > out_.size() - at_) return wrong("it is longer than it says");
    std::memcpy(out_.data() + at_, in_.bytes(length).data(), length);
    at_ += length;
    return {};
  }

  Status copy(std::size_t length, std::size_t offset) {
    if (in_.failed()) return wrong("a copy is cut off");
    if (offset == 0 || offset > at_) return wrong("a copy from before the beginning");
    if (length > out_.size() - at_) return wrong("it is longer than it says");
    char* const to = out_.data() + at_;
    const char* const from = to - offset;
    if (offset >= length) {
      std::memcpy(to, from, length);
    } else {
      for (std::size_t i = 0; i < length; ++i) to[i] = from[i];
    }
    at_ += length;
    return {};
  }

  ByteReader in_;
  const std::size_t packed_bytes_;
  std::string& out_;
  std::size_t at_ = 0;  // in out_
};

// Packs 64 KiB after the other, so that an offset always fits two bytes. A table of where four bytes with a hash were
// seen last finds copies; where nothing repeats, the steps between look-ups grow, so random bytes cost little.
class Packer {
 public:
  explicit Packer(std::string& out) : out_(out) {}

  void piece(std::string_view in) {
    table_.fill(0);
    std::size_t copied = 0;  // what is in `out_` already
    std::size_t at = 1;
    std::size_t misses = 0;
    while (at + kLeast <= in.size()) {
      const std::uint32_t word = word_at(in, at);
      std::uint16_t& slot = table_[(word * 0x1e35a7bdU) >> (32U - kTableBits)];
      const std::size_t seen = slot;
      slot = static_cast<std::uint16_t>(at);
      if (word_at(in, seen) != word || seen >= at) {
        at += 1 + (misses++ >> 5U);
        continue;
      }
      misses = 0;
      std::size_t length = kLeast;
      while (at + length < in.size() && in[at + length] == in[seen + length]) ++length;
      literal(in.substr(copied, at - copied));
      copy(at - seen, length);
      at += length;
      copied = at;
    }
    literal(in.substr(copied));
  }

 private:
  static constexpr std::size_t kLeast = 4;  // bytes of a copy
  static constexpr unsigned kTableBits = 14;

  static std::uint32_t word_at(std::string_view in, std::size_t at) {
    std::uint32_t out = 0;
    std::memcpy(&out, in.data() + at, sizeof out);
    return out;
  }

  void byte(std::size_t value) { out_.push_back(static_cast<char>(static_cast<unsigned char>(value))); }

  void literal(std::string_view bytes) {
    if (bytes.empty()) return;
    const std::size_t code = bytes.size() - 1;  // below 65,536
    if (code < 60) {
      byte(code << 2U);
    } else {
      byte((code < 256 ? 60U : 61U) << 2U);
      byte(code);
      if (code >= 256) byte(code >> 8U);
    }
    out_.append(bytes);
  }

  void copy(std::size_t offset, std::size_t length) {
    while (length > 0) {
      const std::size_t part = length < 64 ? length : 64;
      byte((part - 1) << 2U | 2U);
      byte(offset);
      byte(offset >> 8U);
      length -= part;
    }
  }

  std::string& out_;
  std::array<std::uint16_t, std::size_t{1} << kTableBits> table_{};
};

}  // namespace

Result<std::string> unpack_snappy(std::string_view packed, std::size_t limit_bytes,
                                  const std::function<bool(std::size_t)>& may_hold) {
  ByteReader in(packed);
  const std::uint64_t length = in.varint();
  if (in.failed() || length > UINT32_MAX) return fail(ErrorKind::kInvalid, "snappy: byte 0: no length");
  if (length > limit_bytes)
    return fail(ErrorKind::kLimit, "unpacked it is over " + std::to_string(limit_bytes) + " bytes");
  if (length > packed.size() * kMostExpansion)
    return fail(ErrorKind::kInvalid, "snappy: byte 0: the stated length is impossible");
  if (may_hold && !may_hold(length)) return fail(ErrorKind::kUnavailable, "not enough memory to unpack it");
  std::string out(length, '\0');
  RESMON_TRY(Unpacker(in, packed.size(), out).run());
  return out;
}

void pack_snappy(std::string_view bytes, std::string& out) {
  constexpr std::size_t kPieceBytes = 1U << 16U;
  ByteWriter(out).varint(bytes.size());
  const auto packer = std::make_unique<Packer>(out);
  for (; !bytes.empty(); bytes.remove_prefix(std::min(kPieceBytes, bytes.size())))
    packer->piece(bytes.substr(0, kPieceBytes));
}

}  // namespace resmon
