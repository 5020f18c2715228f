#include "influxql/parse/params.h"

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
  EXPECT_EQ(parse_params(R"({"a": 18446744073709551615})").error().message,
            "error parsing json value: a is out of range");
}

TEST(Params, ObjectsSayWhatTheirValueIs) {
  const auto params = parse_params(
      R"({"d": {"duration": "1h30m"}, "n": {"duration": 60000000000}, "i": {"identifier": "m"}, "id": {"ident": "m"},)"
      R"( "r": {"regex": "^m$"}, "s": {"string": "x"}, "f": {"number": 2}, "g": {"float": 2.5}, "j": {"integer": -3},)"
      R"( "k": {"int": 3}})");
  ASSERT_TRUE(params);
  EXPECT_EQ(std::get<Duration>(params->at("d")).text, "1h30m");
  EXPECT_EQ(std::get<Duration>(params->at("n")).text, "1m");
  EXPECT_EQ(std::get<Identifier>(params->at("i")).name, "m");
  EXPECT_EQ(std::get<Identifier>(params->at("id")).name, "m");
  EXPECT_EQ(std::get<RegexText>(params->at("r")).pattern, "^m$");
  EXPECT_EQ(std::get<std::string>(params->at("s")), "x");
  EXPECT_EQ(std::get<double>(params->at("f")), 2);
  EXPECT_EQ(std::get<double>(params->at("g")), 2.5);
  EXPECT_EQ(std::get<std::int64_t>(params->at("j")), -3);
  EXPECT_EQ(std::get<std::int64_t>(params->at("k")), 3);
  EXPECT_TRUE(parse("SELECT a FROM b WHERE time > now() + $d", {{"d", Duration{"-1m"}}}));
}

// The messages are InfluxDB's; a parameter that no statement uses does no harm.
TEST(Params, WhatIsNoneIsAnErrorWhereItIsUsed) {
  const auto error = [](const std::string& value, const std::string& query) {
    const auto params = parse_params(R"({"p": )" + value + "}");
    EXPECT_TRUE(params) << value;
    EXPECT_TRUE(parse("SELECT a FROM b", *params));
    const auto parsed = parse(query, *params);
    return parsed ? "" : parsed.error().message;
  };
  const std::string where = "SELECT a FROM b WHERE c = $p";
  EXPECT_EQ(error("null", where), "missing parameter: unable to bind parameter with type <nil>");
  EXPECT_EQ(error("[1]", where), "missing parameter: unable to bind parameter with type []interface {}");
  EXPECT_EQ(error("{}", where), "missing parameter: bound object parameter value must have exactly one entry");
  EXPECT_EQ(error(R"({"int": 1, "float": 2})", where),
            "missing parameter: bound object parameter value must have exactly one entry");
  EXPECT_EQ(error(R"({"b": 1})", where), "missing parameter: unknown bind object type: b");
  EXPECT_EQ(error(R"({"integer": 2.5})", where), "missing parameter: integer literal must be an integer value");
  EXPECT_EQ(error(R"({"number": "a"})", where), "missing parameter: number literal must be a float value");
  EXPECT_EQ(error(R"({"string": 2})", where), "missing parameter: string literal must be a string value");
  EXPECT_EQ(error(R"({"regex": 2})", where), "missing parameter: regex literal must be a string value");
  EXPECT_EQ(error(R"({"identifier": null})", where), "missing parameter: identifier must be a string value");
  EXPECT_EQ(error(R"({"duration": 1.5})", where),
            "missing parameter: duration literal must be a string or integer value");
  EXPECT_EQ(error(R"({"duration": "zz"})", where), "invalid duration");
  EXPECT_EQ(error(R"({"duration": "1m"})", "SELECT a FROM $p"), "found 1m, expected identifier at line 1, char 15");
  EXPECT_EQ(error(R"({"integer": -3})", "SELECT a FROM b LIMIT $p"), "LIMIT must be >= 0 at line 1, char 23");
  EXPECT_EQ(error(R"({"integer": 2.5})", "SELECT a FROM $p"),
            "found integer literal must be an integer value, expected identifier at line 1, char 15");
}

}  // namespace
}  // namespace resmon::influxql
