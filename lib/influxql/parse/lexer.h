#pragma once

#include <array>
#include <string>
#include <string_view>

#include "influxql/parse/token.h"

namespace resmon::influxql {

// Text to lexemes, whitespace and comments included. A regular expression looks like a division, so the parser asks for
// one by name. Any bytes may come in: what is not UTF-8 reads as U+FFFD, and a zero byte as the end.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Lexeme next();
  Lexeme next_regex();  // REQUIRES: peek() == '/'
  char32_t peek();      // the next code point, 0 at the end

 private:
  struct Char {
    char32_t code = 0;
    Position at;
  };

  // Decodes the next code point, or gives one of the last two again after unread().
  Char read();
  void unread() { ++unread_; }
  Char current() const { return ring_[(last_ + ring_.size() - unread_) % ring_.size()]; }

  Lexeme parameter();
  Lexeme minus_or_comment();
  Lexeme division_or_comment();
  Lexeme whitespace();
  Lexeme word(bool keywords);
  Lexeme quoted();
  Lexeme number();
  std::string digits();
  bool skip_comment();

  std::string_view text_;
  std::size_t offset_ = 0;
  Position next_position_;
  bool ended_ = false;
  std::array<Char, 3> ring_{};
  std::size_t last_ = 0;
  std::size_t unread_ = 0;
};

}  // namespace resmon::influxql
