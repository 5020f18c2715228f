// MessagePack: the bytes are those that Debian's influxd 1.6.7 answered to the same.

#include <gtest/gtest.h>

#include "influxql/format/serialize.h"

namespace resmon::influxql {
namespace {

using namespace std::string_literals;

std::string packed(const Response& response, const SerializeOptions& options = {}) {
  std::string out;
  Pieces pieces = msgpack_pieces({std::shared_ptr<const Response>(), &response}, options);
  while (const auto piece = pieces.next()) out += *piece;
  return out;
}

StatementResult result_of(Series series) {
  StatementResult result;
  result.series.push_back(std::move(series));
  return result;
}

Series every_type() {
  const Cell none;
  Series series{
      "mp", {}, {"time", "b", "f", "host", "i", "s"}, {}, {1, 1'700'000'000'000'000'002, 1'700'000'000'000'000'003}};
  series.cells = {true, 1.0,  "a"s, std::int64_t{3},
                  "x"s,  //
                  none, 2.5,  "b"s, none,
                  none,  //
                  none, none, "b"s, std::int64_t{-200},
                  none};
  return series;
}

TEST(MessagePack, TimesAreAnExtensionAndIntegersShort) {
  Response response;
  response.results = {result_of(every_type())};
  const std::string head =
      "\x81\xa7results\x91\x82\xacstatement_id\x00\xa6series\x91\x83\xa4name\xa2mp\xa7"s
      "columns\x96\xa4time\xa1"s
      "b\xa1"s
      "f\xa4host\xa1i\xa1s\xa6values\x93"s;
  EXPECT_EQ(packed(response), head +
                                  "\x96\xc7\x0c\x05\0\0\0\0\0\0\0\0\0\0\0\x01\xc3\xcb\x3f\xf0\0\0\0\0\0\0\xa1"s
                                  "a\x03\xa1x"s
                                  "\x96\xc7\x0c\x05\0\0\0\0\x65\x53\xf1\0\0\0\0\x02\xc0\xcb\x40\x04\0\0\0\0\0\0\xa1"s
                                  "b\xc0\xc0"s
                                  "\x96\xc7\x0c\x05\0\0\0\0\x65\x53\xf1\0\0\0\0\x03\xc0\xc0\xa1"s
                                  "b\xd1\xff\x38\xc0"s);
  SerializeOptions millis;
  millis.epoch = Epoch::kMillis;
  EXPECT_EQ(packed(response, millis).substr(head.size(), 2), "\x96\x00"s);
  EXPECT_NE(packed(response, millis).find("\x96\xd3\x00\x00\x01\x8b\xcf\xe5\x68\x00\xc0"s), std::string::npos);
}

TEST(MessagePack, ErrorsAndWhatIsEmpty) {
  Response response;
  response.results.resize(2);
  response.results[1].error = "user not found";
  EXPECT_EQ(packed(response),
            "\x81\xa7results\x92\x82\xacstatement_id\x00\xa6series\x90\x81\xa5"s
            "error\xaeuser not found"s);
  response.results = {result_of({"", {}, {"user", "admin"}, {}, {}})};
  EXPECT_EQ(packed(response),
            "\x81\xa7results\x91\x82\xacstatement_id\x00\xa6series\x91\x82\xa7"s
            "columns\x92\xa4user\xa5"s
            "admin\xa6values\x90"s);
  response.error = "no";
  EXPECT_EQ(packed(response),
            "\x81\xa5"s
            "error\xa2no"s);
}

TEST(MessagePack, IsOneDocumentWithTagsAlsoInChunks) {
  Response response;
  Series series{"m", {{"host", "a"}}, {"time", "v"}, {1.0, 2.0}, {1, 2}};
  response.results = {result_of(std::move(series))};
  SerializeOptions options;
  options.epoch = Epoch::kNanos;
  options.chunk_rows = 1;
  EXPECT_EQ(packed(response, options),
            "\x81\xa7results\x91\x82\xacstatement_id\x00\xa6series\x91\x84\xa4name\xa1m\xa4tags\x81\xa4host\xa1"s
            "a\xa7"s
            "columns\x92\xa4time\xa1v\xa6values\x92\x92\x01\xcb\x3f\xf0\0\0\0\0\0\0\x92\x02\xcb\x40\0\0\0\0\0\0\0"s);
}

TEST(MessagePack, NumbersOfEverySize) {
  Response response;
  Series series{"", {}, {"v"}, {}, {}};
  const std::pair<Cell, std::string> rows[] = {
      {std::int64_t{127}, "\x7f"},
      {std::int64_t{128}, "\xd1\x00\x80"s},
      {std::int64_t{-32}, "\xe0"},
      {std::int64_t{-33}, "\xd0\xdf"},
      {std::int64_t{-129}, "\xd1\xff\x7f"},
      {std::int64_t{70'000}, "\xd2\x00\x01\x11\x70"s},
      {INT64_MIN, "\xd3\x80\0\0\0\0\0\0\0"s},
      {std::uint64_t{200}, "\xcc\xc8"},
      {std::uint64_t{60'000}, "\xcd\xea\x60"},
      {UINT64_MAX, "\xcf\xff\xff\xff\xff\xff\xff\xff\xff"},
      {std::string(40, 'x'), "\xd9\x28" + std::string(40, 'x')},
      {std::string(300, 'x'), "\xda\x01\x2c" + std::string(300, 'x')},
      {Time{-1}, "\xc7\x0c\x05\xff\xff\xff\xff\xff\xff\xff\xff\x3b\x9a\xc9\xff"},
  };
  std::string expected;
  for (const auto& [cell, bytes] : rows) {
    series.cells.push_back(cell);
    expected += "\x91" + bytes;
  }
  response.results = {result_of(std::move(series))};
  const std::string all = packed(response);
  EXPECT_EQ(all.substr(all.size() - expected.size()), expected);
}

}  // namespace
}  // namespace resmon::influxql
