#include "collect/merge_by_id.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace resmon::collect {
namespace {

struct Thing {
  std::uint32_t id = 0;
  std::uint32_t is_old = 0;  // its id, where it was there before
};

using Ids = std::vector<std::uint32_t>;

// Merges and compares with what a set says.
void expect_merged(const Ids& before, const Ids& wanted) {
  std::vector<Thing> things;
  for (const std::uint32_t id : before) things.push_back({id, id});
  Ids gone;
  merge_by_id(
      things, wanted.size(), [&](std::size_t i) { return wanted[i]; },
      [&](const Thing& thing) { gone.push_back(thing.id); });
  const std::set<std::uint32_t> was(before.begin(), before.end());
  const std::set<std::uint32_t> is(wanted.begin(), wanted.end());
  ASSERT_EQ(things.size(), wanted.size());
  for (std::size_t i = 0; i < things.size(); ++i) {
    EXPECT_EQ(things[i].id, wanted[i]);
    EXPECT_EQ(things[i].is_old, was.contains(wanted[i]) ? wanted[i] : 0);
  }
  Ids wanted_gone;
  for (const std::uint32_t id : before)
    if (!is.contains(id)) wanted_gone.push_back(id);
  EXPECT_EQ(gone, wanted_gone);
}

TEST(MergeById, KeepsWhatIsThereAddsAndForgets) {
  expect_merged({}, {});
  expect_merged({}, {1, 2, 3});
  expect_merged({1, 2, 3}, {});
  expect_merged({1, 2, 3}, {1, 2, 3});
  expect_merged({2, 4}, {1, 2, 3, 4, 5});
  expect_merged({1, 2, 3, 4, 5}, {2, 4});
  expect_merged({1, 2, 9}, {2, 3, 4, 5});
  expect_merged({7, 8, 9}, {1, 2, 3});
}

TEST(MergeById, AnyTwoListsMerge) {
  std::mt19937 random(7);
  for (int round = 0; round < 500; ++round) {
    Ids before;
    Ids wanted;
    for (std::uint32_t id = 1; id < 40; ++id) {
      if (random() % 2 == 0) before.push_back(id);
      if (random() % 3 != 0) wanted.push_back(id);
    }
    expect_merged(before, wanted);
  }
}

// What all processes take twice is a third of the client's memory.
TEST(MergeById, MemoryIsNotDoubledForOneMore) {
  std::vector<Thing> things(1000);
  for (std::uint32_t i = 0; i < 1000; ++i) things[i].id = i + 1;
  things.shrink_to_fit();
  merge_by_id(
      things, 1001, [](std::size_t i) { return static_cast<std::uint32_t>(i + 1); }, [](const Thing&) {});
  EXPECT_LT(things.capacity(), 1300U);
}

}  // namespace
}  // namespace resmon::collect
