#include "procfs/scan.h"

namespace resmon::procfs {

namespace {

constexpr std::size_t kMostQuoted = 80;
constexpr std::size_t kMostNameBytes = 255;

// How many bytes the UTF-8 character at the text's beginning has; 0: it is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  // Longer than need be, surrogates, above U+10FFFF.
  const bool bad = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f) ||
                   (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f);
  return bad ? 0 : length;
}

}  // namespace

std::string Skipped::describe() const {
  std::string out = line_number_ == 0 ? std::string() : "line " + std::to_string(line_number_) + ": ";
  out += reason_;
  if (text_size_ == 0) return out;
  return out + ": " + quoted({text_.data(), text_size_}) + (whole_ ? "" : "…");
}

Error malformed(std::string_view what) {
  return Error{ErrorKind::kInvalid, std::string(what)};
}

Unexpected<Error> nothing_of_use(Skipped& skipped, std::string_view missing) {
  if (skipped.lines() == 0) skipped.add(0, missing, "");
  return fail(malformed(skipped.describe()));
}

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > kMostNameBytes) return false;
  while (!text.empty()) {
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t length = utf8_length(text);
    if (length == 0 || first < 0x20 || first == 0x7f) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, kMostQuoted)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte >= 0x7f ? '?' : c;
  }
  out += text.size() > kMostQuoted ? "\"…" : "\"";
  return out;
}

bool Fields::decimal(double& out) {
  skip_blanks();
  const char* p = next_;
  std::uint64_t digits = 0;
  double scale = 1;
  int count = 0;
  bool fraction = false;
  for (; p != end_ && *p != ' ' && *p != '\t'; ++p) {
    if (*p == '.' && !fraction) {
      fraction = true;
      continue;
    }
    const unsigned digit = static_cast<unsigned char>(*p) - unsigned{'0'};
    if (digit > 9 || ++count > 18) return false;
    digits = digits * 10 + digit;
    if (fraction) scale *= 10;
  }
  if (count == 0) return false;
  next_ = p;
  out = static_cast<double>(digits) / scale;
  return true;
}

bool Fields::take(Decimal& out) {
  double value = 0;
  if (decimal(value)) {
    out = value;
    return true;
  }
  out.reset();
  std::string_view ignored;
  word(ignored);
  return false;
}

}  // namespace resmon::procfs
