#pragma once

// The scanning that all parsers of this library share: lines, then fields of a line. Hand-written because a gather
// parses some thousand numbers and the general tools (sscanf, from_chars behind a tokenizer, streams) cost more than
// the kernel's own formatting. Nothing here reads past the text it was given, and no text needs a terminating zero.
//
// The kernel ends every line, so a last line without its end was cut off, and a number in it may be a part of one:
// Lines never hands such a line out, and says so through cut().

#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/result.h"

namespace resmon::procfs {

class Lines {
 public:
  explicit Lines(std::string_view text) : next_(text.data()), end_(text.data() + text.size()) {}

  // The next whole line, without its end. False when there is none.
  bool next(std::string_view& line) {
    if (next_ == end_) return false;
    const auto* newline = static_cast<const char*>(std::memchr(next_, '\n', static_cast<std::size_t>(end_ - next_)));
    if (newline == nullptr) {
      cut_ = true;
      return false;
    }
    line = {next_, static_cast<std::size_t>(newline - next_)};
    next_ = newline + 1;
    ++number_;
    return true;
  }
  bool cut() const { return cut_; }
  // An error about the line handed out last, or about the cut-off one after it: "line 3: …".
  Error error(std::string_view what) const;

 private:
  const char* next_;
  const char* end_;
  std::size_t number_ = 0;
  bool cut_ = false;
};

// The blank-separated fields of one line. Every taker leaves the position where it was when it returns false.
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
  bool signed_number(std::int64_t& out);
  // A decimal number such as 12.34: at most 18 digits, correctly rounded for up to 15.
  bool decimal(double& out);
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

// For text that hostile input could make long: at most 40 characters of it, control characters replaced.
std::string quoted(std::string_view text);

}  // namespace resmon::procfs
