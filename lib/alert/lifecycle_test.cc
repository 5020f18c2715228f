#include "alert/lifecycle.h"

#include <gmock/gmock.h>

#include "alert/test_support.h"

namespace resmon::alert {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// One rule on one host, whose alert is evaluated by hand.
class LifecycleTest : public ::testing::Test {
 protected:
  LifecycleTest() { host_.in_fleet = true; }
  void evaluate(double value, std::int64_t seconds, bool late = false) {
    const Operand& operand = config_.rules[0].when.operands[0];
    const UnixNanos time = kTestStart + seconds * kTestSecond;
    alert_.track(0, operand).add(time, value);
    alert_.note_row(time);
    lifecycle_.evaluate(alert_, time, late);
  }

  const Config config_ = only_rules(
      "[rule.disk]\nwhen = 'disk.used_percent > 90'\nclear = 85\nfor = \"10s\"\nclear_for = \"20s\"\n"
      "[rule.gone]\nwhen = 'host silent'\nfor = \"60s\"\nclear_for = \"10s\"\n");
  const RuleSet rules_{config_};
  Hosts hosts_{rules_};
  HostState& host_ = hosts_.get("web1", false);
  AlertTable alerts_{rules_, 10};
  Lifecycle lifecycle_{rules_, alerts_};
  Alert& alert_ = *alerts_.get(host_, 0, {});
};

TEST_F(LifecycleTest, GoesFromOkOverPendingToFiringAndBack) {
  evaluate(90, 0);
  EXPECT_EQ(alert_.state, AlertState::kOk);
  EXPECT_THAT(alerts_.active(), IsEmpty());
  evaluate(91, 5);
  EXPECT_EQ(alert_.state, AlertState::kPending);
  EXPECT_THAT(alerts_.active(), ElementsAre(&alert_));
  EXPECT_FALSE(lifecycle_.has_transitions()) << "nobody is told of what is pending";
  evaluate(92, 14);
  EXPECT_EQ(alert_.state, AlertState::kPending);
  evaluate(93, 15);
  EXPECT_EQ(alert_.state, AlertState::kFiring);
  EXPECT_EQ(alert_.since, kTestStart + 5 * kTestSecond);
  EXPECT_EQ(alert_.fired, kTestStart + 15 * kTestSecond);
  EXPECT_TRUE(alert_.fresh);
  auto changes = lifecycle_.take_transitions();
  ASSERT_THAT(changes, SizeIs(1));
  EXPECT_EQ(changes[0].from, AlertState::kPending);
  EXPECT_EQ(changes[0].alert.value, 93);
  EXPECT_FALSE(lifecycle_.has_transitions());
  evaluate(85, 20);
  evaluate(86, 30);  // not over yet: `clear_for` begins again
  EXPECT_EQ(alert_.clear_since, 0);
  evaluate(84, 40);
  evaluate(84, 59);
  EXPECT_EQ(alert_.state, AlertState::kFiring);
  evaluate(84, 60);
  EXPECT_EQ(alert_.state, AlertState::kOk);
  changes = lifecycle_.take_transitions();
  ASSERT_THAT(changes, SizeIs(1));
  EXPECT_EQ(changes[0].time, kTestStart + 60 * kTestSecond);
  EXPECT_EQ(changes[0].reason, "");
  EXPECT_EQ(lifecycle_.evaluations(), 9U);
}

// Brought back after longer than a minute, three of the host's intervals and three of the series' gaps.
TEST_F(LifecycleTest, ForBeginsAgainAfterALongTimeWithoutTheServer) {
  host_.view.interval = std::chrono::seconds(25);
  for (const std::int64_t seconds : {105, 106}) {
    alert_.state = AlertState::kPending;
    alert_.since = alert_.evaluated = kTestStart;
    alert_.gap = 10 * kTestSecond;
    alert_.time = 0;
    evaluate(95, seconds);
    EXPECT_EQ(alert_.state, seconds == 105 ? AlertState::kFiring : AlertState::kPending);
    EXPECT_EQ(alert_.since, seconds == 105 ? kTestStart : kTestStart + seconds * kTestSecond);
  }
}

TEST_F(LifecycleTest, ForBeginsAgainAfterALongTimeWithoutSamples) {
  evaluate(95, 0);
  evaluate(95, 5);
  evaluate(95, 400);
  EXPECT_EQ(alert_.state, AlertState::kPending) << "nobody knows what was in between";
  EXPECT_EQ(alert_.since, kTestStart + 400 * kTestSecond);
  evaluate(95, 410);
  EXPECT_EQ(alert_.state, AlertState::kFiring);
}

TEST_F(LifecycleTest, ForGoesOnBetweenRowsThatAreRare) {
  evaluate(95, 0);
  evaluate(95, 100);
  EXPECT_EQ(alert_.state, AlertState::kFiring);
  EXPECT_EQ(alert_.since, kTestStart);
}

TEST_F(LifecycleTest, ChangesByLateRowsAreCountedAndToldOnceTheyAreOver) {
  evaluate(95, 0, true);
  evaluate(95, 10, true);
  EXPECT_EQ(alert_.state, AlertState::kFiring);
  EXPECT_FALSE(alert_.fresh);
  lifecycle_.notice_late(host_);
  EXPECT_THAT(lifecycle_.take_notices(), IsEmpty());
  evaluate(50, 20, true);
  evaluate(50, 40, true);
  host_.late_over = true;
  lifecycle_.notice_late(host_);
  lifecycle_.notice_late(host_);
  EXPECT_THAT(lifecycle_.take_notices(), ElementsAre(HasSubstr("web1: 2 changes between")));
  const auto changes = lifecycle_.take_transitions();
  ASSERT_THAT(changes, SizeIs(2));
  EXPECT_TRUE(changes[1].late);
}

TEST_F(LifecycleTest, ALateChangeMeansThatTheyAreNotOver) {
  evaluate(95, 0, true);
  evaluate(95, 10, true);
  host_.late_over = true;
  evaluate(50, 20, true);
  evaluate(50, 40, true);
  lifecycle_.notice_late(host_);
  EXPECT_THAT(lifecycle_.take_notices(), IsEmpty());
}

// The end of an alert of which people were told is told once a row that is not late shows it.
TEST_F(LifecycleTest, AnEndIsFreshWithTheFirstRowThatIsNotLate) {
  evaluate(50, 0);
  EXPECT_FALSE(alert_.fresh) << "nobody was told of it";
  alert_.notified = true;
  evaluate(50, 5, true);
  EXPECT_FALSE(alert_.fresh);
  evaluate(50, 10);
  EXPECT_TRUE(alert_.fresh);
}

TEST_F(LifecycleTest, WhatNobodyTookGoesOnToTheNext) {
  AlertRecord record;
  record.state = AlertState::kFiring;
  record.notified = true;
  lifecycle_.bury(record, kTestStart, "why");
  evaluate(95, 0, true);
  evaluate(95, 10, true);
  host_.late_over = true;
  lifecycle_.notice_late(host_);
  Lifecycle next(rules_, alerts_);
  next.take_over(lifecycle_);
  EXPECT_THAT(next.take_transitions(), SizeIs(2));
  EXPECT_THAT(next.take_departed(), SizeIs(1));
  EXPECT_THAT(next.take_notices(), SizeIs(1));
  EXPECT_EQ(next.evaluations(), 2U);
}

TEST_F(LifecycleTest, AHostThatTheRuleDoesNotCoverHasNoAlert) {
  evaluate(95, 0);
  evaluate(95, 10);
  host_.rules[0].selected = false;
  host_.in_fleet = false;
  evaluate(95, 20);
  EXPECT_EQ(alert_.state, AlertState::kFiring) << "its tags are not known";
  host_.in_fleet = true;
  lifecycle_.end_uncovered(kTestStart + 21 * kTestSecond);
  EXPECT_EQ(alert_.state, AlertState::kOk);
  EXPECT_EQ(lifecycle_.take_transitions().back().reason, "the rule no longer covers it");
  evaluate(95, 30);
  EXPECT_EQ(alert_.state, AlertState::kOk);
}

TEST_F(LifecycleTest, ASilentHostFiresAfterForOrAtOnceInAStorm) {
  for (const bool storm : {false, true}) {
    HostState& host = hosts_.get(storm ? "web3" : "web2", false);
    host.view.last_seen = kTestStart;
    const auto look = [&](bool silent, std::int64_t seconds) {
      host.silent = silent;
      lifecycle_.evaluate_silence(host, 1, kTestStart + seconds * kTestSecond, storm);
      const Alert* const found = alerts_.find(host, 1, {});
      return found == nullptr ? AlertState::kOk : found->state;
    };
    EXPECT_EQ(look(false, 1), AlertState::kOk);
    EXPECT_EQ(alerts_.find(host, 1, {}), nullptr) << "nothing is made for a host that is there";
    EXPECT_EQ(look(true, 59), storm ? AlertState::kFiring : AlertState::kPending);
    EXPECT_EQ(look(true, 60), AlertState::kFiring);
    EXPECT_EQ(alerts_.find(host, 1, {})->since, kTestStart);
    host.unheard = true;
    EXPECT_EQ(look(false, 70), AlertState::kFiring);
    host.unheard = false;
    EXPECT_EQ(look(false, 71), AlertState::kFiring);
    EXPECT_EQ(look(false, 81), AlertState::kOk);
  }
}

TEST_F(LifecycleTest, OfABuriedAlertThatFiredTheHistoryHasTheEndAndWhoWasToldIsTold) {
  AlertRecord record;
  record.state = AlertState::kPending;
  lifecycle_.bury(record, kTestStart, "why");
  record.state = AlertState::kFiring;
  lifecycle_.bury(record, kTestStart, "why");
  EXPECT_THAT(lifecycle_.take_departed(), IsEmpty());
  record.notified = true;
  lifecycle_.bury(record, kTestStart, "why");
  const auto changes = lifecycle_.take_transitions();
  ASSERT_THAT(changes, SizeIs(2));
  EXPECT_EQ(changes[0].alert.ended, kTestStart);
  EXPECT_EQ(changes[0].reason, "why");
  ASSERT_THAT(lifecycle_.take_departed(), SizeIs(1));
}

TEST_F(LifecycleTest, FiresAfterForAndEndsAtItsOwnThreshold) {
  TestHouse house(kTestDisk);
  house.add_host("web1");
  house.disk(95, 2);
  EXPECT_THAT(house.messages, SizeIs(0));
  house.disk(95, 1);
  ASSERT_THAT(house.messages, SizeIs(1));
  EXPECT_EQ(house.messages[0].title, "warning: disk on web1 path=/: 95 %");
  house.disk(88, 10);  // between both limits: it goes on
  EXPECT_THAT(house.messages, SizeIs(1));
  house.disk(80, 3);
  house.pass(31);
  ASSERT_THAT(house.messages, SizeIs(2));
  EXPECT_THAT(house.messages[1].title, HasSubstr("Resolved: disk on web1 path=/ after"));
  EXPECT_THAT(house.history, SizeIs(2));
}

TEST_F(LifecycleTest, AShortPeakSaysNothing) {
  TestHouse house(kTestDisk);
  house.add_host("web1");
  house.disk(95, 2);
  house.disk(50, 1);
  house.disk(95, 2);
  EXPECT_THAT(house.messages, SizeIs(0));
  EXPECT_THAT(house.history, SizeIs(0));
}

TEST_F(LifecycleTest, LateSamplesWriteHistoryAndSendNothing) {
  TestHouse house(kTestDisk);
  house.add_host("web1");
  house.disk(50, 1);
  house.pass(1000);
  for (int age = 900; age > 300; age -= 5) house.row("disk", kTestRoot, "used_percent", age > 500 ? 99 : 10, age);
  house.disk(10, 2);
  house.pass(40);
  EXPECT_THAT(house.messages, SizeIs(0));
  ASSERT_THAT(house.history, SizeIs(2));
  EXPECT_TRUE(house.history[0].late);
  EXPECT_THAT(house.notices, ElementsAre(HasSubstr("web1: 2 changes")));
}

TEST_F(LifecycleTest, WhatStillFiresAfterASpoolDrainedIsToldOnce) {
  TestHouse house(kTestDisk);
  house.add_host("web1");
  for (int age = 900; age > 100; age -= 5) house.row("disk", kTestRoot, "used_percent", 99, age);
  EXPECT_THAT(house.messages, SizeIs(0));
  house.disk(99, 3);
  EXPECT_THAT(house.messages, SizeIs(1));
}

}  // namespace
}  // namespace resmon::alert
