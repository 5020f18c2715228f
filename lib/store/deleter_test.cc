// Deleting: what must not come back, what must stay, and what is forgotten. Random lives with deletions are in
// store_model_test.cc, deaths in the middle of one in store_crash_test.cc.

#include <gtest/gtest.h>

#include <numeric>

#include "store/check.h"
#include "store/store_test_support.h"

namespace resmon::store {
namespace {

using metric::FieldType;

class StoreDeleteTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_ = options_in(directory_);
    options_.rows_per_chunk = 100;
    open();
  }
  void open() {
    store_.reset();
    auto opened = Store::open(options_, schemas_);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }
  void write(const std::string& measurement, const std::string& host, UnixNanos time, double value) {
    const auto id = schemas_.intern({measurement, {{"host", host}}, {{"f", FieldType::kFloat}}});
    ASSERT_TRUE(id);
    metric::Batch batch;
    batch.add(*id, 1, time).set(0, value);
    ASSERT_TRUE(store_->write(batch));
  }
  void remove(const std::string& measurement, const std::string& host, TimeRange range = {}) {
    const auto report =
        store_->remove({[&](std::string_view name, const std::vector<metric::Tag>& tags) {
                          return name == measurement && (host.empty() || tag_value(tags, "host") == host);
                        },
                        range});
    ASSERT_TRUE(report) << report.error().message;
  }
  std::vector<UnixNanos> seconds(const std::string& measurement, const std::string& host) {
    std::vector<UnixNanos> out;
    for (const Group* group : store_->groups(measurement)) {
      if (tag_value(group->tags, "host") != host) continue;
      std::string problem;
      for (const auto& [time, values] : scan_all(*store_, measurement, group->id, problem))
        out.push_back((time - kStart) / kSecond);
      EXPECT_EQ(problem, "");
    }
    return out;
  }
  std::vector<std::string> hosts(const std::string& measurement) {
    std::vector<std::string> out;
    for (const Group* group : store_->groups(measurement)) out.emplace_back(tag_value(group->tags, "host"));
    return out;
  }

  ScratchDirectory directory_;
  Options options_;
  metric::SchemaTable schemas_;
  std::unique_ptr<Store> store_;
};

using Seconds = std::vector<UnixNanos>;

// The first time from the file, then from memory, encoded and decoded.
TEST_F(StoreDeleteTest, WhatWasReadOftenIsReadAsItIsNow) {
  for (int row = 0; row < 350; ++row) write("m", "a", kStart + row * kSecond, row);
  std::vector<UnixNanos> all(350);
  std::iota(all.begin(), all.end(), 0);
  for (int time = 0; time < 4; ++time) EXPECT_EQ(seconds("m", "a"), all);
  remove("m", "a", {kStart + 20 * kSecond, kStart + 340 * kSecond});
  all.erase(all.begin() + 20, all.begin() + 340);
  for (int time = 0; time < 4; ++time) EXPECT_EQ(seconds("m", "a"), all);
}

TEST_F(StoreDeleteTest, RowsOfTheRecentLogDoNotComeBack) {
  for (int i = 0; i < 10; ++i) write("m", "a", kStart + i * kSecond, i);
  ASSERT_TRUE(store_->flush());  // the log has them
  write("m", "a", kStart + 10 * kSecond, 1);
  remove("m", "a", {kStart + 2 * kSecond, kStart + 20 * kSecond});
  EXPECT_EQ(seconds("m", "a"), (Seconds{0, 1}));
  open();  // as after a crash
  EXPECT_EQ(seconds("m", "a"), (Seconds{0, 1}));
}

TEST_F(StoreDeleteTest, RowsWrittenAfterwardsStay) {
  write("m", "a", kStart, 1);
  remove("m", "a");
  EXPECT_EQ(seconds("m", "a"), Seconds{});
  write("m", "a", kStart, 2);
  ASSERT_TRUE(store_->flush());
  EXPECT_EQ(seconds("m", "a"), Seconds{0});
  open();
  EXPECT_EQ(seconds("m", "a"), Seconds{0});
  EXPECT_EQ(hosts("m"), std::vector<std::string>{"a"});
}

TEST_F(StoreDeleteTest, MarksSetBeforeAreDurableWithIt) {
  write("m", "a", kStart, 1);
  ASSERT_TRUE(store_->set_mark("journal", "7"));
  remove("m", "a");
  EXPECT_EQ(store_->durable_mark("journal"), "7");
  open();
  EXPECT_EQ(store_->mark("journal"), "7");
}

TEST_F(StoreDeleteTest, ForgetsSeriesWithoutRows) {
  write("m", "a", kStart, 1);
  write("m", "b", kStart, 1);
  write("m", "b", kStart + kSecond, 1);
  write("n", "a", kStart, 1);
  remove("m", "", {kStart, kStart + kSecond});
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(hosts("m"), std::vector<std::string>{"b"});
    EXPECT_EQ(store_->measurements(), (std::vector<std::string>{"m", "n"}));
    EXPECT_EQ(store_->stats().groups, 2U);
    open();
  }
  remove("m", "");
  EXPECT_EQ(store_->measurements(), std::vector<std::string>{"n"});
  EXPECT_TRUE(store_->columns("m").empty());
  EXPECT_EQ(seconds("n", "a"), Seconds{0});
}

TEST_F(StoreDeleteTest, AForgottenMeasurementComesBackWithOtherTypes) {
  write("m", "a", kStart, 1);
  ASSERT_TRUE(store_->flush());
  remove("m", "");
  const auto id = schemas_.intern({"m", {{"host", "a"}}, {{"f", FieldType::kString}}});
  metric::Batch batch;
  batch.add(*id, 1, kStart + kSecond).set(0, std::string_view("text"));
  const auto report = store_->write(batch);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->refused_samples, 0U) << report->first_refusal;
  ASSERT_TRUE(store_->flush());
  open();
  ASSERT_EQ(store_->columns("m").size(), 1U);
  EXPECT_EQ(store_->columns("m")[0].type, FieldType::kString);
  EXPECT_EQ(seconds("m", "a"), Seconds{1});
  ASSERT_TRUE(store_->close());
  const auto checked = check(options_.directory);
  ASSERT_TRUE(checked);
  EXPECT_TRUE(checked->sound()) << checked->damage[0];
}

// Chunks that overlap: the one that is cut must not bring back what another had overwritten in it.
TEST_F(StoreDeleteTest, OverwrittenValuesStayOverwritten) {
  options_.rows_per_chunk = 2;  // so few that rewriting what overlaps would be too much
  open();
  for (int i = 0; i < 400; ++i) write("m", "a", kStart + i * kSecond, 1);
  ASSERT_TRUE(store_->close());
  open();
  for (int i = 0; i < 400; i += 3) write("m", "a", kStart + i * kSecond, 2);
  ASSERT_TRUE(store_->close());
  open();
  for (int cut = 10; cut < 390; cut += 25) remove("m", "a", {kStart + cut * kSecond, kStart + (cut + 5) * kSecond});
  std::string problem;
  const Shown shown = scan_all(*store_, "m", store_->groups("m")[0]->id, problem);
  for (int i = 0; i < 400; ++i) {
    const bool gone = i >= 10 && i < 390 && (i - 10) % 25 < 5;
    ASSERT_EQ(shown.contains(kStart + i * kSecond), !gone) << i;
    if (gone) continue;
    const double expected = i % 3 == 0 ? 2 : 1;
    EXPECT_EQ(shown.at(kStart + i * kSecond).at("f"), text_of(FieldType::kFloat, metric::cell_of(expected), {})) << i;
  }
}

// The longest strings there may be: through a snapshot of heads, into chunks, and through a chunk that is cut.
TEST_F(StoreDeleteTest, LongStringsSurviveSealingAndCutting) {
  const auto id = schemas_.intern({"m", {{"host", "a"}}, {{"s", FieldType::kString}}});
  const auto text = [](int i) { return std::string(kMaxStringBytes, static_cast<char>('a' + i % 26)); };
  for (int i = 0; i < 20; ++i) {
    metric::Batch batch;
    const std::string value = text(i);
    batch.add(*id, 1, kStart + i * kSecond).set(0, std::string_view(value));
    ASSERT_EQ(store_->write(batch).value().refused_samples, 0U);
  }
  ASSERT_TRUE(store_->flush());
  open();
  ASSERT_TRUE(store_->close());
  open();
  remove("m", "a", {kStart + 5 * kSecond, kStart + 6 * kSecond});
  std::string problem;
  const Shown shown = scan_all(*store_, "m", store_->groups("m")[0]->id, problem);
  EXPECT_EQ(problem, "");
  EXPECT_EQ(shown.size(), 19U);
  for (const auto& [time, values] : shown)
    EXPECT_TRUE(values.at("s") == "s" + text(static_cast<int>((time - kStart) / kSecond)));
}

TEST_F(StoreDeleteTest, CountsWhatItDeletes) {
  for (int i = 0; i < 10; ++i) write("m", "a", kStart + i * kSecond, i);
  const auto report = store_->remove(
      {[](std::string_view, const std::vector<metric::Tag>&) { return true; }, {kStart, kStart + 4 * kSecond}});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->series, 1U);
  EXPECT_EQ(report->rows, 4U);
  EXPECT_EQ(store_->stats().deletions, 1U);
  EXPECT_EQ(store_->stats().deleted_rows, 4U);
}

// Rows past their retention whose windows are kept: nothing can be folded again.
TEST_F(StoreDeleteTest, WindowsOfRowsThatAreGoneGoAsAWhole) {
  options_.rows_limit_bytes = 1;
  options_.minutes = {};
  options_.hours = {};
  open();
  for (int i = 0; i < 12 * 360; ++i) write("m", "a", kStart / kHourWidth * kHourWidth + i * 10 * kSecond, 1);
  ASSERT_TRUE(store_->flush());
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(store_->maintain(kStart + (INT64_C(13) * 3600 + i * 61) * kSecond));
  const GroupId group = store_->groups("m")[0]->id;
  const UnixNanos base = kStart / kHourWidth * kHourWidth;
  const TimeRange day{base, base + 5 * kHourWidth};
  std::string problem;
  const auto windows = [&](UnixNanos width) {
    return scan_all_windows(*store_, "m", group, day, width, false, problem).size();
  };
  ASSERT_EQ(scan_all(*store_, "m", group, problem, day).size(), 0U) << "rows are to be gone";
  ASSERT_EQ(windows(kMinuteWidth), 300U);
  ASSERT_EQ(windows(kHourWidth), 5U);
  remove("m", "a", {base + kHourWidth + 90 * kSecond, base + 2 * kHourWidth});
  EXPECT_EQ(windows(kMinuteWidth), 300U - 59U);
  EXPECT_EQ(windows(kHourWidth), 4U);
  EXPECT_EQ(problem, "");
}

}  // namespace
}  // namespace resmon::store
