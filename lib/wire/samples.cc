#include "wire/samples.h"

// The problem: a machine says some 250 numbers every few seconds; as Influx lines that is 24 bytes a number, most of it
// names that never change and digits that hardly do.
//
// The approach: names go once (SCHEMA), then a batch is
//   time     zigzag(time - (last time + last step)): one zero byte while the clock keeps its pace
//   shape    which list of rows this is; one byte while the same collectors run
//   presence rows whose set of present fields changed; one zero byte mostly
//   changed  one bit for each present field: differs from what was said last
//   values   of the changed fields only: integers as zigzag varint deltas, without the zero bits that all of a field's
//            deltas end with (memory and disks count in pages); floats scaled by 10^decimals and then the same, or
//            their raw bits where no short decimal is exact; booleans nothing (the bit says it); strings whole
// Of two numbers whose sum stands still the second costs its bit only: it is expected to move as far back as the first
// went forward. Both of these take a fifth off.
// Measured on real gathers this is 0.5 to 0.9 bytes a value without any compressor, and costs a few nanoseconds each
// way. A general compressor per connection did about the same in bytes but holds hundreds of KiB for each of 10,000
// clients. While catching up, many batches share a frame and zstd halves what is left.

#include <zstd.h>

#include <algorithm>
#include <cmath>

#include "base/bytes.h"
#include "wire/decimal.h"

namespace resmon::wire {

using metric::Cell;
using metric::FieldType;

namespace {

constexpr std::uint8_t kFlagZstd = 1;
constexpr std::uint64_t kRawFloat = 15;
// A shift costs two bytes when it changes. Fewer bits than a disk's sector are chance; more than a page's are chance,
// too.
constexpr unsigned kLeastShift = 9;
constexpr unsigned kMostShift = 12;
constexpr std::size_t kCompressFromBytes = 512;

// v * 10^decimals as an integer when that gives v back exactly on the other side.
bool scaled_exactly(double v, std::uint8_t decimals, std::int64_t& out) {
  const double scaled = v * kPowers[decimals];
  if (!(std::fabs(scaled) < kExactLimit)) return false;
  const double rounded = std::nearbyint(scaled);
  if (rounded == 0 && std::signbit(v)) return false;  // -0.0, or too small: only raw bits keep it
  out = static_cast<std::int64_t>(rounded);
  return rounded / kPowers[decimals] == v;
}

void encode_float(ByteWriter& w, Cell cell, Cell last, std::uint8_t& decimals) {
  const double v = metric::as_float(cell);
  std::int64_t n = 0;
  if (scaled_exactly(v, decimals, n)) {
    w.varint(zigzag(n - scaled_roughly(metric::as_float(last), decimals)) << 1U);
    return;
  }
  for (std::uint8_t d = 0; d <= kMaxDecimals; ++d) {
    if (d == decimals || !scaled_exactly(v, d, n)) continue;
    if (d < decimals) break;  // fewer decimals that are exact although more are not: beyond 2^53, rare
    decimals = d;
    w.varint(static_cast<std::uint64_t>(d) << 1U | 1U);
    w.signed_varint(n - scaled_roughly(metric::as_float(last), d));
    return;
  }
  w.varint(kRawFloat << 1U | 1U);
  w.u64(cell);
}

bool decode_float(ByteReader& r, Cell& cell, std::uint8_t& decimals) {
  const std::uint64_t head = r.varint();
  std::int64_t delta = 0;
  if ((head & 1U) == 0) {
    delta = unzigzag(head >> 1U);
  } else if (head >> 1U == kRawFloat) {
    cell = r.u64();
    return std::isfinite(metric::as_float(cell));
  } else {
    if (head >> 1U > kMaxDecimals) return false;
    decimals = static_cast<std::uint8_t>(head >> 1U);
    delta = r.signed_varint();
  }
  const std::uint64_t n =
      static_cast<std::uint64_t>(scaled_roughly(metric::as_float(cell), decimals)) + static_cast<std::uint64_t>(delta);
  cell = metric::cell_of(static_cast<double>(static_cast<std::int64_t>(n)) / kPowers[decimals]);
  return true;
}

// A changed number's delta is never 0, so that 0 says that another shift follows.
void encode_integer(ByteWriter& w, Cell delta, std::uint8_t& shift) {
  const auto zeros = static_cast<unsigned>(std::countr_zero(delta));
  if (zeros < shift || (shift == 0 && zeros >= kLeastShift)) {
    shift = static_cast<std::uint8_t>(zeros < kLeastShift ? 0 : std::min(zeros, kMostShift));
    w.u8(0);
    w.u8(shift);
  }
  w.signed_varint(static_cast<std::int64_t>(delta) >> shift);
}

bool decode_integer(ByteReader& r, Cell& cell, std::uint8_t& shift) {
  std::uint64_t coded = r.varint();
  if (coded == 0) {
    shift = r.u8();
    if (shift > kMostShift) return false;
    coded = r.varint();
  }
  cell += static_cast<Cell>(unzigzag(coded)) << shift;
  return true;
}

// Times are a client's to choose, so their differences wrap around instead of overflowing, on both sides alike.
std::int64_t plus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
std::int64_t minus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

std::size_t bitmap_bytes(std::size_t bits) {
  return (bits + 7) / 8;
}

Unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorKind::kInvalid, "SAMPLES frame: " + std::string(what));
}

}  // namespace

struct SampleEncoder::Compressor {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  std::string out;
  Compressor() = default;
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;
  ~Compressor() { ZSTD_freeCCtx(context); }
};

SampleEncoder::SampleEncoder(const metric::SchemaTable& schemas) : schemas_(schemas) {}
SampleEncoder::~SampleEncoder() = default;

void SampleEncoder::declare(metric::SchemaId id, std::string& out) {
  const metric::Schema& schema = schemas_[id];
  if (wire_ids_.size() <= id) wire_ids_.resize(id + 1, -1);
  wire_ids_[id] = static_cast<std::int32_t>(states_.schemas.size());
  const std::size_t frame = begin_frame(FrameType::kSchema, out);
  ByteWriter w(out);
  w.varint(states_.schemas.size());
  w.text(schema.measurement);
  w.varint(schema.tags.size());
  for (const metric::Tag& tag : schema.tags) {
    w.text(tag.key);
    w.text(tag.value);
  }
  w.varint(schema.fields.size());
  for (const metric::Field& field : schema.fields) {
    w.text(field.name);
    w.u8(static_cast<std::uint8_t>(field.type));
  }
  const std::vector<FieldStates::Complement> pairs = complements_of(schema);
  w.varint(pairs.size());
  for (const auto& [field, of] : pairs) {
    w.varint(field);
    w.varint(of);
  }
  end_frame(frame, out);
  states_.add(id, schema.fields.items(), pairs);
}

std::size_t most_encoded_bytes(const metric::Batch& batch) {
  constexpr std::size_t kVarint = 10;
  constexpr std::size_t kValue =
      kVarint + 2;              // a float's decimals and its delta; an integer's shift; a string's length
  std::size_t n = 4 * kVarint;  // time, head, number of rows, number of presence bitmaps
  for (const metric::Row& row : batch.rows()) n += 3 * kVarint + metric::presence_words(row.fields) * 8;
  return n + (batch.samples() + 7) / 8 + batch.samples() * kValue + batch.text().size();
}

std::size_t SampleEncoder::encode(std::uint64_t first_sequence, std::span<const metric::Batch* const> batches,
                                  std::string& out) {
  for (const metric::Batch* batch : batches)
    for (const metric::Row& row : batch->rows())
      if (row.schema >= wire_ids_.size() || wire_ids_[row.schema] < 0) declare(row.schema, out);
  body_.clear();
  for (const metric::Batch* batch : batches) encode_batch(*batch, body_);

  const std::string_view packed = pack(batches.size());
  const std::size_t frame = begin_frame(FrameType::kSamples, out);
  ByteWriter w(out);
  w.u8(packed.empty() ? 0 : kFlagZstd);
  w.varint(first_sequence);
  w.varint(batches.size());
  if (!packed.empty()) w.varint(body_.size());
  w.bytes(packed.empty() ? std::string_view(body_) : packed);
  end_frame(frame, out);
  return out.size() - frame - kHeaderBytes;
}

// The body compressed; empty where that does not pay.
std::string_view SampleEncoder::pack(std::size_t batches) {
  if (batches <= 1 || body_.size() < kCompressFromBytes) {
    compressor_.reset();  // caught up: its half MiB goes back
    return {};
  }
  if (!compressor_) compressor_ = std::make_unique<Compressor>();
  compressor_->out.resize(ZSTD_compressBound(body_.size()));
  const std::size_t n = ZSTD_compressCCtx(compressor_->context, compressor_->out.data(), compressor_->out.size(),
                                          body_.data(), body_.size(), 3);
  if (ZSTD_isError(n) != 0 || n >= body_.size()) return {};
  return std::string_view(compressor_->out).substr(0, n);
}

void SampleEncoder::encode_batch(const metric::Batch& batch, std::string& body) {
  ByteWriter w(body);
  const auto& rows = batch.rows();
  const UnixNanos time = rows.empty() ? last_time_ : rows.front().time;
  w.signed_varint(minus(minus(time, last_time_), last_step_));
  last_step_ = minus(time, last_time_);
  last_time_ = time;

  encode_shape(batch, time, w);
  encode_presence(batch, w);
  encode_values(batch, w);
}

// The rows' schemas, and their times where not all have the batch's.
void SampleEncoder::encode_shape(const metric::Batch& batch, UnixNanos time, ByteWriter& w) {
  const auto& rows = batch.rows();
  shape_.clear();
  bool one_time = true;
  for (const metric::Row& row : rows) {
    shape_.push_back(static_cast<std::uint32_t>(wire_ids_[row.schema]));
    one_time = one_time && row.time == time;
  }
  const auto known = std::find(shapes_.begin(), shapes_.end(), shape_);
  const bool same = known != shapes_.end();
  w.varint((same ? static_cast<std::uint64_t>(known - shapes_.begin()) + 1 : 0) << 1U | (one_time ? 0U : 1U));
  if (!same) {
    w.varint(shape_.size());
    std::int64_t expected = 0;
    for (const std::uint32_t id : shape_) {
      w.signed_varint(static_cast<std::int64_t>(id) - expected);
      expected = static_cast<std::int64_t>(id) + 1;
    }
    if (shapes_.size() < kShapes)
      shapes_.push_back(shape_);
    else
      shapes_[next_shape_++ % kShapes] = shape_;
  }
  if (!one_time)
    for (const metric::Row& row : rows) w.signed_varint(minus(row.time, time));
}

// Rows whose set of fields is another than was last said of their schema. States change in row order, as the decoder's
// do: a schema may have two rows in one batch.
void SampleEncoder::encode_presence(const metric::Batch& batch, ByteWriter& w) {
  const auto& rows = batch.rows();
  bits_.clear();
  ByteWriter other(bits_);
  std::uint64_t others = 0;
  std::size_t previous = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const FieldStates::Schema& schema = states_.schemas[shape_[i]];
    const auto presence = batch.presence(rows[i]);
    const auto said = states_.presence_of(schema);
    if (std::ranges::equal(presence, said)) continue;
    std::copy(presence.begin(), presence.end(), said.begin());
    other.varint(i - previous);
    other.bytes({reinterpret_cast<const char*>(presence.data()), bitmap_bytes(schema.fields)});
    previous = i;
    ++others;
  }
  w.varint(others);
  w.bytes(bits_);
}

// Changed bits and values.
void SampleEncoder::encode_values(const metric::Batch& batch, ByteWriter& w) {
  const auto& rows = batch.rows();
  bits_.clear();
  values_.clear();
  ByteWriter values(values_);
  unsigned bit = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t first = states_.schemas[shape_[i]].first;
    const auto pairs = states_.begin_row(shape_[i]);
    const auto presence = batch.presence(rows[i]);
    const auto cells = batch.values(rows[i]);
    for (std::size_t f = 0; f < cells.size(); ++f) {
      if ((presence[f / 64] >> (f % 64) & 1U) == 0) continue;
      if (bit % 8 == 0) bits_.push_back(0);
      const Cell cell = cells[f];
      Cell& last = states_.last[first + f];
      const FieldType type = states_.types[first + f];
      bool changed = false;
      if (type == FieldType::kString) {
        const std::string_view text = metric::as_string(cell, batch.text());
        std::string& said = states_.strings[last];
        changed = text != said;
        if (changed) {
          values.text(text);
          said = text;
        }
      } else {
        const Cell expected = pairs.empty() ? last : states_.expected(pairs, first, f, presence);
        changed = cell != expected;
        std::uint8_t& scale = states_.scales[first + f];
        if (changed && type == FieldType::kFloat)
          encode_float(values, cell, expected, scale);
        else if (changed && type != FieldType::kBoolean)
          encode_integer(values, cell - expected, scale);
        last = cell;
      }
      if (changed) bits_.back() = static_cast<char>(bits_.back() | 1 << (bit % 8));
      ++bit;
    }
  }
  w.bytes(bits_);
  w.bytes(values_);
}

namespace {

Unexpected<Error> bad_schema(std::string_view what) {
  return fail(ErrorKind::kInvalid, "SCHEMA frame: " + std::string(what));
}
Unexpected<Error> schema_over(std::string_view what) {
  return fail(ErrorKind::kLimit, "SCHEMA frame: " + std::string(what));
}

Result<std::vector<FieldStates::Complement>> read_complements(ByteReader& r, const std::vector<metric::Field>& fields) {
  std::vector<FieldStates::Complement> pairs;
  const std::uint64_t count = r.varint();
  if (r.failed() || count >= fields.size()) return bad_schema("more complements than fields");
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t field = r.varint();
    const std::uint64_t of = r.varint();
    if (r.failed() || field >= fields.size() || of >= field || (i > 0 && field <= pairs.back().field))
      return bad_schema("a complement out of order");
    if (!may_be_complements(fields[of].type, fields[field].type)) return bad_schema("a complement of another type");
    pairs.push_back({static_cast<std::uint32_t>(field), static_cast<std::uint32_t>(of)});
  }
  return pairs;
}

}  // namespace

Status SampleDecoder::decode_schema(std::string_view payload) {
  ByteReader r(payload);
  const std::uint64_t id = r.varint();
  metric::Schema schema;
  schema.measurement = r.text();
  const std::uint64_t tags = r.varint();
  if (r.failed()) return bad_schema("ends early");
  if (id != states_.schemas.size())
    return bad_schema("id " + std::to_string(id) + " is not the next (" + std::to_string(states_.schemas.size()) + ")");
  if (schema.measurement.empty()) return bad_schema("no measurement");
  if (schema.measurement.size() > limits_.max_name_bytes) return schema_over("measurement name too long");
  if (tags > limits_.max_tags) return schema_over("too many tags");
  for (std::uint64_t i = 0; i < tags; ++i) {
    metric::Tag tag;
    tag.key = r.text();
    tag.value = r.text();
    if (tag.key.size() > limits_.max_name_bytes) return schema_over("tag key too long");
    if (tag.value.size() > limits_.max_tag_value_bytes) return schema_over("tag value too long");
    schema.tags.push_back(std::move(tag));
  }
  RESMON_TRY(read_fields(r, schema));
  RESMON_ASSIGN(const std::vector<FieldStates::Complement> pairs, read_complements(r, schema.fields));
  metric::normalise_tags(schema.tags);
  const metric::SharedList<metric::Field> kept = schema.fields;
  const metric::SchemaPin pin = table_ != nullptr ? table_->pin() : metric::SchemaPin();
  RESMON_ASSIGN(const metric::SchemaId interned, intern_(std::move(schema)));
  states_.add(interned, kept.items(), pairs);
  if (table_ != nullptr) states_.schemas.back().generation = table_->generation(interned);
  series_ += kept.size();
  return {};
}

Status SampleDecoder::read_fields(ByteReader& r, metric::Schema& schema) const {
  const std::uint64_t fields = r.varint();
  if (r.failed()) return bad_schema("ends early");
  if (fields == 0) return bad_schema("no fields");
  if (fields > limits_.max_series - series_)
    return schema_over("more than " + std::to_string(limits_.max_series) + " series on one connection");
  for (std::uint64_t i = 0; i < fields; ++i) {
    metric::Field field;
    field.name = r.text();
    const std::uint8_t type = r.u8();
    if (r.failed()) return bad_schema("ends early");
    if (field.name.empty()) return bad_schema("a field without a name");
    if (field.name.size() > limits_.max_name_bytes) return schema_over("field name too long");
    if (type >= metric::kFieldTypeCount) return bad_schema("unknown field type " + std::to_string(type));
    field.type = static_cast<FieldType>(type);
    schema.fields.push_back(std::move(field));
  }
  for (std::size_t i = 0; i < schema.fields.size(); ++i)
    for (std::size_t j = 0; j < i && schema.fields.size() <= 256; ++j)
      if (schema.fields[i].name == schema.fields[j].name)
        return bad_schema("field '" + schema.fields[i].name + "' twice");
  return {};
}

void SampleDecoder::keep_schemas(const metric::SchemaPin& pin) {
  if (std::exchange(kept_in_, pin.epoch()) == pin.epoch()) return;
  for (FieldStates::Schema& schema : states_.schemas) {
    if (schema.generation == 0 || table_->touch(schema.id, schema.generation)) continue;
    schema.generation = 0;
    any_forgotten_ = true;
  }
}

Status SampleDecoder::decode_samples(std::string_view payload, metric::Batch& scratch, const Take& take) {
  return decode_frame(payload, scratch, take, true);
}

Status SampleDecoder::append_samples(std::string_view payload, metric::Batch& out, const Take& take) {
  return decode_frame(payload, out, take, false);
}

Status SampleDecoder::decode_frame(std::string_view payload, metric::Batch& scratch, const Take& take, bool clear) {
  ByteReader r(payload);
  const std::uint8_t flags = r.u8();
  const std::uint64_t first = r.varint();
  const std::uint64_t count = r.varint();
  if (r.failed()) return malformed("ends early");
  if ((flags & ~kFlagZstd) != 0) return malformed("unknown flags " + std::to_string(flags));
  if (first == 0 || count > UINT64_MAX - first) return malformed("sequence numbers begin at 1 and do not wrap");
  if (count > limits_.max_batches_per_frame)
    return fail(ErrorKind::kLimit, "SAMPLES frame: too many batches in one frame");
  std::string unpacked;  // not the decoder's: ten thousand of them caught up once and wait
  RESMON_ASSIGN(const std::string_view body, unpack(flags, r, unpacked));
  states_.settle();
  ByteReader b(body);
  std::uint64_t cells = 0;
  std::uint64_t text_bytes = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (clear) scratch.clear();
    const std::size_t rows_before = scratch.rows().size();
    const std::size_t text_before = scratch.text().size();
    RESMON_TRY(decode_batch(b, scratch));
    for (std::size_t row = rows_before; row < scratch.rows().size(); ++row) cells += scratch.rows()[row].fields;
    text_bytes += scratch.text().size() - text_before;
    if (text_bytes > limits_.max_text_bytes_per_frame)
      return fail(ErrorKind::kLimit, "SAMPLES frame: too much text in one frame");
    if (cells > limits_.max_cells_per_frame)
      return fail(ErrorKind::kLimit, "SAMPLES frame: too many fields in one frame");
    RESMON_TRY(take(first + i, scratch));
  }
  if (b.remaining() != 0) return malformed("bytes left over after the last batch");
  return {};
}

Result<std::string_view> SampleDecoder::unpack(std::uint8_t flags, ByteReader& r, std::string& unpacked) const {
  if ((flags & kFlagZstd) == 0) return r.rest();
  const std::uint64_t size = r.varint();
  if (r.failed()) return malformed("ends early");
  if (size > limits_.max_body_bytes) return fail(ErrorKind::kLimit, "SAMPLES frame: body over the bound");
  unpacked.resize(size);
  const std::size_t n = ZSTD_decompress(unpacked.data(), unpacked.size(), r.rest().data(), r.rest().size());
  if (ZSTD_isError(n) != 0 || n != size) return malformed("its zstd body does not decompress");
  return std::string_view(unpacked);
}

Status SampleDecoder::decode_batch(ByteReader& r, metric::Batch& out) {
  const UnixNanos time = plus(plus(r.signed_varint(), last_time_), last_step_);
  last_step_ = minus(time, last_time_);
  last_time_ = time;
  const std::uint64_t head = r.varint();
  if (r.failed()) return malformed("ends early");
  const std::uint64_t slot = head >> 1U;
  if (slot > shapes_.size()) return malformed("unknown shape");
  std::size_t index = static_cast<std::size_t>(slot) - 1;
  if (slot == 0) {
    RESMON_ASSIGN(index, add_shape(r));
  }
  const std::vector<std::uint32_t>& shape = shapes_[index];
  const std::size_t first_row = out.rows().size();
  RESMON_ASSIGN(const std::size_t values, add_rows(r, shape, time, (head & 1U) != 0, out));
  const std::string_view changed = r.bytes(bitmap_bytes(values));
  if (r.failed()) return malformed("ends early");
  return read_values(r, shape, changed, first_row, out);
}

Result<std::size_t> SampleDecoder::add_shape(ByteReader& r) {
  const std::uint64_t rows = r.varint();
  if (r.failed() || rows > r.remaining()) return malformed("ends early");
  std::vector<std::uint32_t> shape;
  shape.reserve(rows);
  std::int64_t expected = 0;
  // A row list of a few bytes must not stand for gigabytes of absent fields.
  std::uint64_t cells = 0;
  for (std::uint64_t i = 0; i < rows; ++i) {
    const std::int64_t id = plus(r.signed_varint(), expected);
    if (id < 0 || static_cast<std::uint64_t>(id) >= states_.schemas.size())
      return malformed("a schema that was not declared");
    shape.push_back(static_cast<std::uint32_t>(id));
    cells += states_.schemas[shape.back()].fields;
    expected = id + 1;
  }
  if (cells > limits_.max_cells_per_batch)
    return fail(ErrorKind::kLimit, "SAMPLES frame: too many fields in one batch");
  if (shapes_.size() < kShapes) {
    shapes_.push_back(std::move(shape));
    return shapes_.size() - 1;
  }
  const std::size_t index = next_shape_++ % kShapes;
  shapes_[index] = std::move(shape);
  return index;
}

namespace {

// A row whose presence differs from what was last said of its schema.
struct OtherPresence {
  std::size_t row;
  std::string_view bitmap;
};

}  // namespace

Result<std::size_t> SampleDecoder::add_rows(ByteReader& r, const std::vector<std::uint32_t>& shape, UnixNanos time,
                                            bool has_offsets, metric::Batch& out) {
  std::vector<std::int64_t> offsets;
  for (std::size_t i = 0; has_offsets && i < shape.size(); ++i) offsets.push_back(r.signed_varint());
  if (r.failed()) return malformed("ends early");

  // Presence that differs is kept aside: a schema's state changes in row order, as on the encoder's side.
  const std::uint64_t others = r.varint();
  if (others > shape.size()) return malformed("more presence bitmaps than rows");
  std::vector<OtherPresence> other;
  std::uint64_t row_index = 0;
  for (std::uint64_t i = 0; i < others; ++i) {
    const std::uint64_t step = r.varint();
    if (step >= shape.size() || (i > 0 && step == 0)) return malformed("presence of a row that is not there");
    row_index += step;
    if (row_index >= shape.size()) return malformed("presence of a row that is not there");
    other.push_back({row_index, r.bytes(bitmap_bytes(states_.schemas[shape[row_index]].fields))});
  }
  if (r.failed()) return malformed("ends early");

  std::size_t values = 0;
  auto next_other = other.begin();
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const FieldStates::Schema& schema = states_.schemas[shape[i]];
    if (any_forgotten_ && schema.generation == 0)
      return fail(ErrorKind::kNotFound, "a schema was not used for long and is forgotten; declare it again");
    const std::size_t fields = schema.fields;
    const auto said = states_.presence_of(schema);
    if (next_other != other.end() && next_other->row == i) {
      std::fill(said.begin(), said.end(), 0);
      std::memcpy(said.data(), next_other->bitmap.data(), next_other->bitmap.size());
      if (fields % 64 != 0) said.back() &= (std::uint64_t{1} << (fields % 64)) - 1;
      ++next_other;
    }
    metric::RowWriter writer = out.add(schema.id, fields, offsets.empty() ? time : plus(time, offsets[i]));
    writer.set_presence(said);
    for (const std::uint64_t word : said) values += static_cast<std::size_t>(std::popcount(word));
  }
  return values;
}

Status SampleDecoder::read_values(ByteReader& r, const std::vector<std::uint32_t>& shape, std::string_view changed,
                                  std::size_t first_row, metric::Batch& out) {
  std::size_t bit = 0;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const std::size_t first = states_.schemas[shape[i]].first;
    const auto pairs = states_.begin_row(shape[i]);
    metric::RowWriter writer = out.writer(first_row + i);
    const std::span<Cell> cells = writer.values();
    const auto presence = out.presence(out.rows()[first_row + i]);
    for (std::size_t w = 0; w < presence.size(); ++w) {
      for (std::uint64_t word = presence[w]; word != 0; word &= word - 1, ++bit) {
        const std::size_t f = w * 64 + static_cast<std::size_t>(std::countr_zero(word));
        Cell& last = states_.last[first + f];
        const bool is_changed =
            (static_cast<unsigned>(static_cast<std::uint8_t>(changed[bit / 8])) >> (bit % 8) & 1U) != 0;
        std::uint8_t& scale = states_.scales[first + f];
        if (!pairs.empty()) last = states_.expected(pairs, first, f, presence);
        switch (states_.types[first + f]) {
          case FieldType::kFloat:
            if (is_changed && !decode_float(r, last, scale)) return malformed("a float that is not a number");
            break;
          case FieldType::kInteger:
          case FieldType::kUnsigned:
            if (is_changed && !decode_integer(r, last, scale)) return malformed("an integer with too large a shift");
            break;
          case FieldType::kBoolean:
            if (is_changed) last ^= 1U;
            break;
          case FieldType::kString: {
            std::string& said = states_.strings[last];
            if (is_changed) RESMON_TRY(read_string(r, said));
            writer.set(f, std::string_view(said));
            continue;
          }
        }
        cells[f] = last;
      }
    }
  }
  if (r.failed()) return malformed("ends early");
  return {};
}

Status SampleDecoder::read_string(ByteReader& r, std::string& said) {
  const std::string_view text = r.text();
  if (text.size() > limits_.max_string_bytes) return fail(ErrorKind::kLimit, "SAMPLES frame: string too long");
  kept_text_bytes_ += text.size() - said.size();
  if (kept_text_bytes_ > limits_.max_kept_text_bytes)
    return fail(ErrorKind::kLimit, "SAMPLES frame: more than " + std::to_string(limits_.max_kept_text_bytes) +
                                       " bytes of string values in use on one connection");
  said = text;
  return {};
}

}  // namespace resmon::wire
