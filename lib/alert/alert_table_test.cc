#include "alert/alert_table.h"

#include <gmock/gmock.h>

#include "alert/test_support.h"

namespace resmon::alert {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::vector<metric::Tag> kWithoutTags;
const std::vector<metric::Tag> kVar{{"path", "/var"}};

class AlertTableTest : public ::testing::Test {
 protected:
  const Config config_ =
      only_rules("[rule.disk]\nwhen = 'disk.free < 1'\n[rule.load]\nwhen = 'a.b / a.c > 1 and a.d > 2'\n");
  const RuleSet rules_{config_};
  Hosts hosts_{rules_};
  HostState& host_ = hosts_.get("web1", false);
  AlertTable alerts_{rules_, 3};
};

TEST_F(AlertTableTest, IsFoundByRuleHostAndTags) {
  Alert* const alert = alerts_.get(host_, 1, kVar);
  ASSERT_NE(alert, nullptr);
  EXPECT_EQ(alert->tracks.size(), 3U) << "one for each operand";
  EXPECT_EQ(alert->host, &host_);
  EXPECT_EQ(alerts_.get(host_, 1, kVar), alert);
  EXPECT_EQ(alerts_.find(host_, 1, kVar), alert);
  EXPECT_EQ(alerts_.find(host_, 0, kVar), nullptr);
  EXPECT_EQ(alerts_.find(host_, 1, kWithoutTags), nullptr);
  EXPECT_EQ(alerts_.find(hosts_.get("web2", false), 1, kVar), nullptr);
  EXPECT_EQ(alerts_.size(), 1U);
}

TEST_F(AlertTableTest, AlertsOfASeriesShareItsTags) {
  const Alert* const one = alerts_.get(host_, 0, kVar);
  const Alert* const two = alerts_.get(host_, 1, kVar);
  EXPECT_EQ(&one->tags.items(), &two->tags.items());
}

TEST_F(AlertTableTest, WhatThereIsNoRoomForIsCounted) {
  for (const char* path : {"/a", "/b", "/c"}) EXPECT_NE(alerts_.get(host_, 0, {{"path", path}}), nullptr);
  EXPECT_EQ(alerts_.get(host_, 0, kVar), nullptr);
  EXPECT_NE(alerts_.get(host_, 0, {{"path", "/a"}}), nullptr);
  EXPECT_EQ(alerts_.refused(), 1U);
  EXPECT_EQ(alerts_.size(), 3U);
}

TEST_F(AlertTableTest, AnActiveAlertIsListedUntilItIsOkAndTold) {
  Alert& one = *alerts_.get(host_, 0, kWithoutTags);
  Alert& two = *alerts_.get(host_, 0, kVar);
  alerts_.activate(one);
  alerts_.activate(two);
  alerts_.activate(one);
  EXPECT_THAT(alerts_.active(), ElementsAre(&one, &two));
  one.notified = true;
  two.state = AlertState::kPending;
  alerts_.settle();
  EXPECT_THAT(alerts_.active(), ElementsAre(&one, &two));
  one.notified = false;
  two.state = AlertState::kOk;
  two.notified = true;
  alerts_.settle();
  EXPECT_THAT(alerts_.active(), ElementsAre(&two));
  alerts_.activate(one);
  EXPECT_THAT(alerts_.active(), ElementsAre(&two, &one));
}

TEST_F(AlertTableTest, AnAlertWithoutARowForAnHourIsForgotten) {
  Alert& listed = *alerts_.get(host_, 0, kWithoutTags);
  Alert& old = *alerts_.get(host_, 0, kVar);
  Alert& fresh = *alerts_.get(host_, 1, kVar);
  alerts_.activate(listed);
  old.time = kTestStart;
  fresh.evaluated = kTestStart + 1;
  EXPECT_EQ(alerts_.forget_unused(host_, kTestStart + kForgetAfter - 1), 0U);
  EXPECT_EQ(alerts_.forget_unused(host_, kTestStart + kForgetAfter), 1U);
  EXPECT_THAT(host_.alerts, ElementsAre(&listed, &fresh));
  EXPECT_EQ(alerts_.find(host_, 0, kVar), nullptr);
}

TEST_F(AlertTableTest, AnotherEnginesAlertsFollowTheirRulesNumbers) {
  Alert& disk = *alerts_.get(host_, 0, kVar);
  Alert& load = *alerts_.get(host_, 1, kVar);
  for (Alert* const one : {&disk, &load}) {
    one->state = AlertState::kPending;
    alerts_.activate(*one);
  }
  disk.track(0, config_.rules[0].when.operands[0]).add(kTestStart, 7);
  const Config config = only_rules("[rule.aaa]\nwhen = 'x.y > 1'\n[rule.disk]\nwhen = 'disk.free < 2'\n");
  const RuleSet rules(config);
  const auto heirs = rules.heirs_of(rules_);
  Hosts hosts(rules);
  AlertTable after(rules, 10);
  hosts.take_over(hosts_, heirs);
  after.take_over(alerts_, heirs);
  EXPECT_EQ(after.find(host_, 1, kVar), &disk);
  EXPECT_EQ(after.size(), 1U);
  EXPECT_THAT(after.active(), ElementsAre(&disk));
  EXPECT_THAT(host_.alerts, ElementsAre(&disk));
  EXPECT_EQ(disk.state, AlertState::kOk) << "its rule changed, so it begins anew";
  EXPECT_EQ(disk.tracks[0]->value(), 7);
  EXPECT_EQ(alerts_.size(), 0U);
  EXPECT_THAT(alerts_.active(), IsEmpty());
}

}  // namespace
}  // namespace resmon::alert
