// Lines of a log are made by few templates: "Accepted publickey for root from 10.0.0.7 port 5022". What differs has
// digits in it. So a text is taken apart into its template, in which each token with a digit is a place, and the values
// of these tokens; and the values at one place of one template are a column of their own, which is what they have in
// common: numbers that grow, ports, addresses out of a few. zstd over these columns gives about two thirds of what it
// gives over the text, and the words of a template have to be looked at once a block, not once a line.
//
// A template that is met only once or twice costs more than it saves: such texts are kept whole. So is a text that has
// the byte that marks a place.
//
// Numbers that zstd finds nothing in, such as ports, sizes and addresses, take as many bits as their range needs; a
// trial by zstd decides. Ids in hexadecimal take four bits a digit.
//
// Layout: five packed pieces (pack.h):
//   templates  varint count, then each: varint length, text with kPlace for a place. Number 0 is the whole text.
//   numbers    the template of each text, a byte each where there are up to 256
//   columns    for each place of each template, first to last: u8 kind, then as the kind says (texts_format.h)
//   strings    what the columns' texts are
//   bits       what columns have packed; each column's begin at a byte, the lowest bit first

#include "logs/texts.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <unordered_map>

#include "logs/bytes.h"
#include "logs/pack.h"
#include "logs/texts_format.h"
#include "logs/words.h"

namespace resmon::logs {

namespace {

using namespace texts;

constexpr std::size_t kLeastUses = 3;  // of a template

struct Hash {
  std::size_t operator()(std::string_view text) const { return static_cast<std::size_t>(hash64(text)); }
};

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

// Collects the hashes of all words of a column.
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

// The number that digits are, in decimal.
bool as_number(std::string_view text, std::uint64_t& number) {
  if (text.empty() || text.size() > kMostDigits) return false;
  number = 0;
  for (const char c : text) {
    if (!is_digit(c)) return false;
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return true;
}

bool as_short_number(std::string_view text, std::uint64_t& number) {
  return as_number(text, number) && (text.size() == 1 || text.front() != '0');
}

// "10.0.0.7", as it is written without needless zeros.
bool as_address(std::string_view text, std::uint64_t& number) {
  number = 0;
  for (int part = 0; part < 4; ++part) {
    const std::size_t end = part < 3 ? text.find('.') : text.size();
    std::uint64_t value = 0;
    if (end == std::string_view::npos || end > 3 || !as_short_number(text.substr(0, end), value) || value > 255)
      return false;
    number = number << 8U | value;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return true;
}

// "12.345" with `decimals` digits behind the point, and no needless zero before it.
bool as_decimal(std::string_view text, std::size_t decimals, std::uint64_t& number) {
  if (text.size() < decimals + 2 || text.size() > kMostDigits || text[text.size() - decimals - 1] != '.') return false;
  std::uint64_t whole = 0;
  std::uint64_t part = 0;
  if (!as_short_number(text.substr(0, text.size() - decimals - 1), whole) ||
      !as_number(text.substr(text.size() - decimals), part))
    return false;
  std::uint64_t scale = 1;
  for (std::size_t i = 0; i < decimals; ++i) scale *= 10;
  number = whole * scale + part;
  return true;
}

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

// Numbers of `width` bits, one behind the other.
void put_bits(std::span<const std::uint64_t> numbers, std::uint64_t least, unsigned width, std::string& out) {
  std::uint64_t held = 0;
  unsigned bits = 0;
  for (const std::uint64_t number : numbers) {
    held |= (number - least) << bits;
    for (bits += width; bits >= 8; bits -= 8) {
      out += static_cast<char>(held);
      held >>= 8U;
    }
  }
  if (bits > 0) out += static_cast<char>(held);
}

class ColumnWriter {
 public:
  ColumnWriter(std::string& columns, std::string& strings, std::string& bits, Words words)
      : columns_(columns), strings_(strings), bits_(bits), words_(words) {}

  void write(std::span<const std::string_view> values) {
    const bool same = std::all_of(values.begin(), values.end(), [&](auto value) { return value == values.front(); });
    if (same) {
      begin(Kind::kSame);
      add(values.front());
      return;
    }
    if (write_hex(values)) return;
    if (find_dictionary(values, values.size() / 4, 256)) return write_dictionary();
    if (write_numbers(values)) return;
    if (find_dictionary(values, values.size() / 2, values.size())) return write_dictionary();
    begin(Kind::kTexts);
    for (const std::string_view value : values) add(value);
  }

 private:
  void begin(Kind kind) { columns_ += static_cast<char>(kind); }
  void add(std::string_view text) {
    put_text(strings_, text);
    words_.add(text);
  }
  static std::size_t packed_bytes(std::size_t count, unsigned width) { return (count * width + 7) / 8 + 3; }

  // Ids: zstd finds nothing in them, and needs more than four bits a digit.
  bool write_hex(std::span<const std::string_view> values) {
    const std::size_t digits = values.front().size();
    if (digits < 8 || digits > kMostHexDigits) return false;
    bool letters = false;
    for (const std::string_view value : values) {
      if (value.size() != digits || !is_hex(value)) return false;
      letters |= !is_number(value);
    }
    if (!letters || find_dictionary(values, values.size() / 2, values.size())) return false;
    begin(Kind::kHex);
    put_varint(columns_, digits);
    numbers_.clear();
    for (const std::string_view value : values) {
      words_.add(value);
      for (const char c : value) numbers_.push_back(static_cast<std::uint64_t>(is_digit(c) ? c - '0' : c - 'a' + 10));
    }
    put_bits(numbers_, 0, 4, bits_);
    return true;
  }

  template <class Parse>
  bool all_numbers(std::span<const std::string_view> values, Parse parse) {
    numbers_.resize(values.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      if (!parse(values[i], numbers_[i])) return false;
    return true;
  }

  // The form in which all values are numbers, which are then in numbers_.
  bool find_form(std::span<const std::string_view> values, std::uint64_t& form) {
    const std::string_view first = values.front();
    form = kShort;
    if (all_numbers(values, as_short_number)) return true;
    const bool fixed =
        std::all_of(values.begin(), values.end(), [&](auto value) { return value.size() == first.size(); });
    form = first.size();
    if (fixed && all_numbers(values, as_number)) return true;
    form = kAddress;
    if (all_numbers(values, as_address)) return true;
    const std::size_t point = first.rfind('.');
    if (point == std::string_view::npos || first.size() - point - 1 > kMostDecimals || point + 1 == first.size())
      return false;
    const std::size_t decimals = first.size() - point - 1;
    form = kPoint + decimals;
    return all_numbers(values,
                       [&](std::string_view text, std::uint64_t& out) { return as_decimal(text, decimals, out); });
  }

  bool write_numbers(std::span<const std::string_view> values) {
    std::uint64_t form = kShort;
    if (!find_form(values, form)) return false;
    std::string plain;
    std::string deltas;
    std::uint64_t last = 0;
    for (const std::uint64_t number : numbers_) {
      put_varint(plain, number);
      put_varint(deltas, zigzag(static_cast<std::int64_t>(number - last)));
      last = number;
    }
    const auto [least, most] = std::minmax_element(numbers_.begin(), numbers_.end());
    const auto width = static_cast<unsigned>(std::bit_width(*most - *least));
    const std::size_t plain_bytes = trial_bytes(plain);
    const std::size_t delta_bytes = trial_bytes(deltas);
    const std::size_t packed = width <= kMostPackedBits ? packed_bytes(numbers_.size(), width) : SIZE_MAX;
    if (packed < std::min(plain_bytes, delta_bytes)) {
      begin(Kind::kPackedNumbers);
      put_varint(columns_, form);
      put_varint(columns_, *least);
      columns_ += static_cast<char>(width);
      put_bits(numbers_, *least, width, bits_);
    } else {
      begin(delta_bytes < plain_bytes ? Kind::kDeltas : Kind::kNumbers);
      put_varint(columns_, form);
      columns_ += delta_bytes < plain_bytes ? deltas : plain;
    }
    return true;
  }

  // The different values in order_, and which each is in numbers_; false: there are too many.
  bool find_dictionary(std::span<const std::string_view> values, std::size_t most, std::size_t limit) {
    known_.clear();
    order_.clear();
    numbers_.clear();
    most = std::min(most, limit);
    for (const std::string_view value : values) {
      const auto [at, fresh] = known_.try_emplace(value, static_cast<std::uint32_t>(order_.size()));
      if (fresh) order_.push_back(value);
      if (order_.size() > most) return false;
      numbers_.push_back(at->second);
    }
    return true;
  }

  void write_dictionary() {
    std::string ids;
    for (const std::uint64_t id : numbers_) {
      if (order_.size() <= 256)
        ids += static_cast<char>(id);
      else
        put_varint(ids, id);
    }
    const auto width = static_cast<unsigned>(std::bit_width(order_.size() - 1));
    const bool packs = packed_bytes(numbers_.size(), width) < trial_bytes(ids);
    begin(packs ? Kind::kPackedDictionary : Kind::kDictionary);
    put_varint(columns_, order_.size());
    for (const std::string_view value : order_) add(value);
    if (packs) {
      columns_ += static_cast<char>(width);
      put_bits(numbers_, 0, width, bits_);
    } else {
      columns_ += ids;
    }
  }

  std::string& columns_;
  std::string& strings_;
  std::string& bits_;
  Words words_;
  std::vector<std::uint64_t> numbers_;
  std::unordered_map<std::string_view, std::uint32_t, Hash> known_;
  std::vector<std::string_view> order_;
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
  std::string bits;
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
  ColumnWriter writer(columns, strings, bits, words);
  if (!values.empty()) writer.write(values);
  for (const Shapes::Shape* shape : kept) {
    const auto places = static_cast<std::size_t>(std::count(shape->text.begin(), shape->text.end(), kPlace));
    for (std::size_t place = 0; place < places; ++place) {
      values.clear();
      for (const std::uint32_t user : shape->users) values.push_back(all.values[all.first_value[user] + place]);
      writer.write(values);
    }
  }
  for (const std::string* piece : {&templates, &numbers, &columns, &strings, &bits}) pack(*piece, level, out);
}

}  // namespace resmon::logs
