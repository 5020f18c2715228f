#include "http/trusted_proxies.h"

#include <gtest/gtest.h>

namespace resmon::http {
namespace {

TrustedProxies trusting(const std::vector<std::string>& list) {
  return TrustedProxies::parse(list).value();
}

TEST(TrustedProxies, NobodyIsBelievedByDefault) {
  EXPECT_EQ(TrustedProxies().client_of("127.0.0.1", "10.0.0.1"), "127.0.0.1");
  EXPECT_EQ(trusting({}).client_of("::1", "10.0.0.1"), "::1");
}

TEST(TrustedProxies, TheLastAddressThatIsNoProxyCounts) {
  const TrustedProxies proxies = trusting({"127.0.0.1", "10.0.0.0/8", "fd00::/8", "::1", "192.168.1.128/25"});
  struct Forwarded {
    const char* peer;
    const char* forwarded_for;
    const char* client;
  };
  for (const Forwarded& one : {Forwarded{"127.0.0.1", "", "127.0.0.1"},
                               {"127.0.0.1", "203.0.113.5", "203.0.113.5"},
                               {"::1", "203.0.113.5", "203.0.113.5"},
                               {"::ffff:127.0.0.1", "203.0.113.5", "203.0.113.5"},
                               // What its client sent stands before what the proxy adds.
                               {"127.0.0.1", "198.51.100.7, 203.0.113.5", "203.0.113.5"},
                               {"127.0.0.1", "10.0.0.1, 203.0.113.5", "203.0.113.5"},
                               // Through several proxies.
                               {"127.0.0.1", "198.51.100.7, 203.0.113.5, 10.1.2.3, fd12::1", "203.0.113.5"},
                               {"10.9.9.9", "10.0.0.1,10.0.0.2", "10.0.0.1"},
                               // Not from a proxy: whatever it says.
                               {"203.0.113.9", "198.51.100.7", "203.0.113.9"},
                               {"11.0.0.1", "198.51.100.7", "11.0.0.1"},
                               {"192.168.1.127", "198.51.100.7", "192.168.1.127"},
                               {"192.168.1.128", "198.51.100.7", "198.51.100.7"},
                               // Ports, brackets, blanks.
                               {"127.0.0.1", " 203.0.113.5:4711 ", "203.0.113.5"},
                               {"127.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"},
                               {"127.0.0.1", "[2001:db8::7]", "2001:db8::7"},
                               {"127.0.0.1", "2001:DB8::7", "2001:db8::7"},
                               {"127.0.0.1", "::ffff:203.0.113.5", "203.0.113.5"},
                               // No addresses.
                               {"127.0.0.1", "unknown", "127.0.0.1"},
                               {"127.0.0.1", "203.0.113.5, unknown", "127.0.0.1"},
                               {"127.0.0.1", "203.0.113.5, ", "127.0.0.1"},
                               {"127.0.0.1", "203.0.113.5, 10.0.0.1, x", "127.0.0.1"},
                               {"127.0.0.1", "[", "127.0.0.1"},
                               {"127.0.0.1", ",,,", "127.0.0.1"},
                               {"not an address", "203.0.113.5", "not an address"}})
    EXPECT_EQ(proxies.client_of(one.peer, one.forwarded_for), one.client) << one.peer << " | " << one.forwarded_for;
}

TEST(TrustedProxies, WhatIsNoNetworkIsNamed) {
  for (const char* text : {"", "proxy.example", "10.0.0.0/33", "::1/129", "10.0.0.0/", "10.0.0.0/8x", "10.0.0.0/-1",
                           "*", "10.0.0", "10.0.0.1:80"}) {
    const auto parsed = TrustedProxies::parse({"127.0.0.1", text});
    ASSERT_FALSE(parsed) << text;
    EXPECT_NE(parsed.error().message.find("'" + std::string(text) + "'"), std::string::npos);
  }
  EXPECT_EQ(trusting({"0.0.0.0/0"}).client_of("8.8.8.8", "203.0.113.5"), "203.0.113.5");
  EXPECT_EQ(trusting({"0.0.0.0/0"}).client_of("2001:db8::7", "203.0.113.5"), "2001:db8::7");
}

}  // namespace
}  // namespace resmon::http
