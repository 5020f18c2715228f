#include "base/network.h"

#include <gtest/gtest.h>

namespace resmon {
namespace {

TEST(NetworkTest, OneSenderIsAnIpv4AddressOr64BitsOfAnIpv6Address) {
  struct Case {
    const char* address;
    const char* want;
  };
  const Case cases[] = {
      {"192.0.2.7", "192.0.2.7"},
      {"::ffff:192.0.2.7", "::ffff:192.0.2.7"},
      {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2"},
      {"2001:db8:1:2:3::6", "2001:db8:1:2"},
      {"2001:db8:1:2::6", "2001:db8:1:2"},
      {"2001:db8::6", "2001:db8"},
      {"fe80::1", "fe80"},
      {"::1", ""},
      {"", ""},
  };
  for (const Case& c : cases) EXPECT_EQ(network_of(c.address), c.want) << c.address;
}

}  // namespace
}  // namespace resmon
