#include "tail/redact.h"

#include <re2/re2.h>

#include <algorithm>

namespace resmon::tail {

namespace {

constexpr std::string_view kRedacted = "[redacted]";
constexpr std::size_t kMostName = 64;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}
char lower_case(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool ends_with_secret_name(std::string_view word) {
  static constexpr std::string_view kNames[] = {"password", "passwd",     "pwd",        "passphrase",    "secret",
                                                "token",    "api_key",    "apikey",     "api-key",       "access_key",
                                                "auth_key", "secret_key", "client_key", "authorization", "private_key"};
  for (const std::string_view name : kNames) {
    if (word.size() < name.size()) continue;
    const std::string_view end = word.substr(word.size() - name.size());
    if (std::equal(end.begin(), end.end(), name.begin(), [](char a, char b) { return lower_case(a) == b; }))
      return true;
  }
  return false;
}

// The value behind "name=" or "name: ": where it begins and ends.
std::pair<std::size_t, std::size_t> value_at(std::string_view text, std::size_t at) {
  while (at < text.size() && text[at] == ' ') ++at;
  // "Authorization: Bearer x": the scheme stays.
  for (const std::string_view scheme : {"Bearer ", "bearer ", "Basic ", "basic "})
    if (text.substr(at).starts_with(scheme)) at += scheme.size();
  if (at < text.size() && (text[at] == '"' || text[at] == '\'')) {
    const char quote = text[at++];
    std::size_t end = at;
    while (end < text.size() && text[end] != quote) end += text[end] == '\\' ? 2U : 1U;
    return {at, std::min(end, text.size())};
  }
  const std::size_t end = std::min(text.find_first_of(" \t\n,;&\"')}]", at), text.size());
  return {at, end};
}

std::size_t redact_tokens(std::string& text) {
  std::string out;
  std::size_t done = 0;
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::size_t value = std::string::npos;
    if (text[i] == '=' || text[i] == ':') {
      std::size_t end = i;
      if (end > done && (text[end - 1] == '"' || text[end - 1] == '\'')) --end;
      std::size_t begin = end;
      while (begin > done && end - begin < kMostName && is_word(text[begin - 1])) --begin;
      if (ends_with_secret_name(std::string_view(text).substr(begin, end - begin))) value = i + 1;
    } else if ((text[i] == 'B' || text[i] == 'b') && std::string_view(text).substr(i + 1).starts_with("earer ")) {
      value = i + 7;
    }
    if (value == std::string::npos) continue;
    const auto [begin, end] = value_at(text, value);
    if (begin >= end) continue;
    out.append(text, done, begin - done).append(kRedacted);
    done = end;
    i = end - 1;
    ++count;
  }
  if (count > 0) text = out.append(text, done);
  return count;
}

std::size_t redact_emails(std::string& text) {
  std::string out;
  std::size_t done = 0;
  std::size_t count = 0;
  const auto name = [](char c) { return is_word(c) || c == '.' || c == '+' || c == '%'; };
  for (std::size_t at = text.find('@'); at != std::string::npos; at = text.find('@', at + 1)) {
    std::size_t begin = at;
    while (begin > done && at - begin < kMostName && name(text[begin - 1])) --begin;
    std::size_t end = at + 1;
    bool dotted = false;
    while (end < text.size() && end - at < 255 && (is_word(text[end]) || text[end] == '.')) {
      dotted = dotted || (text[end] == '.' && end + 1 < text.size() && is_word(text[end + 1]));
      ++end;
    }
    if (text[end - 1] == '.') --end;
    if (begin == at || !dotted) continue;
    out.append(text, done, begin - done).append("[email]");
    done = end;
    ++count;
  }
  if (count > 0) text = out.append(text, done);
  return count;
}

bool luhn(std::string_view digits) {
  unsigned sum = 0;
  bool doubled = false;
  for (std::size_t i = digits.size(); i-- > 0; doubled = !doubled) {
    auto value = static_cast<unsigned>(digits[i] - '0');
    if (doubled) value = value * 2 > 9 ? value * 2 - 9 : value * 2;
    sum += value;
  }
  return sum % 10 == 0;
}

// Digits, single spaces or dashes between them. Cards begin with 3 to 6; so do neither seconds nor microseconds since
// 1970.
std::size_t redact_cards(std::string& text) {
  std::string out;
  std::size_t done = 0;
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!is_digit(text[i])) continue;
    const bool inside = i > 0 && (is_word(text[i - 1]) || text[i - 1] == '.');
    std::string digits;
    std::size_t end = i;
    while (end < text.size() && digits.size() <= 19) {
      if (is_digit(text[end])) {
        digits += text[end++];
      } else if ((text[end] == ' ' || text[end] == '-') && end + 1 < text.size() && is_digit(text[end + 1])) {
        ++end;
      } else {
        break;
      }
    }
    const bool ends = end >= text.size() || !is_word(text[end]);
    if (!inside && ends && digits.size() >= 13 && digits.size() <= 19 && digits[0] >= '3' && digits[0] <= '6' &&
        luhn(digits)) {
      out.append(text, done, i - done).append("[card]");
      done = end;
      ++count;
    }
    i = std::max(i, end - 1);
  }
  if (count > 0) text = out.append(text, done);
  return count;
}

}  // namespace

Redactor::Redactor() = default;
Redactor::Redactor(Redactor&&) noexcept = default;
Redactor& Redactor::operator=(Redactor&&) noexcept = default;
Redactor::~Redactor() = default;

Result<Redactor> Redactor::make(const RedactOptions& options) {
  Redactor out;
  out.options_ = options;
  for (const std::string& pattern : options.patterns) {
    re2::RE2::Options quiet;
    quiet.set_log_errors(false);
    quiet.set_encoding(re2::RE2::Options::EncodingLatin1);
    auto compiled = std::make_unique<re2::RE2>(pattern, quiet);
    if (!compiled->ok()) return fail(ErrorKind::kInvalid, "'" + pattern + "': " + compiled->error());
    out.patterns_.push_back(std::move(compiled));
  }
  return out;
}

bool Redactor::nothing_to_do() const {
  return !options_.tokens && !options_.emails && !options_.cards && patterns_.empty();
}

std::size_t Redactor::redact(std::string& text) const {
  std::size_t count = 0;
  if (options_.tokens) count += redact_tokens(text);
  if (options_.emails) count += redact_emails(text);
  if (options_.cards) count += redact_cards(text);
  for (const auto& pattern : patterns_)
    count += static_cast<std::size_t>(
        re2::RE2::GlobalReplace(&text, *pattern, re2::StringPiece(kRedacted.data(), kRedacted.size())));
  return count;
}

}  // namespace resmon::tail
