#include "ingest/crowd.h"

#include <gtest/gtest.h>

#include "ingest/server.h"

namespace resmon::ingest {
namespace {

using boost::asio::ip::make_address;

class CrowdTest : public ::testing::Test {
 protected:
  static ServerOptions options() {
    ServerOptions out;
    out.connection_rate = 1;
    out.max_greeting = 4;
    out.frame_memory_bytes = 1U << 20U;
    return out;
  }

  const ServerOptions options_ = options();
  ServerStats stats_;
  Crowd crowd_{options_, stats_};
  char connections_[8] = {};
};

TEST_F(CrowdTest, TenTimesTheRateMayComeAtOnceFromEachAddress) {
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(crowd_.may_enter(make_address("10.0.0.1"))) << i;
  EXPECT_FALSE(crowd_.may_enter(make_address("10.0.0.1")));
  EXPECT_TRUE(crowd_.may_enter(make_address("10.0.0.2")));
  EXPECT_EQ(stats_.rate_limited, 1U);
  ServerOptions unlimited;
  unlimited.connection_rate = 0;
  Crowd any(unlimited, stats_);
  for (int i = 0; i < 20'000; ++i) ASSERT_TRUE(any.may_enter(make_address("10.0.0.1")));
}

TEST_F(CrowdTest, CountsWhoHasNotSaidHelloAndWhoMakesRoom) {
  EXPECT_EQ(crowd_.enter(&connections_[0], make_address("10.0.0.1")), nullptr);
  EXPECT_EQ(crowd_.enter(&connections_[1], make_address("10.0.0.2")), nullptr);
  EXPECT_EQ(stats_.half_open, 2U);
  crowd_.greeted(&connections_[0]);
  EXPECT_EQ(stats_.half_open, 1U);
  // The second one of an address that has its quarter already.
  EXPECT_EQ(crowd_.enter(&connections_[2], make_address("10.0.0.2")), &connections_[1]);
  EXPECT_EQ(stats_.turned_away, 1U);
  crowd_.leave(&connections_[2]);
  EXPECT_EQ(stats_.half_open, 0U);
}

TEST_F(CrowdTest, CountsTheMemoryOfFramesAndWhoseAreCut) {
  const std::vector<const void*> none;
  EXPECT_EQ(crowd_.hold_frames(&connections_[0], 600'000, false), none);
  EXPECT_EQ(stats_.frame_bytes, 600'000U);
  EXPECT_EQ(crowd_.hold_frames(&connections_[1], 600'000, false), std::vector<const void*>{&connections_[0]});
  EXPECT_EQ(stats_.frames_cut, 1U);
  EXPECT_EQ(stats_.frame_bytes, 600'000U);
  crowd_.leave(&connections_[1]);
  EXPECT_EQ(stats_.frame_bytes, 0U);
}

TEST_F(CrowdTest, ListsWhoWasRefusedWithoutThePortUntilItIsLetIn) {
  crowd_.refused("", "10.0.0.1:1234", "token", "no token");  // no name: only a line
  crowd_.refused("mail", "[2001:db8::1]:1234", "token", "unknown token");
  ASSERT_EQ(crowd_.refused_clients().size(), 1U);
  EXPECT_EQ(crowd_.refused_clients()[0].host, "mail");
  EXPECT_EQ(crowd_.refused_clients()[0].address, "2001:db8::1");
  crowd_.let_in("mail", "2001:db8::1");
  EXPECT_TRUE(crowd_.refused_clients().empty());
}

TEST_F(CrowdTest, TellsAClientTheSameOnceAMinute) {
  EXPECT_TRUE(crowd_.may_notify("mail", "a"));
  EXPECT_FALSE(crowd_.may_notify("mail", "b"));
  EXPECT_TRUE(crowd_.may_notify("web", "a"));
  EXPECT_TRUE(crowd_.report_repeats().empty());  // the minute is not over
}

}  // namespace
}  // namespace resmon::ingest
