#include "store/heads.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "store/store_test_support.h"

namespace resmon::store {
namespace {

class HeadsTest : public ::testing::Test {
 protected:
  GroupState& group(int number) {
    const auto id = catalog_.add_group(*catalog_.add_measurement("m"), {{"n", std::to_string(number)}});
    GroupState& group = heads_.add(*id);
    group.head.slot(0, metric::FieldType::kFloat);
    return group;
  }
  void add(GroupState& group, int count) {
    for (int i = 0; i < count; ++i) {
      row_.begin(1, {});
      row_.set(0, metric::cell_of(0.1 * i));
      heads_.add_row(group, next_ += kSecond, row_);
    }
  }

  Catalog catalog_{1000, 100};
  Marks marks_;
  Heads heads_{catalog_, marks_, 100, 1U << 20U};
  SlotRow row_;
  UnixNanos next_ = kStart;
};

TEST_F(HeadsTest, AHeadIsDueWhenItIsFullAndTheFirstTimeBeforeThat) {
  GroupState& a = group(1);
  add(a, 49);
  EXPECT_TRUE(heads_.due().empty());
  add(a, 51);
  ASSERT_EQ(heads_.due(), std::vector<GroupId>{a.id});
  EXPECT_EQ(heads_.first_due(5), std::vector<GroupState*>{&a});
  EXPECT_EQ(heads_.first_due(0), std::vector<GroupState*>{});
  EXPECT_EQ(heads_.rows(), 100U);
  heads_.sealed(a);
  heads_.drop_sealed();
  EXPECT_TRUE(heads_.due().empty());
  EXPECT_EQ(heads_.rows(), 0U);
  add(a, 99);
  EXPECT_TRUE(heads_.due().empty());
  add(a, 1);
  EXPECT_EQ(heads_.due().size(), 1U);
  EXPECT_EQ(heads_.written_rows(), 200U);
}

TEST_F(HeadsTest, TheOldestRowOutsideTheFileSaysWhatIsNeeded) {
  GroupState& a = group(1);
  GroupState& b = group(2);
  EXPECT_EQ(heads_.needed_epoch(), Marks::kNone);
  EXPECT_EQ(heads_.oldest_time(), INT64_MAX);
  add(a, 1);
  const Marks::Epoch first = heads_.needed_epoch();
  const Marks::Epoch second = marks_.begin(1);
  add(b, 1);
  EXPECT_EQ(heads_.needed_epoch(), first);
  EXPECT_EQ(heads_.oldest_time(), kStart + kSecond);
  heads_.age(a.id).note_snapshot(0, 1);
  EXPECT_EQ(heads_.needed_epoch(), second);
  heads_.sealed(b);
  EXPECT_EQ(heads_.needed_epoch(), Marks::kNone);
}

TEST_F(HeadsTest, WhereHeadsEndedIsToldOnceItIsCommitted) {
  GroupState& saved = group(1);
  GroupState& fresh = group(2);
  GroupState& dropped = group(3);
  for (GroupState* const one : {&saved, &fresh, &dropped}) add(*one, 1);
  heads_.age(saved.id).note_snapshot(0, 4);
  heads_.sealed(saved);
  heads_.sealed(fresh);
  heads_.drop(dropped);
  EXPECT_EQ(heads_.ended(), std::vector<GroupId>{saved.id});
  EXPECT_TRUE(heads_.age(saved.id).ending);
  EXPECT_EQ(heads_.age(saved.id).last_snapshot, 4U);
  EXPECT_TRUE(heads_.idle().empty());
  ASSERT_TRUE(heads_.ended_or_dropped());
  heads_.marks_committed();
  EXPECT_FALSE(heads_.ended_or_dropped());
  EXPECT_FALSE(heads_.age(saved.id).ending);
  EXPECT_EQ(heads_.idle(), std::vector<GroupId>{dropped.id});
  heads_.note_idle(12'345);  // of a damaged file
  EXPECT_EQ(heads_.idle().size(), 1U);
  heads_.idle_looked_at(1);
  EXPECT_TRUE(heads_.idle().empty());
}

TEST_F(HeadsTest, LargeHeadsComeInTurn) {
  GroupState& small = group(1);
  GroupState& large = group(2);
  GroupState& empty = group(3);
  GroupState& larger = group(4);
  EXPECT_EQ(heads_.next_large(UINT64_MAX), std::vector<GroupState*>{}) << "there is none";
  add(small, 5);
  add(large, 60);
  add(larger, 70);
  EXPECT_TRUE(empty.head.empty());
  EXPECT_EQ(heads_.open(), 3U);
  EXPECT_EQ(heads_.bytes(), small.head.memory_bytes() + large.head.memory_bytes() + larger.head.memory_bytes());
  EXPECT_EQ(heads_.next_large(0), std::vector<GroupState*>{});
  EXPECT_EQ(heads_.next_large(1), std::vector<GroupState*>{&large});
  EXPECT_EQ(heads_.next_large(1), std::vector<GroupState*>{&larger}) << "goes on behind the last";
  EXPECT_EQ(heads_.next_large(1), std::vector<GroupState*>{&large}) << "and round";
  EXPECT_EQ(heads_.next_large(UINT64_MAX), (std::vector<GroupState*>{&larger, &large})) << "each once; no small one";
  heads_.sealed(large);
  heads_.drop(larger);
  EXPECT_EQ(heads_.open(), 1U);
  EXPECT_EQ(heads_.next_large(UINT64_MAX), std::vector<GroupState*>{&small}) << "of those that are left the average";
}

TEST_F(HeadsTest, VersionsOfChunksAreByGroup) {
  GroupState& a = group(1);
  GroupState& b = group(2);
  heads_.chunks_changed(a.id);
  heads_.chunks_changed(999);
  EXPECT_EQ(a.chunks_version, 2U);
  EXPECT_EQ(b.chunks_version, 0U);
  // What a reader noted is not true any more.
  a.chunks_version = 3U;
  heads_.chunks_changed(a.id);
  EXPECT_EQ(a.chunks_version, 4U);
  EXPECT_EQ(heads_.find(b.id), &b);
  EXPECT_EQ(heads_.find(999), nullptr);
}

}  // namespace
}  // namespace resmon::store
