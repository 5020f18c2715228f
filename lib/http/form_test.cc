#include "http/form.h"

#include <gtest/gtest.h>

namespace resmon::http {
namespace {

Parameters form_of(std::string_view text) {
  Parameters out;
  EXPECT_TRUE(add_form(text, out));
  return out;
}

Parameters parts_of(std::string_view type, std::string_view body) {
  Parameters out;
  EXPECT_TRUE(add_multipart(type, body, out));
  return out;
}

TEST(FormTest, DecodesInOrder) {
  EXPECT_EQ(form_of("a=1&b=x%20y&a=2"), (Parameters{{"a", "1"}, {"b", "x y"}, {"a", "2"}}));
  EXPECT_EQ(form_of("q=SELECT+a%2Bb"), (Parameters{{"q", "SELECT a+b"}}));
  EXPECT_EQ(form_of(""), Parameters());
  EXPECT_EQ(form_of("&&a&=b&c=&"), (Parameters{{"a", ""}, {"", "b"}, {"c", ""}}));
  EXPECT_EQ(form_of("a=b=c"), (Parameters{{"a", "b=c"}}));
}

TEST(FormTest, PartsOfAMultipartBody) {
  const std::string type = "multipart/form-data; charset=x; boundary=\"a;b\"";
  const std::string body =
      "--a;b\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\nSHOW DATABASES\r\n"
      "--a;b\r\nContent-Type: text/plain\r\ncontent-disposition: form-data; filename=\"x; name=y\"; name=db\r\n\r\n"
      "a\r\n--a\r\n\r\n"
      "--a;b\r\nno head\r\n--a;b--\r\nafter";
  const Parameters want{{"q", "SHOW DATABASES"}, {"db", "a\r\n--a\r\n"}};
  EXPECT_EQ(parts_of(type, body), want);
  EXPECT_EQ(parts_of(type, "before\r\n" + body), want);
  EXPECT_EQ(
      parts_of("Multipart/Form-Data;Boundary=z", "--z\r\nContent-Disposition: form-data; name=n\r\n\r\n\r\n--z--"),
      (Parameters{{"n", ""}}));
  EXPECT_EQ(parts_of("text/plain; boundary=\"a;b\"", body), Parameters());
  EXPECT_EQ(parts_of("multipart/form-data", body), Parameters());
  for (std::size_t cut = 0; cut < body.size(); ++cut) parts_of(type, std::string_view(body).substr(0, cut));
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

std::string times(std::string_view text, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

TEST(FormTest, ParametersHaveABoundThatIsNamed) {
  EXPECT_EQ(form_of(times("a&", 1000)).size(), 1000U);
  EXPECT_EQ(form_of("&&&" + times("a=b&&&", 1000)).size(), 1000U);
  Parameters out = form_of("one=1");
  const Status many = add_form(times("a&", 1000), out);
  ASSERT_FALSE(many) << "those of the address count";
  EXPECT_EQ(many.error().kind, ErrorKind::kInvalid);
  EXPECT_NE(many.error().message.find("1000 parameters"), std::string::npos);
  EXPECT_EQ(out.size(), 1U);

  const std::string part = "--b\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n";
  const std::string type = "multipart/form-data; boundary=b";
  EXPECT_EQ(parts_of(type, times(part, 1000) + "--b--").size(), 1000U);
  EXPECT_FALSE(add_multipart(type, times(part, 1000) + "--b--", out));
  EXPECT_EQ(out.size(), 1U);
}

// A part is one parameter, however often its head names it: each would have a copy of its body.
TEST(FormTest, APartIsOneParameter) {
  const std::string head = times("Content-Disposition: form-data; name=a\r\n", 500);
  const Parameters parts =
      parts_of("multipart/form-data; boundary=b", "--b\r\n" + head + "\r\n" + std::string(1000, 'x') + "\r\n--b--");
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_EQ(parts[0].second, std::string(1000, 'x'));
}

}  // namespace
}  // namespace resmon::http
