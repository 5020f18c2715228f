#include "influxql/params.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace resmon::influxql {
namespace {

TEST(Params, AreWhatTheMembersAre) {
  const auto params = parse_params(R"({"text": "a\u00e9\u0000b", "n": -9223372036854775808, "x": 1.5, "yes": true})");
  ASSERT_TRUE(params);
  EXPECT_EQ(params->size(), 4U);
  EXPECT_EQ(std::get<std::string>(params->at("text")), std::string("a\xc3\xa9\0b", 5));
  EXPECT_EQ(std::get<std::int64_t>(params->at("n")), INT64_MIN);
  EXPECT_EQ(std::get<double>(params->at("x")), 1.5);
  EXPECT_TRUE(std::get<bool>(params->at("yes")));
  EXPECT_TRUE(parse_params("")->empty());
  EXPECT_TRUE(parse_params("{}")->empty());
}

TEST(Params, AnythingElseIsRefusedByName) {
  for (const char* text : {"[]", "1", "{", "{\"a\":}", "null", "{} {}"}) {
    const auto params = parse_params(text);
    ASSERT_FALSE(params) << text;
    EXPECT_EQ(params.error().message, "error parsing query parameters: not a JSON object") << text;
  }
  for (const char* text : {R"({"a": null})", R"({"a": [1]})", R"({"a": {"b": 1}})", R"({"a": 18446744073709551615})"}) {
    const auto params = parse_params(text);
    ASSERT_FALSE(params) << text;
    EXPECT_EQ(params.error().message, "error parsing query parameters: a is neither text, number nor boolean") << text;
  }
}

}  // namespace
}  // namespace resmon::influxql
