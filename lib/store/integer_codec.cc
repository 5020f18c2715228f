// What a machine's counters and gauges look like after five seconds: mostly small steps around a usual one. The code is
//
//   1. y = (v - v[0]) / divisor. Memory is counted in pages, disks in sectors, a percentage with two decimals in
//   hundredths: the
//      greatest common divisor takes ten bits off a /proc/meminfo value for the price of one division a chunk.
//   2. Differences of order 0 (noise around a level), 1 (counters, slow gauges) or 2 (steady counters, times), less the
//   usual
//      difference (`centre`); zigzag makes them unsigned.
//   3. Each is split into a symbol (its magnitude, and the value itself below 8) and the bits below, which are noise
//   and are
//      stored as they are. Symbols go through a static rANS coder (J. Duda, "Asymmetric numeral systems", 2013)
//      whose table is part of the code, quantised to half powers of two. If it pays there are two tables, chosen by
//      whether the previous symbol was large: quiet and busy spells have different statistics.
//
// Rejected: bit packing in 64-value blocks (pays for each block's largest value, half a bit to a bit for each of noise,
// and needs zstd behind it for sparse counters); Rice codes (at least one bit for a value, where a sparse counter has a
// tenth); an adaptive arithmetic coder (needs no table, but several dependent steps for each value read).

#include "store/integer_codec.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "store/bytes.h"

namespace resmon::store {

namespace {

using U64 = std::uint64_t;

constexpr unsigned kProbabilityBits = 11;
constexpr std::uint32_t kProbabilityOne = 1U << kProbabilityBits;
constexpr std::uint32_t kStateLow = 1U << 16U;
constexpr unsigned kDirect = 8;  // values below are symbols of their own
constexpr unsigned kSymbols = kDirect + 61 * 2;
constexpr unsigned kLevels = 34;  // of a symbol's weight; 0: the symbol does not occur

// The first byte of a code.
constexpr std::uint8_t kOrderMask = 0x03;
constexpr std::uint8_t kHasDivisor = 0x04;
constexpr std::uint8_t kHasCentre = 0x08;
constexpr std::uint8_t kNoResidual = 0x10;  // all residuals are zero, nothing follows
constexpr std::uint8_t kTwoTables = 0x20;
constexpr std::uint8_t kGolomb = 0x40;  // no tables: residuals in exponential Golomb codes
constexpr std::uint8_t kRuns = 0x80;    // with kGolomb: how many zeros come before each that is none

constexpr double kLeastTableBits = 8 + 32 + 16 + 3;  // the coder's words, its state, and a table of one symbol
constexpr std::size_t kFewValues = 256;              // up to so many, tables may cost more than they save
constexpr unsigned kParameterBits = 6;               // of a Golomb code's parameter
constexpr unsigned kGolombWidth = 62;                // what it encodes has at most so many bits

U64 u(std::int64_t v) {
  return static_cast<U64>(v);
}
std::int64_t s(U64 v) {
  return static_cast<std::int64_t>(v);
}

unsigned symbol_of(U64 v) {
  if (v < kDirect) return static_cast<unsigned>(v);
  const auto width = static_cast<unsigned>(std::bit_width(v));
  return kDirect + (width - 4) * 2 + static_cast<unsigned>(v >> (width - 2) & 1U);
}
unsigned extra_bits(unsigned symbol) {
  return symbol < kDirect ? 0 : (symbol - kDirect) / 2 + 2;
}
U64 base_of(unsigned symbol) {
  if (symbol < kDirect) return symbol;
  return (U64{2} | ((symbol - kDirect) & 1U)) << extra_bits(symbol);
}

using Histogram = std::array<std::uint32_t, kSymbols>;

std::uint32_t weight_of_level(unsigned level) {
  if (level == 0) return 0;
  if (level == 1) return 1;
  // 2, 3, 4, 6, 8, 12, 16 …
  return (level % 2 == 0 ? 2U : 3U) << (level / 2 - 1);
}
unsigned level_of_count(std::uint32_t count) {
  if (count <= 1) return count;
  const auto width = static_cast<unsigned>(std::bit_width(count)) - 1;  // 2^width <= count
  const unsigned level = width * 2;
  // The borders are the geometric means between neighbours: 1.2247 and 1.732 of the power of two.
  const std::uint32_t ratio = static_cast<std::uint32_t>((U64{count} << 12U) >> width);
  if (ratio < 5017) return level;
  if (ratio < 7094) return level + 1;
  return level + 2;
}

struct Table {
  std::array<std::uint16_t, kSymbols> frequency{};
  std::array<std::uint16_t, kSymbols> start{};
};

using LevelArray = std::array<std::uint8_t, kSymbols>;

// Both sides make the table from the levels alone. False where no symbol has a weight.
bool make_table(const LevelArray& levels, Table& table) {
  U64 total = 0;
  unsigned used = 0;
  for (unsigned i = 0; i < kSymbols; ++i) {
    total += weight_of_level(levels[i]);
    used += levels[i] != 0;
  }
  if (used == 0) return false;
  std::uint32_t sum = 0;
  unsigned largest = 0;
  for (unsigned i = 0; i < kSymbols; ++i) {
    const U64 weight = weight_of_level(levels[i]);
    if (weight == 0) {
      table.frequency[i] = 0;
      continue;
    }
    const U64 share = weight * (kProbabilityOne - used) / total + 1;
    table.frequency[i] = static_cast<std::uint16_t>(share);
    sum += static_cast<std::uint32_t>(share);
    if (table.frequency[i] > table.frequency[largest] || table.frequency[largest] == 0) largest = i;
  }
  table.frequency[largest] = static_cast<std::uint16_t>(table.frequency[largest] + (kProbabilityOne - sum));
  std::uint32_t at = 0;
  for (unsigned i = 0; i < kSymbols; ++i) {
    table.start[i] = static_cast<std::uint16_t>(at);
    at += table.frequency[i];
  }
  return true;
}

LevelArray levels_of(const Histogram& histogram) {
  LevelArray levels{};
  for (unsigned i = 0; i < kSymbols; ++i)
    levels[i] = static_cast<std::uint8_t>(std::min(level_of_count(histogram[i]), kLevels - 1));
  return levels;
}

// First symbol, count of symbols, then each level as a step from the one before: neighbours are alike.
void put_levels(const LevelArray& levels, BitWriter& bits) {
  unsigned first = 0;
  unsigned last = kSymbols - 1;
  while (first < last && levels[first] == 0) ++first;
  while (last > first && levels[last] == 0) --last;
  bits.put(first, 8);
  bits.put(last - first, 8);
  unsigned before = 4;
  for (unsigned i = first; i <= last; ++i) {
    const auto step = static_cast<unsigned>(zigzag(static_cast<std::int64_t>(levels[i]) - before));
    before = levels[i];
    // Unary above two plain bits.
    bits.put((U64{1} << (step >> 2U)) - 1, step >> 2U);
    bits.put(0, 1);
    bits.put(step & 3U, 2);
  }
}
bool get_levels(BitReader& bits, LevelArray& levels) {
  const auto first = static_cast<unsigned>(bits.get(8));
  const unsigned last = first + static_cast<unsigned>(bits.get(8));
  if (last >= kSymbols) return false;
  std::int64_t level = 4;
  for (unsigned i = first; i <= last; ++i) {
    unsigned quotient = 0;
    while (bits.get(1) != 0)
      if (++quotient > kLevels) return false;
    level += unzigzag(quotient << 2U | static_cast<unsigned>(bits.get(2)));
    if (level < 0 || level >= kLevels) return false;
    levels[i] = static_cast<std::uint8_t>(level);
  }
  return !bits.bad();
}

// Where the centre is taken off. The first value is known, and one that begins a series of differences is not one of
// them, so the first residual is always zero; the first step of order 2, far from its usual second difference, is
// itself the centre.
constexpr bool has_centre(unsigned order, std::size_t i) {
  return order == 2 ? i == 1 : i >= 1;
}

U64 common_divisor(std::span<const std::int64_t> values) {
  U64 divisor = 0;
  for (const std::int64_t v : values) {
    const auto difference = s(u(v) - u(values[0]));
    const U64 size = difference < 0 ? 0 - u(difference) : u(difference);
    // After the first few values the divisor rarely changes, and one division is cheaper than finding it again.
    if (size == 0 || (divisor != 0 && size % divisor == 0)) continue;
    divisor = std::gcd(divisor, size);
    if (divisor == 1) return 1;
  }
  // Above, a quotient's sign would be lost.
  return divisor > U64{1} << 62U ? 1 : divisor;
}

// In place: values become (v - v[0]) / divisor.
void scale_down(std::span<std::int64_t> values, U64 divisor) {
  const U64 first = u(values[0]);
  for (std::int64_t& v : values) {
    v = s(u(v) - first);
    if (divisor > 1) v /= s(divisor);
  }
}

void take_differences(std::span<std::int64_t> values) {
  for (std::size_t i = values.size() - 1; i > 0; --i) values[i] = s(u(values[i]) - u(values[i - 1]));
}

std::int64_t sampled_median(std::span<const std::int64_t> values) {
  std::array<std::int64_t, 65> sample{};
  const std::size_t count = std::min<std::size_t>(values.size(), sample.size());
  for (std::size_t i = 0; i < count; ++i) sample[i] = values[i * values.size() / count];
  std::nth_element(sample.begin(), sample.begin() + static_cast<std::ptrdiff_t>(count / 2),
                   sample.begin() + static_cast<std::ptrdiff_t>(count));
  return sample[count / 2];
}

double log2_of(std::uint32_t v) {
  static const auto kTable = [] {
    std::array<float, 4096> table{};
    for (std::size_t i = 1; i < table.size(); ++i) table[i] = std::log2(static_cast<float>(i));
    return table;
  }();
  return v < kTable.size() ? static_cast<double>(kTable[v]) : std::log2(static_cast<double>(v));
}

// Of symbols up to `last`: what they carry, and that with about what their table takes.
double entropy_bits(const Histogram& histogram, unsigned last, double a_symbol = 0) {
  double bits = 0;
  std::uint32_t total = 0;
  unsigned used = 0;
  for (unsigned i = 0; i <= last; ++i) {
    const std::uint32_t count = histogram[i];
    if (count == 0) continue;
    total += count;
    ++used;
    bits += count * (extra_bits(i) - log2_of(count));
  }
  return bits + total * log2_of(total) + a_symbol * used;
}
double histogram_bits(const Histogram& histogram, unsigned last) {
  return entropy_bits(histogram, last, 4.0);
}

double cost_of(std::span<const std::int64_t> values, U64 centre) {
  Histogram histogram{};
  U64 any = 0;
  for (const std::int64_t v : values) {
    const U64 residual = zigzag(s(u(v) - centre));
    any |= residual;
    ++histogram[symbol_of(residual)];
  }
  return histogram_bits(histogram, symbol_of(any));  // no symbol is above that of all bits together
}

// `scaled` is what scale_down made; left holding the differences of the highest order looked at.
IntegerModel choose(std::span<std::int64_t> scaled, U64 divisor) {
  IntegerModel best;
  best.divisor = divisor;
  const auto consider = [&](unsigned order, std::span<const std::int64_t> values, std::int64_t centre) {
    const double bits = cost_of(values, u(centre)) + (centre != 0 ? 12 : 0);
    if ((order == 0 && centre == 0) || bits < best.bits) {
      best.bits = bits;
      best.order = order;
      best.centre = u(centre);
    }
  };
  consider(0, scaled, 0);
  for (unsigned order = 0; order < 3; ++order) {
    if (order > 0) take_differences(scaled.subspan(order - 1));
    // The first residuals are starts, and always zero or one outlier.
    const std::span<const std::int64_t> values = std::span<const std::int64_t>(scaled).subspan(std::max(order, 1U));
    if (values.empty()) break;
    const std::int64_t centre = order == 2 ? 0 : sampled_median(values);
    if (order > 0 || centre != 0) consider(order, values, centre);
    if (best.bits < 8) break;
  }
  if (best.order == 2) best.centre = u(scaled[1]);
  return best;
}

// An exponential Golomb code of parameter k: v + 2^k, which has q + k + 1 bits, as q ones, a zero, and its lowest q + k
// bits. REQUIRES: v < 2^kGolombWidth, k < kGolombWidth
struct Golomb {
  unsigned k = 0;
  std::size_t bits = 0;  // of all values

  static unsigned excess(U64 v, unsigned k) { return static_cast<unsigned>(std::bit_width(v + (U64{1} << k))) - 1 - k; }
  void put(U64 v, BitWriter& out) const {
    const unsigned q = excess(v, k);
    out.put((U64{1} << q) - 1, q + 1);
    out.put((v + (U64{1} << k)) & ((U64{1} << (q + k)) - 1), q + k);
  }
  // False where that is no code.
  static bool get(BitReader& in, unsigned k, U64& v) {
    unsigned q = 0;
    while (in.get(1) != 0)
      if (++q + k > kGolombWidth) return false;
    v = ((U64{1} << (q + k)) | in.get(q + k)) - (U64{1} << k);
    return true;
  }
  // With about the best parameter: near the width of the mean.
  static Golomb of(std::span<const U64> values) {
    double sum = 0;
    for (const U64 v : values) sum += static_cast<double>(v);
    const double mean = values.empty() ? 0 : sum / static_cast<double>(values.size());
    const auto width = static_cast<unsigned>(std::bit_width(static_cast<U64>(mean)));
    Golomb best{0, SIZE_MAX};
    for (unsigned k = width > 4 ? width - 4 : 0; k <= std::min(width + 1, kGolombWidth - 1); ++k) {
      std::size_t bits = 0;
      for (const U64 v : values) bits += 2 * excess(v, k) + k + 1;
      if (bits < best.bits) best = {k, bits};
    }
    return best;
  }
};

// Residuals without tables: each, or only those that are not zero, and between them how many are.
struct TablelessPlan {
  bool runs = false;
  Golomb values;
  Golomb lengths;
  std::vector<U64> nonzero;  // less one
  std::vector<U64> gaps;     // zeros before each, and after the last

  std::size_t bits() const { return kParameterBits + values.bits + (runs ? kParameterBits + lengths.bits : 0); }
};

// Empty where that cannot be better than tables, or does not fit.
std::optional<TablelessPlan> plan_tableless(std::span<const U64> residuals, U64 any) {
  const auto zeros = static_cast<std::size_t>(std::count(residuals.begin(), residuals.end(), U64{0}));
  const bool few = residuals.size() <= kFewValues;
  const bool sparse = zeros * 4 >= residuals.size() * 3;
  if ((!few && !sparse) || std::bit_width(any) >= static_cast<int>(kGolombWidth)) return std::nullopt;
  TablelessPlan plan;
  plan.runs = true;
  U64 gap = 0;
  for (const U64 residual : residuals) {
    if (residual == 0) {
      ++gap;
      continue;
    }
    plan.gaps.push_back(std::exchange(gap, 0));
    plan.nonzero.push_back(residual - 1);
  }
  if (gap > 0) plan.gaps.push_back(gap);
  plan.values = Golomb::of(plan.nonzero);
  plan.lengths = Golomb::of(plan.gaps);
  if (!few) return plan;
  const Golomb all = Golomb::of(residuals);
  if (all.bits >= plan.values.bits + plan.lengths.bits + kParameterBits) return plan;
  plan.runs = false;
  plan.values = all;
  return plan;
}

std::string encode_tableless(const TablelessPlan& plan, std::span<const U64> residuals) {
  BitWriter bits;
  bits.put(plan.values.k, kParameterBits);
  if (!plan.runs) {
    for (const U64 residual : residuals) plan.values.put(residual, bits);
    return bits.finish();
  }
  bits.put(plan.lengths.k, kParameterBits);
  for (std::size_t i = 0; i < plan.gaps.size(); ++i) {
    plan.lengths.put(plan.gaps[i], bits);
    if (i < plan.nonzero.size()) plan.values.put(plan.nonzero[i], bits);
  }
  return bits.finish();
}

// `all`: nothing may be left of the code.
bool decode_tableless(std::string_view code, bool runs, bool all, std::span<std::int64_t> residuals) {
  BitReader bits(code);
  const auto k = static_cast<unsigned>(bits.get(kParameterBits));
  const unsigned lengths_k = runs ? static_cast<unsigned>(bits.get(kParameterBits)) : 0;
  if (k >= kGolombWidth || lengths_k >= kGolombWidth) return false;
  for (std::size_t i = 0; i < residuals.size(); ++i) {
    if (runs) {
      U64 zeros = 0;
      if (!Golomb::get(bits, lengths_k, zeros)) return false;
      if (zeros > residuals.size() - i) {
        if (all || bits.bad()) return false;
        zeros = residuals.size() - i;
      }
      std::fill_n(residuals.begin() + static_cast<std::ptrdiff_t>(i), zeros, 0);
      i += zeros;
      if (i == residuals.size()) break;
    }
    U64 residual = 0;
    if (!Golomb::get(bits, k, residual)) return false;
    residuals[i] = unzigzag(residual + (runs ? 1 : 0));
  }
  return all ? bits.at_end() : !bits.bad();
}

void put_symbols(std::span<const std::uint8_t> symbols, std::span<const U64> residuals, bool two, unsigned threshold,
                 std::span<const Table> tables, BitWriter& bits, std::string& out) {
  // rANS works backwards: the last symbol first. Words are collected and turned round.
  std::vector<std::uint16_t> words;
  words.reserve(symbols.size() / 2 + 4);
  std::uint32_t state = kStateLow;
  for (std::size_t i = symbols.size(); i-- > 0;) {
    const bool busy = two && i > 0 && symbols[i - 1] > threshold;
    const Table& table = tables[busy ? 1 : 0];
    const std::uint32_t frequency = table.frequency[symbols[i]];
    if (state >= U64{kStateLow >> kProbabilityBits} * 65536U * frequency) {
      words.push_back(static_cast<std::uint16_t>(state));
      state >>= 16U;
    }
    state = ((state / frequency) << kProbabilityBits) + state % frequency + table.start[symbols[i]];
  }
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    const unsigned extra = extra_bits(symbols[i]);
    bits.put(residuals[i] & ((U64{1} << extra) - 1), extra);
  }
  put_varint(out, words.size());
  put_fixed(out, state);
  for (std::size_t i = words.size(); i-- > 0;) put_fixed(out, words[i]);
  out += bits.finish();
}

// Symbols with one table, or with two, split at the middle symbol, where that pays.
std::string encode_with_tables(std::span<const U64> residuals, std::span<const std::uint8_t> symbols,
                               const Histogram& histogram, unsigned last, bool& two) {
  unsigned threshold = 0;
  for (std::size_t seen = 0; threshold < kSymbols - 1; ++threshold)
    if ((seen += histogram[threshold]) * 2 >= symbols.size()) break;
  std::array<Histogram, 2> split{};
  for (std::size_t i = 0; i < symbols.size(); ++i) ++split[i > 0 && symbols[i - 1] > threshold ? 1 : 0][symbols[i]];
  two = histogram_bits(split[0], last) + histogram_bits(split[1], last) + 32 < histogram_bits(histogram, last);

  BitWriter bits;
  std::array<Table, 2> tables;
  for (unsigned t = 0; t < (two ? 2U : 1U); ++t) {
    const LevelArray levels = levels_of(two ? split[t] : histogram);
    put_levels(levels, bits);
    make_table(levels, tables[t]);
  }
  if (two) bits.put(threshold, 8);
  std::string out;
  put_symbols(symbols, residuals, two, threshold, tables, bits, out);
  return out;
}

// What the decoder does at each of the coder's 2048 slots: symbol << 24 | offset in the symbol << 12 | frequency.
// Filled four at a time, beyond what a symbol has.
struct CoderSlots {
  static constexpr std::size_t kAtOnce = 4;
  std::array<std::uint32_t, kProbabilityOne + kAtOnce> slots;

  void fill(const Table& table) {
    std::uint32_t* at = slots.data();
    for (std::uint32_t i = 0; i < kSymbols; ++i) {
      const std::uint32_t frequency = table.frequency[i];
      const std::uint32_t first = i << 24U | frequency;
      for (std::uint32_t j = 0; j < frequency; j += kAtOnce)
        for (std::uint32_t k = 0; k < kAtOnce; ++k) at[j + k] = first + ((j + k) << 12U);
      at += frequency;
    }
  }
};

struct CodedSymbols {
  std::string_view words;
  std::uint32_t state = 0;
  unsigned threshold = 0;
  std::array<CoderSlots, 2> tables;
};

// Fills `values` with residuals. False where words or bits end before that, or, with `all`, do not end with it.
template <bool kTwo>
bool decode_symbols(const CodedSymbols& coded, BitReader& extra, bool all, std::span<std::int64_t> values) {
  std::uint32_t state = coded.state;
  const char* word = coded.words.data();
  const char* const end = word + coded.words.size();
  const std::uint32_t* slots = coded.tables[0].slots.data();
  for (std::int64_t& value : values) {
    const std::uint32_t slot = slots[state & (kProbabilityOne - 1)];
    state = (slot & 0xfffU) * (state >> kProbabilityBits) + (slot >> 12U & 0xfffU);
    if (state < kStateLow) {
      if (word == end) return false;
      std::uint16_t next = 0;
      std::memcpy(&next, word, 2);
      word += 2;
      state = state << 16U | next;
    }
    const unsigned symbol = slot >> 24U;
    if constexpr (kTwo) slots = coded.tables[symbol > coded.threshold ? 1 : 0].slots.data();
    value = unzigzag(symbol < kDirect ? symbol : base_of(symbol) | extra.get(extra_bits(symbol)));
  }
  return !extra.bad() && (!all || (word == end && state == kStateLow));
}

bool decode_with_tables(std::string_view code, bool two, bool all, std::span<std::int64_t> values) {
  ByteReader reader(code);
  const std::uint64_t word_count = reader.varint();
  CodedSymbols coded;
  coded.state = reader.fixed<std::uint32_t>();
  if (word_count > code.size()) return false;
  coded.words = reader.take(word_count * 2);
  if (reader.bad() || coded.state < kStateLow) return false;
  BitReader bits(reader.rest());
  for (unsigned t = 0; t < (two ? 2U : 1U); ++t) {
    LevelArray levels{};
    Table table;
    if (!get_levels(bits, levels) || !make_table(levels, table)) return false;
    coded.tables[t].fill(table);
  }
  if (!two) return decode_symbols<false>(coded, bits, all, values);
  coded.threshold = static_cast<unsigned>(bits.get(8));
  return decode_symbols<true>(coded, bits, all, values);
}

// Residuals become values: centre added, sums taken, scaled.
void sum_up(std::span<std::int64_t> values, unsigned order, U64 centre, U64 first, U64 divisor) {
  U64 sum = 0;
  if (order == 0) {
    values[0] = s(first + u(values[0]) * divisor);
    for (std::int64_t& v : values.subspan(1)) v = s(first + (u(v) + centre) * divisor);
  } else if (order == 1) {
    sum = u(values[0]);
    values[0] = s(first + sum * divisor);
    for (std::int64_t& v : values.subspan(1)) v = s(first + (sum += u(v) + centre) * divisor);
  } else {
    U64 step = centre;  // the first step's
    sum = u(values[0]);
    values[0] = s(first + sum * divisor);
    for (std::int64_t& v : values.subspan(1)) v = s(first + (sum += step += u(v)) * divisor);
  }
}

}  // namespace

IntegerModel choose_model(std::span<const std::int64_t> values) {
  if (values.empty()) return {};
  const U64 divisor = common_divisor(values);
  if (divisor == 0) return {};
  std::vector<std::int64_t> scaled(values.begin(), values.end());
  scale_down(scaled, divisor);
  return choose(scaled, divisor);
}

void encode_integers(std::span<const std::int64_t> values, std::string& out) {
  encode_integers(values, choose_model(values), out);
}

void encode_integers(std::span<const std::int64_t> values, const IntegerModel& model, std::string& out) {
  if (values.empty()) return;
  if (model.divisor == 0) {  // all equal
    if (values[0] == 0) return;
    out.push_back(static_cast<char>(kNoResidual));
    put_varint(out, zigzag(values[0]));
    return;
  }
  std::vector<std::int64_t> scaled(values.begin(), values.end());
  scale_down(scaled, model.divisor);
  for (unsigned order = 0; order < model.order; ++order)
    take_differences(std::span<std::int64_t>(scaled).subspan(order));
  std::vector<U64> residuals(values.size());
  std::vector<std::uint8_t> symbols(values.size());
  Histogram histogram{};
  U64 any = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    residuals[i] = zigzag(s(u(scaled[i]) - (has_centre(model.order, i) ? model.centre : 0)));
    any |= residuals[i];
    symbols[i] = static_cast<std::uint8_t>(symbol_of(residuals[i]));
    ++histogram[symbols[i]];
  }

  U64 flags = model.order | (model.divisor != 1 ? kHasDivisor : 0U) | (model.centre != 0 ? kHasCentre : 0U);
  std::string rest;
  if (any == 0) {
    flags |= kNoResidual;
  } else {
    const std::optional<TablelessPlan> tableless = plan_tableless(residuals, any);
    const bool surely =
        tableless && static_cast<double>(tableless->bits()) < entropy_bits(histogram, symbol_of(any)) + kLeastTableBits;
    bool two = false;
    if (!surely) {
      rest = encode_with_tables(residuals, symbols, histogram, symbol_of(any), two);
      if (two) flags |= kTwoTables;
    }
    if (tableless && (surely || (tableless->bits() + 7) / 8 < rest.size())) {
      rest = encode_tableless(*tableless, residuals);
      flags = (flags & ~U64{kTwoTables}) | kGolomb | (tableless->runs ? kRuns : 0U);
    }
  }
  out.push_back(static_cast<char>(flags));
  put_varint(out, zigzag(values[0]));
  if ((flags & kHasDivisor) != 0) put_varint(out, model.divisor);
  if ((flags & kHasCentre) != 0) put_varint(out, zigzag(s(model.centre)));
  out += rest;
}

bool decode_integers(std::string_view code, std::span<std::int64_t> values, bool all) {
  if (values.empty()) return code.empty() || !all;
  if (code.empty()) {
    std::fill(values.begin(), values.end(), 0);
    return true;
  }
  ByteReader reader(code);
  const auto flags = reader.fixed<std::uint8_t>();
  const unsigned order = flags & kOrderMask;
  if (order > 2) return false;
  const U64 first = u(unzigzag(reader.varint()));
  const U64 divisor = (flags & kHasDivisor) != 0 ? reader.varint() : 1;
  const U64 centre = (flags & kHasCentre) != 0 ? u(unzigzag(reader.varint())) : 0;
  if (reader.bad()) return false;

  if ((flags & kNoResidual) != 0) {
    // Equal values, or equal steps: nearly all times.
    if (!reader.empty()) return false;
    const U64 step = centre * divisor;
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = s(first + (order == 0 ? (i == 0 ? 0 : step) : step * i));
    return true;
  }
  const bool decoded = (flags & kGolomb) != 0
                           ? decode_tableless(reader.rest(), (flags & kRuns) != 0, all, values)
                           : decode_with_tables(reader.rest(), (flags & kTwoTables) != 0, all, values);
  if (!decoded) return false;
  sum_up(values, order, centre, first, divisor);
  return true;
}

}  // namespace resmon::store
