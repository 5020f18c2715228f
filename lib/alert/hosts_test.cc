#include "alert/hosts.h"

#include <gmock/gmock.h>

#include "alert/test_support.h"

namespace resmon::alert {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

fleet::Host fleet_host(const std::string& name, std::vector<metric::Tag> tags = {}) {
  fleet::Host out;
  out.name = name;
  out.tags = std::move(tags);
  return out;
}

class HostsTest : public ::testing::Test {
 protected:
  const Config config_ = only_rules("[rule.disk]\nwhen = 'disk.free < 1'\nhosts = \"team:web\"\n");
  const RuleSet rules_{config_};
  Hosts hosts_{rules_};
};

TEST_F(HostsTest, AServerIsNoHostOfItsName) {
  HostState& host = hosts_.get("box", false);
  HostState& server = hosts_.get("box", true);
  EXPECT_NE(&host, &server);
  EXPECT_EQ(hosts_.find("box"), &host);
  EXPECT_EQ(hosts_.find("box", true), &server);
  EXPECT_EQ(hosts_.find("web1"), nullptr);
  EXPECT_EQ(host.shown_name(), "box");
  EXPECT_EQ(server.shown_name(), "");
  EXPECT_EQ(hosts_.get({{"host", "box"}, {"server", "other"}}), &host);
  EXPECT_EQ(hosts_.get({{"server", "box"}}), &server);
  EXPECT_EQ(hosts_.get(std::vector<metric::Tag>{{"path", "/"}}), nullptr);
  EXPECT_EQ(hosts_.size(), 2U);
}

TEST_F(HostsTest, RulesAreSelectedByWhatTheFleetSays) {
  HostState& host = hosts_.get("web1", false);
  EXPECT_FALSE(host.rules.at(0).selected);
  EXPECT_FALSE(host.selection_known());
  EXPECT_THAT(hosts_.update({fleet_host("web1", {{"team", "web"}})}, false), IsEmpty());
  EXPECT_TRUE(host.rules.at(0).selected);
  EXPECT_TRUE(host.selection_known());
  EXPECT_THAT(hosts_.update({fleet_host("web1")}, false), IsEmpty());
  EXPECT_FALSE(host.rules.at(0).selected);
}

TEST_F(HostsTest, WhoLeavesTheFleetIsGone) {
  (void)hosts_.update({fleet_host("web1"), fleet_host("web2")}, true);
  const auto gone = hosts_.update({fleet_host("web2")}, true);
  ASSERT_THAT(gone, SizeIs(1));
  EXPECT_EQ(gone[0], hosts_.find("web1"));
  EXPECT_FALSE(gone[0]->in_fleet);
}

TEST_F(HostsTest, WhoWasKeptMayStillComeDuringTheGraceAndWhoSendsRowsAfterIt) {
  HostState& kept = hosts_.get("kept", false);
  hosts_.get("sends", false).newest = kTestStart;
  (void)hosts_.get("server", true);
  EXPECT_THAT(hosts_.update({}, true), IsEmpty());
  EXPECT_THAT(hosts_.update({}, false), ::testing::ElementsAre(&kept));
}

TEST_F(HostsTest, ATagThatAllHostsHaveIsOfTheFleetOnly) {
  const metric::Tag tag{"site", "north"};
  (void)hosts_.update({fleet_host("web1", {tag}), fleet_host("web2", {tag})}, false);
  (void)hosts_.get("box", true);
  (void)hosts_.get("stranger", false);
  EXPECT_TRUE(hosts_.all_have(tag));
  (void)hosts_.update({fleet_host("web1", {tag}), fleet_host("web2")}, false);
  EXPECT_FALSE(hosts_.all_have(tag));
}

TEST_F(HostsTest, WhatWentIsForgottenAfterItsTime) {
  const Operand& operand = config_.rules[0].when.operands[0];
  HostState& host = hosts_.get("web1", false);
  host.side({0, 0}, operand, "old").add(kTestStart, 1);
  host.side({0, 0}, operand, "new").add(kTestStart + kTestSecond, 1);
  host.other({0, 0}, {}) = kTestStart;
  host.newest = kTestStart + kForgetAfter + kTestSecond;
  UnixNanos now = host.newest;
  EXPECT_EQ(hosts_.forget_unused(now), 1U);
  ASSERT_THAT(host.sides, SizeIs(1));
  EXPECT_EQ(host.sides[0].series, "new");
  EXPECT_EQ(hosts_.forget_unused(now + kForgetAfter), 0U);
  EXPECT_EQ(hosts_.forget_unused(now + kForgetAfter + 1), 1U) << "the host itself";
  EXPECT_EQ(hosts_.size(), 0U);
}

TEST_F(HostsTest, WhoIsInTheFleetOrHasAlertsStays) {
  (void)hosts_.update({fleet_host("web1")}, false);
  Alert alert;
  hosts_.get("web2", false).alerts.push_back(&alert);
  EXPECT_EQ(hosts_.forget_unused(kTestStart), 0U);
  EXPECT_EQ(hosts_.size(), 2U);
}

TEST_F(HostsTest, AnotherEnginesSeriesFollowTheirRulesNumbers) {
  HostState& host = hosts_.get("web1", false);
  host.side({0, 0}, config_.rules[0].when.operands[0], "s").add(kTestStart, 1);
  host.other({0, 0}, {{"path", "/"}}) = kTestStart;
  const Config config = only_rules("[rule.aaa]\nwhen = 'x.y > 1'\n[rule.disk]\nwhen = 'disk.free < 2'\n");
  const RuleSet rules(config);
  const auto heirs = rules.heirs_of(rules_);
  ASSERT_EQ(heirs[0].rule, 1U);
  Hosts after(rules);
  after.take_over(hosts_, heirs);
  ASSERT_EQ(after.find("web1"), &host);
  EXPECT_EQ(host.side({1, 0}, config.rules[1].when.operands[0], "s").time(), kTestStart);
  EXPECT_EQ(host.other({1, 0}, {{"path", "/"}}), kTestStart);
  EXPECT_THAT(host.rules, SizeIs(2));
  const Config none{};
  const RuleSet no_rules(none);
  Hosts last(no_rules);
  last.take_over(after, no_rules.heirs_of(rules));
  EXPECT_THAT(host.sides, IsEmpty());
  EXPECT_THAT(host.others, IsEmpty());
}

}  // namespace
}  // namespace resmon::alert
