// A chunk holds all columns of a group for about an hour. What beyond integer_codec.cc makes it small is in files of
// its own: decimal floats as integers, and columns that follow from others (column_plan.cc); aggregates of windows that
// follow from others (window_derivation.cc); which rows have a value (presence.cc).
//
// Floats that are no decimals (and -0.0) go through XOR with their predecessor, by byte planes, through zstd.
//
// Columns that are written together have one presence between them: it is stored with the first, and the others name
// that. Only the values that are there are coded.
//
// One checksum for the whole chunk, not one for each column: 4 bytes times 11 columns were 1 % of a chunk, and CRC-32C
// over 6 KB takes less than a microsecond.

#include "store/chunk.h"

#include <zstd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <unordered_map>

#include "base/crc32c.h"
#include "store/bytes.h"
#include "store/column_plan.h"
#include "store/decimal.h"
#include "store/integer_codec.h"
#include "store/presence.h"
#include "store/window_derivation.h"
#include "store/windows.h"

namespace resmon::store {

namespace {

using metric::Cell;
using metric::FieldType;

constexpr std::uint8_t kFormat = 2;
constexpr std::size_t kMaxColumns = 65'536;

// Flags of a directory entry.
constexpr std::uint8_t kTypeMask = 0x07;
constexpr std::uint8_t kSomeAbsent = 0x08;  // the section begins with presence
constexpr std::uint8_t kDecimal = 0x10;     // floats as integers times 10^-decimals; a byte with the decimals follows
constexpr std::uint8_t kReferences = 0x20;  // references follow
constexpr std::uint8_t kPresenceOf = 0x40;  // with kSomeAbsent: an earlier column has the presence; its index follows
constexpr std::uint8_t kDerived = 0x80;     // what is left after what it is derived from
constexpr std::uint8_t kKnownFlags = 0xff;

static_assert(ChunkReader::kMostNeeded >= kMaxReferences && ChunkReader::kMostNeeded >= kMostSources);

Unexpected<Error> damaged(const char* what) {
  return fail(ErrorKind::kDamaged, std::string("chunk: ") + what);
}

bool is_integer_coded(FieldType type, std::uint8_t flags) {
  return type != FieldType::kString && (type != FieldType::kFloat || (flags & kDecimal) != 0);
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

// The first of `all` values.
bool get_floats(std::string_view section, std::size_t all, std::vector<Cell>& cells) {
  ByteReader reader(section);
  std::string planes;
  if (!get_compressed(reader, all * 8, planes) || planes.size() != all * 8 || !reader.empty()) return false;
  Cell before = 0;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    for (unsigned plane = 0; plane < 8; ++plane)
      before ^= static_cast<Cell>(static_cast<unsigned char>(planes[plane * all + i])) << (56 - plane * 8);
    cells[i] = before;
  }
  return true;
}

void put_integers(const ColumnPlan& plan, std::string& out) {
  const std::vector<std::int64_t>& values = plan.coded();
  encode_integers(values, plan.model ? *plan.model : choose_model(values), out);
}

// The distinct values in order of first sight, then which of them each is.
void put_strings(const ColumnPlan& plan, std::string& out) {
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

bool get_strings(std::string_view section, std::size_t all, std::vector<Cell>& cells, std::string& text) {
  ByteReader reader(section);
  const std::uint64_t count = reader.varint();
  std::string lengths;
  if (count == 0 || count > all || !get_compressed(reader, count * 10, lengths) ||
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
  if (length.bad() || !length.empty() || offset != text.size() ||
      !decode_integers(reader.rest(), order, order.size() == all))
    return false;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (order[i] < 0 || static_cast<std::uint64_t>(order[i]) >= count) return false;
    cells[i] = values[static_cast<std::size_t>(order[i])];
  }
  return true;
}

void put_values(const ColumnPlan& plan, std::string& out) {
  const FieldType type = plan.column->type;
  if (type == FieldType::kString)
    put_strings(plan, out);
  else if (type == FieldType::kFloat && !plan.decimals)
    put_floats(plan.present, out);
  else
    put_integers(plan, out);
}

// The directory entry of plan i, but for the length of its section. `passed`: ids between the entry before and this.
void put_entry(const ColumnPlan& plan, std::size_t i, ColumnId passed, std::string& out) {
  const bool others = !plan.whole && plan.presence != i;
  const auto flags = static_cast<std::uint8_t>(
      static_cast<unsigned>(plan.column->type) | (plan.whole ? 0U : kSomeAbsent) | (others ? kPresenceOf : 0U) |
      (plan.decimals ? kDecimal : 0U) | (plan.references.empty() ? 0U : kReferences) | (plan.derived ? kDerived : 0U));
  put_varint(out, passed);
  out.push_back(static_cast<char>(flags));
  if (others) put_varint(out, plan.presence);
  if (plan.decimals) out.push_back(static_cast<char>(*plan.decimals));
  for (std::size_t r = 0; r < plan.references.size(); ++r) {
    const std::uint64_t back = i - (plan.references[r] >> 1U);
    put_varint(out, back << 2U | (r + 1 < plan.references.size() ? 2U : 0U) | (plan.references[r] & 1U));
  }
}

}  // namespace

std::string encode_chunk(const Rows& rows, bool windows) {
  const std::vector<ColumnPlan> plans = plan_columns(rows, windows);
  std::string directory;
  std::string sections;
  std::string section;
  ColumnId next_id = 0;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const ColumnPlan& plan = plans[i];
    section.clear();
    if (plan.presence == i) put_presence(plan.column->presence, rows.size(), section);
    put_values(plan, section);
    const ColumnId id = windows ? stored_id(plan.column->id) : plan.column->id;
    put_entry(plan, i, id - next_id, directory);
    next_id = id + 1;
    put_varint(directory, section.size());
    sections += section;
  }

  std::string times;
  encode_integers(rows.times, times);
  std::string body;
  put_varint(body, rows.size());
  put_varint(body, times.size());
  body += times;
  put_varint(body, plans.size() << 1U | (windows ? 1U : 0U));
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
  const std::uint64_t count_and_kind = reader.varint();
  const std::uint64_t count = count_and_kind >> 1U;
  chunk.windows_ = (count_and_kind & 1U) != 0;
  if (reader.bad() || count > kMaxColumns || count > reader.rest().size()) return damaged("bad column count");
  chunk.entries_.resize(count);
  std::vector<std::uint64_t> sizes(count);
  std::uint64_t next_id = 0;
  for (std::size_t i = 0; i < count; ++i) {
    RESMON_TRY(chunk.read_entry(reader, i, next_id));
    sizes[i] = reader.varint();
  }
  for (std::size_t i = 0; i < count; ++i) chunk.entries_[i].section = reader.take(sizes[i]);
  if (reader.bad() || !reader.empty()) return damaged("bad sizes");
  return chunk;
}

Status ChunkReader::read_entry(ByteReader& reader, std::size_t index, std::uint64_t& next_id) {
  Entry& entry = entries_[index];
  const std::uint64_t passed = reader.varint();
  const std::uint64_t id = next_id + passed;
  next_id = id + 1;
  const auto flags = reader.fixed<std::uint8_t>();
  if (passed > UINT32_MAX || id > UINT32_MAX || (flags & ~kKnownFlags) != 0 ||
      (flags & kTypeMask) >= metric::kFieldTypeCount)
    return damaged("bad column");
  entry.id = windows_ ? id_of_stored(static_cast<ColumnId>(id)) : static_cast<ColumnId>(id);
  entry.flags = flags;
  entry.type = static_cast<FieldType>(flags & kTypeMask);
  entry.presence = (flags & kSomeAbsent) == 0 ? kWhole : static_cast<std::uint32_t>(index);
  if ((flags & kPresenceOf) != 0) {
    const std::uint64_t other = reader.varint();
    // Backwards, to one that has it itself.
    if ((flags & kSomeAbsent) == 0 || other >= index || entries_[other].presence != other)
      return damaged("bad presence");
    entry.presence = static_cast<std::uint32_t>(other);
  }
  if ((flags & kDecimal) != 0) {
    entry.decimals = reader.fixed<std::uint8_t>();
    if (entry.decimals > kMaxDecimals || entry.type != FieldType::kFloat) return damaged("bad decimals");
  }
  if ((flags & kReferences) != 0 && !read_references(reader, index)) return damaged("bad reference");
  if ((flags & kDerived) != 0 && (!windows_ || !find_sources(index))) return damaged("bad derivation");
  return {};
}

bool ChunkReader::read_references(ByteReader& reader, std::size_t index) {
  Entry& entry = entries_[index];
  for (bool more = true; more;) {
    const std::uint64_t reference = reader.varint();
    more = (reference & 2U) != 0;
    // Backwards, to columns of integers with the same presence only.
    const std::uint64_t back = reference >> 2U;
    if (entry.reference_count == kMaxReferences || back == 0 || back > index) return false;
    const Entry& other = entries_[index - back];
    if (other.presence != entry.presence || !is_integer_coded(other.type, other.flags)) return false;
    entry.reference_list.at(entry.reference_count++) =
        static_cast<std::uint32_t>((index - back) << 1U | (reference & 1U));
  }
  return is_integer_coded(entry.type, entry.flags);
}

bool ChunkReader::find_sources(std::size_t index) {
  Entry& entry = entries_[index];
  const std::span<const Aggregate> wanted = sources_of(entry.id);
  if (wanted.empty() || entry.reference_count != 0 || !is_integer_coded(entry.type, entry.flags)) return false;
  entry.derived = true;
  for (std::size_t i = index - std::min(index, kAggregateCount - 1); i < index && entry.reference_count < wanted.size();
       ++i)
    if (entries_[i].id == window_column(entry.id / 8, wanted[entry.reference_count]) &&
        is_integer_coded(entries_[i].type, entries_[i].flags) && entries_[i].presence == entry.presence)
      entry.reference_list.at(entry.reference_count++) = static_cast<std::uint32_t>(i << 1U);
  return entry.reference_count == wanted.size();
}

Result<std::vector<UnixNanos>> ChunkReader::times() const {
  std::vector<UnixNanos> times(rows_);
  if (!decode_integers(times_, times)) return damaged("bad times");
  for (std::size_t i = 1; i < times.size(); ++i)
    if (times[i] <= times[i - 1]) return damaged("times do not ascend");
  return times;
}

// Of the first `rows`.
Status ChunkReader::presence(const Entry& entry, std::size_t rows, RowColumn& column, Present& present) const {
  if (entry.presence == kWhole) {
    column.presence = whole_presence(rows);
    present = {rows, rows_};
    return {};
  }
  ByteReader reader(entries_[entry.presence].section);
  if (!get_presence(reader, rows_, column.presence, present.all)) return damaged("bad presence");
  if (present.all == 0) return damaged("a column without values");
  present.here = present.all;
  if (rows == rows_) return {};
  column.presence.resize((rows + 63) / 64);
  if (rows % 64 != 0) column.presence.back() &= (std::uint64_t{1} << (rows % 64)) - 1;
  present.here = 0;
  for (const std::uint64_t word : column.presence) present.here += static_cast<std::size_t>(std::popcount(word));
  return {};
}

// The section without its presence. REQUIRES: that was read without complaint.
std::string_view ChunkReader::values_of(std::size_t index) const {
  const Entry& entry = entries_[index];
  if (entry.presence != index) return entry.section;
  ByteReader reader(entry.section);
  pass_presence(reader, rows_);
  return reader.rest();
}

// Fills in decoded[index]. REQUIRES: what it is decoded from is there.
Status ChunkReader::integer_column(std::size_t index, Present present, Decoded& decoded) const {
  const auto numbers_of = [&](std::size_t i) {
    return std::span(reinterpret_cast<std::int64_t*>(decoded[i].data()), present.here);
  };
  decoded[index].resize(present.here);
  const std::span<std::int64_t> values = numbers_of(index);
  if (!decode_integers(values_of(index), values, present.here == present.all)) return damaged("bad values");
  const std::span<const std::uint32_t> references = entries_[index].references();
  if (entries_[index].derived) {
    Sources sources;
    for (const std::uint32_t reference : references) sources.add(numbers_of(reference >> 1U));
    add_expected(sources, values);
    return {};
  }
  for (std::size_t r = references.size(); r-- > 0;) {
    const std::span<const std::int64_t> other = numbers_of(references[r] >> 1U);
    const bool was_subtracted = (references[r] & 1U) != 0;
    for (std::size_t n = 0; n < present.here; ++n) values[n] = combine(values[n], other[n], !was_subtracted);
  }
  return {};
}

// The same with what it is decoded from. REQUIRES: `present` as its presence says.
Status ChunkReader::integers(std::size_t index, Present present, Decoded& decoded) const {
  if (!decoded[index].empty()) return {};
  if (entries_[index].references().empty()) return integer_column(index, present, decoded);
  // All that this column needs, directly or not, in ascending order: each needs only earlier ones, so no recursion.
  std::vector<bool> needed(index + 1);
  needed[index] = true;
  for (std::size_t i = index + 1; i-- > 0;)
    if (needed[i])
      for (const std::uint32_t reference : entries_[i].references())
        needed[reference >> 1U] = decoded[reference >> 1U].empty();
  for (std::size_t i = 0; i <= index; ++i)
    if (needed[i]) RESMON_TRY(integer_column(i, present, decoded));
  return {};
}

// The first `rows` of a column. `last`: no other one is decoded after it.
Result<RowColumn> ChunkReader::column(std::size_t index, std::size_t rows, bool last, Decoded& decoded) const {
  const Entry& entry = entries_[index];
  RowColumn column;
  column.id = entry.id;
  column.type = entry.type;
  Present present;
  RESMON_TRY(presence(entry, rows, column, present));

  std::vector<Cell>& cells = column.cells;
  if (is_integer_coded(entry.type, entry.flags)) {
    RESMON_TRY(integers(index, present, decoded));
    if (last)
      cells = std::move(decoded[index]);
    else
      cells = decoded[index];
    if (entry.type == FieldType::kFloat) {
      const double power = decimal_power(entry.decimals);
      for (Cell& cell : cells) cell = metric::cell_of(static_cast<double>(static_cast<std::int64_t>(cell)) / power);
    } else if (entry.type == FieldType::kBoolean) {
      for (const Cell cell : cells)
        if (cell > 1) return damaged("a boolean that is none");
    }
  } else {
    cells.resize(present.here);
    const std::string_view section = values_of(index);
    if (entry.type == FieldType::kFloat ? !get_floats(section, present.all, cells)
                                        : !get_strings(section, present.all, cells, column.text))
      return damaged("bad values");
  }
  if (present.here == rows) return column;
  cells.resize(rows);
  std::size_t next = present.here;
  for (std::size_t row = rows; row-- > 0;) cells[row] = bit(column.presence, row) ? cells[--next] : 0;
  return column;
}

Result<Rows> ChunkReader::rows(const std::vector<ColumnId>* wanted, UnixNanos until) const {
  Rows rows;
  RESMON_ASSIGN(rows.times, times());
  if (rows.times.back() >= until)
    rows.times.erase(std::lower_bound(rows.times.begin(), rows.times.end(), until), rows.times.end());
  if (rows.times.empty()) return rows;
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < entries_.size(); ++i)
    if (wanted == nullptr || std::binary_search(wanted->begin(), wanted->end(), entries_[i].id)) found.push_back(i);
  if (found.empty()) return rows;
  Decoded decoded(found.back() + 1);
  for (const std::size_t i : found) {
    RESMON_ASSIGN(RowColumn one, column(i, rows.size(), i == found.back(), decoded));
    // Without a value only where rows were left out.
    if (std::any_of(one.presence.begin(), one.presence.end(), [](std::uint64_t word) { return word != 0; }))
      rows.columns.push_back(std::move(one));
  }
  if (windows_)
    std::sort(rows.columns.begin(), rows.columns.end(),
              [](const RowColumn& a, const RowColumn& b) { return a.id < b.id; });
  return rows;
}

}  // namespace resmon::store
