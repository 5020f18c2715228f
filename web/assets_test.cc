#include "web/assets.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <set>
#include <sstream>
#include <string>

namespace resmon::web {
namespace {

std::string gunzip(std::span<const unsigned char> packed) {
  z_stream stream{};
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) return {};
  std::string out(4U << 20U, '\0');
  stream.next_in = const_cast<unsigned char*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<unsigned char*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int end = inflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  const bool all = end == Z_STREAM_END && stream.avail_in == 0;
  inflateEnd(&stream);
  return all ? out : std::string{};
}

const Asset* find(std::string_view path) {
  for (const Asset& asset : assets())
    if (asset.path == path) return &asset;
  return nullptr;
}

// Of the attribute that is there.
std::string value_at(const std::string& html, std::size_t attribute) {
  const std::size_t begin = html.find('"', attribute) + 1;
  return html.substr(begin, html.find('"', begin) - begin);
}

TEST(Assets, EveryBodyIsOneCompleteGzipMember) {
  ASSERT_FALSE(assets().empty());
  std::set<std::string_view> etags;
  for (const Asset& asset : assets()) {
    EXPECT_FALSE(gunzip(asset.gzip_body).empty()) << asset.path;
    EXPECT_FALSE(asset.content_type.empty()) << asset.path;
    EXPECT_TRUE(etags.insert(asset.etag).second) << asset.path;
    EXPECT_TRUE(asset.etag.size() > 2 && asset.etag.front() == '"' && asset.etag.back() == '"') << asset.etag;
  }
}

// What "/" names must be there, under a name that may be cached for ever, while "/" itself must not be.
TEST(Assets, TheIndexNamesOnlyAssetsThatExist) {
  const Asset* index = find("/");
  ASSERT_NE(index, nullptr);
  EXPECT_FALSE(index->immutable);
  const std::string html = gunzip(index->gzip_body);
  EXPECT_NE(html.find("resmon"), std::string::npos);
  for (const std::string_view attribute : {"href=\"/app", "href=\"/chunk", "data-page=\"", "data-charts=\""}) {
    std::size_t named = 0;
    for (std::size_t at = html.find(attribute); at != std::string::npos; at = html.find(attribute, at + 1)) {
      std::istringstream paths(value_at(html, at));
      for (std::string path; paths >> path; ++named) {
        const Asset* asset = find(path);
        ASSERT_NE(asset, nullptr) << path;
        EXPECT_TRUE(asset->immutable) << path;
      }
    }
    EXPECT_GT(named, 0U) << attribute;
  }
}

// A browser runs and applies nothing else of what stands in the page itself.
TEST(Assets, TheIndexsOwnScriptAndStyleHaveOneHashEach) {
  const Asset* index = find("/");
  ASSERT_NE(index, nullptr);
  for (const std::string_view hash : {index->inline_script, index->inline_style}) {
    EXPECT_TRUE(hash.starts_with("'sha256-") && hash.ends_with("='")) << hash;
    EXPECT_EQ(hash.size(), 53U) << hash;
  }
}

// The bounds of web/README.md. What the index does not name is loaded on demand.
TEST(Assets, WhatAFirstViewLoadsAndWhatIsLoadedLaterAreBounded) {
  const Asset* index = find("/");
  ASSERT_NE(index, nullptr);
  const std::string html = gunzip(index->gzip_body);
  const std::string charts = value_at(html, html.find("data-charts=\""));
  std::size_t fleet = index->gzip_body.size();
  std::size_t charted = 0;
  std::size_t later = 0;
  for (const Asset& asset : assets()) {
    if (asset.path == "/") continue;
    if (asset.path.starts_with("/texts_"))
      EXPECT_LE(asset.gzip_body.size(), 24U << 10U) << asset.path;  // a language, loaded by those who read it
    else if (charts.find(asset.path) != std::string::npos)
      charted += asset.gzip_body.size();
    else
      (html.find(asset.path) == std::string::npos ? later : fleet) += asset.gzip_body.size();
  }
  EXPECT_LE(fleet, 64U << 10U);
  EXPECT_LE(fleet + charted, 120U << 10U);
  EXPECT_LE(later, 40U << 10U);
}

}  // namespace
}  // namespace resmon::web
