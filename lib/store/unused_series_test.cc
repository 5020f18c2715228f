// Series that come and go: what no row refers to within the retention leaves the catalog, memory and file.

#include <gtest/gtest.h>

#include <array>

#include "base/test_rounds.h"
#include "store/check.h"
#include "store/store_test_support.h"

namespace resmon::store {
namespace {

using metric::FieldType;

class StoreForgetTest : public ::testing::Test {
 protected:
  StoreForgetTest() {
    options_ = options_in(directory_);
    options_.seal_after = std::chrono::seconds(60);
    options_.retain = std::chrono::seconds(600);
    options_.minutes.retain = options_.hours.retain = std::chrono::seconds(1200);
    open();
  }
  void open() {
    store_.reset();
    auto opened = Store::open(options_, schemas_);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }
  void close() {
    ASSERT_TRUE(store_->close());
    store_.reset();
  }
  WriteReport write(const std::string& measurement, const std::string& name, const std::string& field = "v",
                    FieldType type = FieldType::kInteger) {
    const auto id = schemas_.intern({measurement, {{"name", name}}, {{field, type}}}).value();
    metric::Batch batch;
    batch.add(id, 1, now_)
        .set_cell(0, type == FieldType::kFloat ? metric::cell_of(1.5) : metric::cell_of(now_ / kSecond));
    return store_->write(batch).value();
  }
  // Seconds pass, each with its maintenance.
  void pass(int seconds, int step = 1) {
    for (int i = 0; i < seconds; i += step) {
      now_ += step * kSecond;
      ASSERT_TRUE(store_->maintain(now_));
    }
  }
  std::size_t rows_of(const std::string& measurement, const std::string& name) {
    for (const Group* const group : store_->groups(measurement)) {
      if (tag_value(group->tags, "name") != name) continue;
      std::string problem;
      const std::size_t rows = scan_all(*store_, measurement, group->id, problem).size();
      EXPECT_EQ(problem, "");
      return rows;
    }
    return 0;
  }
  std::vector<std::string> names(const std::string& measurement) {
    std::vector<std::string> out;
    for (const Group* const group : store_->groups(measurement)) out.emplace_back(tag_value(group->tags, "name"));
    return out;
  }
  void expect_sound() {
    const auto report = check(options_.directory, {});
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_TRUE(report->sound()) << report->damage.front();
  }

  ScratchDirectory directory_;
  Options options_;
  metric::SchemaTable schemas_;
  std::unique_ptr<Store> store_;
  UnixNanos now_ = kStart;
};

TEST_F(StoreForgetTest, SeriesOfWhichRetentionLeavesNothingAreForgotten) {
  write("m", "gone");
  write("other", "gone", "x", FieldType::kFloat);
  for (int i = 0; i < 200; ++i) {
    pass(10, 10);
    write("m", "stays");
  }
  EXPECT_EQ(names("m"), std::vector<std::string>{"stays"});
  EXPECT_EQ(store_->measurements(), std::vector<std::string>{"m"});
  EXPECT_TRUE(store_->columns("other").empty());
  EXPECT_EQ(store_->stats().groups, 1U);
  EXPECT_EQ(store_->stats().buried_groups, 0U);
  EXPECT_EQ(store_->stats().forgotten_groups, 2U);
  EXPECT_GT(rows_of("m", "stays"), 50U);
  expect_sound();
  // A name that comes again is a new one, with another type if it has one.
  EXPECT_EQ(write("other", "gone", "x", FieldType::kInteger).refused_samples, 0U);
  EXPECT_EQ(rows_of("other", "gone"), 1U);
  EXPECT_EQ(write("m", "gone").refused_samples, 0U);
  EXPECT_EQ(rows_of("m", "gone"), 1U);
}

TEST_F(StoreForgetTest, ThereIsRoomSoonAfterAFullTableWasDropped) {
  options_.max_groups = 3;
  open();
  for (const char* name : {"1", "2"}) write("gone", name);
  write("stays", "1");
  pass(20);
  EXPECT_NE(store_->no_room_for("new", {}, {}), "");
  EXPECT_NE(store_->place_for("new", {}, 0).refusal, "");
  EXPECT_TRUE(store_->place_for("stays", {{"name", "1"}}, 1).known);
  EXPECT_FALSE(store_->place_for("stays", {{"name", "2"}}, 0).known);
  EXPECT_EQ(store_->no_room_for("stays", {{"name", "1"}}, {{"v", FieldType::kInteger}}), "");
  ASSERT_TRUE(store_->remove({[](std::string_view m, const std::vector<metric::Tag>&) { return m == "gone"; }, {}}));
  // A series that goes on being written keeps its head open, and with it the log.
  for (int i = 0; i < 40; ++i) {
    write("stays", "1");
    pass(1);
  }
  EXPECT_EQ(store_->no_room_for("new", {}, {}), "");
  EXPECT_EQ(store_->place_for("new", {}, 0).refusal, "");
  EXPECT_NE(store_->place_for("new", {}, 2).refusal, "") << "two others are coming";
  EXPECT_EQ(write("new", "1").refused_rows.size(), 0U);
  expect_sound();
}

TEST_F(StoreForgetTest, AHeadIsKeptNoLongerThanItsRows) {
  options_.seal_after = std::chrono::seconds(5400);
  options_.retain = options_.minutes.retain = options_.hours.retain = std::chrono::seconds(120);
  open();
  write("pod", "short");
  pass(60);
  EXPECT_EQ(names("pod"), std::vector<std::string>{"short"});
  pass(300);
  EXPECT_EQ(names("pod"), std::vector<std::string>());
}

// The clock is the test's: each round is a second of 2,500 series that are never heard of again.
TEST_F(StoreForgetTest, MoreThanThereIsRoomForPassBy) {
  options_.max_groups = 150'000;
  options_.seal_after = std::chrono::seconds(5400);
  options_.retain = options_.minutes.retain = options_.hours.retain = std::chrono::seconds(10);
  open();
  constexpr int kRounds = 80;
  constexpr auto kEach = static_cast<int>(test_rounds(2500));
  std::uint64_t refused = 0;
  // What comes and goes in steps, once in ten seconds, is compared by its most in a quarter of the time.
  std::array<Stats, 4> most{};
  for (int round = 0; round < kRounds; ++round) {
    metric::Batch batch;
    for (int i = 0; i < kEach; ++i) {
      const auto id =
          schemas_.intern({"pod", {{"name", std::to_string(round * kEach + i)}}, {{"v", FieldType::kInteger}}});
      batch.add(id.value(), 1, now_).set(0, std::int64_t{round});
    }
    const auto report = store_->write(batch);
    ASSERT_TRUE(report) << report.error().message;
    refused += report->refused_samples;
    refused += write("pod", "stays").refused_samples;
    pass(1);
    const Stats stats = store_->stats();
    Stats& quarter = most.at(static_cast<std::size_t>(round * 4 / kRounds));
    quarter.groups = std::max(quarter.groups, stats.groups + stats.buried_groups);
    quarter.head_rows = std::max(quarter.head_rows, stats.head_rows);
    quarter.head_bytes = std::max(quarter.head_bytes, stats.head_bytes);
    quarter.disk_bytes = std::max(quarter.disk_bytes, stats.disk_bytes);
    if (round % 10 == 9) schemas_.sweep(2);
  }
  EXPECT_EQ(refused, 0U);
  EXPECT_LT(most[3].groups, 45U * kEach);
  EXPECT_LT(most[3].groups, most[1].groups * 5 / 4);
  EXPECT_LT(most[3].head_rows, most[1].head_rows * 5 / 4);
  EXPECT_LT(most[3].head_bytes, most[1].head_bytes * 5 / 4);
  EXPECT_LT(most[3].disk_bytes, most[1].disk_bytes + (8U << 20U));  // of which the write-ahead log takes some
  const Stats stats = store_->stats();
  EXPECT_GT(stats.expired_heads, std::uint64_t{kEach} * kRounds / 2);
  EXPECT_LT(stats.expired_chunks, 100U);  // of the one that stays
  EXPECT_GE(rows_of("pod", "stays"), 9U);
  pass(200);
  EXPECT_EQ(store_->stats().groups, 0U);
  EXPECT_EQ(store_->stats().buried_groups, 0U);
  EXPECT_EQ(store_->stats().head_bytes, 0U);
  expect_sound();
}

// A crash brings back neither heads that were dropped nor, under an id that is used again, anybody else's rows.
TEST_F(StoreForgetTest, AHeadThatWasDroppedStaysDroppedThroughACrash) {
  options_.retain = options_.minutes.retain = options_.hours.retain = std::chrono::seconds(20);
  options_.checkpoint_every = std::chrono::seconds(1);
  open();
  for (int round = 0; round < 60; ++round) {
    write("m" + std::to_string(round), "passes", "v", round % 2 == 0 ? FieldType::kInteger : FieldType::kFloat);
    write("m", "stays");
    pass(1);
    if (round % 7 == 6) open();  // without a word
    for (int old = 0; old + 45 < round; ++old) EXPECT_TRUE(names("m" + std::to_string(old)).empty());
    EXPECT_EQ(rows_of("m" + std::to_string(round), "passes"), 1U);
    EXPECT_EQ(store_->stats().damaged_chunks, 0U);
  }
  EXPECT_LT(store_->stats().groups, 50U);
  expect_sound();
}

// What would have become windows is sealed however old it is.
TEST_F(StoreForgetTest, AHeadWhoseRowsPassTheEndOfABlockBecomesWindows) {
  options_.minutes.retain = options_.hours.retain = std::chrono::hours(100);
  options_.retain = std::chrono::seconds(20);
  open();
  now_ -= now_ % (3600 * kSecond) + 9 * kSecond;
  // A block of the group ends at one hour of six, and at each the head has rows on both sides.
  for (int hour = 0; hour < 6; ++hour) {
    for (int row = 0; row < 3; ++row, now_ += 9 * kSecond) write("m", "a");
    pass(3600 - 27, 9);
  }
  EXPECT_GT(store_->stats().minutes_bytes, 0U);
}

TEST_F(StoreForgetTest, WindowsKeepASeriesThatHasNoRows) {
  options_.minutes.retain = options_.hours.retain = std::chrono::hours(100);
  open();
  for (int i = 0; i < 9 * 360; ++i) {  // nine hours, so that some are folded
    write("m", "a");
    pass(10, 10);
  }
  pass(3600, 10);
  ASSERT_GT(store_->stats().minutes_bytes, 0U);
  EXPECT_EQ(names("m"), std::vector<std::string>{"a"});
  EXPECT_EQ(rows_of("m", "a"), 0U);
  pass(101 * 3600, 600);
  EXPECT_TRUE(names("m").empty());
}

TEST_F(StoreForgetTest, ThoseThatPassByLeaveTheTablesAsTheyWere) {
  options_.max_groups = 3000;
  options_.checkpoint_every = std::chrono::seconds(5);
  open();
  std::uint64_t most = 0;
  std::uint64_t refused = 0;
  std::uint64_t disk = 0;
  constexpr int kRounds = 1000;
  for (int step = 0; step < kRounds; ++step) {
    // Each lives for a moment; some with a measurement, and a field, of their own.
    for (int i = 0; i < 10; ++i) {
      const std::string name = std::to_string(step * 10 + i);
      refused += write(i == 0 ? "m" + name : "m", name, i == 1 ? "v" + std::to_string(step % 50) : "v").refused_samples;
    }
    write("m", "stays");
    pass(5, 5);
    const Stats stats = store_->stats();
    most = std::max(most, stats.groups + stats.buried_groups);
    if (step == kRounds / 2) disk = stats.disk_bytes;
    if (step % 300 == 299) open();  // without a word
  }
  EXPECT_EQ(refused, 0U);
  EXPECT_LT(most, 2700U);
  EXPECT_LT(store_->stats().measurements, 300U);
  EXPECT_LT(store_->stats().disk_bytes, disk * 3 / 2);
  EXPECT_GE(rows_of("m", "stays"), 120U);
  expect_sound();
  close();
  open();
  EXPECT_GT(rows_of("m", "stays"), 100U);
  EXPECT_LT(store_->stats().groups, 2700U);
}

TEST_F(StoreForgetTest, WhoHasAListingIsShownNoOtherSeries) {
  write("m", "old");
  const std::shared_ptr<const Listing> listing = store_->listing("m");
  ASSERT_EQ(listing->groups().size(), 1U);
  const GroupId old = listing->groups()[0]->id;
  pass(3000, 5);
  ASSERT_TRUE(names("m").empty());
  EXPECT_EQ(store_->stats().buried_groups, 1U);
  EXPECT_EQ(tag_value(listing->groups()[0]->tags, "name"), "old");
  write("m", "new");
  EXPECT_NE(store_->groups("m").at(0)->id, old);
  std::string problem;
  EXPECT_TRUE(scan_all(*store_, "m", old, problem).empty());
}

TEST_F(StoreForgetTest, AnIdThatIsFreeIsUsedAgain) {
  write("m", "old");
  const GroupId old = store_->groups("m").at(0)->id;
  pass(3000, 5);
  write("n", "new", "w", FieldType::kFloat);
  EXPECT_EQ(store_->groups("n").at(0)->id, old);
  ASSERT_TRUE(store_->flush());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(rows_of("n", "new"), 1U);
    open();  // the log has it under the id that another had
  }
  close();
  open();
  EXPECT_EQ(rows_of("n", "new"), 1U);
  expect_sound();
}

TEST_F(StoreForgetTest, WhatThereWasNoRoomForIsTakenWhenThereIs) {
  options_.max_groups = 2;
  open();
  write("m", "a");
  write("m", "b");
  EXPECT_EQ(write("m", "c").refused_samples, 1U);
  EXPECT_EQ(write("n", "c").refused_samples, 1U);
  pass(3000, 5);
  EXPECT_EQ(write("m", "c").refused_samples, 0U);
  EXPECT_EQ(write("n", "c").refused_samples, 0U);
  EXPECT_EQ(rows_of("m", "c") + rows_of("n", "c"), 2U);
}

TEST_F(StoreForgetTest, SeriesWhoseRowsWereAllRefusedAreForgotten) {
  pass(10);
  write("m", "a");
  for (int i = 0; i < 100; ++i) {
    const auto id =
        schemas_.intern({"m", {{"name", "late" + std::to_string(i)}}, {{"v", FieldType::kInteger}}}).value();
    metric::Batch batch;
    batch.add(id, 1, now_ - 3600 * kSecond).set(0, std::int64_t{1});
    ASSERT_EQ(store_->write(batch)->refused_samples, 1U);
  }
  EXPECT_EQ(store_->stats().groups, 101U);
  pass(30);
  EXPECT_EQ(store_->stats().groups, 1U);
}

}  // namespace
}  // namespace resmon::store
