// The work of every parser of a request grows with the request and no faster, whatever its shape: the shapes are those
// that made one of them quadratic, and those that make such parsers quadratic elsewhere.

#include <gtest/gtest.h>

#include "base/test_linear.h"
#include "http/accept.h"
#include "http/form.h"
#include "http/gzip.h"
#include "http/router.h"
#include "http/server.h"

namespace resmon::http {
namespace {

using test::not_linear;
using test::repeated;

struct Shape {
  std::string begin;
  std::string piece;
  std::string end;
};

constexpr std::size_t kFormBytes = 1U << 19U;  // half the largest body that is read as a form

std::string of(const Shape& shape, std::size_t most_bytes, const std::function<void(const std::string&)>& parse) {
  return not_linear(
      most_bytes / shape.piece.size(), [&](std::size_t n) { return repeated(shape.begin, shape.piece, n, shape.end); },
      parse);
}

TEST(LinearTest, Multipart) {
  const std::string disposition = "Content-Disposition:";
  const std::string part = disposition + "form-data; name=a\r\n\r\nx\r\n--b\r\n";
  for (const Shape& shape : {Shape{"--b\r\n" + disposition, ";", "\r\n\r\nx\r\n--b--"},
                             {"--b\r\n" + disposition, ";\"", "\r\n\r\nx\r\n--b--"},
                             {"--b\r\n" + disposition + "\"", ";", "\r\n\r\nx\r\n--b--"},
                             {"--b\r\n" + disposition, "; name=", "\r\n\r\nx\r\n--b--"},
                             {"--b\r\n" + disposition, " ", "\r\n\r\nx\r\n--b--"},
                             {"--b\r\n", disposition + "\r\n", "\r\n\r\nx\r\n--b--"},
                             {"--b\r\n", disposition + "; name=\"\r\n", "\r\n\r\nx\r\n--b--"},
                             {"--b\r\n", part, "--b--"},
                             {"--b\r\n", "\r\n--b\r\n", ""},
                             {"--b\r\n", "\r\n--", ""},
                             {"--b\r\n", "\r\n-", ""},
                             {"--b\r\n", "\r\n", ""},
                             {"", "\r\n\r\n--b", ""},
                             {"", "--b", ""},
                             {"", "x", ""}})
    EXPECT_EQ(of(shape, kFormBytes,
                 [](const std::string& text) {
                   Parameters out;
                   (void)add_multipart("multipart/form-data; boundary=b", text, out);
                 }),
              "")
        << shape.begin << "|" << shape.piece;
}

TEST(LinearTest, HeaderParameters) {
  for (const Shape& shape : {Shape{"multipart/form-data", ";", ""},
                             {"multipart/form-data", ";\"", ""},
                             {"multipart/form-data;\"", ";", ""},
                             {"multipart/form-data;", " ", ""},
                             {"multipart/form-data", "; boundary", ""}})
    EXPECT_EQ(of(shape, kFormBytes,
                 [](const std::string& text) {
                   Parameters out;
                   (void)add_multipart(text, "--b--", out);
                 }),
              "")
        << shape.begin << "|" << shape.piece;
}

TEST(LinearTest, FormsAndEscapes) {
  for (const Shape& shape : {Shape{"", "&", ""},
                             {"", "a&", ""},
                             {"a", "=", ""},
                             {"a=", "%", ""},
                             {"a=", "%4", ""},
                             {"a=", "%41", ""},
                             {"a=", "+", ""},
                             {"", "=&", ""},
                             {"", "a", ""}}) {
    EXPECT_EQ(of(shape, kFormBytes,
                 [](const std::string& text) {
                   Parameters out;
                   (void)add_form(text, out);
                 }),
              "")
        << shape.piece;
    EXPECT_EQ(of(shape, kFormBytes, [](const std::string& text) { percent_decode(text, true); }), "") << shape.piece;
  }
}

TEST(LinearTest, Accept) {
  for (const char* piece : {",", ";", " ", "a,", "*/*,", ";q=0.1", "text/*;q=0.1,", "gzip;"})
    EXPECT_EQ(of({"", piece, ""}, kFormBytes, [](const std::string& text) { (void)takes_gzip(text); }), "") << piece;
}

TEST(LinearTest, Gzip) {
  for (const char* piece : {"x", "abcdefgh,1.5\n"})
    EXPECT_EQ(of({"", piece, ""}, 4U << 20U,
                 [](const std::string& text) {
                   const auto back = gunzip(gzip(text), text.size());
                   ASSERT_TRUE(back.has_value());
                 }),
              "")
        << piece;
}

TEST(LinearTest, Json) {
  for (const char* piece : {"\"", "\x01", "\xff", "\xe2", "a"})
    EXPECT_EQ(of({"", piece, ""}, kFormBytes, [](const std::string& text) { json_string(text); }), "");
}

// Heads have at most 16 KiB, but what looks through them must not know that.
TEST(LinearTest, CookiesAndTokens) {
  Router router;
  Server server({}, net::TokenSet(), router);
  const auto judge = [&](const std::string& name) {
    return [&server, name](const std::string& text) {
      Request request;
      request.peer = "10.0.0.1:1";
      request.headers[name] = text;
      server.identify(request);
      (void)server.judge(request, Access::kRead);
    };
  };
  for (const Shape& shape : {Shape{"", ";", ""}, {"", "resmon_session", ""}, {"", "a=;", ""}, {"", " ", ""}})
    EXPECT_EQ(of(shape, kFormBytes, judge("cookie")), "") << shape.piece;
  for (const Shape& shape :
       {Shape{"Basic ", "YTo6", ""}, {"Token ", ":", ""}, {"Bearer ", " ", ""}, {"", "Token ", ""}})
    EXPECT_EQ(of(shape, kFormBytes, judge("authorization")), "") << shape.piece;
  for (const Shape& shape : {Shape{"", ":", ""}, {"[", "]", ""}, {"", "://", ""}, {"", "/", ""}}) {
    EXPECT_EQ(of(shape, kFormBytes, judge("host")), "") << shape.piece;
    EXPECT_EQ(of(shape, kFormBytes, judge("origin")), "") << shape.piece;
  }
}

}  // namespace
}  // namespace resmon::http
