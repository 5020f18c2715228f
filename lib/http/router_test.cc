#include "http/router.h"

#include <gtest/gtest.h>

namespace resmon::http {
namespace {

TEST(RequestTest, ParametersAndHeaders) {
  Request request;
  ASSERT_TRUE(add_form("a=1&a=2&empty=", request.query));
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
