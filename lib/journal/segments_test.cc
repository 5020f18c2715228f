#include "journal/segments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace resmon::journal {
namespace {

using ::testing::ElementsAre;

// Three groups: 1 to 10 in a file, 11 to 20 in two, 31 to 40 in none yet.
Segments three_groups() {
  Segments segments;
  segments.adopt(1, 10, 1, 8192);
  segments.adopt(11, 15, 11, 8192);
  segments.adopt(16, 20, 11, 12288);
  segments.begin_group(31, 40960);
  segments.end_at(40);
  return segments;
}

std::vector<std::string> names(const std::vector<Doomed>& files) {
  std::vector<std::string> all;
  for (const Doomed& file : files) all.push_back(file.name);
  return all;
}

TEST(JournalSegments, FindsGroupsAndFilesByPosition) {
  const Segments segments = three_groups();
  ASSERT_EQ(segments.groups().size(), 3U);
  EXPECT_EQ(segments.group_from(1)->first, 1U);
  EXPECT_EQ(segments.group_from(20)->first, 11U);
  EXPECT_EQ(segments.group_from(21)->first, 31U);
  EXPECT_EQ(segments.group_from(41), nullptr);
  EXPECT_EQ(segments.file_with(15)->first, 11U);
  EXPECT_EQ(segments.file_with(16)->first, 16U);
  EXPECT_EQ(segments.file_with(21), nullptr);
  EXPECT_EQ(segments.file_with(0), nullptr);
  EXPECT_EQ(segments.file_after(15)->first, 16U);
  EXPECT_EQ(segments.file_after(16), nullptr);
  EXPECT_EQ(segments.files(), 3U);
}

TEST(JournalSegments, CountsOnlyRecordsThatExist) {
  const Segments segments = three_groups();
  EXPECT_EQ(segments.records_between(1, 40), 30U);
  EXPECT_EQ(segments.records_between(10, 11), 2U);
  EXPECT_EQ(segments.records_between(21, 30), 0U);
  EXPECT_EQ(segments.records_between(20, 31), 2U);
}

TEST(JournalSegments, PlansWithReservedSpaceAndAccountsForDoomedFiles) {
  Segments segments = three_groups();
  EXPECT_EQ(segments.planned_bytes(), kOverheadBytes + 28672 + 40960);
  EXPECT_EQ(segments.physical_bytes(), kOverheadBytes + 28672);
  segments.discarded().set_aside("strange", 1);
  EXPECT_EQ(segments.physical_bytes(), kOverheadBytes + 28672 + 8192);
  EXPECT_TRUE(segments.discarded().doom_one_aside());
  EXPECT_FALSE(segments.discarded().doom_one_aside());
  EXPECT_EQ(segments.planned_bytes(), kOverheadBytes + 28672 + 40960);
  EXPECT_EQ(segments.physical_bytes(), kOverheadBytes + 28672 + 8192);
  segments.discarded().removed({"strange"});
  EXPECT_EQ(segments.physical_bytes(), kOverheadBytes + 28672);
  EXPECT_FALSE(segments.discarded().any_doomed());
}

TEST(JournalSegments, AFileTakesTheReserveOfItsGroup) {
  Segments segments = three_groups();
  EXPECT_EQ(segments.reserved_for(31), 40960U);
  segments.begin_file(31, 31, 16384);
  EXPECT_EQ(segments.reserved_for(31), 0U);
  EXPECT_EQ(segments.reserved_for(99), 0U);
  segments.grow(31, 4096);
  EXPECT_EQ(segments.physical_bytes(), kOverheadBytes + 28672 + 20480);
  segments.set_allotted(31, 8192);
  EXPECT_EQ(segments.physical_bytes(), kOverheadBytes + 28672 + 8192);
  EXPECT_EQ(segments.left_of(11, 65536), 65536U - 4096);
  EXPECT_EQ(segments.left_of(99, 65536), 65536U);
}

TEST(JournalSegments, TheOldestGoesOnceItIsDurableAndNotTheNewestFile) {
  Segments segments = three_groups();
  EXPECT_FALSE(segments.front_may_go(9));
  EXPECT_TRUE(segments.front_may_go(10));
  EXPECT_EQ(segments.drop_front(5).first, 1U);
  EXPECT_FALSE(segments.front_may_go(40));  // the newest file is of this group
  segments.begin_file(31, 31, 8192);
  EXPECT_TRUE(segments.front_may_go(40));
  EXPECT_EQ(segments.drop_front(6).first, 11U);
  EXPECT_FALSE(segments.front_may_go(40));  // the only one
  EXPECT_TRUE(segments.discarded().removable(4, false).empty());
  EXPECT_THAT(names(segments.discarded().removable(5, false)), ElementsAre(segment_name(1)));
  EXPECT_THAT(names(segments.discarded().removable(4, true)),
              ElementsAre(segment_name(1), segment_name(11), segment_name(16)));
}

TEST(JournalSegments, AFileWithoutADurableRecordIsGivenUpWhole) {
  Segments segments = three_groups();
  segments.begin_file(31, 31, 8192);
  segments.durable_through(31, 31);
  EXPECT_FALSE(segments.doom_if_empty(31));
  EXPECT_FALSE(segments.doom_if_empty(99));
  segments.begin_file(32, 31, 8192);
  EXPECT_TRUE(segments.doom_if_empty(32));
  EXPECT_EQ(segments.files(), 4U);
  EXPECT_THAT(names(segments.discarded().removable(0, false)), ElementsAre(segment_name(32)));
}

TEST(JournalSegments, DamageOfAFileIsCountedOnce) {
  Segments segments = three_groups();
  EXPECT_EQ(segments.count_damage(1, 3, 5), 3U);
  EXPECT_EQ(segments.count_damage(1, 3, 5), 0U);
  EXPECT_EQ(segments.count_damage(1, 4, 6), 1U);
  EXPECT_EQ(segments.count_damage(2, 4, 6), 0U);
}

TEST(JournalSegments, WeightGoesToTheGroupWithThePosition) {
  Segments segments = three_groups();
  segments.weigh(20, 7);
  segments.weigh(21, 9);
  segments.weigh_newest(3);
  EXPECT_EQ(segments.groups()[1].weight, 7U);
  EXPECT_EQ(segments.groups()[2].weight, 3U);
}

}  // namespace
}  // namespace resmon::journal
