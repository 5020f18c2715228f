#include "base/snappy.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace resmon {
namespace {

std::string from_hex(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return out;
}

// Made by Snappy itself: repeated words, then 200 bytes that are not.
constexpr std::string_view kPacked =
    "c80b5c7468652073616d6520776f72647320616761696e20616e64090a043b20fe2000fe2000fe2000fe2000fe2000fe2000fe2000fe20"
    "00fe2000fe2000fe2000fe2000fe2000fe2000fe2000fe2000fe2000fe2000fe20007e2000f05b21282f363d444b525960676e75222930"
    "373e454c535a61686f76232a31383f464d545b62697077242b323940474e555c636a7178252c333a41484f565d646b7279262d343b4249"
    "50575e656c737a272e353c434a51585f666d742128fe5a00ae5a00";

std::string original() {
  std::string out;
  for (int i = 0; i < 40; ++i) out += "the same words again and again; ";
  for (int i = 0; i < 200; ++i) out += static_cast<char>(33 + i * 7 % 90);
  return out;
}

std::string unpack(std::string_view packed, std::size_t limit = 1 << 20) {
  auto out = unpack_snappy(packed, limit);
  return out ? *out : "error: " + out.error().message;
}

TEST(Snappy, UnpacksWhatSnappyPacked) {
  EXPECT_EQ(unpack(from_hex(kPacked)), original());
  EXPECT_EQ(unpack(std::string(1, '\0')), "");
}

// Each element by hand, from the format's description.
TEST(Snappy, EveryKindOfElement) {
  using namespace std::string_literals;
  using namespace std::string_view_literals;
  EXPECT_EQ(unpack("\x05\x10hello"sv), "hello");
  EXPECT_EQ(unpack("\x0a\x04"
                   "ab\x11\x02"sv),
            "ababababab")
      << "a copy of 8 that overlaps";
  EXPECT_EQ(unpack("\x06\x08"
                   "abc\x0a\x03\0"sv),
            "abcabc");
  EXPECT_EQ(unpack("\x06\x08"
                   "abc\x0b\x03\0\0\0"sv),
            "abcabc");
  std::string long_one(70, 'x');
  EXPECT_EQ(unpack("\x46\xf0\x45" + long_one), long_one);
  EXPECT_EQ(unpack("\x46\xf4\x45\x00"s + long_one), long_one);
}

TEST(Snappy, WhatIsBrokenIsAnErrorThatNamesTheByte) {
  using namespace std::string_view_literals;
  for (const std::string_view bad : {""sv, "\xff"sv, "\x05\x10hell"sv, "\x06\x10hello"sv, "\x04\x10hello"sv,
                                     "\x06\x08"
                                     "abc\x0a\x04\0"sv,
                                     "\x06\x08"
                                     "abc\x0a\0\0"sv,
                                     "\x06\x08"
                                     "abc\x0a\x03"sv,
                                     "\x06\xfc\xff\xff\xff\xff"sv,
                                     "\x05\x08"
                                     "abc\x0a\x03\0"sv}) {
    const auto out = unpack_snappy(bad, 1000);
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().kind, ErrorKind::kInvalid);
    EXPECT_NE(out.error().message.find("byte "), std::string::npos) << out.error().message;
  }
  const std::string whole = from_hex(kPacked);
  for (std::size_t i = 0; i < whole.size(); ++i) EXPECT_FALSE(unpack_snappy(whole.substr(0, i), 1 << 20)) << i;
}

TEST(Snappy, ClaimsAndBoundsAreCheckedBeforeMemoryIsTaken) {
  EXPECT_EQ(unpack_snappy(from_hex(kPacked), 100).error().kind, ErrorKind::kLimit);
  std::string claim;
  ByteWriter(claim).varint(500'000'000);
  claim += "\x10hello";
  EXPECT_EQ(unpack_snappy(claim, SIZE_MAX).error().kind, ErrorKind::kInvalid);
  std::size_t asked = 0;
  const auto none = unpack_snappy(from_hex(kPacked), 1 << 20, [&](std::size_t bytes) {
    asked = bytes;
    return false;
  });
  EXPECT_EQ(none.error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(asked, original().size());
}

TEST(Snappy, WhatIsPackedUnpacksToTheSame) {
  std::string random;
  std::uint32_t state = 1;
  for (int i = 0; i < 200'000; ++i)
    random.push_back(static_cast<char>((state = state * 1664525U + 1013904223U) >> 24U));
  std::string few = random;  // repeats by chance
  for (char& c : few) c = static_cast<char>(c & 1);
  const std::string same(1U << 20U, 'x');
  for (const std::string& whole :
       {original(), random, few, same, random + random, "abcd" + random.substr(0, 65'532) + "abcd"})
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{4}, std::size_t{5}, std::size_t{61},
                                    std::size_t{300}, std::size_t{65'536}, std::size_t{65'540}, whole.size()}) {
      const std::string text = whole.substr(0, bytes);
      std::string packed;
      pack_snappy(text, packed);
      const auto unpacked = unpack_snappy(packed, text.size());
      ASSERT_TRUE(unpacked) << unpacked.error().message;
      ASSERT_EQ(*unpacked, text);
      EXPECT_LE(packed.size(), text.size() + text.size() / 60 + 20);
    }
  std::string packed;
  pack_snappy(same, packed);
  EXPECT_LT(packed.size(), same.size() / 20);
}

}  // namespace
}  // namespace resmon
