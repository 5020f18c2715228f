// The message becomes codewords with padding; these are cut into blocks, each with its Reed-Solomon codewords; the
// blocks are interleaved and drawn in columns of two from the right to the left around the fixed patterns. One of eight
// masks, that which disturbs a camera the least, is laid over them. Clauses are those of ISO/IEC 18004:2015.

#include "auth/qr_code.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>

namespace resmon::auth {

namespace {

constexpr int kVersions = 14;
// Level L, by version (table 9): error correction codewords of each block, and blocks.
constexpr std::array<int, kVersions + 1> kCorrection = {0, 7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30};
constexpr std::array<int, kVersions + 1> kBlocks = {0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4};
constexpr int kMasks = 8;
constexpr unsigned kLevelL = 1;  // its bits in the format information

int size_of_version(int version) {
  return 17 + 4 * version;
}

// Of an axis (annex E).
std::vector<int> alignment_positions(int version) {
  if (version == 1) return {};
  const int count = version / 7 + 2;
  const int last = size_of_version(version) - 7;
  const int step = (version * 4 + count * 2 + 1) / (count * 2 - 2) * 2;
  std::vector<int> out = {6};
  for (int i = count - 2; i >= 0; --i) out.push_back(last - i * step);
  return out;
}

// Data and correction together: all modules that no fixed pattern takes, in bytes.
int codewords_of(int version) {
  const int size = size_of_version(version);
  const int alignments = static_cast<int>(alignment_positions(version).size());
  int modules = size * size - 3 * 64 - 2 * (size - 16) - 31;  // finders, timing, format and the dark module
  if (version > 1) modules -= 25 * (alignments * alignments - 3) - 10 * (alignments - 2);
  if (version >= 7) modules -= 36;
  return modules / 8;
}

int data_codewords_of(int version) {
  const auto at = static_cast<std::size_t>(version);
  return codewords_of(version) - kCorrection[at] * kBlocks[at];
}

int length_bits_of(int version) {
  return version < 10 ? 8 : 16;
}

class Bits {
 public:
  void add(unsigned value, int bits) {
    for (int i = bits - 1; i >= 0; --i) {
      if (used_ % 8 == 0) bytes_ += '\0';
      if (((value >> i) & 1U) != 0)
        bytes_.back() = static_cast<char>(static_cast<unsigned char>(bytes_.back()) | (0x80U >> (used_ % 8)));
      ++used_;
    }
  }
  int used() const { return used_; }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
  int used_ = 0;
};

// Byte mode, the terminator, and padding (7.4).
std::string data_of(std::string_view message, int version) {
  Bits bits;
  bits.add(4, 4);
  bits.add(static_cast<unsigned>(message.size()), length_bits_of(version));
  for (const char c : message) bits.add(static_cast<unsigned char>(c), 8);
  const int room = data_codewords_of(version) * 8;
  bits.add(0, std::min(4, room - bits.used()));
  bits.add(0, (8 - bits.used() % 8) % 8);
  std::string out = bits.bytes();
  for (bool first = true; out.size() < static_cast<std::size_t>(room / 8); first = !first)
    out += first ? '\xEC' : '\x11';
  return out;
}

// In GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1.
std::uint8_t multiply(std::uint8_t a, std::uint8_t b) {
  unsigned out = 0;
  for (int i = 7; i >= 0; --i) {
    out = (out << 1U) ^ ((out >> 7U) * 0x11DU);
    out ^= ((static_cast<unsigned>(b) >> i) & 1U) * a;
  }
  return static_cast<std::uint8_t>(out);
}

// The coefficients of the product of (x - 2^i), highest first, without the first one, which is 1.
std::vector<std::uint8_t> generator_of(int degree) {
  std::vector<std::uint8_t> out(static_cast<std::size_t>(degree), 0);
  out.back() = 1;
  std::uint8_t root = 1;
  for (int i = 0; i < degree; ++i) {
    for (std::size_t j = 0; j < out.size(); ++j) {
      out[j] = multiply(out[j], root);
      if (j + 1 < out.size()) out[j] ^= out[j + 1];
    }
    root = multiply(root, 2);
  }
  return out;
}

std::string correction_of(std::string_view data, const std::vector<std::uint8_t>& generator) {
  std::vector<std::uint8_t> rest(generator.size(), 0);
  for (const char c : data) {
    const auto factor = static_cast<std::uint8_t>(static_cast<unsigned char>(c) ^ rest.front());
    std::rotate(rest.begin(), rest.begin() + 1, rest.end());
    rest.back() = 0;
    for (std::size_t i = 0; i < rest.size(); ++i) rest[i] ^= multiply(generator[i], factor);
  }
  return {rest.begin(), rest.end()};
}

// Cut into blocks, of which the last ones are a byte longer, and interleaved (7.5 and 7.6).
std::string interleaved(std::string_view data, int version) {
  const auto at = static_cast<std::size_t>(version);
  const auto blocks = static_cast<std::size_t>(kBlocks[at]);
  const std::vector<std::uint8_t> generator = generator_of(kCorrection[at]);
  const std::size_t shorter = blocks - data.size() % blocks;
  const std::size_t least = data.size() / blocks;
  std::vector<std::string> parts;
  std::vector<std::string> corrections;
  for (std::size_t i = 0; i < blocks; ++i) {
    const std::size_t length = least + (i >= shorter ? 1 : 0);
    parts.emplace_back(data.substr(0, length));
    corrections.push_back(correction_of(data.substr(0, length), generator));
    data.remove_prefix(length);
  }
  std::string out;
  for (const std::vector<std::string>* const group : {&parts, &corrections})
    for (std::size_t i = 0; i < group->back().size(); ++i)
      for (const std::string& part : *group)
        if (i < part.size()) out += part[i];
  return out;
}

bool is_masked(int mask, int x, int y) {  // table 10
  switch (mask) {
    case 0:
      return (x + y) % 2 == 0;
    case 1:
      return y % 2 == 0;
    case 2:
      return x % 3 == 0;
    case 3:
      return (x + y) % 3 == 0;
    case 4:
      return (x / 3 + y / 2) % 2 == 0;
    case 5:
      return x * y % 2 + x * y % 3 == 0;
    case 6:
      return (x * y % 2 + x * y % 3) % 2 == 0;
    default:
      return ((x + y) % 2 + x * y % 3) % 2 == 0;
  }
}

// `value` with the remainder of a division by `polynomial` behind it.
unsigned with_remainder(unsigned value, unsigned polynomial, int bits) {
  unsigned rest = value;
  for (int i = 0; i < bits; ++i) rest = (rest << 1U) ^ ((rest >> (bits - 1)) * polynomial);
  return (value << bits) | rest;
}

}  // namespace

QrCode::QrCode(int version)
    : version_(version),
      size_(size_of_version(version)),
      modules_(static_cast<std::size_t>(size_ * size_)),
      fixed_(modules_.size()) {}

std::optional<QrCode> QrCode::encode(std::string_view bytes) {
  int version = 1;
  while (version <= kVersions &&
         data_codewords_of(version) * 8 < 4 + length_bits_of(version) + 8 * static_cast<int>(bytes.size()))
    ++version;
  if (version > kVersions) return std::nullopt;
  QrCode out(version);
  out.draw_fixed();
  out.draw_data(interleaved(data_of(bytes, version), version));
  int best = 0;
  long least = 0;
  for (int mask = 0; mask < kMasks; ++mask) {
    out.apply_mask(mask);
    out.draw_format(mask);
    const long now = out.penalty();
    out.apply_mask(mask);
    if (mask > 0 && now >= least) continue;
    best = mask;
    least = now;
  }
  out.apply_mask(best);
  out.draw_format(best);
  return out;
}

std::string QrCode::svg_path() const {
  std::string out;
  for (int y = 0; y < size_; ++y)
    for (int x = 0; x < size_; ++x) {
      int run = 0;
      while (x + run < size_ && dark(x + run, y)) ++run;
      if (run == 0) continue;
      const std::string length = std::to_string(run);
      out += 'M' + std::to_string(x) + ' ' + std::to_string(y) + 'h' + length + "v1h-" + length + 'z';
      x += run;
    }
  return out;
}

void QrCode::set_fixed(int x, int y, bool dark) {
  if (x < 0 || y < 0 || x >= size_ || y >= size_) return;
  modules_[index(x, y)] = dark ? 1 : 0;
  fixed_[index(x, y)] = 1;
}

void QrCode::draw_fixed() {
  for (int i = 0; i < size_; ++i) {
    set_fixed(6, i, i % 2 == 0);
    set_fixed(i, 6, i % 2 == 0);
  }
  draw_finder(3, 3);
  draw_finder(size_ - 4, 3);
  draw_finder(3, size_ - 4);
  draw_alignments();
  draw_format(0);
  draw_version();
}

// With the light line around it.
void QrCode::draw_finder(int x, int y) {
  for (int dy = -4; dy <= 4; ++dy)
    for (int dx = -4; dx <= 4; ++dx) {
      const int ring = std::max(std::abs(dx), std::abs(dy));
      set_fixed(x + dx, y + dy, ring != 2 && ring != 4);
    }
}

void QrCode::draw_alignments() {
  const std::vector<int> positions = alignment_positions(version_);
  for (const int x : positions)
    for (const int y : positions) {
      const int last = size_ - 7;
      if ((x == 6 && y == 6) || (x == 6 && y == last) || (x == last && y == 6)) continue;  // finders are there
      for (int dy = -2; dy <= 2; ++dy)
        for (int dx = -2; dx <= 2; ++dx) set_fixed(x + dx, y + dy, std::max(std::abs(dx), std::abs(dy)) != 1);
    }
}

void QrCode::draw_version() {
  if (version_ < 7) return;
  const unsigned bits = with_remainder(static_cast<unsigned>(version_), 0x1F25, 12);
  for (int i = 0; i < 18; ++i) {
    const bool dark = ((bits >> i) & 1U) != 0;
    set_fixed(size_ - 11 + i % 3, i / 3, dark);
    set_fixed(i / 3, size_ - 11 + i % 3, dark);
  }
}

// Twice (7.9), and the module that is always dark.
void QrCode::draw_format(int mask) {
  const unsigned bits = with_remainder((kLevelL << 3U) | static_cast<unsigned>(mask), 0x537, 10) ^ 0x5412U;
  for (int i = 0; i < 15; ++i) {
    const bool dark = ((bits >> i) & 1U) != 0;
    set_fixed(8, i < 6 ? i : i < 8 ? i + 1 : size_ - 15 + i, dark);
    set_fixed(i < 8 ? size_ - 1 - i : i == 8 ? 7 : 14 - i, 8, dark);
  }
  set_fixed(8, size_ - 8, true);
}

void QrCode::draw_data(const std::string& codewords) {
  std::size_t bit = 0;
  for (int right = size_ - 1; right >= 1; right -= 2) {
    if (right == 6) right = 5;  // the timing pattern's column
    const bool upward = ((right + 1) & 2) == 0;
    for (int i = 0; i < size_; ++i)
      for (const int x : {right, right - 1}) {
        const int y = upward ? size_ - 1 - i : i;
        if (fixed_[index(x, y)] != 0 || bit >= codewords.size() * 8) continue;
        modules_[index(x, y)] =
            static_cast<char>((static_cast<unsigned char>(codewords[bit / 8]) >> (7 - bit % 8)) & 1);
        ++bit;
      }
  }
}

void QrCode::apply_mask(int mask) {
  for (int y = 0; y < size_; ++y)
    for (int x = 0; x < size_; ++x)
      if (fixed_[index(x, y)] == 0 && is_masked(mask, x, y)) modules_[index(x, y)] ^= 1;
}

// Long runs, blocks of one colour, and more of one colour than of the other (7.8.3). What looks like a finder is not
// counted: cameras tell it apart by the quiet zone.
long QrCode::penalty() const {
  long out = 0;
  long all_dark = 0;
  for (int a = 0; a < size_; ++a) {
    int row_run = 0;
    int column_run = 0;
    for (int b = 0; b < size_; ++b) {
      row_run = b > 0 && dark(b, a) == dark(b - 1, a) ? row_run + 1 : 1;
      column_run = b > 0 && dark(a, b) == dark(a, b - 1) ? column_run + 1 : 1;
      for (const int run : {row_run, column_run}) out += run == 5 ? 3 : run > 5 ? 1 : 0;
      all_dark += dark(b, a) ? 1 : 0;
      if (a > 0 && b > 0 && dark(b, a) == dark(b - 1, a) && dark(b, a) == dark(b, a - 1) &&
          dark(b, a) == dark(b - 1, a - 1))
        out += 3;
    }
  }
  const long all = static_cast<long>(size_) * size_;
  return out + std::labs(all_dark * 20 - all * 10) / all * 10;
}

}  // namespace resmon::auth
