#include "logline/line.h"

#include <gtest/gtest.h>

#include <random>

#include "base/test_linear.h"

namespace resmon::logline {
namespace {

void expect_same(const Lines& a, const Lines& b) {
  EXPECT_EQ(a.source(), b.source());
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    const Line x = a[i];
    const Line y = b[i];
    EXPECT_EQ(x.time, y.time);
    EXPECT_EQ(x.level, y.level);
    EXPECT_EQ(x.cut, y.cut);
    EXPECT_EQ(x.unit, y.unit);
    EXPECT_EQ(x.pid, y.pid);
    EXPECT_EQ(x.message, y.message);
    ASSERT_EQ(x.fields.size(), y.fields.size());
    for (std::size_t f = 0; f < x.fields.size(); ++f) {
      EXPECT_EQ(x.fields[f].name, y.fields[f].name);
      EXPECT_EQ(x.fields[f].value, y.fields[f].value);
    }
  }
}

void expect_round_trip(const Lines& lines) {
  Lines back;
  const Status decoded = decode(encode(lines), back);
  ASSERT_TRUE(decoded) << decoded.error().message;
  expect_same(lines, back);
}

// Lines of all kinds: the same seed makes the same ones.
void fill(Lines& lines, std::size_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  const auto bytes = [&](std::size_t n) {
    std::string text;
    for (std::size_t i = 0; i < n; ++i) text += static_cast<char>(below(256));
    return text;
  };
  static constexpr std::string_view kUnits[] = {"", "nginx.service", "/var/log/syslog", "kernel"};
  static constexpr std::string_view kNames[] = {"status", "path", "", "duration"};
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<std::string> values;
    std::vector<Field> fields;
    for (std::uint32_t f = below(4); f > 0; --f) values.push_back(bytes(below(20)));
    for (std::size_t f = 0; f < values.size(); ++f) fields.push_back({kNames[below(4)], values[f]});
    const std::string message = bytes(below(100));
    Line line;
    line.time = below(10) == 0 ? static_cast<UnixNanos>(std::uint64_t{random()} * std::uint64_t{random()})
                               : 1'700'000'000'000'000'000 + static_cast<UnixNanos>(i) * 1'000;
    line.level = static_cast<Level>(below(9));
    line.cut = below(20) == 0;
    line.unit = kUnits[below(4)];
    line.pid = below(3) == 0 ? 0 : below(40'000);
    line.message = message;
    line.fields = fields;
    lines.add(line);
  }
}

TEST(Lines, HaveWhatWasAdded) {
  Lines lines;
  lines.clear("web");
  const Field fields[] = {{"status", "200"}, {"path", "/"}};
  const std::string nul("a\0b\xff", 4);
  lines.add({.time = 5, .level = Level::kError, .unit = "nginx", .pid = 7, .message = nul, .fields = fields});
  lines.add({.time = -3, .message = ""});
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].message, nul);
  EXPECT_EQ(lines[0].fields[1].value, "/");
  EXPECT_EQ(lines[1].time, -3);
  EXPECT_EQ(lines[1].level, Level::kNone);
  EXPECT_EQ(lines.text_bytes(), 5 + 4 + 6 + 3 + 4 + 1U);
  expect_round_trip(lines);
  lines.clear("other");
  EXPECT_TRUE(lines.empty());
  EXPECT_EQ(lines.text_bytes(), 0U);
  expect_round_trip(lines);
}

TEST(Lines, WhatIsTooLongIsCutAndMarked) {
  Lines lines;
  lines.clear("s");
  const std::string large(kMaxMessage + 1, 'x');
  lines.add({.message = large});
  EXPECT_TRUE(lines[0].cut);
  EXPECT_EQ(lines[0].message.size(), kMaxMessage);
  const std::vector<Field> many(kMaxFields + 1, Field{"n", "v"});
  lines.add({.message = "m", .fields = many});
  EXPECT_TRUE(lines[1].cut);
  EXPECT_EQ(lines[1].fields.size(), kMaxFields);
  while (lines.fits({.message = large})) lines.add({.message = large});
  EXPECT_LE(lines.text_bytes(), kMaxBytes);
  EXPECT_TRUE(lines.fits({.message = "small"}));
  expect_round_trip(lines);
}

TEST(Lines, MovedOnesKeepTheirText) {
  Lines lines;
  lines.clear("s");
  fill(lines, 100, 1);
  Lines same;
  same.clear("s");
  fill(same, 100, 1);
  const Lines moved = std::move(lines);
  expect_same(moved, same);
}

TEST(LinesCodec, AnythingComesBack) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    Lines lines;
    lines.clear("source");
    fill(lines, seed * 13 % 300, seed);
    expect_round_trip(lines);
  }
}

TEST(LinesCodec, DecodingReplacesWhatWasThere) {
  Lines lines;
  lines.clear("a");
  fill(lines, 50, 1);
  const std::string bytes = encode(lines);
  Lines into;
  into.clear("b");
  fill(into, 80, 2);
  ASSERT_TRUE(decode(bytes, into));
  expect_same(lines, into);
}

TEST(LinesCodec, EveryCutAndEveryChangedByteIsAnErrorOrOtherLines) {
  Lines lines;
  lines.clear("source");
  fill(lines, 12, 3);
  const std::string bytes = encode(lines);
  Lines into;
  for (std::size_t end = 0; end < bytes.size(); ++end) {
    const Status decoded = decode(bytes.substr(0, end), into);
    ASSERT_FALSE(decoded) << end;
    EXPECT_NE(decoded.error().message.find("byte "), std::string::npos);
    EXPECT_TRUE(into.empty());
  }
  EXPECT_FALSE(decode(bytes + "x", into));
  for (std::size_t at = 0; at < bytes.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      if (decode(changed, into)) {
        for (std::size_t i = 0; i < into.size(); ++i) (void)into[i].message.size();
      }
    }
}

TEST(LinesCodec, ErrorsNameThePlace) {
  Lines into;
  const Status format = decode("\x07", into);
  ASSERT_FALSE(format);
  EXPECT_EQ(format.error().message, "lines, byte 1: an unknown format");
  EXPECT_EQ(format.error().kind, ErrorKind::kInvalid);
  const Status empty = decode("", into);
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().message, "lines, byte 0: they end early");
}

TEST(LinesCodec, IsLinear) {
  const auto make = [](std::size_t n) {
    Lines lines;
    lines.clear("s");
    for (std::size_t i = 0; i < n; ++i) {
      const std::string unit = "unit" + std::to_string(i);
      const Field field{unit, "v"};
      lines.add({.unit = unit, .pid = static_cast<std::uint32_t>(i), .message = "m", .fields = {&field, 1}});
    }
    return encode(lines);
  };
  EXPECT_EQ("", test::not_linear(32'000, make, [](const std::string& bytes) {
              Lines lines;
              ASSERT_TRUE(decode(bytes, lines));
              ASSERT_EQ(encode(lines).size(), bytes.size());
            }));
}

TEST(Levels, AreReadAsLogsWriteThem) {
  EXPECT_EQ(parse_level("WARN"), Level::kWarning);
  EXPECT_EQ(parse_level("Err"), Level::kError);
  EXPECT_EQ(parse_level("fatal"), Level::kCritical);
  EXPECT_EQ(parse_level("TRACE"), Level::kDebug);
  EXPECT_EQ(parse_level("warns"), Level::kNone);
  EXPECT_EQ(parse_level(""), Level::kNone);
  for (int i = 0; i < 8; ++i) {
    const auto level = static_cast<Level>(i);
    EXPECT_EQ(parse_level(level_name(level)), level);
  }
  EXPECT_EQ(level_name(Level::kNone), "none");
}

}  // namespace
}  // namespace resmon::logline
