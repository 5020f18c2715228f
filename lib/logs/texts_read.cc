#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include "logs/bytes.h"
#include "logs/line_filter.h"
#include "logs/pack.h"
#include "logs/texts.h"
#include "logs/texts_format.h"

namespace resmon::logs {

namespace {

using namespace texts;

// `count` numbers of `width` bits from the front of `bits`.
bool get_bits(Reader& bits, std::size_t count, unsigned width, std::uint64_t least, std::vector<std::uint64_t>& out) {
  if (width > kMostPackedBits) return false;
  const std::string_view bytes = bits.bytes((count * width + 7) / 8);
  if (!bits.ok()) return false;
  const std::uint64_t mask = (1ULL << width) - 1;
  out.assign(count, least);
  if (width == 0) return true;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = i * width;
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at / 8, std::min<std::size_t>(8, bytes.size() - at / 8));
    out[i] = least + (word >> (at % 8) & mask);
  }
  return true;
}

constexpr std::array<std::uint64_t, kMostDigits + 1> kPowers = [] {
  std::array<std::uint64_t, kMostDigits + 1> powers{1};
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();

// One place of one template.
class ColumnReader {
 public:
  bool open(Reader& columns, Reader& strings, Reader& bits, std::size_t count) {
    kind_ = static_cast<Kind>(columns.u8());
    switch (kind_) {
      case Kind::kSame:
        texts_.push_back(strings.text());
        break;
      case Kind::kNumbers:
      case Kind::kDeltas: {
        form_ = columns.varint(kAddress);
        numbers_.reserve(std::min(count, columns.remaining()));
        std::uint64_t last = 0;
        for (std::size_t i = 0; i < count && columns.ok(); ++i) {
          const std::uint64_t value = columns.varint();
          last = kind_ == Kind::kNumbers ? value : last + static_cast<std::uint64_t>(unzigzag(value));
          numbers_.push_back(last);
        }
        break;
      }
      case Kind::kPackedNumbers: {
        form_ = columns.varint(kAddress);
        const std::uint64_t least = columns.varint();
        const unsigned width = columns.u8();
        if (!columns.ok() || !get_bits(bits, count, width, least, numbers_)) return false;
        break;
      }
      case Kind::kDictionary:
      case Kind::kPackedDictionary:
        if (!open_dictionary(columns, strings, bits, count)) return false;
        break;
      case Kind::kTexts:
        texts_.reserve(std::min(count, strings.remaining()));
        for (std::size_t i = 0; i < count && strings.ok(); ++i) texts_.push_back(strings.text());
        break;
      case Kind::kHex:
        form_ = columns.varint(kMostHexDigits);
        hex_ = bits.bytes((count * static_cast<std::size_t>(form_) + 1) / 2);
        return columns.ok() && bits.ok();
      default:
        return false;
    }
    return columns.ok() && strings.ok() && bits.ok() && is_form(form_);
  }

  // REQUIRES, for both: i < open's `count`.
  void append(std::size_t i, std::string& out) const {
    switch (kind_) {
      case Kind::kSame:
        out += texts_.front();
        break;
      case Kind::kDictionary:
      case Kind::kPackedDictionary:
        out += texts_[static_cast<std::size_t>(numbers_[i])];
        break;
      case Kind::kTexts:
        out += texts_[i];
        break;
      case Kind::kHex:
        append_hex(i, out);
        break;
      default:
        append_number(numbers_[i], out);
    }
  }
  // Where the same text leads.
  LineAutomaton::State run(const LineAutomaton& automaton, LineAutomaton::State state, std::size_t i) const {
    switch (kind_) {
      case Kind::kSame:
        return automaton.run(state, texts_.front());
      case Kind::kDictionary:
      case Kind::kPackedDictionary:
        return automaton.run(state, texts_[static_cast<std::size_t>(numbers_[i])]);
      case Kind::kTexts:
        return automaton.run(state, texts_[i]);
      case Kind::kHex:
        return run_hex(automaton, state, i);
      default:
        return run_number(automaton, state, numbers_[i]);
    }
  }

 private:
  bool open_dictionary(Reader& columns, Reader& strings, Reader& bits, std::size_t count) {
    const auto distinct = static_cast<std::size_t>(columns.varint(count));
    texts_.reserve(std::min(distinct, strings.remaining()));
    for (std::size_t i = 0; i < distinct && strings.ok(); ++i) texts_.push_back(strings.text());
    if (!columns.ok() || !strings.ok()) return false;
    if (kind_ == Kind::kPackedDictionary) {
      const unsigned width = columns.u8();
      if (!columns.ok() || !get_bits(bits, count, width, 0, numbers_)) return false;
    } else {
      numbers_.reserve(std::min(count, columns.remaining()));
      for (std::size_t i = 0; i < count && columns.ok(); ++i)
        numbers_.push_back(distinct <= 256 ? columns.u8() : columns.varint());
    }
    return std::all_of(numbers_.begin(), numbers_.end(), [&](std::uint64_t id) { return id < distinct; });
  }

  void append_hex(std::size_t i, std::string& out) const {
    static constexpr char kDigits[] = "0123456789abcdef";
    const auto digits = static_cast<std::size_t>(form_);
    for (std::size_t k = i * digits; k < (i + 1) * digits; ++k)
      out += kDigits[static_cast<std::uint8_t>(hex_[k / 2]) >> (k % 2 * 4) & 15U];
  }

  LineAutomaton::State run_hex(const LineAutomaton& automaton, LineAutomaton::State state, std::size_t i) const {
    const auto digits = static_cast<std::size_t>(form_);
    if (digits % 2 == 0) {
      for (const char c : hex_.substr(i * digits / 2, digits / 2))
        state = automaton.run_hex(state, static_cast<std::uint8_t>(c));
      return state;
    }
    std::string text;
    append_hex(i, text);
    return automaton.run(state, text);
  }

  LineAutomaton::State run_number(const LineAutomaton& automaton, LineAutomaton::State state,
                                  std::uint64_t number) const {
    if (form_ == kShort) return automaton.run_number(state, number);
    if (form_ == kAddress) {
      for (unsigned shift = 24;; shift -= 8) {
        state = automaton.run_number(state, number >> shift & 255U);
        if (shift == 0) return state;
        state = automaton.step(state, '.');
      }
    }
    if (form_ <= kMostDigits) {
      const bool full = number >= kPowers[static_cast<std::size_t>(form_) - 1];
      return full ? automaton.run_number(state, number)
                  : automaton.run_padded(state, number, static_cast<unsigned>(form_));
    }
    const auto decimals = static_cast<std::size_t>(form_ - kPoint);
    state = automaton.step(automaton.run_number(state, number / kPowers[decimals]), '.');
    return automaton.run_padded(state, number % kPowers[decimals], static_cast<unsigned>(decimals));
  }

  static char* put_number(std::uint64_t number, char* to) { return std::to_chars(to, to + 20, number).ptr; }

  void append_number(std::uint64_t number, std::string& out) const {
    char buffer[48];
    char* end = buffer;
    if (form_ == kAddress) {
      for (unsigned shift = 24;; shift -= 8) {
        end = put_number(number >> shift & 255U, end);
        if (shift == 0) break;
        *end++ = '.';
      }
      out.append(buffer, end);
      return;
    }
    end = put_number(number, end);
    const auto digits = static_cast<std::size_t>(end - buffer);
    if (form_ <= kMostDigits) {
      if (digits < form_) out.append(static_cast<std::size_t>(form_) - digits, '0');
      out.append(buffer, digits);
      return;
    }
    const auto decimals = static_cast<std::size_t>(form_ - kPoint);
    if (digits > decimals) {
      out.append(buffer, digits - decimals).append(1, '.').append(end - decimals, decimals);
    } else {
      out.append("0.").append(decimals - digits, '0').append(buffer, digits);
    }
  }

  Kind kind_ = Kind::kSame;
  std::uint64_t form_ = kShort;  // of kHex: how many digits
  std::vector<std::string_view> texts_;
  std::vector<std::uint64_t> numbers_;
  std::string_view hex_;
};

struct Template {
  std::string_view text;
  std::size_t users = 0;
  bool wanted = true;
  std::vector<std::string_view> between;  // what is before each place, and behind the last
  std::vector<ColumnReader> columns;
  std::size_t used = 0;  // of its texts

  void find_places() {
    std::size_t begin = 0;
    for (std::size_t place = text.find(kPlace); place != std::string_view::npos; place = text.find(kPlace, begin)) {
      between.push_back(text.substr(begin, place - begin));
      begin = place + 1;
    }
    between.push_back(text.substr(begin));
    columns.resize(between.size() - 1);
  }
  void append(std::size_t use, std::string& out) const {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      out += between[i];
      columns[i].append(use, out);
    }
    out += between.back();
  }
};

// Runs texts of one template through an automaton. What is between places leads from a state always to the same.
class TemplateRun {
 public:
  TemplateRun(const LineAutomaton& automaton, const Template& of)
      : automaton_(automaton), of_(of), known_(of.between.size() * automaton.states(), kUnknown) {}

  bool accepts(std::size_t use) {
    LineAutomaton::State state = between(0, automaton_.start());
    for (std::size_t i = 0; i < of_.columns.size() && state != LineAutomaton::kMatched; ++i)
      state = between(i + 1, of_.columns[i].run(automaton_, state, use));
    return automaton_.accepts(state);
  }

 private:
  static constexpr LineAutomaton::State kUnknown = std::numeric_limits<LineAutomaton::State>::max();

  LineAutomaton::State between(std::size_t which, LineAutomaton::State state) {
    LineAutomaton::State& known = known_[which * automaton_.states() + state];
    if (known == kUnknown) known = automaton_.run(state, of_.between[which]);
    return known;
  }

  const LineAutomaton& automaton_;
  const Template& of_;
  std::vector<LineAutomaton::State> known_;  // by piece and state
};

Unexpected<Error> damaged_texts(const char* what) {
  return fail(ErrorKind::kDamaged, std::string("a column of texts: ") + what);
}

// Which templates can make a text that the filter lets through.
void choose(const LineFilter& filter, std::string_view strings, std::vector<Template>& all) {
  const LineFilter::Strings known = filter.look_at(strings);
  for (Template& one : all) one.wanted = one.users > 0 && filter.may_match(one.text, known);
}

}  // namespace

Result<Texts> decode_texts(std::string_view& bytes, std::size_t count, std::size_t limit_bytes,
                           const LineFilter* filter, std::vector<bool>* left_out, const std::vector<bool>& keep) {
  std::array<std::string, 5> pieces;
  for (std::string& piece : pieces) {
    RESMON_ASSIGN(piece, unpack(bytes));
  }
  const auto& [templates_piece, numbers_piece, columns_piece, strings_piece, bits_piece] = pieces;

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
  Reader bits(bits_piece);
  for (Template& one : all) {
    if (one.users == 0) continue;
    one.find_places();
    for (ColumnReader& column : one.columns)
      if (!column.open(columns, strings, bits, one.users)) return damaged_texts("its values");
  }
  if (!columns.done() || !strings.done() || !bits.done()) return damaged_texts("more than its values");

  if (filter != nullptr) choose(*filter, strings_piece, all);
  if (left_out != nullptr) left_out->assign(count, false);
  const LineAutomaton* const automaton = filter != nullptr ? filter->automaton() : nullptr;
  std::vector<std::optional<TemplateRun>> runs(automaton != nullptr ? all.size() : 0);
  Texts out;
  out.ends.reserve(count);
  for (std::size_t i = 0; i < of.size(); ++i) {
    Template& one = all[of[i]];
    const std::size_t use = one.used++;
    const bool kept = !keep.empty() && keep[i];
    bool wanted = one.wanted || kept;
    if (wanted && !kept && automaton != nullptr) {
      auto& run = runs[of[i]];
      if (!run) run.emplace(*automaton, one);
      wanted = run->accepts(use);
    }
    if (wanted)
      one.append(use, out.bytes);
    else if (left_out != nullptr)
      (*left_out)[i] = true;
    if (out.bytes.size() > limit_bytes) return damaged_texts("longer than it may be");
    out.close();
  }
  return out;
}

}  // namespace resmon::logs
