#include "procfs/scan.h"

#include <string>

namespace resmon::procfs {

Error malformed(std::string_view what) {
  return Error{ErrorKind::kInvalid, std::string(what)};
}

Error Lines::error(std::string_view what) const {
  return Error{ErrorKind::kInvalid, "line " + std::to_string(number_ + (cut_ ? 1 : 0)) + ": " + std::string(what)};
}

std::string quoted(std::string_view text) {
  constexpr std::size_t kMost = 40;
  std::string out = "\"";
  for (const char c : text.substr(0, kMost)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte >= 0x7f ? '?' : c;
  }
  out += text.size() > kMost ? "\"…" : "\"";
  return out;
}

bool Fields::signed_number(std::int64_t& out) {
  const char* begin = next_;
  skip_blanks();
  const bool negative = literal("-");
  std::uint64_t value = 0;
  const std::uint64_t most = static_cast<std::uint64_t>(INT64_MAX) + (negative ? 1 : 0);
  if (next_ == end_ || *next_ == ' ' || *next_ == '\t' || !number(value) || value > most) {
    next_ = begin;
    return false;
  }
  out = static_cast<std::int64_t>(negative ? std::uint64_t{0} - value : value);
  return true;
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

}  // namespace resmon::procfs
