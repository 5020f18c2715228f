// A client sends the same line shapes (measurement, tags, field names, types) again and again, with other numbers. So
// the text of a line's key finds, in a hash map, the few field lists met with it; when names and types agree, the
// schema's id is known and the values go straight into the batch. Only a new shape is unescaped, sorted, checked for
// duplicates and interned.
//
// Rejected: hashing the names too (they are compared anyhow, and comparing is cheaper), and a parser that works without
// splitting lines first (resynchronising after an error needs the line's end all the same).
//
// A string value may hold line feeds. When its closing quote never comes, InfluxDB takes all that follows for a part of
// it; here only the line with the open quote is refused, and the lines after it live.

#include "lineproto/decoder.h"

#include <algorithm>
#include <limits>
#include <map>
#include <unordered_map>

#include "lineproto/line_parser.h"
#include "lineproto/line_splitter.h"

namespace resmon::lineproto {

namespace {

using metric::FieldType;

constexpr std::size_t kMostShapesPerKey = 8;
constexpr std::size_t kMostReordered = 256;  // fields: finding them in another order takes the square
constexpr std::size_t kMostTextShown = 512;
constexpr std::uint32_t kNotStored = std::numeric_limits<std::uint32_t>::max();

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

// A field list met with a key.
struct Shape {
  std::vector<std::pair<std::string, FieldType>> fields;  // names as in the line, in its order
  std::vector<std::uint32_t> positions;  // of each in the schema; kNotStored: a later one has the same name
  metric::SchemaId schema = 0;
  std::uint32_t generation = 0;  // of its id
  std::size_t schema_fields = 0;

  bool is_field(std::size_t i, const RawField& raw) const {
    return raw.type == fields[i].second && raw.name == fields[i].first;
  }
  // Whether these are the fields, in any order; then they are in the line's order from now on.
  bool matches(const std::vector<RawField>& raw) {
    if (raw.size() != fields.size()) return false;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      if (is_field(i, raw[i])) continue;
      std::size_t other = i + 1;
      while (other < fields.size() && !is_field(other, raw[i])) ++other;
      if (other == fields.size() || fields.size() > kMostReordered) return false;
      if (positions[i] == kNotStored || positions[other] == kNotStored) return false;
      std::swap(fields[i], fields[other]);
      std::swap(positions[i], positions[other]);
    }
    return true;
  }
};

struct KeyShapes {
  std::vector<Shape> shapes;
  std::size_t next_replaced = 0;
};

std::string_view without_edges(std::string_view line) {
  const std::size_t begin = line.find_first_not_of(std::string_view(" \t\0", 3));
  if (begin == std::string_view::npos) return {};
  line.remove_prefix(begin);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// A piece of a line for an error message, cut between UTF-8 characters.
std::string shown(std::string_view line) {
  if (line.size() <= kMostTextShown) return std::string(line);
  std::size_t end = kMostTextShown;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0U) == 0x80U) --end;
  return std::string(line.substr(0, end)) + "…";
}

}  // namespace

struct LineDecoder::Impl {
  Impl(metric::SchemaTable& table, DecoderLimits given) : schemas(table), limits(given) {}

  metric::SchemaTable& schemas;
  DecoderLimits limits;
  std::unordered_map<std::string, KeyShapes, TextHash, std::equal_to<>> cache;
  std::size_t cached_bytes = 0;

  // Scratch, kept for its capacity.
  RawLine raw;
  RawKey key;
  std::string error;
  std::string text;

  // The stream.
  std::string pending;  // the bytes of a line whose end has not come
  LineSplitter splitter;
  bool skipping = false;  // behind a line that was too long
  std::uint64_t line_number = 0;

  void refuse(DecodeReport& report, std::string_view line, std::string_view reason, bool parsing = true);
  void line(std::string_view line, const DecodeOptions& options, metric::Batch& out, DecodeReport& report);
  const Shape* shape(std::string_view line, DecodeReport& report);
  const Shape* remember(Shape made);
  enum class Making { kDone, kUnparsable, kReservedName };
  Making make_shape(Shape& made);
  std::size_t lines(std::string_view all, bool last, const DecodeOptions& options, metric::Batch& out,
                    DecodeReport& report);
};

void LineDecoder::Impl::refuse(DecodeReport& report, std::string_view line, std::string_view reason, bool parsing) {
  ++report.refused_lines;
  if (report.errors.size() >= limits.errors_kept) return;
  std::string message = parsing ? "unable to parse '" + shown(line) + "': " : std::string();
  report.errors.push_back({line_number, message.append(reason)});
}

// Makes the shape of `raw`. On failure `error` says why.
LineDecoder::Impl::Making LineDecoder::Impl::make_shape(Shape& made) {
  if (!parse_key(raw.key, true, key, error)) return Making::kUnparsable;
  metric::Schema schema;
  unescape_measurement(key.measurement, schema.measurement);
  for (const auto& [name, value] : key.tags) {
    metric::Tag tag;
    unescape_key(name, tag.key);
    unescape_key(value, tag.value);
    schema.tags.push_back(std::move(tag));
  }
  const std::size_t tags = schema.tags.size();
  metric::normalise_tags(schema.tags);
  if (schema.tags.size() != tags) {
    error = "duplicate tags";
    return Making::kUnparsable;
  }
  const auto reserved = [&](std::string_view kind, std::string_view what) {
    error = "invalid " + std::string(kind) + ": input " + std::string(what) + " \"time\" on measurement \"" +
            shown(schema.measurement) + "\" is invalid";
    return Making::kReservedName;
  };
  for (const metric::Tag& tag : schema.tags)
    if (tag.key == "time") return reserved("tag key", "tag");

  // Sorted, so that every order of the same fields is one schema: Telegraf writes a map's fields in another order each
  // time. Where a name comes twice, the last one counts.
  std::map<std::string, std::size_t> last;
  for (std::size_t i = 0; i < raw.fields.size(); ++i) {
    std::string name;
    unescape_key(raw.fields[i].name, name);
    if (name == "time") return reserved("field name", "field");
    last[std::move(name)] = i;
    made.fields.emplace_back(raw.fields[i].name, raw.fields[i].type);
  }
  made.positions.assign(raw.fields.size(), kNotStored);
  for (const auto& [name, i] : last) {
    made.positions[i] = static_cast<std::uint32_t>(schema.fields.size());
    schema.fields.push_back({name, raw.fields[i].type});
  }
  made.schema_fields = schema.fields.size();
  Result<metric::SchemaId> id = schemas.intern(std::move(schema));
  if (!id) {
    error = id.error().message;
    return Making::kUnparsable;
  }
  made.schema = *id;
  made.generation = schemas.generation(*id);
  return Making::kDone;
}

// The shape of `raw`, or nullptr with the refusal reported.
const Shape* LineDecoder::Impl::shape(std::string_view line, DecodeReport& report) {
  Shape* retired = nullptr;
  if (const auto found = cache.find(raw.key); found != cache.end()) {
    for (Shape& known : found->second.shapes) {
      if (!known.matches(raw.fields)) continue;
      if (schemas.touch(known.schema, known.generation)) return &known;
      retired = &known;
    }
  }
  Shape made;
  if (const Making making = make_shape(made); making != Making::kDone) {
    refuse(report, line, error, making == Making::kUnparsable);
    return nullptr;
  }
  if (retired == nullptr) return remember(std::move(made));
  *retired = std::move(made);
  return retired;
}

// Keeps it with the other shapes of the line's key.
const Shape* LineDecoder::Impl::remember(Shape made) {
  std::size_t bytes = sizeof(Shape);
  for (const auto& [name, type] : made.fields) bytes += sizeof(made.fields[0]) + sizeof(std::uint32_t) + name.size();
  if (cached_bytes + bytes > limits.cache_bytes) {
    cache.clear();
    cached_bytes = 0;
  }
  auto found = cache.find(raw.key);
  if (found == cache.end()) {
    found = cache.emplace(std::string(raw.key), KeyShapes{}).first;
    bytes += raw.key.size() + sizeof(*found) + 2 * sizeof(void*);
  }
  cached_bytes += bytes;
  KeyShapes& known = found->second;
  if (known.shapes.size() < kMostShapesPerKey) {
    known.shapes.push_back(std::move(made));
    return &known.shapes.back();
  }
  Shape& replaced = known.shapes[known.next_replaced++ % kMostShapesPerKey];
  replaced = std::move(made);  // its bytes stay counted: the next clearing mends that
  return &replaced;
}

void LineDecoder::Impl::line(std::string_view whole, const DecodeOptions& options, metric::Batch& out,
                             DecodeReport& report) {
  ++line_number;
  const std::string_view line = without_edges(whole);
  if (line.empty() || line.front() == '#') return;
  ++report.lines;
  if (line.size() > limits.line_bytes)
    return refuse(report, line, "line is longer than " + std::to_string(limits.line_bytes) + " bytes");
  if (!parse_line(line, options.precision, raw, error)) return refuse(report, line, error);
  const Shape* known = shape(line, report);
  if (known == nullptr) return;
  // String cells hold 32-bit offsets into the batch's text.
  if (out.text().size() + line.size() > std::numeric_limits<std::uint32_t>::max())
    return refuse(report, line, "too much text in one batch");

  const std::int64_t unit = nanoseconds_per(options.precision);
  UnixNanos time = raw.time;
  if (!raw.has_time) {
    time = options.own_default_times ? options.default_time + static_cast<std::int64_t>(report.without_time)
                                     : options.default_time - (options.default_time % unit + unit) % unit;
    ++report.without_time;
  }
  metric::RowWriter row = out.add(known->schema, known->schema_fields, time);
  for (std::size_t i = 0; i < raw.fields.size(); ++i) {
    const std::uint32_t position = known->positions[i];
    if (position == kNotStored) continue;
    const RawField& field = raw.fields[i];
    if (field.type != FieldType::kString) {
      row.set_cell(position, field.cell);
    } else if (field.text.find('\\') == std::string_view::npos) {
      row.set(position, field.text);
    } else {
      unescape_text(field.text, text);
      row.set(position, std::string_view(text));
    }
  }
  report.samples += known->schema_fields;
}

// Decodes the complete lines of `all`, or with `last` all of it, and returns how many bytes were used up. Otherwise the
// splitter stands in the middle of what is left.
std::size_t LineDecoder::Impl::lines(std::string_view all, bool last, const DecodeOptions& options, metric::Batch& out,
                                     DecodeReport& report) {
  out.pin(schemas);
  std::size_t begin = 0;
  while (begin < all.size()) {
    const std::string_view rest = all.substr(begin);
    if (skipping) {
      const std::size_t feed = rest.find('\n');
      if (feed == std::string_view::npos) return all.size();
      skipping = false;
      begin += feed + 1;
      continue;
    }
    const std::string_view head = rest.substr(0, limits.line_bytes + 2);
    std::size_t end = options.line_feed_ends ? head.find('\n') : splitter.find(head);
    if (end == std::string_view::npos && rest.size() < limits.line_bytes + 2) {
      if (!last) return begin;
      end = rest.size();
    }
    if (end == std::string_view::npos || (end == rest.size() && splitter.quoted())) {
      // Too long, or a quote that nothing closes: this line is lost, the next one need not be.
      const std::size_t feed = rest.find('\n');
      const std::string_view lost = rest.substr(0, std::min(feed, limits.line_bytes + 1));
      end = lost.size();
      if (end > limits.line_bytes) {
        ++line_number;
        ++report.lines;
        refuse(report, without_edges(lost), "line is longer than " + std::to_string(limits.line_bytes) + " bytes");
        skipping = true;
        splitter.reset();
        begin += end;
        continue;
      }
    }
    line(rest.substr(0, end), options, out, report);
    splitter.reset();
    begin += end + 1;
  }
  return std::min(begin, all.size());
}

std::string DecodeReport::error_text() const {
  std::string text;
  for (const LineError& error : errors) text.append(text.empty() ? "" : "\n").append(error.message);
  if (refused_lines > errors.size() && !errors.empty())
    text += "\nand " + std::to_string(refused_lines - errors.size()) + " more";
  return text;
}

LineDecoder::LineDecoder(metric::SchemaTable& schemas, DecoderLimits limits)
    : impl_(std::make_unique<Impl>(schemas, limits)) {}
LineDecoder::~LineDecoder() = default;
LineDecoder::LineDecoder(LineDecoder&&) noexcept = default;
LineDecoder& LineDecoder::operator=(LineDecoder&&) noexcept = default;

DecodeReport LineDecoder::decode(std::string_view text, const DecodeOptions& options, metric::Batch& out) {
  DecodeReport report;
  impl_->line_number = 0;
  impl_->skipping = false;
  impl_->splitter.reset();
  impl_->lines(text, true, options, out, report);
  impl_->splitter.reset();
  impl_->skipping = false;
  return report;
}

DecodeReport LineDecoder::feed(std::string_view bytes, const DecodeOptions& options, metric::Batch& out) {
  DecodeReport report;
  Impl& impl = *impl_;
  if (impl.pending.empty()) {
    const std::size_t used = impl.lines(bytes, false, options, out, report);
    impl.pending.assign(bytes.substr(used));
  } else {
    impl.pending.append(bytes);
    const std::size_t used = impl.lines(impl.pending, false, options, out, report);
    impl.pending.erase(0, used);
  }
  return report;
}

DecodeReport LineDecoder::finish(const DecodeOptions& options, metric::Batch& out) {
  DecodeReport report;
  impl_->lines(impl_->pending, true, options, out, report);
  impl_->pending.clear();
  impl_->splitter.reset();
  impl_->skipping = false;
  impl_->line_number = 0;
  return report;
}

}  // namespace resmon::lineproto
