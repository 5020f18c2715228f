// A record stands alone but for the schemas that its segment defines: damage in one costs that one, and rows of the
// schemas that it would have defined until the segment ends; readers need no history to go on. So within a record a
// value is its difference from the same field of the row one gather earlier, where the record has that row (a client
// that catches up sends many gathers at once), and otherwise from zero. That takes about three bytes a value from a
// client that is up to date and one from a client that catches up.
//
// Rejected: the client's frames as they came. They are a third of the size, but each is a difference from all that its
// connection said before: every segment would have to begin with the state of every connection (twenty MiB for ten
// thousand clients), a reader would have to hold all of it, and one damaged record would make the rest of its client's
// segment unreadable. Plain cells: they are three times the size, and a disk that is written day and night wears.
//
// Names are said once a segment, as texts and lists of fields that schemas are put together from: ten thousand clients
// have half a million schemas and a few dozen lists of fields.

#include "ingest/record.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/bytes.h"

namespace resmon::ingest {

using metric::Cell;
using metric::FieldType;

namespace {

constexpr std::uint8_t kVersion = 2;
constexpr std::uint8_t kHasStream = 1;
constexpr std::uint8_t kHasStreams = 2;
constexpr std::uint8_t kKnownFlags = 3;

enum Definition : std::uint8_t { kText = 0, kList = 1, kSchema = 2, kStartOver = 3 };

constexpr std::uint64_t kRefers = 1;
constexpr std::uint64_t kSomeAbsent = 2;
constexpr std::uint64_t kSameAsBefore = 0;  // a float's code
constexpr std::uint64_t kPlain = 1;
constexpr double kMaxHundredths = 1e13;
constexpr std::size_t kVarintBytes = 10;
constexpr std::size_t kMaxFields = 65'536;
constexpr std::uint64_t kMaxId = 1U << 26U;  // of a schema: more than any table holds
constexpr std::size_t kLeastTextsToForget = 65'536;
constexpr std::size_t kAboutASchema = 12;  // bytes of its parts

Unexpected<Error> damaged(const char* what) {
  return fail(ErrorKind::kDamaged, std::string("journal record: ") + what);
}

Cell cell_of_hundredths(std::int64_t hundredths) {
  return metric::cell_of(static_cast<double>(hundredths) / 100);
}

// The hundredths that the cell is exactly; INT64_MIN where there are none.
std::int64_t hundredths_of(Cell cell) {
  const double scaled = metric::as_float(cell) * 100;
  if (!(std::abs(scaled) < kMaxHundredths)) return INT64_MIN;
  const auto hundredths = static_cast<std::int64_t>(scaled + (scaled < 0 ? -0.5 : 0.5));
  return cell_of_hundredths(hundredths) == cell ? hundredths : INT64_MIN;
}

char* put(char* at, std::uint64_t v) {
  while (v >= 0x80) {
    *at++ = static_cast<char>(v | 0x80U);
    v >>= 7U;
  }
  *at++ = static_cast<char>(v);
  return at;
}

char* put_float(char* at, Cell cell, Cell before) {
  if (cell == before) return put(at, kSameAsBefore);
  if (const std::int64_t hundredths = hundredths_of(cell); hundredths != INT64_MIN) {
    std::int64_t from = before == 0 ? 0 : hundredths_of(before);
    if (from == INT64_MIN) from = 0;
    if (hundredths != from) return put(at, zigzag(hundredths - from) << 1U);
  }
  at = put(at, kPlain);
  std::memcpy(at, &cell, sizeof cell);
  return at + sizeof cell;
}

bool get_float(ByteReader& r, Cell& cell, Cell before) {
  const std::uint64_t code = r.varint();
  if (code == kSameAsBefore) {
    cell = before;
  } else if ((code & 1U) != 0) {
    cell = r.u64();
  } else {
    std::int64_t from = before == 0 ? 0 : hundredths_of(before);
    if (from == INT64_MIN) from = 0;
    const auto hundredths =
        static_cast<std::int64_t>(static_cast<std::uint64_t>(from) + static_cast<std::uint64_t>(unzigzag(code >> 1U)));
    cell = cell_of_hundredths(hundredths);
  }
  return std::isfinite(metric::as_float(cell));
}

// After how many rows the first row's schema comes again: one gather, where there are several.
std::size_t period_of(const std::vector<metric::Row>& rows) {
  for (std::size_t i = 1; i < rows.size(); ++i)
    if (rows[i].schema == rows.front().schema) return i;
  return 0;
}

std::int64_t minus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
std::int64_t plus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

// The most bytes that a row takes, strings not counted.
std::size_t most_bytes_of(const metric::Row& row) {
  return 3 * kVarintBytes + metric::presence_words(row.fields) * 8 + std::size_t{row.fields} * kVarintBytes;
}

// Writes `text` at `at`, which is within `out`, and sees to it that `left` bytes have room after it.
char* put_text(char* at, std::string_view text, std::size_t left, const metric::Batch& batch, std::string& out) {
  const auto used = static_cast<std::size_t>(at - out.data());
  if (out.size() - used < left + text.size()) {
    // Strings may share their bytes in the arena.
    out.resize(used + left + 2 * text.size() + batch.text().size());
    at = out.data() + used;
  }
  at = put(at, text.size());
  return std::copy(text.begin(), text.end(), at);
}

}  // namespace

void encode_rows(const metric::SchemaTable& schemas, const metric::Batch& batch, std::string& out) {
  const auto& rows = batch.rows();
  const std::size_t period = period_of(rows);
  ByteWriter head(out);
  head.varint(rows.size());
  head.varint(period);
  // At the most, so that values are written without looking for room: for this row and those after it.
  std::size_t left = 0;
  for (const metric::Row& row : rows) left += most_bytes_of(row);
  const std::size_t begin = out.size();
  out.resize(begin + left + batch.text().size());
  char* at = out.data() + begin;
  metric::SchemaId previous_id = 0;
  UnixNanos previous_time = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const metric::Row& row = rows[i];
    const metric::Row* const before =
        period > 0 && i >= period && rows[i - period].schema == row.schema ? &rows[i - period] : nullptr;
    const auto presence = batch.presence(row);
    std::size_t present = 0;
    for (const Cell word : presence) present += static_cast<std::size_t>(std::popcount(word));
    const bool whole = present == row.fields;
    const std::uint64_t flags = (before != nullptr ? kRefers : 0) | (whole ? 0 : kSomeAbsent);
    if (before != nullptr)
      at = put(at, flags);
    else
      at = put(at, zigzag(static_cast<std::int64_t>(row.schema) -
                          static_cast<std::int64_t>(std::exchange(previous_id, row.schema)))
                           << 2U |
                       flags);
    at = put(at, zigzag(minus(row.time, previous_time)));
    previous_time = row.time;
    if (!whole) {
      const std::size_t bytes = (row.fields + 7) / 8;
      std::memcpy(at, presence.data(), bytes);
      at += bytes;
    }
    const auto values = batch.values(row);
    const Cell* const from = before != nullptr ? batch.values(*before).data() : nullptr;
    const std::vector<metric::Field>& fields = schemas[row.schema].fields;
    for (std::size_t f = 0; f < values.size(); ++f) {
      if (!whole && (presence[f / 64] >> (f % 64) & 1U) == 0) continue;
      switch (fields[f].type) {
        case FieldType::kFloat:
          at = put_float(at, values[f], from != nullptr ? from[f] : 0);
          break;
        case FieldType::kString:
          at = put_text(at, metric::as_string(values[f], batch.text()), left, batch, out);
          break;
        default:
          at = put(at, zigzag(static_cast<std::int64_t>(values[f] - (from != nullptr ? from[f] : 0))));
      }
    }
    left -= most_bytes_of(row);
  }
  out.resize(static_cast<std::size_t>(at - out.data()));
}

void SegmentDictionary::begin_segment() {
  start_over_ = false;
  // Series come and go: what most segments do not need any more is not kept.
  const bool many = text_of_.size() > kLeastTextsToForget && text_of_.size() / 2 > next_text_;
  if (many || unused_ > kLeastTextsToForget + parts_.size() / 2) forget();
  ++segment_;
  next_text_ = next_list_ = 0;
}

void SegmentDictionary::forget() {
  known_.clear();
  parts_.clear();
  unused_ = 0;
  texts_.clear();
  text_of_.clear();
  text_numbers_.clear();
  list_ids_.clear();
  lists_.clear();
}

void SegmentDictionary::start_over() {
  begin_segment();
  start_over_ = true;
}

std::uint32_t SegmentDictionary::find_text(const std::string& text) {
  const auto [at, fresh] = texts_.try_emplace(text, static_cast<std::uint32_t>(text_of_.size()));
  if (fresh) {
    text_of_.push_back(&at->first);
    text_numbers_.emplace_back();
  }
  return at->second;
}

// Appends the schema's parts.
void SegmentDictionary::learn(const metric::Schema& schema) {
  std::string list;
  ByteWriter l(list);
  for (const metric::Field& field : schema.fields) {
    l.varint(find_text(field.name));
    l.u8(static_cast<std::uint8_t>(field.type));
  }
  const auto [at, fresh] = list_ids_.try_emplace(list, static_cast<std::uint32_t>(lists_.size()));
  if (fresh) {
    List& made = lists_.emplace_back();
    for (const metric::Field& field : schema.fields) made.fields.emplace_back(find_text(field.name), field.type);
  }
  ByteWriter w(parts_);
  w.varint(find_text(schema.measurement));
  w.varint(schema.tags.size());
  for (const metric::Tag& tag : schema.tags) {
    w.varint(find_text(tag.key));
    w.varint(find_text(tag.value));
  }
  w.varint(at->second);
}

std::uint32_t SegmentDictionary::define_text(std::uint32_t text, std::string& out) {
  Number& number = text_numbers_[text];
  if (number.segment != segment_) {
    number = {segment_, next_text_++};
    ByteWriter w(out);
    w.u8(kText);
    w.text(*text_of_[text]);
  }
  return number.number;
}

std::uint32_t SegmentDictionary::define_list(std::uint32_t list, std::string& out) {
  List& known = lists_[list];
  if (known.number.segment != segment_) {
    for (const auto& [name, type] : known.fields) define_text(name, out);
    known.number = {segment_, next_list_++};
    ByteWriter w(out);
    w.u8(kList);
    w.varint(known.fields.size());
    for (const auto& [name, type] : known.fields) {
      w.varint(define_text(name, out));
      w.u8(static_cast<std::uint8_t>(type));
    }
  }
  return known.number.number;
}

void SegmentDictionary::define(metric::SchemaId id, std::string_view parts, std::string& out) {
  said_.clear();
  ByteReader r(parts);
  ByteWriter s(said_);
  s.varint(id);
  s.varint(known_[id].generation);
  s.varint(define_text(static_cast<std::uint32_t>(r.varint()), out));
  const std::uint64_t tags = r.varint();
  s.varint(tags);
  for (std::uint64_t i = 0; i < 2 * tags; ++i) s.varint(define_text(static_cast<std::uint32_t>(r.varint()), out));
  s.varint(define_list(static_cast<std::uint32_t>(r.varint()), out));
  ByteWriter w(out);
  w.u8(kSchema);
  w.bytes(said_);
}

bool SegmentDictionary::conflicts(const metric::Batch& batch) const {
  return std::any_of(batch.rows().begin(), batch.rows().end(), [&](const metric::Row& row) {
    return row.schema < known_.size() && known_[row.schema].segment == segment_ &&
           known_[row.schema].generation != schemas_.generation(row.schema);
  });
}

void SegmentDictionary::define(const metric::Batch& batch, std::string& out) {
  for (const metric::Row& row : batch.rows()) {
    if (row.schema >= known_.size())
      known_.resize(std::max<std::size_t>(std::size_t{row.schema} + 1, known_.size() + known_.size() / 8));
    Known& known = known_[row.schema];
    if (known.segment == segment_) continue;
    if (std::exchange(start_over_, false)) ByteWriter(out).u8(kStartOver);
    known.segment = segment_;
    if (const std::uint32_t generation = schemas_.generation(row.schema); known.generation != generation) {
      if (known.generation != 0) unused_ += kAboutASchema;
      known.generation = generation;
      known.parts = static_cast<std::uint32_t>(parts_.size());
      learn(schemas_[row.schema]);
    }
    define(row.schema, std::string_view(parts_).substr(known.parts), out);
  }
}

void encode_record(const RecordHead& head, std::span<const StreamMark> streams, std::string_view definitions,
                   std::string_view rows, std::string& out) {
  const bool has_stream = head.first_sequence != 0;
  ByteWriter w(out);
  w.u8(kVersion);
  w.u8(static_cast<std::uint8_t>((has_stream ? kHasStream : 0) | (streams.empty() ? 0 : kHasStreams)));
  w.u64(static_cast<std::uint64_t>(head.received));
  w.varint(head.samples);
  w.varint(head.samples_before);
  if (has_stream) {
    w.bytes({reinterpret_cast<const char*>(head.stream.data()), head.stream.size()});
    w.varint(head.first_sequence);
    w.varint(head.last_sequence - head.first_sequence);
  }
  if (!streams.empty()) {
    std::string marks;
    ByteWriter m(marks);
    for (const auto& [stream, sequence] : streams) {
      m.bytes({reinterpret_cast<const char*>(stream.data()), stream.size()});
      m.varint(sequence);
    }
    w.text(marks);
  }
  w.text(definitions);
  w.bytes(rows);
}

Result<RecordView> read_record(std::string_view bytes) {
  ByteReader r(bytes);
  RecordView record;
  const std::uint8_t version = r.u8();
  const std::uint8_t flags = r.u8();
  if (r.failed()) return damaged("ends early");
  if (version > kVersion || (flags & ~kKnownFlags) != 0)
    return fail(ErrorKind::kUnsupported, "journal record: written by a later version");
  if (version != kVersion) return damaged("not a record");
  record.head.received = static_cast<UnixNanos>(r.u64());
  record.head.samples = r.varint();
  record.head.samples_before = r.varint();
  if ((flags & kHasStream) != 0) {
    const std::string_view stream = r.bytes(record.head.stream.size());
    std::copy(stream.begin(), stream.end(), record.head.stream.begin());
    record.head.first_sequence = r.varint();
    const std::uint64_t more = r.varint();
    if (record.head.first_sequence == 0 || more > UINT64_MAX - record.head.first_sequence)
      return damaged("bad sequence numbers");
    record.head.last_sequence = record.head.first_sequence + more;
  }
  if ((flags & kHasStreams) != 0) record.streams = r.text();
  record.definitions = r.text();
  if (r.failed()) return damaged("ends early");
  record.rows = r.rest();
  return record;
}

std::vector<StreamMark> read_streams(std::string_view bytes) {
  ByteReader r(bytes);
  std::vector<StreamMark> marks;
  while (r.remaining() > 0) {
    StreamMark mark{};
    const std::string_view stream = r.bytes(mark.first.size());
    mark.second = r.varint();
    if (r.failed()) break;
    std::copy(stream.begin(), stream.end(), mark.first.begin());
    marks.push_back(mark);
  }
  return marks;
}

void RecordDecoder::begin_segment() {
  numbers_lost_ = false;
  first_text_ = first_list_ = 0;
  texts_.clear();
  lists_.clear();
  parts_.clear();
  // Most schemas are defined again.
  for (std::unique_ptr<Page>& page : pages_)
    if (page && page->segment != segment_) page.reset();
  ++segment_;
}

// Texts and lists from here on have numbers that nobody knows. A schema that is put together from those before is good.
void RecordDecoder::lose_track() {
  numbers_lost_ = true;
}

Status RecordDecoder::define(std::string_view definitions, bool same_process) {
  ByteReader r(definitions);
  while (r.remaining() > 0) {
    switch (r.u8()) {
      case kText: {
        const std::string_view text = r.text();
        if (!numbers_lost_) texts_.emplace_back(text);
        break;
      }
      case kList: {
        const std::uint64_t count = r.varint();
        if (count > r.remaining() || count > kMaxFields) return damaged("a list of fields that ends early");
        std::vector<metric::Field> list;
        for (std::uint64_t i = 0; i < count; ++i) {
          const std::uint64_t name = r.varint();
          const std::uint8_t type = r.u8();
          if (numbers_lost_ && !r.failed()) continue;
          if (r.failed() || name >= texts_.size() - first_text_ || type >= metric::kFieldTypeCount)
            return damaged("a bad field");
          list.push_back({texts_[first_text_ + name], static_cast<FieldType>(type)});
        }
        if (!numbers_lost_) lists_.push_back(std::move(list));
        break;
      }
      case kSchema:
        RESMON_TRY(define_schema(r, same_process));
        break;
      case kStartOver:
        numbers_lost_ = false;
        first_text_ = texts_.size();
        first_list_ = lists_.size();
        break;
      default:
        return damaged("an unknown definition");
    }
    if (r.failed()) return damaged("a definition that ends early");
  }
  return {};
}

Status RecordDecoder::define_schema(ByteReader& r, bool same_process) {
  const std::uint64_t id = r.varint();
  const std::uint64_t generation = r.varint();
  const std::size_t made_from = parts_.size();
  ByteWriter w(parts_);
  bool known = true;  // what it is put together from
  const auto copy_text = [&] {
    const std::uint64_t number = r.varint();
    known = known && number < texts_.size() - first_text_;
    w.varint(first_text_ + number);
  };
  copy_text();  // measurement
  const std::uint64_t tags = r.varint();
  if (r.failed() || tags > r.remaining() || id > kMaxId) return damaged("a bad schema");
  w.varint(tags);
  for (std::uint64_t i = 0; i < 2 * tags; ++i) copy_text();
  const std::uint64_t list = r.varint();
  known = known && list < lists_.size() - first_list_;
  w.varint(first_list_ + list);
  if (r.failed() || (!known && !numbers_lost_)) return damaged("a bad schema");
  if (!known) {
    parts_.resize(made_from);
    return {};
  }
  if (pages_.size() <= id / kPage) pages_.resize(std::max<std::size_t>(id / kPage + 1, pages_.size() * 2));
  std::unique_ptr<Page>& page = pages_[id / kPage];
  if (!page) page = std::make_unique<Page>();
  page->segment = segment_;
  const bool ours = same_process && id < schemas_.id_bound();
  page->known[id % kPage] = {static_cast<metric::SchemaId>(id), ours ? static_cast<std::uint32_t>(generation) : 0U,
                             static_cast<std::uint32_t>(made_from), segment_};
  return {};
}

// Null: not defined.
RecordDecoder::Known* RecordDecoder::find(std::int64_t id) {
  if (id < 0 || static_cast<std::uint64_t>(id) / kPage >= pages_.size()) return nullptr;
  const std::unique_ptr<Page>& page = pages_[static_cast<std::uint64_t>(id) / kPage];
  if (!page) return nullptr;
  Known& known = page->known[static_cast<std::uint64_t>(id) % kPage];
  return known.segment == segment_ ? &known : nullptr;
}

Result<metric::SchemaId> RecordDecoder::intern(Known& known) {
  ByteReader parts(std::string_view(parts_).substr(known.made_from));
  metric::Schema schema;
  schema.measurement = texts_[parts.varint()];
  std::vector<metric::Tag> tags(parts.varint());
  for (metric::Tag& tag : tags) {
    tag.key = texts_[parts.varint()];
    tag.value = texts_[parts.varint()];
  }
  schema.tags = std::move(tags);
  schema.fields = lists_[parts.varint()];
  RESMON_ASSIGN(known.id, schemas_.intern(std::move(schema), metric::SchemaTable::Room::kBeyondLimit));
  known.generation = schemas_.generation(known.id);
  return known.id;
}

namespace {

// The values of the fields whose bits are set.
void pass_over(ByteReader& r, const std::vector<metric::Field>& fields, const std::vector<std::uint64_t>& bitmap) {
  for (std::size_t word = 0; word < bitmap.size(); ++word) {
    for (std::uint64_t bits = bitmap[word]; bits != 0; bits &= bits - 1) {
      const std::size_t f = word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
      const std::uint64_t code = r.varint();
      if (fields[f].type == FieldType::kString)
        r.bytes(code);
      else if (fields[f].type == FieldType::kFloat && (code & 1U) != 0)
        r.bytes(sizeof(Cell));
    }
  }
}

// Which of a row's `fields` have a value. False: the record ends early.
bool read_bitmap(ByteReader& r, bool some_absent, std::size_t fields, std::vector<std::uint64_t>& bitmap) {
  bitmap.assign(metric::presence_words(fields), 0);
  if (some_absent) {
    const std::string_view raw = r.bytes((fields + 7) / 8);
    raw.copy(reinterpret_cast<char*>(bitmap.data()), raw.size());
    if (fields % 64 != 0) bitmap.back() &= (std::uint64_t{1} << (fields % 64)) - 1;
    return !r.failed();
  }
  if (fields > r.remaining()) return false;
  for (std::size_t word = 0; word < bitmap.size(); ++word)
    bitmap[word] = fields - word * 64 >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << (fields - word * 64)) - 1;
  return !r.failed();
}

}  // namespace

Status RecordDecoder::decode(std::string_view bytes, metric::Batch& out, const Wanted& wanted) {
  out.pin(schemas_);
  ByteReader r(bytes);
  const std::uint64_t count = r.varint();
  const std::uint64_t period = r.varint();
  if (r.failed() || count > r.remaining() / 2 + 1) return damaged("ends early");
  const std::size_t base = out.rows().size();
  std::int64_t previous_id = 0;
  UnixNanos previous_time = 0;
  const metric::SchemaTable& schemas = schemas_;
  std::vector<std::uint64_t> bitmap;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t code = r.varint();
    const bool refers = (code & kRefers) != 0;
    if (refers && (period == 0 || i < period)) return damaged("a row that refers to none");
    metric::SchemaId id = 0;
    const std::size_t before_index = base + i - (refers ? period : 0);
    if (refers) {
      id = out.rows()[before_index].schema;
    } else {
      previous_id = plus(previous_id, unzigzag(code >> 2U));
      Known* const known = find(previous_id);
      if (known == nullptr) return damaged("a schema that was not defined");
      if (known->generation == 0 || !schemas_.touch(known->id, known->generation)) RESMON_TRY(intern(*known));
      id = known->id;
    }
    previous_time = plus(previous_time, r.signed_varint());
    const std::vector<metric::Field>& fields = schemas[id].fields;
    const std::size_t n = fields.size();
    if (!read_bitmap(r, (code & kSomeAbsent) != 0, n, bitmap)) return damaged("ends early");
    if (wanted && !wanted(id)) {
      out.add(id, 0, previous_time);
      pass_over(r, fields, bitmap);
      if (r.failed()) return damaged("ends early");
      continue;
    }
    metric::RowWriter writer = out.add(id, n, previous_time);
    writer.set_presence(bitmap);
    const std::span<Cell> cells = writer.values();
    const Cell* const from = refers ? out.values(out.rows()[before_index]).data() : nullptr;
    for (std::size_t word = 0; word < bitmap.size(); ++word) {
      for (std::uint64_t bits = bitmap[word]; bits != 0; bits &= bits - 1) {
        const std::size_t f = word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
        switch (fields[f].type) {
          case FieldType::kFloat:
            if (!get_float(r, cells[f], from != nullptr ? from[f] : 0)) return damaged("a float that is not a number");
            break;
          case FieldType::kString:
            writer.set(f, r.text());
            break;
          default:
            cells[f] = (from != nullptr ? from[f] : 0) + static_cast<Cell>(r.signed_varint());
        }
      }
    }
    if (r.failed()) return damaged("ends early");
  }
  if (r.remaining() != 0) return damaged("bytes left over");
  return {};
}

}  // namespace resmon::ingest
