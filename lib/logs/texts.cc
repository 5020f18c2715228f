// Lines of a log are made by few templates: "Accepted publickey for root from 10.0.0.7 port 5022". What differs has
// digits in it. So a text is taken apart into its template, in which each token with a digit is a place, and the values
// of these tokens; and the values at one place of one template are a column of their own, which is what they have in
// common: numbers that grow, ports, addresses out of a few. zstd over these columns gives about two thirds of what it
// gives over the text, and the words of a template have to be looked at once a block, not once a line.
//
// A template that is met only once or twice costs more than it saves: such texts are kept whole. So is a text that has
// the byte that marks a place.
//
// Layout: four packed pieces (pack.h):
//   templates  varint count, then each: varint length, text with kPlace for a place. Number 0 is the whole text.
//   numbers    the template of each text, a byte each where there are up to 256
//   columns    for each place of each template, first to last: u8 kind, then as the kind says
//   strings    what the columns' texts are

#include "logs/texts.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <unordered_map>

#include "logs/bytes.h"
#include "logs/pack.h"
#include "logs/words.h"

namespace resmon::logs {

namespace {

constexpr char kPlace = '\x01';
constexpr std::size_t kLeastUses = 3;  // of a template
constexpr std::size_t kMostPlaces = 64;
constexpr std::size_t kMostDigits = 18;  // of what is kept as a number

enum class Kind : std::uint8_t {
  kSame,        // one text in `strings`
  kNumbers,     // varint width (0: as short as it goes), then varints
  kDeltas,      // the same as differences to the one before, zigzag
  kDictionary,  // varint count of texts in `strings`, then the number of each value, a byte where there are up to 256
  kTexts,       // each in `strings`
};

struct Hash {
  std::size_t operator()(std::string_view text) const { return static_cast<std::size_t>(hash64(text)); }
};

enum : std::uint8_t { kDelimiter, kTokenChar, kDigitChar };

// Tokens are runs of letters, digits and what holds names and addresses together.
constexpr std::array<std::uint8_t, 256> kClasses = [] {
  std::array<std::uint8_t, 256> classes{};
  for (unsigned c = 0; c < 256; ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80U;
    if (letter || c == '_' || c == '.' || c == '-') classes[c] = kTokenChar;
    if (c >= '0' && c <= '9') classes[c] = kDigitChar;
  }
  return classes;
}();

std::uint8_t class_of(char c) {
  return kClasses[static_cast<std::uint8_t>(c)];
}

// The template of a text; false where it is to be kept whole.
bool take_apart(std::string_view text, std::string& shape, std::vector<std::string_view>& values) {
  shape.clear();
  const std::size_t first_value = values.size();
  std::size_t copied = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == kPlace) return values.resize(first_value), false;
    if (class_of(text[i]) == kDelimiter) {
      ++i;
      continue;
    }
    const std::size_t begin = i;
    bool digit = false;
    for (; i < text.size() && class_of(text[i]) != kDelimiter; ++i) digit |= class_of(text[i]) == kDigitChar;
    if (!digit || values.size() - first_value == kMostPlaces) continue;
    shape.append(text, copied, begin - copied);
    shape += kPlace;
    values.push_back(text.substr(begin, i - begin));
    copied = i;
  }
  shape.append(text, copied);
  return true;
}

// What all words of the column are looked for in.
class Words {
 public:
  explicit Words(std::vector<std::uint64_t>& hashes) : hashes_(hashes) {}
  void add(std::string_view text) {
    for_words(text, [&](std::string_view word) {
      if (!is_number(word)) hashes_.push_back(word_hash(word));
    });
  }

 private:
  std::vector<std::uint64_t>& hashes_;
};

std::size_t varint_bytes(std::uint64_t value) {
  std::size_t bytes = 1;
  for (; value >= 0x80U; value >>= 7U) ++bytes;
  return bytes;
}

// The number that the text is, in decimal without leading zeros or of a fixed width.
bool as_number(std::string_view text, std::uint64_t& number) {
  if (text.empty() || text.size() > kMostDigits) return false;
  number = 0;
  for (const char c : text) {
    if (!is_digit(c)) return false;
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return true;
}

class ColumnWriter {
 public:
  ColumnWriter(std::string& columns, std::string& strings, Words words)
      : columns_(columns), strings_(strings), words_(words) {}

  void write(std::span<const std::string_view> values) {
    const bool same = std::all_of(values.begin(), values.end(), [&](auto value) { return value == values.front(); });
    if (same) {
      begin(Kind::kSame);
      add(values.front());
    } else if (!write_dictionary(values, values.size() / 4, 256) && !write_numbers(values) &&
               !write_dictionary(values, values.size() / 2, values.size())) {
      begin(Kind::kTexts);
      for (const std::string_view value : values) add(value);
    }
  }

 private:
  void begin(Kind kind) { columns_ += static_cast<char>(kind); }
  void add(std::string_view text) {
    put_text(strings_, text);
    words_.add(text);
  }

  bool write_numbers(std::span<const std::string_view> values) {
    numbers_.resize(values.size());
    bool fixed = true;  // of one width
    bool leading_zeros = false;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!as_number(values[i], numbers_[i])) return false;
      fixed &= values[i].size() == values.front().size();
      leading_zeros |= values[i].size() > 1 && values[i].front() == '0';
    }
    if (leading_zeros && !fixed) return false;
    std::size_t plain = 0;
    std::size_t deltas = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      plain += varint_bytes(numbers_[i]);
      deltas += varint_bytes(delta(i));
    }
    begin(deltas < plain ? Kind::kDeltas : Kind::kNumbers);
    put_varint(columns_, leading_zeros ? values.front().size() : 0);
    for (std::size_t i = 0; i < values.size(); ++i) put_varint(columns_, deltas < plain ? delta(i) : numbers_[i]);
    return true;
  }
  std::uint64_t delta(std::size_t i) const {
    return zigzag(static_cast<std::int64_t>(numbers_[i]) - (i == 0 ? 0 : static_cast<std::int64_t>(numbers_[i - 1])));
  }

  bool write_dictionary(std::span<const std::string_view> values, std::size_t most, std::size_t limit) {
    known_.clear();
    order_.clear();
    ids_.clear();
    most = std::min(most, limit);
    for (const std::string_view value : values) {
      const auto [at, fresh] = known_.try_emplace(value, static_cast<std::uint32_t>(order_.size()));
      if (fresh) order_.push_back(value);
      if (order_.size() > most) return false;
      ids_.push_back(at->second);
    }
    begin(Kind::kDictionary);
    put_varint(columns_, order_.size());
    for (const std::string_view value : order_) add(value);
    for (const std::uint32_t id : ids_) {
      if (order_.size() <= 256)
        columns_ += static_cast<char>(id);
      else
        put_varint(columns_, id);
    }
    return true;
  }

  std::string& columns_;
  std::string& strings_;
  Words words_;
  std::vector<std::uint64_t> numbers_;
  std::unordered_map<std::string_view, std::uint32_t, Hash> known_;
  std::vector<std::string_view> order_;
  std::vector<std::uint32_t> ids_;
};

// The texts of a block by their templates.
struct Shapes {
  struct Shape {
    std::string text;
    std::vector<std::uint32_t> users;  // numbers of texts
    std::uint32_t number = 0;          // as written
  };
  std::vector<Shape> shapes;
  std::vector<std::uint32_t> of;           // each text's, in `shapes`; kWhole: kept whole
  std::vector<std::string_view> values;    // of all texts
  std::vector<std::uint32_t> first_value;  // of each text
  static constexpr std::uint32_t kWhole = ~0U;
};

Shapes find_shapes(std::span<const std::string_view> texts) {
  Shapes out;
  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> known;
  std::string shape;
  out.of.reserve(texts.size());
  for (std::uint32_t i = 0; i < texts.size(); ++i) {
    out.first_value.push_back(static_cast<std::uint32_t>(out.values.size()));
    if (!take_apart(texts[i], shape, out.values)) {
      out.of.push_back(Shapes::kWhole);
      continue;
    }
    const auto [at, fresh] = known.try_emplace(shape, static_cast<std::uint32_t>(out.shapes.size()));
    if (fresh) out.shapes.push_back({shape, {}, 0});
    out.shapes[at->second].users.push_back(i);
    out.of.push_back(at->second);
  }
  return out;
}

}  // namespace

void encode_texts(std::span<const std::string_view> texts, int level, std::string& out,
                  std::vector<std::uint64_t>& hashes) {
  Shapes all = find_shapes(texts);
  std::vector<std::uint32_t> whole;
  std::vector<Shapes::Shape*> kept;
  for (Shapes::Shape& shape : all.shapes) {
    if (shape.users.size() >= kLeastUses || texts.size() < kLeastUses) {
      kept.push_back(&shape);
      shape.number = static_cast<std::uint32_t>(kept.size());
    }
  }
  std::string templates;
  std::string numbers;
  std::string columns;
  std::string strings;
  Words words(hashes);
  put_varint(templates, kept.size());
  for (const Shapes::Shape* shape : kept) {
    put_text(templates, shape->text);
    words.add(shape->text);
  }
  std::vector<std::string_view> values;
  for (std::uint32_t i = 0; i < texts.size(); ++i) {
    const std::uint32_t number = all.of[i] == Shapes::kWhole ? 0 : all.shapes[all.of[i]].number;
    if (number == 0) values.push_back(texts[i]);
    if (kept.size() < 256)
      numbers += static_cast<char>(number);
    else
      put_varint(numbers, number);
  }
  ColumnWriter writer(columns, strings, words);
  if (!values.empty()) writer.write(values);
  for (const Shapes::Shape* shape : kept) {
    const auto places = static_cast<std::size_t>(std::count(shape->text.begin(), shape->text.end(), kPlace));
    for (std::size_t place = 0; place < places; ++place) {
      values.clear();
      for (const std::uint32_t user : shape->users) values.push_back(all.values[all.first_value[user] + place]);
      writer.write(values);
    }
  }
  for (const std::string* piece : {&templates, &numbers, &columns, &strings}) pack(*piece, level, out);
}

namespace {

// One place of one template, read forward.
class ColumnReader {
 public:
  bool open(Reader& columns, Reader& strings, std::size_t count) {
    kind_ = static_cast<Kind>(columns.u8());
    switch (kind_) {
      case Kind::kSame:
        texts_.push_back(strings.text());
        break;
      case Kind::kNumbers:
      case Kind::kDeltas: {
        width_ = static_cast<std::size_t>(columns.varint(kMostDigits));
        numbers_.reserve(std::min(count, columns.remaining()));
        std::uint64_t last = 0;
        for (std::size_t i = 0; i < count && columns.ok(); ++i) {
          const std::uint64_t value = columns.varint();
          last = kind_ == Kind::kNumbers ? value : last + static_cast<std::uint64_t>(unzigzag(value));
          numbers_.push_back(last);
        }
        break;
      }
      case Kind::kDictionary: {
        const auto distinct = static_cast<std::size_t>(columns.varint(count));
        texts_.reserve(std::min(distinct, strings.remaining()));
        for (std::size_t i = 0; i < distinct && strings.ok(); ++i) texts_.push_back(strings.text());
        numbers_.reserve(std::min(count, columns.remaining()));
        for (std::size_t i = 0; i < count && columns.ok(); ++i) {
          const std::uint64_t id = distinct <= 256 ? columns.u8() : columns.varint();
          if (id >= distinct) return false;
          numbers_.push_back(id);
        }
        break;
      }
      case Kind::kTexts:
        texts_.reserve(std::min(count, strings.remaining()));
        for (std::size_t i = 0; i < count && strings.ok(); ++i) texts_.push_back(strings.text());
        break;
      default:
        return false;
    }
    return columns.ok() && strings.ok();
  }

  // REQUIRES: called no more often than open's `count`.
  void append_next(std::string& out) {
    const std::size_t i = next_++;
    switch (kind_) {
      case Kind::kSame:
        out += texts_.front();
        break;
      case Kind::kDictionary:
        out += texts_[static_cast<std::size_t>(numbers_[i])];
        break;
      case Kind::kTexts:
        out += texts_[i];
        break;
      default:
        append_number(numbers_[i], out);
    }
  }

 private:
  void append_number(std::uint64_t number, std::string& out) const {
    char buffer[24];
    const char* const end = std::to_chars(buffer, buffer + sizeof buffer, number).ptr;
    const auto digits = static_cast<std::size_t>(end - buffer);
    if (digits < width_) out.append(width_ - digits, '0');
    out.append(buffer, digits);
  }

  Kind kind_ = Kind::kSame;
  std::size_t width_ = 0;
  std::size_t next_ = 0;
  std::vector<std::string_view> texts_;
  std::vector<std::uint64_t> numbers_;
};

struct Template {
  std::string_view text;
  std::size_t places = 0;
  std::size_t users = 0;
  std::vector<ColumnReader> columns;

  void append_next(std::string& out) {
    std::size_t begin = 0;
    for (ColumnReader& column : columns) {
      const std::size_t place = text.find(kPlace, begin);
      out += text.substr(begin, place - begin);
      column.append_next(out);
      begin = place + 1;
    }
    out += text.substr(begin);
  }
};

Unexpected<Error> damaged_texts(const char* what) {
  return fail(ErrorKind::kDamaged, std::string("a column of texts: ") + what);
}

}  // namespace

Result<Texts> decode_texts(std::string_view& bytes, std::size_t count, std::size_t limit_bytes) {
  std::array<std::string, 4> pieces;
  for (std::string& piece : pieces) {
    RESMON_ASSIGN(piece, unpack(bytes));
  }
  const auto& [templates_piece, numbers_piece, columns_piece, strings_piece] = pieces;

  Reader templates(templates_piece);
  const auto known = static_cast<std::size_t>(templates.varint(templates.remaining()));
  std::vector<Template> all(known + 1);
  const std::string_view whole(&kPlace, 1);
  all[0].text = whole;
  for (std::size_t i = 1; i <= known; ++i) all[i].text = templates.text();
  if (!templates.done()) return damaged_texts("its templates");

  Reader numbers(numbers_piece);
  std::vector<std::uint32_t> of;
  of.reserve(std::min(count, numbers.remaining()));
  for (std::size_t i = 0; i < count && numbers.ok(); ++i) {
    const std::uint64_t number = known < 256 ? numbers.u8() : numbers.varint();
    if (number > known) return damaged_texts("a template that it does not have");
    ++all[static_cast<std::size_t>(number)].users;
    of.push_back(static_cast<std::uint32_t>(number));
  }
  if (!numbers.done()) return damaged_texts("its numbers of templates");

  Reader columns(columns_piece);
  Reader strings(strings_piece);
  for (Template& one : all) {
    if (one.users == 0) continue;
    one.columns.resize(static_cast<std::size_t>(std::count(one.text.begin(), one.text.end(), kPlace)));
    for (ColumnReader& column : one.columns)
      if (!column.open(columns, strings, one.users)) return damaged_texts("its values");
  }
  if (!columns.done() || !strings.done()) return damaged_texts("more than its values");

  Texts out;
  out.ends.reserve(count);
  for (const std::uint32_t number : of) {
    all[number].append_next(out.bytes);
    if (out.bytes.size() > limit_bytes) return damaged_texts("longer than it may be");
    out.close();
  }
  return out;
}

}  // namespace resmon::logs
