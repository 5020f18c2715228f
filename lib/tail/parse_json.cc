// One JSON object a line. A scanner of its own: it is strict where that matters for finding the ends of things, and
// what it does not understand makes the line a plain message.

#include <array>

#include "base/utf8.h"
#include "tail/parse.h"

namespace resmon::tail {

namespace {

constexpr int kMostDepth = 6;

}  // namespace

class JsonLine {
 public:
  JsonLine(Parser& parser, std::string_view text, UnixNanos now, logline::Line& line)
      : parser_(parser), text_(text), now_(now), line_(line) {}

  bool read() {
    blanks();
    if (!object("", 0)) return false;
    blanks();
    return at_ == text_.size();
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
  }
  bool take(char c) {
    if (peek() != c || at_ >= text_.size()) return false;
    ++at_;
    return true;
  }

  bool object(std::string_view prefix, int depth) {
    if (depth > kMostDepth || !take('{')) return false;
    blanks();
    if (take('}')) return true;
    while (true) {
      blanks();
      std::string_view name;
      if (!string(name)) return false;
      blanks();
      if (!take(':')) return false;
      blanks();
      if (!prefix.empty()) name = parser_.keep(std::string(prefix) + "." + std::string(name));
      if (!member(name, depth)) return false;
      blanks();
      if (take('}')) return true;
      if (!take(',')) return false;
    }
  }

  bool member(std::string_view name, int depth) {
    if (peek() == '{') return object(name, depth + 1);
    std::string_view value;
    if (peek() == '"') {
      if (!string(value)) return false;
    } else if (peek() == '[') {
      const std::size_t begin = at_;
      if (!pass_array()) return false;
      value = text_.substr(begin, at_ - begin);
    } else {
      const std::size_t end = std::min(text_.find_first_of(",}] \t\r\n", at_), text_.size());
      value = text_.substr(at_, end - at_);
      if (value.empty()) return false;
      at_ = end;
      if (value == "null") return true;
    }
    parser_.put(name, value, now_, line_);
    return parser_.fields_.size() <= kMostParsedFields;
  }

  // Only its end is looked for.
  bool pass_array() {
    int depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        std::string_view ignored;
        if (!string(ignored)) return false;
        continue;
      }
      ++at_;
      if (c == '[' || c == '{') ++depth;
      if ((c == ']' || c == '}') && --depth == 0) return true;
    }
    return false;
  }

  bool string(std::string_view& out) {
    if (!take('"')) return false;
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\') ++at_;
    if (peek() == '"') {
      out = text_.substr(begin, at_ - begin);
      return take('"');
    }
    std::string plain(text_.substr(begin, at_ - begin));
    while (at_ < text_.size() && text_[at_] != '"') {
      if (text_[at_] != '\\') {
        plain += text_[at_++];
      } else if (!escape(plain)) {
        return false;
      }
    }
    if (!take('"')) return false;
    out = parser_.keep(std::move(plain));
    return true;
  }

  bool escape(std::string& out) {
    if (at_ + 1 >= text_.size()) return false;
    const char c = text_[at_ + 1];
    at_ += 2;
    static constexpr std::string_view kFrom = "nrtbf\"\\/";
    static constexpr std::string_view kTo = "\n\r\t\b\f\"\\/";
    if (const std::size_t known = kFrom.find(c); known != std::string_view::npos) {
      out += kTo[known];
      return true;
    }
    std::uint32_t code = 0;
    if (c != 'u' || !hex(code)) return false;
    if (code >= 0xd800 && code < 0xdc00 && text_.substr(at_).starts_with("\\u")) {
      at_ += 2;
      std::uint32_t low = 0;
      if (!hex(low)) return false;
      code = low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((code - 0xd800) << 10U) + (low - 0xdc00) : 0xfffd;
    }
    append_utf8(code, out);
    return true;
  }

  bool hex(std::uint32_t& code) {
    if (text_.size() - at_ < 4) return false;
    for (int i = 0; i < 4; ++i) {
      const char c = text_[at_++];
      const char lower = static_cast<char>(c | 0x20);
      if (c >= '0' && c <= '9')
        code = code << 4U | static_cast<std::uint32_t>(c - '0');
      else if (lower >= 'a' && lower <= 'f')
        code = code << 4U | static_cast<std::uint32_t>(lower - 'a' + 10);
      else
        return false;
    }
    return true;
  }

  Parser& parser_;
  const std::string_view text_;
  const UnixNanos now_;
  logline::Line& line_;
  std::size_t at_ = 0;
};

bool Parser::parse_json(std::string_view text, UnixNanos now, logline::Line& line) {
  return JsonLine(*this, text, now, line).read();
}

}  // namespace resmon::tail
