#include "http/gzip.h"

#include <gtest/gtest.h>

namespace resmon::http {
namespace {

TEST(GzipTest, RoundTripsAnySize) {
  for (const std::size_t size : {0UL, 1UL, 1000UL, 16383UL, 16384UL, 16385UL, 1'000'000UL}) {
    std::string text(size, 'x');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * i % 23);
    const std::string packed = gzip(text);
    const auto back = gunzip(packed, size);
    ASSERT_TRUE(back.has_value()) << size << ": " << back.error().message;
    EXPECT_EQ(*back, text) << size;
  }
}

TEST(GzipTest, WhatIsLargerThanItsBoundIsRefused) {
  const std::string packed = gzip(std::string(100'000, 'x'));
  EXPECT_EQ(gunzip(packed, 99'999).error().kind, ErrorKind::kLimit);
  EXPECT_TRUE(gunzip(packed, 100'000).has_value());
  EXPECT_EQ(gunzip(packed, 0).error().kind, ErrorKind::kLimit);
}

TEST(GzipTest, DamagedBodiesAreRefused) {
  const std::string packed = gzip("some text that is long enough to be worth something");
  for (std::size_t n = 0; n < packed.size(); ++n) EXPECT_FALSE(gunzip(packed.substr(0, n), 1000).has_value()) << n;
  for (std::size_t i = packed.size() - 8; i < packed.size(); ++i) {  // checksum and length
    std::string damaged = packed;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x55);
    EXPECT_EQ(gunzip(damaged, 1000).error().kind, ErrorKind::kInvalid) << i;
  }
  EXPECT_FALSE(gunzip("not gzip at all", 1000).has_value());
}

}  // namespace
}  // namespace resmon::http
