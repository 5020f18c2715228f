#include "net/proxy_header.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "net/networks.h"

namespace resmon::net {
namespace {

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string header(unsigned version_and_command, unsigned family, const std::string& rest) {
  return kSignature + static_cast<char>(version_and_command) + static_cast<char>(family) +
         static_cast<char>(rest.size() >> 8U) + static_cast<char>(rest.size() & 0xffU) + rest;
}

const std::string kFour("\xc0\x00\x02\x07\xc0\x00\x02\x01\x10\xe1\x1c\xf3", 12);  // 192.0.2.7:4321 to 192.0.2.1:7411

TEST(ProxyHeaderTest, SaysWhoseConnectionItIs) {
  const auto four = read_proxy_header(header(0x21, 0x11, kFour) + "HELLO");
  ASSERT_TRUE(four && *four);
  EXPECT_EQ((*four)->bytes, 28U);
  EXPECT_EQ((*four)->client->address().to_string(), "192.0.2.7");
  EXPECT_EQ((*four)->client->port(), 4321);
  const std::string six =
      "\x20\x01\x0d\xb8" + std::string(11, '\0') + '\x07' + std::string(16, '\0') + std::string(4, 1);
  const auto found = read_proxy_header(header(0x21, 0x21, six + "\x04\x01\x02" + std::string(258, 'x')));
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->client->address().to_string(), "2001:db8::7");
}

TEST(ProxyHeaderTest, ABalancersOwnConnectionsAreItsOwn) {
  for (const std::string& text : {header(0x20, 0, ""), header(0x20, 0x11, kFour), header(0x21, 0, ""),
                                  header(0x21, 0x31, std::string(216, 'u'))}) {
    const auto found = read_proxy_header(text);
    ASSERT_TRUE(found && *found);
    EXPECT_FALSE((*found)->client);
    EXPECT_EQ((*found)->bytes, text.size());
  }
}

TEST(ProxyHeaderTest, WaitsForAllOfItAndForNoMore) {
  const std::string text = header(0x21, 0x11, kFour);
  for (std::size_t bytes = 0; bytes < text.size(); ++bytes) {
    const auto found = read_proxy_header(text.substr(0, bytes));
    ASSERT_TRUE(found) << bytes;
    EXPECT_FALSE(*found) << bytes;
  }
  for (const std::string& wrong : std::vector<std::string>{
           "G", "GET / HTTP/1.1\r\n", "PROXY TCP4 192.0.2.7 192.0.2.1 4321 7411\r\n", kSignature + "\x11\x11" + kFour,
           header(0x22, 0x11, kFour), header(0x21, 0x11, "short"), header(0x21, 0x11, std::string(5000, 'x'))})
    EXPECT_FALSE(read_proxy_header(wrong)) << wrong;
}

TEST(NetworksTest, ContainAddresses) {
  const Networks networks = Networks::parse({"10.0.0.0/8", "::1", "fd00::/8", "192.0.2.128/25"}).value();
  const auto has = [&](const char* address) { return networks.contains(boost::asio::ip::make_address(address)); };
  EXPECT_TRUE(has("10.1.2.3"));
  EXPECT_TRUE(has("::ffff:10.1.2.3"));
  EXPECT_TRUE(has("fd12::1"));
  EXPECT_TRUE(has("192.0.2.129"));
  EXPECT_FALSE(has("192.0.2.127"));
  EXPECT_FALSE(has("11.0.0.1"));
  EXPECT_FALSE(has("::2"));
  EXPECT_FALSE(Networks::parse({"10.0.0.0/33"}));
  EXPECT_FALSE(Networks::parse({"haproxy"}));
  EXPECT_TRUE(Networks().empty());
}

}  // namespace
}  // namespace resmon::net
