// What can be told without a camera. tests/e2e/auth.test.py has a program read the codes.

#include "auth/qr_code.h"

#include <gtest/gtest.h>

namespace resmon::auth {
namespace {

TEST(QrCode, TheSmallestVersionWithRoomIsTaken) {
  // ISO/IEC 18004, table 7: bytes at level L.
  constexpr std::size_t kRoom[] = {17, 32, 53, 78, 106, 134, 154, 192, 230, 271, 321, 367, 425, 458};
  int version = 1;
  for (const std::size_t bytes : kRoom) {
    const auto full = QrCode::encode(std::string(bytes, 'x'));
    ASSERT_TRUE(full) << bytes;
    EXPECT_EQ(full->size(), 17 + 4 * version) << bytes;
    ++version;
  }
  EXPECT_TRUE(QrCode::encode(std::string(kMostQrBytes, 'x')));
  EXPECT_FALSE(QrCode::encode(std::string(kMostQrBytes + 1, 'x')));
  EXPECT_TRUE(QrCode::encode(""));
}

TEST(QrCode, ThePathIsTheDarkModules) {
  const auto code = QrCode::encode("otpauth://totp/resmon:mia?secret=JBSWY3DPEHPK3PXP");
  ASSERT_TRUE(code);
  EXPECT_TRUE(code->dark(0, 0));
  EXPECT_FALSE(code->dark(1, 1));
  EXPECT_TRUE(code->svg_path().starts_with("M0 0h7v1h-7z"));
  EXPECT_EQ(code->svg_path().find_first_not_of("Mhvz0123456789 -"), std::string::npos);
}

}  // namespace
}  // namespace resmon::auth
