#include "journal/active_file.h"

#include <gtest/gtest.h>

#include "journal/simulated_files.h"

namespace resmon::journal {
namespace {

ActiveFile begin(SimulatedFiles& files, std::uint64_t room) {
  auto file = files.create("/segment");
  EXPECT_TRUE(file);
  return {*std::move(file), 1, 1, room};
}

std::string content(SimulatedFiles& files) {
  auto file = files.open("/segment");
  std::string all(*(*file)->size(), '\0');
  EXPECT_EQ(*(*file)->read_at(0, all), all.size());
  return all;
}

TEST(ActiveFileTest, EndsWhereItIsDurable) {
  SimulatedFiles files(1);
  ActiveFile active = begin(files, 100);
  ASSERT_TRUE(active.append("abc"));
  EXPECT_FALSE(active.is_durable());
  ASSERT_TRUE(active.sync());
  active.set_durable();
  EXPECT_TRUE(active.is_durable());
  ASSERT_TRUE(active.append("lost"));
  EXPECT_EQ(content(files), "abclost");
  ASSERT_TRUE(active.cut_to_durable());
  EXPECT_EQ(content(files), "abc");
}

TEST(ActiveFileTest, GrowsNoFurtherThanItsRoom) {
  SimulatedFiles files(1);
  ActiveFile active = begin(files, 8);
  ASSERT_TRUE(active.append("12345"));
  EXPECT_TRUE(active.has_room(3));
  EXPECT_FALSE(active.has_room(4));
  active.add_room(1);
  EXPECT_TRUE(active.has_room(4));
}

TEST(ActiveFileTest, ReservesAllOfItsRoomOrHalfOfWhatASmallDiskHas) {
  constexpr std::uint64_t kRoom = 1U << 20U;
  SimulatedFiles large(1);
  ASSERT_TRUE(begin(large, kRoom).reserve());
  EXPECT_EQ(content(large).size(), kRoom);
  SimulatedFiles small(1);
  small.capacity = 600U << 10U;
  ASSERT_TRUE(begin(small, kRoom).reserve());
  EXPECT_EQ(content(small).size(), 256U << 10U);
  SimulatedFiles full(1);
  full.capacity = 60U << 10U;
  EXPECT_FALSE(begin(full, kRoom).reserve());
}

}  // namespace
}  // namespace resmon::journal
