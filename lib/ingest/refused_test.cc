#include "ingest/refused.h"

#include <gtest/gtest.h>

namespace resmon::ingest {
namespace {

constexpr UnixNanos kSecond = 1'000'000'000;

TEST(RefusedClientsTest, KeepsTheNewestReasonOfEachNameAndAddressUntilItIsLetIn) {
  RefusedClients refused;
  refused.refused("web2", "10.0.0.2", "token", "unknown token", 1 * kSecond);
  refused.refused("web2", "10.0.0.2", "wrong_name", "another name", 2 * kSecond);
  refused.refused("web2", "10.0.0.3", "name_in_use", "twice", 3 * kSecond);
  refused.refused("web1", "10.0.0.2", "token", "unknown token", 4 * kSecond);
  auto list = refused.list(5 * kSecond);
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[0].host, "web1");
  EXPECT_EQ(list[1].code, "wrong_name");
  EXPECT_EQ(list[1].reason, "another name");
  EXPECT_EQ(list[1].times, 2U);
  EXPECT_EQ(list[1].last, 2 * kSecond);
  refused.let_in("web2", "10.0.0.2");
  refused.let_in("unheard of", "10.0.0.2");
  list = refused.list(5 * kSecond);
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[1].address, "10.0.0.3");
}

TEST(RefusedClientsTest, IsBoundedAndForgets) {
  RefusedClients refused(3);
  for (int i = 0; i < 100; ++i) refused.refused("host" + std::to_string(i), "10.0.0.1", "token", "", i * kSecond);
  refused.refused("host97", "10.0.0.1", "token", "", 100 * kSecond);
  refused.refused("new", "10.0.0.1", "token", "", 101 * kSecond);  // in place of host98
  const auto list = refused.list(102 * kSecond);
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[0].host, "host97");
  EXPECT_EQ(list[1].host, "host99");
  EXPECT_EQ(list[2].host, "new");
  EXPECT_EQ(refused.list(100 * kSecond + RefusedClients::kForgetAfter).size(), 1U);
  EXPECT_TRUE(refused.list(102 * kSecond + RefusedClients::kForgetAfter).empty());
}

}  // namespace
}  // namespace resmon::ingest
