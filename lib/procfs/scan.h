#pragma once

// The scanning that all parsers of this library share: lines, then fields of a line. Hand-written because a gather
// parses some thousand numbers and the general tools (sscanf, from_chars behind a tokenizer, streams) cost more than
// the kernel's own formatting. Nothing here reads past the text it was given, and no text needs a terminating zero.
//
// The rule for all of them: a line that cannot be read costs that line, a value that cannot be read costs that value,
// and everything else comes through. So the parsers take a `Skipped`, count there what they left out, and fail only
// when nothing of use was left. A value that is missing or bad is an empty `Number`, never 0. NUL bytes at the end of a
// line or of the text are no part of it, and the last line needs no end: some kernels and emulations of /proc
// (OpenVZ, lxcfs) write both.

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace resmon::procfs {

using Number = std::optional<std::uint64_t>;
using Decimal = std::optional<double>;

// The lines of which something was left out, and the first of them. Allocates nothing.
class Skipped {
 public:
  // `reason` must live for ever: a literal. The text is copied in part. `line_number` counts from 1; 0: not a line.
  void add(std::size_t line_number, std::string_view reason, std::string_view text) {
    if (lines_++ != 0) return;
    line_number_ = line_number;
    reason_ = reason;
    text_size_ = text.copy(text_.data(), text_.size());
    whole_ = text_size_ == text.size();
  }
  std::uint64_t lines() const { return lines_; }
  std::string_view reason() const { return reason_; }
  // Of the first: "line 3: not a number: "ctxt x"".
  std::string describe() const;

 private:
  std::uint64_t lines_ = 0;
  std::size_t line_number_ = 0;
  std::string_view reason_;
  std::array<char, 80> text_;  // as far as text_size_
  std::size_t text_size_ = 0;
  bool whole_ = true;
};

class Lines {
 public:
  explicit Lines(std::string_view text) : next_(text.data()), end_(text.data() + text.size()) {
    while (end_ != next_ && end_[-1] == '\0') --end_;
  }

  // The next line, without its end. False when there is none.
  bool next(std::string_view& line) {
    if (next_ == end_) return false;
    const auto left = static_cast<std::size_t>(end_ - next_);
    const auto* newline = static_cast<const char*>(std::memchr(next_, '\n', left));
    line = {next_, newline == nullptr ? left : static_cast<std::size_t>(newline - next_)};
    next_ = newline == nullptr ? end_ : newline + 1;
    while (!line.empty() && line.back() == '\0') line.remove_suffix(1);
    ++number_;
    return true;
  }
  std::size_t number() const { return number_; }  // of the line handed out last, from 1

 private:
  const char* next_;
  const char* end_;
  std::size_t number_ = 0;
};

// The blank-separated fields of one line. Every taker leaves the position where it was when it returns false, but for
// those that take a Number or a Decimal.
class Fields {
 public:
  explicit Fields(std::string_view line) : next_(line.data()), end_(line.data() + line.size()) {}

  void skip_blanks() {
    while (next_ != end_ && (*next_ == ' ' || *next_ == '\t')) ++next_;
  }
  bool at_end() {
    skip_blanks();
    return next_ == end_;
  }
  std::string_view rest() const { return {next_, static_cast<std::size_t>(end_ - next_)}; }

  bool word(std::string_view& out) {
    skip_blanks();
    const char* begin = next_;
    while (next_ != end_ && *next_ != ' ' && *next_ != '\t') ++next_;
    out = {begin, static_cast<std::size_t>(next_ - begin)};
    return next_ != begin;
  }

  // An unsigned decimal number that fits 64 bits and is followed by a blank or the end of the line.
  bool number(std::uint64_t& out) {
    skip_blanks();
    const char* p = next_;
    std::uint64_t value = 0;
    while (p != end_) {
      const unsigned digit = static_cast<unsigned char>(*p) - unsigned{'0'};
      if (digit > 9) break;
      if (value > (UINT64_MAX - digit) / 10) return false;
      value = value * 10 + digit;
      ++p;
    }
    if (p == next_ || (p != end_ && *p != ' ' && *p != '\t')) return false;
    next_ = p;
    out = value;
    return true;
  }
  // A decimal number such as 12.34: at most 18 digits, correctly rounded for up to 15.
  bool decimal(double& out);
  // The next field, whatever it is: false, and an empty `out`, when it is not such a number or there is none.
  bool take(Number& out) {
    std::uint64_t value = 0;
    if (number(value)) {
      out = value;
      return true;
    }
    out.reset();
    std::string_view ignored;
    word(ignored);
    return false;
  }
  bool take(Decimal& out);
  // Takes `text` if the line goes on with it.
  bool literal(std::string_view text) {
    if (rest().substr(0, text.size()) != text) return false;
    next_ += text.size();
    return true;
  }

 private:
  const char* next_;
  const char* end_;
};

// "what", of kind kInvalid: how a parser says what is wrong. Its caller puts the file's path in front.
Error malformed(std::string_view what);

// Why a parser found nothing of use: what it skipped, or else `missing`, a literal, which is then counted.
Unexpected<Error> nothing_of_use(Skipped& skipped, std::string_view missing);

// Whether there is nothing else than ASCII in it: what the kernel's own keywords are.
inline bool is_ascii(std::string_view text) {
  std::uint64_t bits = 0;
  for (; text.size() >= sizeof bits; text.remove_prefix(sizeof bits)) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, text.data(), sizeof eight);
    bits |= eight;
  }
  for (const char c : text) bits |= static_cast<unsigned char>(c);
  return (bits & 0x8080808080808080U) == 0;
}

// Whether a name can be a tag's value: not empty, at most 255 bytes of UTF-8, no control characters.
bool is_name(std::string_view text);

// For text that hostile input could make long: at most 80 bytes of it, what is not printable ASCII replaced.
std::string quoted(std::string_view text);

}  // namespace resmon::procfs
