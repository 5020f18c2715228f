#include "http/connections.h"

#include <gtest/gtest.h>

#include <vector>

namespace resmon::http {
namespace {

class ConnectionsTest : public ::testing::Test {
 protected:
  // Its id; which one ended for it goes into ended_.
  Connections::Id come(const std::string& address, bool shared = false) {
    const Connections::Id id = connections_.admit(address, shared).id;
    if (id == 0) return id;
    EXPECT_TRUE(connections_.set_close(id, [this, id] { ended_.push_back(id); }));
    return id;
  }
  using Ids = std::vector<Connections::Id>;
  Connections connections_{4, 2};
  Ids ended_;
};

TEST_F(ConnectionsTest, TheOldestOfTheBusiestAddressEndsForANewOne) {
  const auto a1 = come("a", true);
  const auto b1 = come("b");
  const auto b2 = come("b");
  const auto a2 = come("a", true);
  const auto a3 = come("a", true);
  EXPECT_EQ(ended_, Ids{a1}) << "as many as b's, and the oldest";
  const auto c1 = come("c");
  EXPECT_EQ(ended_, (Ids{a1, b1}));
  come("c");
  EXPECT_EQ(ended_, (Ids{a1, b1, a2}));
  connections_.leave(a1);
  connections_.leave(a1);
  connections_.leave(b1);
  connections_.leave(a2);
  come("d");
  EXPECT_EQ(ended_, (Ids{a1, b1, a2, c1})) << "those that ended do not count, whenever they leave";
  EXPECT_NE(b2, a3);
}

TEST_F(ConnectionsTest, WhatIsWorkedOnStaysAndWhatSendsEndsLast) {
  const auto a1 = come("a", true);
  const auto a2 = come("a", true);
  const auto b1 = come("b");
  const auto b2 = come("b");
  connections_.change(a1, Connections::State::kWorking);
  connections_.change(a2, Connections::State::kSending);
  connections_.change(b1, Connections::State::kWorking);
  connections_.change(b1, Connections::State::kWaiting);
  const auto c1 = come("c");
  EXPECT_EQ(ended_, Ids{b2}) << "b1 has been answered since";
  connections_.change(b1, Connections::State::kWorking);
  connections_.change(c1, Connections::State::kWorking);
  const auto d1 = come("d");
  EXPECT_EQ(ended_, (Ids{b2, a2}));
  connections_.change(d1, Connections::State::kWorking);
  EXPECT_EQ(come("e"), 0U) << "nobody waits";
  connections_.change(b2, Connections::State::kWaiting);
  EXPECT_EQ(come("e"), 0U) << "one that is ending is no victim again";
  connections_.leave(a1);
  EXPECT_NE(come("e"), 0U);
}

TEST_F(ConnectionsTest, AnAddressHasAShare) {
  const auto a1 = come("a");
  const auto a2 = come("a");
  const auto a3 = come("a");
  EXPECT_EQ(ended_, Ids{a1}) << "its own, though there is room";
  connections_.change(a2, Connections::State::kWorking);
  connections_.change(a3, Connections::State::kWorking);
  EXPECT_EQ(come("a"), 0U);
  EXPECT_NE(come("b"), 0U);
}

TEST_F(ConnectionsTest, StopEndsAllAndLetsNobodyIn) {
  const auto a1 = come("a");
  const auto b1 = come("b");
  const auto late = connections_.admit("c", false).id;
  connections_.change(b1, Connections::State::kWorking);
  connections_.stop();
  EXPECT_EQ(ended_, (Ids{a1, b1}));
  EXPECT_FALSE(connections_.set_close(late, [] {}));
  EXPECT_EQ(connections_.admit("d", false).id, 0U);
}

}  // namespace
}  // namespace resmon::http
