#include "ingest/admission.h"

#include <gtest/gtest.h>

#include <vector>

namespace resmon::ingest {
namespace {

using boost::asio::ip::make_address;
using Gone = std::vector<const void*>;

constexpr std::size_t kMiB = 1U << 20U;

class HalfOpenTest : public ::testing::Test {
 protected:
  const void* connection(std::size_t i) const { return &things_[i]; }
  std::vector<char> things_ = std::vector<char>(20'000);
};

TEST_F(HalfOpenTest, AFloodFromOneAddressOnlyPushesOutItsOwn) {
  HalfOpen door(100);
  EXPECT_EQ(door.enter(connection(0), make_address("10.0.0.1")), nullptr);
  for (std::size_t i = 1; i <= 10'000; ++i) {
    const void* const gone = door.enter(connection(i), make_address("10.0.0.2"));
    // The oldest of its own, once it has a quarter.
    EXPECT_EQ(gone, i <= 25 ? nullptr : connection(i - 25)) << i;
  }
  EXPECT_EQ(door.size(), 26U);
  // Also beside the flood a new one comes in, and goes again.
  EXPECT_EQ(door.enter(connection(10'001), make_address("10.0.0.3")), nullptr);
  door.leave(connection(10'001));
  door.leave(connection(10'001));
  EXPECT_EQ(door.size(), 26U);
}

TEST_F(HalfOpenTest, AFloodFromManyAddressesPushesOutTheOldest) {
  HalfOpen door(100);
  for (std::size_t i = 0; i < 1000; ++i) {
    const auto address = boost::asio::ip::address_v4(static_cast<std::uint32_t>(i + 1));
    EXPECT_EQ(door.enter(connection(i), address), i < 100 ? nullptr : connection(i - 100));
  }
  EXPECT_EQ(door.size(), 100U);
}

TEST_F(HalfOpenTest, AnIpv6NetworkIsOneAddress) {
  HalfOpen door(8);
  EXPECT_EQ(door.enter(connection(0), make_address("2001:db8::1")), nullptr);
  EXPECT_EQ(door.enter(connection(1), make_address("2001:db8::ffff:2")), nullptr);
  EXPECT_EQ(door.enter(connection(2), make_address("2001:db8::3")), connection(0));
  EXPECT_EQ(door.enter(connection(3), make_address("2001:db8:0:1::3")), nullptr);
}

TEST_F(HalfOpenTest, TheOldestUnfinishedFrameMakesRoom) {
  FrameMemory memory(4 * kMiB);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(memory.hold(connection(i), kMiB, false), Gone{});
  EXPECT_EQ(memory.hold(connection(0), kMiB, true), Gone{});  // moved on: the newest now
  EXPECT_EQ(memory.hold(connection(9), 100, false), Gone{});  // a small one is not counted
  EXPECT_EQ(memory.bytes(), 4 * kMiB);
  EXPECT_EQ(memory.hold(connection(5), kMiB, false), Gone{connection(1)});
  EXPECT_EQ(memory.hold(connection(5), 2 * kMiB, false), Gone{connection(2)});
  memory.leave(connection(1));
  EXPECT_EQ(memory.bytes(), 4 * kMiB);
  for (const std::size_t i : {0U, 3U, 5U}) memory.leave(connection(i));
  EXPECT_EQ(memory.bytes(), 0U);
}

TEST_F(HalfOpenTest, AConnectionThatNeedsMoreThanThereIsMustGoItself) {
  FrameMemory memory(100'000);
  EXPECT_EQ(memory.hold(connection(0), 200'000, false), Gone{connection(0)});
  EXPECT_EQ(memory.bytes(), 0U);
}

TEST_F(HalfOpenTest, ABigFrameTakesTheRoomOfManySmallOnes) {
  FrameMemory memory(10 * 10'000);
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(memory.hold(connection(i), 10'000, false), Gone{});
  EXPECT_EQ(memory.hold(connection(10), 25'000, false), (Gone{connection(0), connection(1), connection(2)}));
  EXPECT_EQ(memory.bytes(), 95'000U);
}

TEST_F(HalfOpenTest, WhatReadsOnUntilItHearsThatItMustGoTakesNobodysRoom) {
  FrameMemory memory(2 * kMiB);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(memory.hold(connection(i), kMiB, false), Gone{});
  EXPECT_EQ(memory.hold(connection(2), kMiB, false), Gone{connection(0)});
  EXPECT_EQ(memory.hold(connection(0), 2 * kMiB, false), Gone{});
  EXPECT_EQ(memory.hold(connection(0), kMiB, true), Gone{});
  EXPECT_EQ(memory.bytes(), 2 * kMiB);
  memory.leave(connection(0));
  memory.leave(connection(1));
  EXPECT_EQ(memory.hold(connection(0), kMiB, false), Gone{});  // a new connection at the same address
  EXPECT_EQ(memory.bytes(), 2 * kMiB);
}

}  // namespace
}  // namespace resmon::ingest
