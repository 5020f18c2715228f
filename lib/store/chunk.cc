// A chunk holds all columns of a group for about an hour. Three things beyond integer_codec.cc make it small:
//
//   - Floats that are decimal fractions (a percentage with two decimals) become integers times 10^-k, checked bit by
//   bit, with
//     one k for the chunk where possible. What is not exact (and -0.0) goes through XOR with its predecessor, by byte
//     planes, through zstd.
//   - Columns that say the same thing. usage_active is 100 - usage_idle; used is total - available. The encoder looks
//   for an
//     earlier column (or two) that, added or taken away, leaves less than the column's own history does, and stores
//     only what is left. References point backwards only, so reading cannot loop; a column and what it refers to are
//     decoded once.
//   - One checksum for the whole chunk, not one for each column: 4 bytes times 11 columns were 1 % of a chunk, and
//   CRC-32C over
//     6 KB takes less than a microsecond.
//
// A row's columns are usually all there; where not, presence is run lengths or bits, whichever is shorter, and only the
// values that are there are coded. Columns that are written together have one presence between them: it is stored with
// the first, and the others name that. Columns of the same presence can refer to each other.

#include "store/chunk.h"

#include <zstd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <map>
#include <optional>
#include <unordered_map>

#include "base/crc32c.h"
#include "store/bytes.h"
#include "store/decimal.h"
#include "store/integer_codec.h"

namespace resmon::store {

namespace {

using metric::Cell;
using metric::FieldType;

constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kMaxColumns = 65'536;

// Flags of a directory entry.
constexpr std::uint8_t kTypeMask = 0x07;
constexpr std::uint8_t kSomeAbsent = 0x08;  // the section begins with presence
constexpr std::uint8_t kDecimal = 0x10;     // floats as integers times 10^-decimals; a byte with the decimals follows
constexpr std::uint8_t kReferences = 0x20;  // a count and that many references follow
constexpr std::uint8_t kPresenceOf = 0x40;  // with kSomeAbsent: an earlier column has the presence; its index follows
constexpr std::uint8_t kKnownFlags = 0x7f;

Unexpected<Error> damaged(const char* what) {
  return fail(ErrorKind::kDamaged, std::string("chunk: ") + what);
}

// A column on its way in.
struct Plan {
  const RowColumn* column = nullptr;
  std::vector<Cell> present;  // the cells that are there
  bool whole = false;         // none is absent
  std::size_t presence = 0;   // which plan has the same first; of those that are whole, SIZE_MAX
  std::optional<unsigned> decimals;
  std::vector<std::int64_t> integers;  // empty for strings and for floats that are no decimals
  std::vector<std::uint32_t> references;
  std::vector<std::int64_t> residual;  // what is left after the references
  std::optional<IntegerModel> model;   // of what is coded, where it was looked for
};

std::optional<unsigned> decimals_needed(const std::vector<Cell>& cells) {
  unsigned decimals = 0;
  for (const Cell cell : cells) {
    while (!exact_decimal(metric::as_float(cell), decimals))
      if (++decimals > kMaxDecimals) return std::nullopt;
  }
  return decimals;
}

bool to_integers(Plan& plan, unsigned decimals) {
  plan.integers.resize(plan.present.size());
  for (std::size_t i = 0; i < plan.present.size(); ++i) {
    const auto exact = exact_decimal(metric::as_float(plan.present[i]), decimals);
    if (!exact) return false;
    plan.integers[i] = *exact;
  }
  plan.decimals = decimals;
  return true;
}

void gather_values(Plan& plan, std::size_t rows) {
  const RowColumn& column = *plan.column;
  plan.present.reserve(rows);
  for (std::size_t row = 0; row < rows; ++row)
    if (bit(column.presence, row)) plan.present.push_back(column.cells[row]);
  plan.whole = plan.present.size() == rows;
  switch (column.type) {
    case FieldType::kFloat:
      plan.decimals = decimals_needed(plan.present);
      break;
    case FieldType::kString:
      break;
    default:
      plan.integers.resize(plan.present.size());
      std::transform(plan.present.begin(), plan.present.end(), plan.integers.begin(),
                     [](Cell cell) { return static_cast<std::int64_t>(cell); });
  }
}

std::int64_t combine(std::int64_t a, std::int64_t b, bool subtract) {
  const auto x = static_cast<std::uint64_t>(a);
  const auto y = static_cast<std::uint64_t>(b);
  return static_cast<std::int64_t>(subtract ? x - y : x + y);
}

void combine_all(std::span<const std::int64_t> a, std::span<const std::int64_t> b, bool subtract,
                 std::vector<std::int64_t>& out) {
  out.resize(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) out[i] = combine(a[i], b[i], subtract);
}

// Finds who has the same presence. Of many that have presences of their own only the newest are compared.
void share_presences(std::vector<Plan>& plans) {
  constexpr std::size_t kCompared = 8;
  std::array<std::size_t, kCompared> newest{};
  std::size_t own = 0;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    plans[i].presence = plans[i].whole ? SIZE_MAX : i;
    if (plans[i].whole) continue;
    for (std::size_t k = 0; k < std::min(own, kCompared); ++k)
      if (plans[newest[k]].column->presence == plans[i].column->presence) plans[i].presence = newest[k];
    if (plans[i].presence == i) newest[own++ % kCompared] = i;
  }
}

bool comparable(const Plan& plan, const Plan& other) {
  return other.presence == plan.presence && !other.integers.empty() && other.decimals == plan.decimals;
}
// Aggregates of one column, or one aggregate of two.
bool alike(const Plan& plan, const Plan& other) {
  return plan.column->id / 8 == other.column->id / 8 || plan.column->id % 8 == other.column->id % 8;
}

// Columns that are equal: a counter that stands still in most windows has the same minimum, maximum and last value.
// Unlike other references this pays with few rows, too.
void find_equal(std::vector<Plan>& plans, bool windows) {
  constexpr std::size_t kCompared = 8;
  for (std::size_t i = 1; i < plans.size(); ++i) {
    Plan& plan = plans[i];
    if (plan.integers.empty()) continue;
    const std::int64_t first = plan.integers.front();
    if (first > -64 && first < 64 && plan.integers.front() == plan.integers.back() &&
        std::all_of(plan.integers.begin(), plan.integers.end(), [&](std::int64_t value) { return value == first; }))
      continue;  // is no longer than a reference
    for (std::size_t back = 1; back <= std::min(i, kCompared); ++back) {
      const Plan& other = plans[i - back];
      if (windows && plan.column->id / 8 != other.column->id / 8) break;
      if (!comparable(plan, other) || plan.integers != other.integers) continue;
      plan.references.push_back(static_cast<std::uint32_t>((i - back) << 1U | 1U));
      plan.residual.assign(plan.integers.size(), 0);
      plan.model.emplace();
      break;
    }
  }
}

// Gives each plan the references that pay. Greedy: the best single reference, then the best second. A stretch of rows
// from the middle stands for all; what looks good there is checked on all rows. Of windows only
// the aggregates of one column are compared, and one aggregate of all columns: there are five times as many columns,
// and little else to find.
void find_references(std::vector<Plan>& plans, bool windows) {
  constexpr std::size_t kStretch = 64;
  constexpr double kWorthLookingBits = 1.0;       // a value
  constexpr std::size_t kWorthLookingRows = 128;  // few rows are joined with others soon, and looking is dear
  std::vector<double> own(plans.size());
  std::vector<double> own_stretch(plans.size());
  const auto stretch = [&](const std::vector<std::int64_t>& values) {
    return std::span<const std::int64_t>(values).subspan((values.size() - kStretch) / 2, kStretch);
  };
  const auto worth_looking = [&](std::size_t i) {
    return own[i] > 0 && own[i] >= kWorthLookingBits * static_cast<double>(plans[i].integers.size());
  };
  for (std::size_t i = 0; i < plans.size(); ++i) {
    if (plans[i].integers.size() < kWorthLookingRows || !plans[i].references.empty()) continue;
    own_stretch[i] = choose_model(stretch(plans[i].integers)).bits;
    plans[i].model = choose_model(plans[i].integers);
    own[i] = plans[i].model->bits;
  }
  std::vector<std::int64_t> work;
  for (std::size_t i = 1; i < plans.size(); ++i) {
    Plan& plan = plans[i];
    if (!worth_looking(i)) continue;
    double best = own[i];
    double best_stretch = own_stretch[i];
    std::vector<std::int64_t> left = plan.integers;
    while (plan.references.size() < ChunkReader::kMaxReferences) {
      std::optional<std::uint32_t> found;
      double found_bits = best_stretch * 0.85;
      for (std::size_t j = 0; j < i; ++j) {
        const Plan& other = plans[j];
        if (!worth_looking(j) || !comparable(plan, other) || (windows && !alike(plan, other))) continue;
        for (const bool subtract : {false, true}) {
          combine_all(stretch(left), stretch(other.integers), subtract, work);
          const double bits = choose_model(work).bits;
          if (bits >= found_bits) continue;
          found_bits = bits;
          found = static_cast<std::uint32_t>(j << 1U | (subtract ? 1U : 0U));
        }
      }
      if (!found) break;
      combine_all(left, plans[*found >> 1U].integers, (*found & 1U) != 0, work);
      const IntegerModel model = choose_model(work);
      // A reference costs readers of this column a second column: it has to earn that.
      if (model.bits > best * 0.85) break;
      best = model.bits;
      plan.model = model;
      best_stretch = found_bits;
      left.swap(work);
      plan.references.push_back(*found);
    }
    if (!plan.references.empty()) plan.residual = std::move(left);
  }
}

std::string compress(std::string_view bytes) {
  thread_local const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), &ZSTD_freeCCtx);
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  const std::size_t size = ZSTD_compressCCtx(context.get(), out.data(), out.size(), bytes.data(), bytes.size(), 3);
  if (ZSTD_isError(size) != 0) return {};
  out.resize(size);
  return out;
}

// Size, then the bytes themselves if compressed size 0, else compressed size and the zstd frame.
void put_compressed(std::string& out, std::string_view bytes) {
  put_varint(out, bytes.size());
  std::string packed = bytes.size() > 24 ? compress(bytes) : std::string();
  if (packed.empty() || packed.size() >= bytes.size()) {
    put_varint(out, 0);
    out.append(bytes);
    return;
  }
  put_varint(out, packed.size());
  out += packed;
}

bool get_compressed(ByteReader& reader, std::uint64_t limit, std::string& out) {
  const std::uint64_t size = reader.varint();
  const std::uint64_t packed = reader.varint();
  if (reader.bad() || size > limit) return false;
  if (packed == 0) {
    out = reader.take(size);
    return !reader.bad();
  }
  const std::string_view frame = reader.take(packed);
  if (reader.bad() || ZSTD_getFrameContentSize(frame.data(), frame.size()) != size) return false;
  out.resize(size);
  thread_local const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), &ZSTD_freeDCtx);
  return ZSTD_decompressDCtx(context.get(), out.data(), size, frame.data(), frame.size()) == size;
}

void put_floats(const std::vector<Cell>& cells, std::string& out) {
  std::string planes(cells.size() * 8, '\0');
  Cell before = 0;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const Cell x = cells[i] ^ before;
    before = cells[i];
    for (unsigned plane = 0; plane < 8; ++plane)
      planes[plane * cells.size() + i] = static_cast<char>(x >> (56 - plane * 8));
  }
  put_compressed(out, planes);
}

bool get_floats(std::string_view section, std::vector<Cell>& cells) {
  ByteReader reader(section);
  std::string planes;
  if (!get_compressed(reader, cells.size() * 8, planes) || planes.size() != cells.size() * 8 || !reader.empty())
    return false;
  Cell before = 0;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    for (unsigned plane = 0; plane < 8; ++plane)
      before ^= static_cast<Cell>(static_cast<unsigned char>(planes[plane * cells.size() + i])) << (56 - plane * 8);
    cells[i] = before;
  }
  return true;
}

void put_integers(const Plan& plan, std::string& out) {
  const std::vector<std::int64_t>& values = plan.references.empty() ? plan.integers : plan.residual;
  encode_integers(values, plan.model ? *plan.model : choose_model(values), out);
}

// The distinct values in order of first sight, then which of them each is.
void put_strings(const Plan& plan, std::string& out) {
  std::unordered_map<std::string_view, std::int64_t> indexes;
  std::string lengths;
  std::string text;
  std::vector<std::int64_t> order;
  order.reserve(plan.present.size());
  for (const Cell cell : plan.present) {
    const std::string_view value = metric::as_string(cell, plan.column->text);
    const auto [it, fresh] = indexes.emplace(value, static_cast<std::int64_t>(indexes.size()));
    if (fresh) {
      put_varint(lengths, value.size());
      text += value;
    }
    order.push_back(it->second);
  }
  put_varint(out, indexes.size());
  put_compressed(out, lengths);
  put_compressed(out, text);
  encode_integers(order, out);
}

bool get_strings(std::string_view section, std::vector<Cell>& cells, std::string& text) {
  ByteReader reader(section);
  const std::uint64_t count = reader.varint();
  std::string lengths;
  if (count == 0 || count > cells.size() || !get_compressed(reader, count * 10, lengths) ||
      !get_compressed(reader, kMaxChunkTextBytes, text))
    return false;
  std::vector<Cell> values;
  values.reserve(count);
  ByteReader length(lengths);
  std::uint64_t offset = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t size = length.varint();
    if (size > text.size() - offset) return false;
    values.push_back(metric::string_cell(offset, size));
    offset += size;
  }
  std::vector<std::int64_t> order(cells.size());
  if (length.bad() || !length.empty() || offset != text.size() || !decode_integers(reader.rest(), order)) return false;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (order[i] < 0 || static_cast<std::uint64_t>(order[i]) >= count) return false;
    cells[i] = values[static_cast<std::size_t>(order[i])];
  }
  return true;
}

// Run lengths, absent first; or, after a 0, the bits.
void put_presence(const RowColumn& column, std::size_t rows, std::string& out) {
  std::string runs;
  bool state = false;
  std::uint64_t run = 0;
  std::vector<std::uint64_t> lengths;
  for (std::size_t row = 0; row < rows; ++row) {
    if (bit(column.presence, row) != state) {
      lengths.push_back(run);
      run = 0;
      state = !state;
    }
    ++run;
  }
  lengths.push_back(run);
  put_varint(runs, lengths.size());
  for (const std::uint64_t length : lengths) put_varint(runs, length);
  if (runs.size() <= rows / 8 + 1) {
    out += runs;
    return;
  }
  put_varint(out, 0);
  for (std::size_t row = 0; row < rows; row += 8)
    out.push_back(static_cast<char>(column.presence[row / 64] >> (row % 64)));
}

}  // namespace

std::string encode_chunk(const Rows& rows, bool windows) {
  std::vector<Plan> plans(rows.columns.size());
  std::optional<unsigned> decimals;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    plans[i].column = &rows.columns[i];
    gather_values(plans[i], rows.size());
    if (plans[i].decimals) decimals = std::max(decimals.value_or(0), *plans[i].decimals);
  }
  std::erase_if(plans, [](const Plan& plan) { return plan.present.empty(); });
  for (Plan& plan : plans) {
    if (!plan.decimals) continue;
    // One scale for all, so that columns can refer to each other; large values may need their own.
    if (to_integers(plan, *decimals)) continue;
    const std::optional<unsigned> own = decimals_needed(plan.present);
    plan.decimals.reset();
    if (!own || !to_integers(plan, *own)) plan.integers.clear();
  }
  share_presences(plans);
  find_equal(plans, windows);
  find_references(plans, windows);

  std::string directory;
  std::string sections;
  std::string section;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const Plan& plan = plans[i];
    const bool others = !plan.whole && plan.presence != i;
    section.clear();
    if (!plan.whole && !others) put_presence(*plan.column, rows.size(), section);
    const FieldType type = plan.column->type;
    if (type == FieldType::kString)
      put_strings(plan, section);
    else if (type == FieldType::kFloat && !plan.decimals)
      put_floats(plan.present, section);
    else
      put_integers(plan, section);

    const auto flags = static_cast<std::uint8_t>(static_cast<unsigned>(type) | (plan.whole ? 0U : kSomeAbsent) |
                                                 (others ? kPresenceOf : 0U) | (plan.decimals ? kDecimal : 0U) |
                                                 (plan.references.empty() ? 0U : kReferences));
    put_varint(directory, plan.column->id);
    directory.push_back(static_cast<char>(flags));
    if (others) put_varint(directory, plan.presence);
    if (plan.decimals) directory.push_back(static_cast<char>(*plan.decimals));
    if (!plan.references.empty()) {
      put_varint(directory, plan.references.size());
      for (const std::uint32_t reference : plan.references) put_varint(directory, reference);
    }
    put_varint(directory, section.size());
    sections += section;
  }

  std::string times;
  encode_integers(rows.times, times);
  std::string body;
  put_varint(body, rows.size());
  put_varint(body, times.size());
  body += times;
  put_varint(body, plans.size());
  body += directory;
  body += sections;

  std::string out;
  out.reserve(body.size() + 5);
  out.push_back(static_cast<char>(kFormat));
  put_fixed(out, crc32c(body));
  out += body;
  return out;
}

Result<ChunkReader> ChunkReader::open(std::string_view bytes, Verify verify) {
  ByteReader reader(bytes);
  if (const auto format = reader.fixed<std::uint8_t>(); format != kFormat)
    return damaged(reader.bad() ? "empty" : "unknown format");
  const auto checksum = reader.fixed<std::uint32_t>();
  if (reader.bad()) return damaged("cut short");
  if (verify == Verify::kChecksum && crc32c(reader.rest()) != checksum) return damaged("wrong checksum");

  ChunkReader chunk;
  chunk.rows_ = reader.varint();
  if (reader.bad() || chunk.rows_ == 0 || chunk.rows_ > kMaxChunkRows) return damaged("bad row count");
  chunk.times_ = reader.take(reader.varint());
  const std::uint64_t count = reader.varint();
  if (reader.bad() || count > kMaxColumns || count > reader.rest().size()) return damaged("bad column count");
  chunk.entries_.resize(count);
  std::vector<std::uint64_t> sizes(count);
  for (std::size_t i = 0; i < count; ++i) {
    Entry& entry = chunk.entries_[i];
    const std::uint64_t id = reader.varint();
    const auto flags = reader.fixed<std::uint8_t>();
    if (id > UINT32_MAX || (flags & ~kKnownFlags) != 0 || (flags & kTypeMask) >= metric::kFieldTypeCount ||
        (i > 0 && id <= chunk.entries_[i - 1].id))
      return damaged("bad column");
    entry.id = static_cast<ColumnId>(id);
    entry.flags = flags;
    entry.type = static_cast<FieldType>(flags & kTypeMask);
    entry.presence = (flags & kSomeAbsent) == 0 ? kWhole : static_cast<std::uint32_t>(i);
    if ((flags & kPresenceOf) != 0) {
      const std::uint64_t other = reader.varint();
      // Backwards, to one that has it itself.
      if ((flags & kSomeAbsent) == 0 || other >= i || chunk.entries_[other].presence != other)
        return damaged("bad presence");
      entry.presence = static_cast<std::uint32_t>(other);
    }
    if ((flags & kDecimal) != 0) {
      entry.decimals = reader.fixed<std::uint8_t>();
      if (entry.decimals > kMaxDecimals || entry.type != FieldType::kFloat) return damaged("bad decimals");
    }
    if ((flags & kReferences) != 0) {
      const std::uint64_t references = reader.varint();
      if (references == 0 || references > kMaxReferences) return damaged("bad references");
      for (std::uint64_t r = 0; r < references; ++r) {
        const std::uint64_t reference = reader.varint();
        // Backwards, to columns of integers with the same presence only.
        if (reference >> 1U >= i) return damaged("bad reference");
        const Entry& other = chunk.entries_[reference >> 1U];
        if (other.presence != entry.presence || other.type == FieldType::kString ||
            (other.type == FieldType::kFloat && (other.flags & kDecimal) == 0))
          return damaged("bad reference");
        entry.reference_list[entry.reference_count++] = static_cast<std::uint32_t>(reference);
      }
      if (entry.type == FieldType::kString || (entry.type == FieldType::kFloat && (flags & kDecimal) == 0))
        return damaged("bad references");
    }
    sizes[i] = reader.varint();
  }
  for (std::size_t i = 0; i < count; ++i) chunk.entries_[i].section = reader.take(sizes[i]);
  if (reader.bad() || !reader.empty()) return damaged("bad sizes");
  return chunk;
}

Result<std::vector<UnixNanos>> ChunkReader::times() const {
  std::vector<UnixNanos> times(rows_);
  if (!decode_integers(times_, times)) return damaged("bad times");
  for (std::size_t i = 1; i < times.size(); ++i)
    if (times[i] <= times[i - 1]) return damaged("times do not ascend");
  return times;
}

Status ChunkReader::presence(const Entry& entry, RowColumn& column, std::size_t& present) const {
  column.presence.assign((rows_ + 63) / 64, 0);
  if (entry.presence == kWhole) {
    for (std::size_t row = 0; row < rows_; row += 64)
      column.presence[row / 64] = rows_ - row >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << (rows_ - row)) - 1;
    present = rows_;
    return {};
  }
  ByteReader reader(entries_[entry.presence].section);
  const std::uint64_t runs = reader.varint();
  present = 0;
  if (runs == 0) {
    const std::string_view bits = reader.take((rows_ + 7) / 8);
    if (reader.bad()) return damaged("bad presence");
    for (std::size_t row = 0; row < rows_; ++row) {
      if ((unsigned{static_cast<unsigned char>(bits[row / 8])} >> (row % 8) & 1U) == 0) continue;
      set_bit(column.presence, row);
      ++present;
    }
  } else {
    std::size_t row = 0;
    for (std::uint64_t i = 0; i < runs; ++i) {
      const std::uint64_t run = reader.varint();
      if (reader.bad() || run > rows_ - row) return damaged("bad presence");
      if (i % 2 == 1) {
        for (std::size_t j = 0; j < run; ++j) set_bit(column.presence, row + j);
        present += run;
      }
      row += run;
    }
    if (row != rows_) return damaged("bad presence");
  }
  if (present == 0) return damaged("a column without values");
  return {};
}

// The section without its presence. REQUIRES: that was read without complaint.
std::string_view ChunkReader::values_of(std::size_t index) const {
  const Entry& entry = entries_[index];
  if (entry.presence != index) return entry.section;
  ByteReader reader(entry.section);
  if (const std::uint64_t runs = reader.varint(); runs == 0)
    (void)reader.take((rows_ + 7) / 8);
  else
    reader.pass_varints(runs);
  return reader.rest();
}

// Fills in decoded[index] with its references added. REQUIRES: `present` values, as many as its presence says.
Status ChunkReader::integers(std::size_t index, std::size_t present, Decoded& decoded) const {
  // All that this column needs, directly or not, in ascending order: each needs only earlier ones, so no recursion.
  std::vector<bool> needed(index + 1);
  needed[index] = decoded[index].empty();
  for (std::size_t i = index + 1; i-- > 0;)
    if (needed[i])
      for (const std::uint32_t reference : entries_[i].references())
        needed[reference >> 1U] = decoded[reference >> 1U].empty();
  for (std::size_t i = 0; i <= index; ++i) {
    if (!needed[i]) continue;
    std::vector<std::int64_t> values(present);
    if (!decode_integers(values_of(i), values)) return damaged("bad values");
    const std::span<const std::uint32_t> references = entries_[i].references();
    for (std::size_t r = references.size(); r-- > 0;) {
      const std::vector<std::int64_t>& other = decoded[references[r] >> 1U];
      const bool was_subtracted = (references[r] & 1U) != 0;
      for (std::size_t n = 0; n < present; ++n) values[n] = combine(values[n], other[n], !was_subtracted);
    }
    decoded[i] = std::move(values);
  }
  return {};
}

Result<RowColumn> ChunkReader::column(std::size_t index, Decoded& decoded) const {
  const Entry& entry = entries_[index];
  RowColumn column;
  column.id = entry.id;
  column.type = entry.type;
  std::size_t present = 0;
  RESMON_TRY(presence(entry, column, present));

  std::vector<Cell> cells;
  const bool integer_coded =
      entry.type != FieldType::kString && (entry.type != FieldType::kFloat || (entry.flags & kDecimal) != 0);
  if (integer_coded) {
    RESMON_TRY(integers(index, present, decoded));
    const std::vector<std::int64_t>& values = decoded[index];
    cells.resize(present);
    if (entry.type == FieldType::kFloat) {
      const double power = decimal_power(entry.decimals);
      for (std::size_t i = 0; i < present; ++i) cells[i] = metric::cell_of(static_cast<double>(values[i]) / power);
    } else {
      for (std::size_t i = 0; i < present; ++i) cells[i] = static_cast<Cell>(values[i]);
      if (entry.type == FieldType::kBoolean)
        for (const Cell cell : cells)
          if (cell > 1) return damaged("a boolean that is none");
    }
  } else {
    cells.resize(present);
    const std::string_view section = values_of(index);
    if (entry.type == FieldType::kFloat ? !get_floats(section, cells) : !get_strings(section, cells, column.text))
      return damaged("bad values");
  }
  if (present == rows_) {
    column.cells = std::move(cells);
    return column;
  }
  column.cells.resize(rows_);
  std::size_t next = 0;
  for (std::size_t row = 0; row < rows_; ++row)
    if (bit(column.presence, row)) column.cells[row] = cells[next++];
  return column;
}

Result<Rows> ChunkReader::rows(const std::vector<ColumnId>* wanted) const {
  Rows rows;
  Decoded decoded(entries_.size());
  RESMON_ASSIGN(rows.times, times());
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (wanted != nullptr && !std::binary_search(wanted->begin(), wanted->end(), entries_[i].id)) continue;
    RESMON_ASSIGN(RowColumn one, column(i, decoded));
    rows.columns.push_back(std::move(one));
  }
  return rows;
}

}  // namespace resmon::store
