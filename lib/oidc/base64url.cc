#include "oidc/base64url.h"

#include <cstdint>

namespace resmon::oidc {

namespace {

constexpr std::string_view kLettersForUrls = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int value_of_letter(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '-') return 62;
  return c == '_' ? 63 : -1;
}

}  // namespace

std::string base64url(std::string_view bytes) {
  std::string out;
  std::uint32_t bits = 0;
  int waiting = 0;
  for (const char c : bytes) {
    bits = (bits << 8U) | static_cast<unsigned char>(c);
    waiting += 8;
    for (; waiting >= 6; waiting -= 6) out += kLettersForUrls[(bits >> (waiting - 6)) & 63U];
  }
  if (waiting > 0) out += kLettersForUrls[(bits << (6 - waiting)) & 63U];
  return out;
}

std::optional<std::string> from_base64url(std::string_view text) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int waiting = 0;
  for (const char c : text) {
    const int value = value_of_letter(c);
    if (value < 0) return std::nullopt;
    bits = (bits << 6U) | static_cast<std::uint32_t>(value);
    waiting += 6;
    if (waiting < 8) continue;
    waiting -= 8;
    out += static_cast<char>((bits >> waiting) & 255U);
  }
  if ((bits & ((1U << waiting) - 1U)) != 0) return std::nullopt;
  return out;
}

}  // namespace resmon::oidc
