#include "influxql/parse/lexer.h"

// The lexer reproduces InfluxDB's reader down to how it counts: positions stand in error messages, which people search
// for. So the end of the text counts as one more character the first time it is read, and a string is reported at the
// character before its opening quote. That is why characters are read and given back one by one rather than scanned in
// the text.

#include <optional>

namespace resmon::influxql {
namespace {

bool is_space(char32_t c) {
  return c == ' ' || c == '\t' || c == '\n';
}
bool is_letter(char32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char32_t c) {
  return c >= '0' && c <= '9';
}
bool is_word_char(char32_t c) {
  return is_letter(c) || is_digit(c) || c == '_';
}
constexpr char32_t kMicro = 0xb5;

void append_utf8(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6U);
    out += static_cast<char>(0x80 | (c & 0x3fU));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12U);
    out += static_cast<char>(0x80 | (c >> 6U & 0x3fU));
    out += static_cast<char>(0x80 | (c & 0x3fU));
  } else {
    out += static_cast<char>(0xf0 | c >> 18U);
    out += static_cast<char>(0x80 | (c >> 12U & 0x3fU));
    out += static_cast<char>(0x80 | (c >> 6U & 0x3fU));
    out += static_cast<char>(0x80 | (c & 0x3fU));
  }
}

// The code point at `offset`, which it moves on; U+FFFD and one byte where there is none.
char32_t decode(std::string_view text, std::size_t& offset) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(offset++);
  if (first < 0x80) return first;
  std::size_t more = 0;
  char32_t code = 0, smallest = 0;
  if ((first & 0xe0U) == 0xc0U) {
    more = 1, code = first & 0x1fU, smallest = 0x80;
  } else if ((first & 0xf0U) == 0xe0U) {
    more = 2, code = first & 0x0fU, smallest = 0x800;
  } else if ((first & 0xf8U) == 0xf0U) {
    more = 3, code = first & 0x07U, smallest = 0x10000;
  } else {
    return 0xfffd;
  }
  if (offset + more > text.size()) return 0xfffd;
  for (std::size_t i = 0; i < more; ++i) {
    if ((byte(offset + i) & 0xc0U) != 0x80U) return 0xfffd;
    code = code << 6U | (byte(offset + i) & 0x3fU);
  }
  if (code < smallest || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return 0xfffd;
  offset += more;
  return code;
}

// Of a character that is a token whatever follows.
std::optional<Token> token_alone(char32_t code) {
  switch (code) {
    case 0:
      return Token::kEof;
    case '+':
      return Token::kAdd;
    case '*':
      return Token::kMul;
    case '%':
      return Token::kMod;
    case '&':
      return Token::kBitAnd;
    case '|':
      return Token::kBitOr;
    case '^':
      return Token::kBitXor;
    case '(':
      return Token::kLeftParen;
    case ')':
      return Token::kRightParen;
    case ',':
      return Token::kComma;
    case ';':
      return Token::kSemicolon;
    default:
      return std::nullopt;
  }
}

}  // namespace

Lexer::Char Lexer::read() {
  if (unread_ > 0) {
    --unread_;
    return current();
  }
  char32_t code = 0;
  if (offset_ < text_.size()) {
    code = decode(text_, offset_);
    if (code == '\r') {
      if (offset_ < text_.size() && text_[offset_] == '\n') ++offset_;
      code = '\n';
    }
  }
  last_ = (last_ + 1) % ring_.size();
  ring_[last_] = {code, next_position_};
  if (code == '\n') {
    ++next_position_.line;
    next_position_.character = 0;
  } else if (!ended_) {
    ++next_position_.character;
  }
  if (code == 0) ended_ = true;
  return ring_[last_];
}

char32_t Lexer::peek() {
  const Char c = read();
  if (c.code != 0) unread();
  return c.code;
}

Lexeme Lexer::next() {
  const Char first = read();
  const auto lexeme = [&](Token token) { return Lexeme{token, first.at, ""}; };
  // `with` where the next character is `second`, else `without`.
  const auto either = [&](char32_t second, Token with, Token without) {
    if (read().code == second) return lexeme(with);
    unread();
    return lexeme(without);
  };
  if (is_space(first.code)) return whitespace();
  if (is_letter(first.code) || first.code == '_' || first.code == '"') {
    unread();
    return word(true);
  }
  if (is_digit(first.code)) return number();
  if (const std::optional<Token> alone = token_alone(first.code)) return lexeme(*alone);
  switch (first.code) {
    case '\'':
      return quoted();
    case '.': {
      const bool fraction = is_digit(read().code);
      unread();
      return fraction ? number() : lexeme(Token::kDot);
    }
    case '$':
      return parameter();
    case '-':
      return minus_or_comment();
    case '/':
      return division_or_comment();
    case '=':
      return either('~', Token::kEqRegex, Token::kEq);
    case '!': {
      const char32_t second = read().code;
      if (second == '=') return lexeme(Token::kNeq);
      if (second == '~') return lexeme(Token::kNeqRegex);
      unread();
      break;
    }
    case '>':
      return either('=', Token::kGte, Token::kGt);
    case '<': {
      const char32_t second = read().code;
      if (second == '=') return lexeme(Token::kLte);
      if (second == '>') return lexeme(Token::kNeq);
      unread();
      return lexeme(Token::kLt);
    }
    case ':':
      return either(':', Token::kDoubleColon, Token::kColon);
    default:
      break;
  }
  Lexeme illegal = lexeme(Token::kIllegal);
  append_utf8(illegal.text, first.code);
  return illegal;
}

// $name
Lexeme Lexer::parameter() {
  const Position at = current().at;
  Lexeme name = word(false);
  name.text.insert(0, "$");
  if (name.token == Token::kIdent) name.token = Token::kBoundParam;
  name.at = at;
  return name;
}

Lexeme Lexer::minus_or_comment() {
  const Position at = current().at;
  if (read().code == '-') {
    for (char32_t c = read().code; c != '\n' && c != 0;) c = read().code;
    return {Token::kComment, at, ""};
  }
  unread();
  return {Token::kSub, at, ""};
}

Lexeme Lexer::division_or_comment() {
  const Position at = current().at;
  if (read().code == '*') return {skip_comment() ? Token::kComment : Token::kIllegal, at, ""};
  unread();
  return {Token::kDiv, at, ""};
}

Lexeme Lexer::whitespace() {
  const Char first = current();
  Lexeme out{Token::kWhitespace, first.at, ""};
  append_utf8(out.text, first.code);
  for (;;) {
    const char32_t c = read().code;
    if (c == 0) break;  // the end is not given back: it counts
    if (!is_space(c)) {
      unread();
      break;
    }
    append_utf8(out.text, c);
  }
  return out;
}

bool Lexer::skip_comment() {
  bool star = false;
  for (;;) {
    const char32_t c = read().code;
    if (c == 0) return false;
    if (star && c == '/') return true;
    star = c == '*';
  }
}

Lexeme Lexer::word(bool keywords) {
  Lexeme out{Token::kIdent, read().at, ""};
  unread();
  for (;;) {
    const char32_t c = read().code;
    if (c == 0) break;
    if (c == '"') {
      Lexeme string = quoted();
      if (string.token != Token::kString) return string;
      out.text = std::move(string.text);
      return out;
    }
    if (!is_word_char(c)) {
      unread();
      break;
    }
    append_utf8(out.text, c);
  }
  if (keywords) {
    out.token = keyword(out.text);
    if (out.token != Token::kIdent) out.text.clear();
  }
  return out;
}

Lexeme Lexer::quoted() {
  unread();
  Lexeme out{Token::kString, current().at, ""};
  const char32_t quote = read().code;
  for (;;) {
    const char32_t c = read().code;
    if (c == quote) return out;
    if (c == 0 || c == '\n') {
      out.token = Token::kBadString;
      return out;
    }
    if (c != '\\') {
      append_utf8(out.text, c);
      continue;
    }
    const char32_t escaped = read().code;
    if (escaped == 'n') {
      out.text += '\n';
    } else if (escaped == '\\' || escaped == '"' || escaped == '\'') {
      append_utf8(out.text, escaped);
    } else {
      out.token = Token::kBadEscape;
      out.text = "\\";
      append_utf8(out.text, escaped);
      out.at = current().at;
      return out;
    }
  }
}

Lexeme Lexer::next_regex() {
  Lexeme out{Token::kRegex, current().at, ""};
  read();
  for (;;) {
    const char32_t c = read().code;
    if (c == '/') return out;
    if (c == 0 || c == '\n') {
      out.token = Token::kBadRegex;
      out.text.clear();
      return out;
    }
    if (c == '\\') {
      const char32_t escaped = read().code;
      if (escaped == 0) {
        out.token = Token::kBadRegex;
        out.text.clear();
        return out;
      }
      if (escaped == '/') {
        out.text += '/';
        continue;
      }
      unread();
    }
    append_utf8(out.text, c);
  }
}

std::string Lexer::digits() {
  std::string out;
  for (;;) {
    const char32_t c = read().code;
    if (!is_digit(c)) {
      unread();
      return out;
    }
    out += static_cast<char>(c);
  }
}

Lexeme Lexer::number() {
  Lexeme out{Token::kInteger, current().at, ""};
  unread();
  out.text = digits();
  if (read().code == '.') {
    out.token = Token::kNumber;
    const char32_t after = read().code;
    if (is_digit(after)) {
      out.text += '.';
      out.text += static_cast<char>(after);
      out.text += digits();
    } else {
      unread();
    }
    return out;
  }
  unread();
  const char32_t unit = read().code;
  unread();
  if (!is_letter(unit) && unit != kMicro) return out;
  out.token = Token::kDurationValue;
  for (;;) {
    const char32_t c = read().code;
    if (!is_letter(c) && !is_digit(c) && c != kMicro) {
      unread();
      return out;
    }
    append_utf8(out.text, c);
  }
}

}  // namespace resmon::influxql
