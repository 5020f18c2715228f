#pragma once

// The web page as bytes in the binary. With RESMON_WEB=ON the table holds the page that npm built; with OFF it holds
// one page that says so, so that a server always has something to answer at "/".

#include <span>
#include <string_view>

namespace resmon::web {

struct Asset {
  std::string_view path;          // as requested: "/", "/app-ABCDEFGH.js"
  std::string_view content_type;  // with its charset
  std::string_view etag;          // strong, quotes included
  std::span<const unsigned char> gzip_body;
  bool immutable;  // the path names this very content: may be cached for ever
  // Of what stands in an HTML page itself, as Content-Security-Policy names it: "'sha256-…'". Empty: nothing does.
  std::string_view inline_script;
  std::string_view inline_style;
};

// Sorted by path; lives as long as the program.
std::span<const Asset> assets();

inline constexpr std::string_view kImmutableCacheControl = "public, max-age=31536000, immutable";
inline constexpr std::string_view kRevalidateCacheControl = "no-cache";

}  // namespace resmon::web
