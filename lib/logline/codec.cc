// The encoding of Lines. Columns, because like stands beside like then: what compresses them finds more to refer to,
// and a reader that wants times and levels only passes the text.
//
// A dictionary entry costs its text once, whatever number of lines refers to it, so neither decoding nor what it fills
// is more than linear in the encoded bytes: each line and each field of a line has at least one byte of its own.

#include <map>

#include "base/bytes.h"
#include "logline/line.h"

namespace resmon::logline {

namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::uint8_t kCutBit = 0x80;
constexpr std::size_t kMostDictionaryEntries = kMaxLines + 1;

std::uint64_t difference(UnixNanos a, UnixNanos b) {
  return static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b);
}

}  // namespace

class Codec {
 public:
  static std::string encode(const Lines& lines);

  Codec(std::string_view bytes, Lines& into) : whole_(bytes.size()), reader_(bytes), into_(into) {}
  Status decode();

 private:
  static void encode_origins(const Lines& lines, ByteWriter& out);
  static void encode_shapes(const Lines& lines, ByteWriter& out);
  Unexpected<Error> malformed(std::string_view why) const {
    return fail(ErrorKind::kInvalid, "lines, byte " + std::to_string(whole_ - reader_.remaining()) + ": " +
                                         std::string(reader_.failed() ? "they end early" : why));
  }
  Status decode_head();
  Status decode_origins();
  Status decode_shapes();
  Status decode_rows();
  Status decode_texts();

  const std::size_t whole_;
  ByteReader reader_;
  Lines& into_;
  std::size_t count_ = 0;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> origins_;  // unit and pid
  std::vector<std::pair<std::uint32_t, std::uint32_t>> shapes_;   // in shape_names_: first and number
  std::vector<std::uint32_t> shape_names_;
};

std::string Codec::encode(const Lines& lines) {
  std::string out;
  out.reserve(lines.text_bytes() + 64 + lines.size() * 8);
  ByteWriter w(out);
  w.u8(kFormat);
  w.text(lines.source_);
  w.varint(lines.entries_.size());
  if (lines.entries_.empty()) return out;

  UnixNanos previous = 0;
  for (const Lines::Entry& entry : lines.entries_) {
    w.signed_varint(static_cast<std::int64_t>(difference(entry.time, previous)));
    previous = entry.time;
  }
  for (const Lines::Entry& entry : lines.entries_)
    w.u8(static_cast<std::uint8_t>(static_cast<std::uint8_t>(entry.level) | (entry.cut ? kCutBit : 0U)));
  encode_origins(lines, w);
  encode_shapes(lines, w);
  for (const Lines::Entry& entry : lines.entries_) w.varint(entry.message.size());
  for (const Field& field : lines.fields_) w.varint(field.value.size());
  for (const Lines::Entry& entry : lines.entries_) w.bytes(entry.message);
  for (const Field& field : lines.fields_) w.bytes(field.value);
  return out;
}

// The distinct pairs of unit and process, and which of them each line has.
void Codec::encode_origins(const Lines& lines, ByteWriter& out) {
  std::map<std::uint64_t, std::uint32_t> origin_numbers;
  std::vector<std::uint64_t> origins;
  std::vector<std::uint32_t> of_lines;
  of_lines.reserve(lines.entries_.size());
  for (const Lines::Entry& entry : lines.entries_) {
    const std::uint64_t origin = static_cast<std::uint64_t>(entry.unit) << 32U | entry.pid;
    const auto [at, is_new] = origin_numbers.try_emplace(origin, static_cast<std::uint32_t>(origins.size()));
    if (is_new) origins.push_back(origin);
    of_lines.push_back(at->second);
  }
  out.varint(lines.units_.texts.size());
  for (const std::string_view unit : lines.units_.texts) out.text(unit);
  out.varint(origins.size());
  for (const std::uint64_t origin : origins) {
    out.varint(origin >> 32U);
    out.varint(origin & 0xffff'ffffU);
  }
  for (const std::uint32_t number : of_lines) out.varint(number);
}

// The distinct lists of fields' names, and which of them each line has; 0 is the empty one.
void Codec::encode_shapes(const Lines& lines, ByteWriter& out) {
  std::map<std::string, std::uint32_t> shape_numbers;
  std::string shapes;
  std::vector<std::uint32_t> of_lines;
  of_lines.reserve(lines.entries_.size());
  for (const Lines::Entry& entry : lines.entries_) {
    if (entry.fields == 0) {
      of_lines.push_back(0);
      continue;
    }
    std::string key;
    ByteWriter k(key);
    k.varint(entry.fields);
    for (std::size_t i = 0; i < entry.fields; ++i) k.varint(lines.field_names_[entry.first_field + i]);
    const auto [at, is_new] = shape_numbers.try_emplace(key, static_cast<std::uint32_t>(shape_numbers.size() + 1));
    if (is_new) shapes += key;
    of_lines.push_back(at->second);
  }
  out.varint(lines.names_.texts.size());
  for (const std::string_view name : lines.names_.texts) out.text(name);
  out.varint(shape_numbers.size());
  out.bytes(shapes);
  for (const std::uint32_t number : of_lines) out.varint(number);
}

Status Codec::decode() {
  into_.clear({});
  RESMON_TRY(decode_head());
  if (count_ > 0) {
    RESMON_TRY(decode_origins());
    RESMON_TRY(decode_shapes());
    RESMON_TRY(decode_rows());
    RESMON_TRY(decode_texts());
  }
  if (reader_.remaining() > 0) return malformed("more than was announced");
  return {};
}

Status Codec::decode_head() {
  if (reader_.u8() != kFormat) return malformed("an unknown format");
  const std::string_view source = reader_.text();
  if (source.size() > kMaxName) return malformed("the source's name is too long");
  into_.clear(source);
  count_ = reader_.varint();
  if (reader_.failed() || count_ > kMaxLines) return malformed("too many lines");
  if (count_ > reader_.remaining()) return malformed("fewer bytes than lines");
  into_.entries_.resize(count_);
  UnixNanos previous = 0;
  for (Lines::Entry& entry : into_.entries_) {
    previous = static_cast<UnixNanos>(static_cast<std::uint64_t>(previous) +
                                      static_cast<std::uint64_t>(reader_.signed_varint()));
    entry.time = previous;
  }
  for (Lines::Entry& entry : into_.entries_) {
    const std::uint8_t level = reader_.u8();
    entry.cut = (level & kCutBit) != 0;
    if ((level & ~kCutBit) > static_cast<std::uint8_t>(Level::kNone)) return malformed("an unknown level");
    entry.level = static_cast<Level>(level & ~kCutBit);
  }
  if (reader_.failed()) return malformed({});
  return {};
}

Status Codec::decode_origins() {
  const std::uint64_t units = reader_.varint();
  if (reader_.failed() || units > kMostDictionaryEntries) return malformed("too many units");
  for (std::uint64_t i = 0; i < units; ++i) {
    const std::string_view unit = reader_.text();
    if (reader_.failed() || unit.size() > kMaxName) return malformed("a unit's name is too long");
    if (into_.intern(into_.units_, unit) != i) return malformed("a unit is there twice");
    if (into_.text_bytes_ > kMaxBytes) return malformed("too much text");
  }
  const std::uint64_t origins = reader_.varint();
  if (reader_.failed() || origins > count_) return malformed("more origins than lines");
  for (std::uint64_t i = 0; i < origins; ++i) {
    const std::uint64_t unit = reader_.varint();
    const std::uint64_t pid = reader_.varint();
    if (reader_.failed() || unit >= units) return malformed("a unit that is not there");
    if (pid > UINT32_MAX) return malformed("a pid over 32 bits");
    origins_.emplace_back(static_cast<std::uint32_t>(unit), static_cast<std::uint32_t>(pid));
  }
  for (Lines::Entry& entry : into_.entries_) {
    const std::uint64_t origin = reader_.varint();
    if (reader_.failed() || origin >= origins) return malformed("an origin that is not there");
    entry.unit = origins_[origin].first;
    entry.pid = origins_[origin].second;
  }
  return {};
}

Status Codec::decode_shapes() {
  const std::uint64_t names = reader_.varint();
  if (reader_.failed() || names > kMostDictionaryEntries) return malformed("too many field names");
  for (std::uint64_t i = 0; i < names; ++i) {
    const std::string_view name = reader_.text();
    if (reader_.failed() || name.size() > kMaxName) return malformed("a field's name is too long");
    if (into_.intern(into_.names_, name) != i) return malformed("a field name is there twice");
    if (into_.text_bytes_ > kMaxBytes) return malformed("too much text");
  }
  const std::uint64_t shapes = reader_.varint();
  if (reader_.failed() || shapes > count_) return malformed("more lists of fields than lines");
  shapes_.emplace_back(0U, 0U);
  for (std::uint64_t i = 0; i < shapes; ++i) {
    const std::uint64_t fields = reader_.varint();
    if (reader_.failed() || fields == 0 || fields > kMaxFields) return malformed("a list of no or too many fields");
    shapes_.emplace_back(static_cast<std::uint32_t>(shape_names_.size()), static_cast<std::uint32_t>(fields));
    for (std::uint64_t f = 0; f < fields; ++f) {
      const std::uint64_t name = reader_.varint();
      if (reader_.failed() || name >= names) return malformed("a field name that is not there");
      shape_names_.push_back(static_cast<std::uint32_t>(name));
    }
  }
  return {};
}

Status Codec::decode_rows() {
  std::size_t fields = 0;
  for (Lines::Entry& entry : into_.entries_) {
    const std::uint64_t shape = reader_.varint();
    if (reader_.failed() || shape >= shapes_.size()) return malformed("a list of fields that is not there");
    entry.first_field = static_cast<std::uint32_t>(fields);
    entry.fields = static_cast<std::uint16_t>(shapes_[shape].second);
    fields += entry.fields;
    // Each value has a byte that states its length.
    if (fields > kMaxAllFields || fields > reader_.remaining()) return malformed("too many fields");
    for (std::size_t f = 0; f < entry.fields; ++f) {
      const std::uint32_t name = shape_names_[shapes_[shape].first + f];
      into_.field_names_.push_back(name);
      into_.fields_.push_back({into_.names_.texts[name], {}});
    }
  }
  return {};
}

// Lengths become views of the right size first, which are placed when the text is copied as a whole.
Status Codec::decode_texts() {
  std::size_t bytes = 0;
  std::vector<std::uint32_t> lengths(count_ + into_.fields_.size());
  for (std::uint32_t& length : lengths) {
    const std::uint64_t stated = reader_.varint();
    if (reader_.failed() || stated > kMaxMessage) return malformed("a text is too long");
    length = static_cast<std::uint32_t>(stated);
    bytes += stated;
    if (into_.text_bytes_ + bytes > kMaxBytes) return malformed("too much text");
  }
  const std::string_view texts = reader_.bytes(bytes);
  if (reader_.failed()) return malformed({});
  std::string_view left = into_.copy(texts);
  std::size_t next = 0;
  for (Lines::Entry& entry : into_.entries_) {
    entry.message = left.substr(0, lengths[next]);
    left.remove_prefix(lengths[next++]);
  }
  for (Field& field : into_.fields_) {
    field.value = left.substr(0, lengths[next]);
    left.remove_prefix(lengths[next++]);
  }
  return {};
}

std::string encode(const Lines& lines) {
  return Codec::encode(lines);
}

Status decode(std::string_view bytes, Lines& into) {
  Status decoded = Codec(bytes, into).decode();
  if (!decoded) into.clear({});
  return decoded;
}

}  // namespace resmon::logline
