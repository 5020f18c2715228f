#include "http/router.h"

#include <gtest/gtest.h>

namespace resmon::http {
namespace {

TEST(FormTest, DecodesInOrder) {
  EXPECT_EQ(parse_form("a=1&b=x%20y&a=2"), (Parameters{{"a", "1"}, {"b", "x y"}, {"a", "2"}}));
  EXPECT_EQ(parse_form("q=SELECT+a%2Bb"), (Parameters{{"q", "SELECT a+b"}}));
  EXPECT_EQ(parse_form(""), Parameters());
  EXPECT_EQ(parse_form("&&a&=b&c=&"), (Parameters{{"a", ""}, {"", "b"}, {"c", ""}}));
  EXPECT_EQ(parse_form("a=b=c"), (Parameters{{"a", "b=c"}}));
}

TEST(FormTest, PartsOfAMultipartBody) {
  const std::string type = "multipart/form-data; charset=x; boundary=\"a;b\"";
  const std::string body =
      "--a;b\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\nSHOW DATABASES\r\n"
      "--a;b\r\nContent-Type: text/plain\r\ncontent-disposition: form-data; filename=\"x; name=y\"; name=db\r\n\r\n"
      "a\r\n--a\r\n\r\n"
      "--a;b\r\nno head\r\n--a;b--\r\nafter";
  const Parameters want{{"q", "SHOW DATABASES"}, {"db", "a\r\n--a\r\n"}};
  EXPECT_EQ(parse_multipart(type, body), want);
  EXPECT_EQ(parse_multipart(type, "before\r\n" + body), want);
  EXPECT_EQ(parse_multipart("Multipart/Form-Data;Boundary=z",
                            "--z\r\nContent-Disposition: form-data; name=n\r\n\r\n\r\n--z--"),
            (Parameters{{"n", ""}}));
  EXPECT_EQ(parse_multipart("text/plain; boundary=\"a;b\"", body), Parameters());
  EXPECT_EQ(parse_multipart("multipart/form-data", body), Parameters());
  for (std::size_t cut = 0; cut < body.size(); ++cut) parse_multipart(type, std::string_view(body).substr(0, cut));
}

TEST(FormTest, MalformedEscapesStayAsTheyAre) {
  EXPECT_EQ(percent_decode("%", false), "%");
  EXPECT_EQ(percent_decode("%4", false), "%4");
  EXPECT_EQ(percent_decode("%4g%zz", false), "%4g%zz");
  EXPECT_EQ(percent_decode("%41%4a%4A", false), "AJJ");
  EXPECT_EQ(percent_decode("%00", false), std::string(1, '\0'));
  EXPECT_EQ(percent_decode("%2541", false), "%41");  // once only
  EXPECT_EQ(percent_decode("a+b", false), "a+b");
  EXPECT_EQ(percent_decode("a+b", true), "a b");
}

TEST(RequestTest, ParametersAndHeaders) {
  Request request;
  request.query = parse_form("a=1&a=2&empty=");
  request.headers = {{"host", "localhost"}};
  EXPECT_EQ(request.parameter("a"), "1");
  EXPECT_EQ(request.parameter("b"), "");
  EXPECT_TRUE(request.has_parameter("empty"));
  EXPECT_FALSE(request.has_parameter("b"));
  EXPECT_EQ(request.header("host"), "localhost");
  EXPECT_EQ(request.header("origin"), "");
}

Handler named(std::string name) {
  return [name](std::shared_ptr<const Request>) -> asio::awaitable<Response> { co_return Response::text(name); };
}

TEST(RouterTest, FindsByPathAndMethod) {
  Router router;
  router.add("GET", "/a", Access::kRead, named("get"));
  router.add("POST", "/a", Access::kWrite, named("post"), 77);
  router.add_socket("/live", Access::kRead, {});
  bool not_allowed = true;
  ASSERT_NE(router.find("GET", "/a", not_allowed), nullptr);
  EXPECT_EQ(router.find("GET", "/a", not_allowed)->access, Access::kRead);
  EXPECT_EQ(router.find("POST", "/a", not_allowed)->body_limit_bytes, 77U);
  EXPECT_FALSE(not_allowed);
  EXPECT_EQ(router.find("DELETE", "/a", not_allowed), nullptr);
  EXPECT_TRUE(not_allowed);
  for (const char* unknown : {"/", "/b", "/a/", "/A", ""}) {
    EXPECT_EQ(router.find("GET", unknown, not_allowed), nullptr) << unknown;
    EXPECT_FALSE(not_allowed) << unknown;
  }
}

TEST(RouterTest, TheFallbackTakesGetsOnly) {
  Router router;
  router.add("POST", "/a", Access::kWrite, named("post"));
  router.set_fallback(named("page"));
  bool not_allowed = false;
  EXPECT_NE(router.find("GET", "/anything", not_allowed), nullptr);
  EXPECT_EQ(router.find("GET", "/a", not_allowed), nullptr);
  EXPECT_TRUE(not_allowed);
  EXPECT_EQ(router.find("POST", "/", not_allowed), nullptr);
  EXPECT_TRUE(not_allowed);
  EXPECT_EQ(router.find("POST", "/anything", not_allowed), nullptr);
  EXPECT_FALSE(not_allowed);
}

TEST(JsonStringTest, EscapesWhatJsonMustNotHold) {
  EXPECT_EQ(json_string("plain ä"), "\"plain ä\"");
  EXPECT_EQ(json_string("a\"b\\c\nd\te\x01\x7f"), R"("a\"b\\c\nd\te\u0001\u007f")");
  EXPECT_EQ(Response::error(404, "no \"x\"").body, "{\"error\":\"no \\\"x\\\"\"}\n");
}

}  // namespace
}  // namespace resmon::http
