#include "store/integer_codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace resmon::store {
namespace {

using Values = std::vector<std::int64_t>;

std::string encode(const Values& values) {
  std::string code;
  encode_integers(values, code);
  return code;
}

void expect_integers_round_trip(const Values& values) {
  const std::string code = encode(values);
  Values back(values.size());
  ASSERT_TRUE(decode_integers(code, back)) << values.size() << " values, " << code.size() << " bytes";
  EXPECT_EQ(back, values);
  // The first of them, too, without the others.
  for (const std::size_t count : {std::size_t{1}, values.size() / 2, values.size() - values.size() / 8}) {
    if (count > values.size()) continue;
    Values some(count);
    ASSERT_TRUE(decode_integers(code, some, false)) << count << " of " << values.size();
    EXPECT_TRUE(std::equal(some.begin(), some.end(), values.begin()));
  }
}

TEST(IntegerCodecTest, EdgesComeBack) {
  expect_integers_round_trip({});
  expect_integers_round_trip({0});
  expect_integers_round_trip({INT64_MIN});
  expect_integers_round_trip({INT64_MAX, INT64_MIN});
  expect_integers_round_trip({INT64_MIN, INT64_MAX, INT64_MIN, INT64_MAX});
  expect_integers_round_trip({INT64_MIN, 0, INT64_MIN, 0});
  expect_integers_round_trip({0, INT64_MIN, INT64_MIN, 1});
  expect_integers_round_trip({-1, -1, -1, -1});
  expect_integers_round_trip({INT64_MAX, INT64_MAX - 1, INT64_MAX, INT64_MIN + 1});
  expect_integers_round_trip(Values(65'536, 7));
  Values squares;
  for (std::int64_t i = 0; i < 1000; ++i) squares.push_back(i * i - 5);
  expect_integers_round_trip(squares);
}

// Random sequences of every shape a column may have, and some none has.
TEST(IntegerCodecTest, RandomShapesComeBack) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 3000; ++round) {
    const std::size_t count = 1 + random() % (round % 50 == 0 ? 5000 : 200);
    const unsigned width = static_cast<unsigned>(random() % 65);
    const auto noise = [&]() -> std::uint64_t { return width == 0 ? 0 : random() >> (64 - width); };
    const std::uint64_t step = random() >> (random() % 64);
    const std::uint64_t scale = random() % 3 == 0 ? 1 + random() % 100'000 : 1;
    Values values;
    std::uint64_t at = random();
    for (std::size_t i = 0; i < count; ++i) {
      switch (round % 5) {
        case 0:
          values.push_back(static_cast<std::int64_t>(noise() * scale));
          break;
        case 1:
          values.push_back(static_cast<std::int64_t>(at += (step + noise()) * scale));
          break;
        case 2:
          values.push_back(random() % 20 == 0 ? static_cast<std::int64_t>(random()) : 0);
          break;
        case 3:
          values.push_back(static_cast<std::int64_t>(at += i * step));
          break;
        default:
          values.push_back(static_cast<std::int64_t>((i / 40 % 2 == 0 ? noise() : 3) - (noise() >> 1U)));
      }
    }
    expect_integers_round_trip(values);
  }
}

TEST(IntegerCodecTest, SteadyThingsTakeNextToNothing) {
  Values clock;
  Values sparse;
  for (std::int64_t i = 0; i < 720; ++i) {
    clock.push_back(1'790'000'000'000'000'000 + i * 5'000'000'000);
    sparse.push_back(1'000'000 + i / 240);
  }
  EXPECT_LE(encode(clock).size(), 24U);
  EXPECT_LE(encode(sparse).size(), 32U);
  EXPECT_LE(encode(Values(720, 4096)).size(), 4U);
}

TEST(IntegerCodecTest, FewValuesNeedNoTable) {
  EXPECT_LE(encode({5210, 5233, 5198, 5240, 5221, 5190}).size(), 12U);
  EXPECT_LE(encode({7, 8}).size(), 4U);
  Values gauge;
  for (std::int64_t i = 0; i < 24; ++i) gauge.push_back(4000 + i * i * 7919 % 256);
  EXPECT_LE(encode(gauge).size(), 24U + 12U) << "a byte each";
}

TEST(IntegerCodecTest, WhatChangesHardlyEverTakesItsChangesOnly) {
  Values level;
  for (std::int64_t i = 0; i < 2000; ++i) level.push_back(i / 300 * 777'777 % 500'000 * 65'536);
  EXPECT_LE(encode(level).size(), 6 * (4U + 2U) + 12U) << "six changes";
  Values rare(2000, 0);
  for (const std::size_t at : {3U, 900U, 901U, 1700U}) rare[at] = 1;
  EXPECT_LE(encode(rare).size(), 14U);
}

TEST(IntegerCodecTest, ZeroesTakeNothing) {
  EXPECT_EQ(encode(Values(720, 0)), "");
  Values back(720, 5);
  ASSERT_TRUE(decode_integers("", back));
  EXPECT_EQ(back, Values(720, 0));
}

TEST(IntegerCodecTest, NoiseTakesItsEntropy) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal(0, 20);
  Values values;
  for (int i = 0; i < 4000; ++i) values.push_back(5000 + static_cast<std::int64_t>(std::lround(normal(random))) * 4096);
  const double entropy_bytes = std::log2(20 * std::sqrt(2 * M_PI * M_E)) / 8 * 4000;
  EXPECT_LT(static_cast<double>(encode(values).size()), entropy_bytes * 1.03 + 40);
}

TEST(IntegerCodecTest, DamagedCodeNeverCrashes) {
  std::mt19937_64 random(3);
  Values values;
  for (int i = 0; i < 300; ++i) values.push_back(static_cast<std::int64_t>(random() % 1000));
  const std::string code = encode(values);
  std::size_t refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bad = code;
    if (round % 2 == 0) bad.resize(random() % bad.size());
    for (std::uint64_t i = 0, n = static_cast<std::uint64_t>(round % 2) + random() % 3; i < n && !bad.empty(); ++i)
      bad[random() % std::min<std::size_t>(bad.size(), round % 4 < 2 ? 40 : bad.size())] = static_cast<char>(random());
    Values back(values.size());
    refused += !decode_integers(bad, back);
  }
  // There is no checksum at this level (the chunk has one), yet most damage shows in the coder's final state.
  EXPECT_GT(refused, 15'000U);
  // Codes without tables: few values, and runs of zeros.
  for (const Values& some :
       {Values{1, 900, 17, 3, -5, 1000, 20}, Values{0, 0, 0, 0, 900, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0}}) {
    const std::string short_code = encode(some);
    Values back(some.size());
    for (std::size_t size = 1; size < short_code.size(); ++size)
      EXPECT_FALSE(decode_integers(std::string_view(short_code).substr(0, size), back)) << size;
    for (int round = 0; round < 20'000; ++round) {
      std::string bad = short_code;
      for (std::uint64_t i = 0, n = 1 + random() % 3; i < n; ++i)
        bad[random() % bad.size()] = static_cast<char>(random());
      (void)decode_integers(bad, back);
    }
  }
}

}  // namespace
}  // namespace resmon::store
