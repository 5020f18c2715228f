#include "alert/row_reader.h"

#include <gmock/gmock.h>

#include "alert/test_support.h"

namespace resmon::alert {
namespace {

class RowReaderTest : public ::testing::Test {
 protected:
  // A row of some fields; `time` and `received` in seconds.
  void read(const std::vector<std::pair<std::string, double>>& fields, std::int64_t time, std::int64_t received) {
    std::vector<metric::Field> typed;
    for (const auto& field : fields) typed.push_back({field.first, metric::FieldType::kFloat});
    metric::Batch batch;
    batch.pin(schemas_);
    const auto id = schemas_.intern({"disk", kTestRoot, typed});
    auto row = batch.add(id.value(), static_cast<std::uint32_t>(fields.size()), at(time));
    for (std::size_t i = 0; i < fields.size(); ++i) row.set(i, fields[i].second);
    rows_.observe(batch, at(received));
  }
  static UnixNanos at(std::int64_t second) { return kTestStart + second * kTestSecond; }
  Alert* alert() const { return alerts_.find(host_, 0, {{"path", "/"}}); }

  const Config config_ = only_rules(
      "[rule.disk]\nwhen = 'disk.used_percent > 90 and disk.inodes_percent > 80'\n"
      "[rule.lines]\nwhen = '''logs('Failed') > 2 in 5m'''\n");
  const RuleSet rules_{config_};
  metric::SchemaTable schemas_;
  Hosts hosts_{rules_};
  AlertTable alerts_{rules_, 100};
  RowPlans plans_{rules_, schemas_, hosts_, alerts_};
  Lifecycle lifecycle_{rules_, alerts_};
  RowReader rows_{rules_, hosts_, alerts_, plans_, lifecycle_};
  HostState& host_ = hosts_.get("web1", false);
};

TEST_F(RowReaderTest, AnAlertIsEvaluatedOnceForAllValuesOfATime) {
  read({{"used_percent", 91}, {"inodes_percent", 81}}, 0, 0);
  EXPECT_EQ(lifecycle_.evaluations(), 1U);
  EXPECT_EQ(alert()->state, AlertState::kFiring);
  EXPECT_EQ(alert()->time, at(0));
  EXPECT_EQ(alert()->gap, 0);
  read({{"used_percent", 91}}, 5, 5);
  read({{"inodes_percent", 81}}, 5, 5);
  EXPECT_EQ(alert()->gap, 5 * kTestSecond) << "two rows of one time are one";
}

TEST_F(RowReaderTest, RowsOfTwoTimesInOneBatchAreEvaluatedOneAfterTheOther) {
  metric::Batch batch;
  batch.pin(schemas_);
  const auto id = schemas_.intern({"disk", kTestRoot,
                                   std::vector<metric::Field>{{"used_percent", metric::FieldType::kFloat},
                                                              {"inodes_percent", metric::FieldType::kFloat}}});
  for (const auto& [time, value] : {std::pair(0, 99.0), {5, 10.0}}) {
    auto row = batch.add(id.value(), 2, at(time));
    row.set(0, value);
    row.set(1, value);
  }
  rows_.observe(batch, at(5));
  EXPECT_EQ(lifecycle_.evaluations(), 2U);
  EXPECT_EQ(lifecycle_.take_transitions().size(), 2U) << "it fired and ended";
}

TEST_F(RowReaderTest, AnOlderValueIsCountedAndNotUsed) {
  read({{"used_percent", 95}, {"inodes_percent", 95}}, 10, 10);
  read({{"used_percent", 1}, {"inodes_percent", 1}}, 10, 10);
  read({{"used_percent", 1}, {"inodes_percent", 1}}, 9, 10);
  EXPECT_EQ(rows_.late_rows(), 4U);
  EXPECT_EQ(lifecycle_.evaluations(), 1U);
  EXPECT_EQ(alert()->state, AlertState::kFiring);
}

TEST_F(RowReaderTest, ARowIsLateAfterAMinuteOrThreeIntervals) {
  host_.view.interval = std::chrono::seconds(30);
  const auto value = [](double percent) {
    return std::vector<std::pair<std::string, double>>{{"used_percent", percent}, {"inodes_percent", percent}};
  };
  read(value(95), 0, 91);
  EXPECT_FALSE(alert()->fresh);
  EXPECT_FALSE(host_.late_over);
  EXPECT_EQ(host_.late_count, 1U);
  read(value(95), 10, 100);
  EXPECT_TRUE(alert()->fresh);
  EXPECT_TRUE(host_.late_over);
}

TEST_F(RowReaderTest, AClockThatIsAheadDoesNotMakeTheHostNewer) {
  read({{"x", 1}}, 100, 10);
  EXPECT_EQ(host_.newest, at(10));
  read({{"x", 1}}, 20, 30);
  EXPECT_EQ(host_.newest, at(20));
  read({{"x", 1}}, 15, 30);
  EXPECT_EQ(host_.newest, at(20));
}

TEST_F(RowReaderTest, LinesOfASilentOrUnknownHostAreNotJudged) {
  const LogOperand& operand = rules_.log_operands().at(0);
  EXPECT_FALSE(rows_.observe_lines(operand, "unknown", at(0), 9));
  host_.silent = true;
  EXPECT_FALSE(rows_.observe_lines(operand, "web1", at(0), 9));
  host_.silent = false;
  host_.unheard = true;
  EXPECT_FALSE(rows_.observe_lines(operand, "web1", at(0), 9));
  host_.unheard = false;
  EXPECT_TRUE(rows_.observe_lines(operand, "web1", at(0), 0));
  EXPECT_EQ(alerts_.size(), 0U) << "nothing is kept of a host without such lines";
  EXPECT_TRUE(rows_.observe_lines(operand, "web1", at(5), 3));
  const Alert* const found = alerts_.find(host_, operand.rule, {});
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->state, AlertState::kFiring);
  EXPECT_TRUE(rows_.observe_lines(operand, "web1", at(10), 0));
  EXPECT_EQ(found->state, AlertState::kOk);
  EXPECT_EQ(found->gap, 5 * kTestSecond);
  host_.rules[operand.rule].selected = false;
  EXPECT_TRUE(rows_.observe_lines(operand, "web1", at(15), 3));
  EXPECT_EQ(lifecycle_.evaluations(), 2U);
}

}  // namespace
}  // namespace resmon::alert
