// The page of a server that was built without its page.
//
// An asset's body is gzip. Here it is made at compile time as one stored (uncompressed) block of RFC 1951 inside RFC
// 1952's frame, because the other ways are worse: opaque bytes in the source, or a second, uncompressed kind of asset
// that every caller would have to know.

#include <array>
#include <cstddef>
#include <cstdint>

#include "web/assets.h"

namespace resmon::web {
namespace {

constexpr std::string_view kPage =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>resmon</title><h1>resmon-server is running</h1>"
    "<p>It was built without its web page (RESMON_WEB=OFF). Build it with <code>cmake -DRESMON_WEB=ON</code>, which "
    "needs "
    "nodejs and npm.</p><p>What is here all the same: <a href=\"/api/v1/hosts\">the hosts as JSON</a>, "
    "<a href=\"/metrics\">metrics</a>, <a href=\"/healthz\">health</a>.</p></html>\n";

constexpr std::uint32_t crc32(std::string_view text) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : text) {
    crc ^= static_cast<std::uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

constexpr std::size_t kHeaderBytes = 10;
constexpr std::size_t kBlockBytes = 5;
constexpr std::size_t kTrailerBytes = 8;
static_assert(kPage.size() <= 65535, "a stored block holds no more");

constexpr auto make_gzip() {
  std::array<unsigned char, kHeaderBytes + kBlockBytes + kPage.size() + kTrailerBytes> out{0x1f, 0x8b, 8, 0, 0,
                                                                                           0,    0,    0, 0, 255};
  std::size_t at = kHeaderBytes;
  const auto put = [&](std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out[at++] = static_cast<unsigned char>((value >> (8 * i)) & 0xFFU);
  };
  constexpr auto kLength = static_cast<std::uint32_t>(kPage.size());
  put(1, 1);  // last block, stored
  put(kLength, 2);
  put(~kLength, 2);
  for (const char c : kPage) out[at++] = static_cast<unsigned char>(c);
  put(crc32(kPage), 4);
  put(kLength, 4);
  return out;
}

constexpr auto kBody = make_gzip();
constexpr Asset kAssets[] = {{"/", "text/html; charset=utf-8", "\"built-without-page-1\"", kBody, false, {}, {}}};

}  // namespace

std::span<const Asset> assets() {
  return kAssets;
}

}  // namespace resmon::web
