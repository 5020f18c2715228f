#include "alert/row_plans.h"

#include <gmock/gmock.h>

#include "alert/test_support.h"

namespace resmon::alert {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class RowPlansTest : public ::testing::Test {
 protected:
  const RowPlan& plan(const std::string& measurement, std::vector<metric::Tag> tags,
                      const std::vector<std::string>& fields) {
    std::vector<metric::Field> typed;
    for (const std::string& name : fields) typed.push_back({name, metric::FieldType::kFloat});
    metric::normalise_tags(tags);
    return plans_.of(schemas_.intern({measurement, tags, typed}).value());
  }
  std::uint32_t rule(std::string_view name) const { return rules_.find(name); }

  const Config config_ = only_rules(
      "[rule.both]\nwhen = 'disk.free < 1 and mem.used > 2'\n"
      "[rule.web]\nwhen = 'disk{path=\"/web*\"}.total > 1'\n"
      "[rule.ro]\nwhen = 'replaced(disk{mode=\"ro\"}.used, mode) == 1'\n");
  const RuleSet rules_{config_};
  metric::SchemaTable schemas_;
  Hosts hosts_{rules_};
  AlertTable alerts_{rules_, 4};
  RowPlans plans_{rules_, schemas_, hosts_, alerts_};
};

TEST_F(RowPlansTest, AValueGoesToItsAlertsTrack) {
  const RowPlan& disk = plan("disk", kTestRoot, {"x", "free"});
  EXPECT_EQ(disk.host, hosts_.find("web1"));
  ASSERT_THAT(disk.steps, SizeIs(1));
  const Alert* const alert = alerts_.find(*disk.host, rule("both"), {{"path", "/"}});
  ASSERT_NE(alert, nullptr);
  EXPECT_EQ(disk.steps[0].alert, alert);
  EXPECT_EQ(disk.steps[0].track, alert->tracks[0].get());
  EXPECT_EQ(disk.steps[0].field, 1U);
  EXPECT_EQ(alert->tracks[1], nullptr) << "of another series";
}

TEST_F(RowPlansTest, AValueOfAnotherSelectorIsTheHosts) {
  const RowPlan& mem = plan("mem", {{"host", "web1"}}, {"used"});
  ASSERT_THAT(mem.steps, SizeIs(1));
  EXPECT_EQ(mem.steps[0].alert, nullptr);
  ASSERT_THAT(mem.host->sides, SizeIs(1));
  EXPECT_EQ(mem.steps[0].track, mem.host->sides[0].track.get());
  EXPECT_EQ(alerts_.size(), 0U);
}

TEST_F(RowPlansTest, WhatNoRuleReadsHasNoSteps) {
  EXPECT_THAT(plan("disk", kTestRoot, {"other"}).steps, IsEmpty());
  EXPECT_THAT(plan("cpu", {{"host", "web1"}}, {"free"}).steps, IsEmpty());
  EXPECT_NE(plan("cpu", {{"host", "web1"}}, {"free"}).host, nullptr) << "but tells that the host is there";
  EXPECT_EQ(plan("cpu", {{"path", "/"}}, {"free"}).host, nullptr);
  EXPECT_EQ(plan("alert", {{"host", "web1"}}, {"free"}).host, nullptr) << "what the engine's changes are written as";
  EXPECT_THAT(plan("disk", {{"host", "web1"}, {"path", "/srv"}}, {"total"}).steps, IsEmpty());
  EXPECT_THAT(plan("disk", {{"host", "web1"}, {"path", "/web/1"}}, {"total"}).steps, SizeIs(1));
}

TEST_F(RowPlansTest, OneThatDiffersInTheTagOnlyTellsWhatWasThere) {
  const RowPlan other = plan("disk", {{"host", "web1"}, {"mode", "rw"}, {"path", "/"}}, {"used"});
  ASSERT_THAT(other.steps, SizeIs(1));
  EXPECT_EQ(other.steps[0].alert, nullptr);
  EXPECT_EQ(other.steps[0].track, nullptr);
  const RowPlan own = plan("disk", {{"host", "web1"}, {"mode", "ro"}, {"path", "/"}}, {"used"});
  ASSERT_THAT(own.steps, SizeIs(1));
  EXPECT_NE(own.steps[0].alert, nullptr);
  EXPECT_EQ(own.steps[0].other, other.steps[0].other);
  const RowPlan elsewhere = plan("disk", {{"host", "web1"}, {"mode", "ro"}, {"path", "/cdrom"}}, {"used"});
  ASSERT_THAT(elsewhere.steps, SizeIs(1));
  EXPECT_NE(elsewhere.steps[0].other, own.steps[0].other);
}

TEST_F(RowPlansTest, APlanIsMadeOnce) {
  const std::vector<metric::Tag> tags{{"host", "web1"}, {"path", "/"}};
  const Alert* const alert = plan("disk", tags, {"free"}).steps.at(0).alert;
  EXPECT_EQ(plan("disk", tags, {"free"}).steps.at(0).alert, alert);
  plans_.clear();
  EXPECT_EQ(plan("disk", tags, {"free"}).steps.at(0).alert, alert) << "it is in the table";
  EXPECT_EQ(alerts_.size(), 1U);
}

TEST_F(RowPlansTest, ASeriesWithoutRoomHasNoStep) {
  for (int i = 0; i < 4; ++i)
    EXPECT_THAT(plan("disk", {{"host", "web1"}, {"path", std::to_string(i)}}, {"free"}).steps, SizeIs(1));
  EXPECT_THAT(plan("disk", kTestRoot, {"free"}).steps, IsEmpty());
  EXPECT_EQ(alerts_.refused(), 1U);
}

TEST_F(RowPlansTest, TracksOfOneFieldAreOfAllRulesAndBothKinds) {
  std::vector<std::string> seen;
  const auto visit = [&](const Operand& operand, Track&) { seen.push_back(operand.selector.measurement); };
  plans_.each_track("disk", "free", kTestRoot, visit);
  plans_.each_track("mem", "used", {{"host", "web1"}}, visit);
  plans_.each_track("mem", "free", {{"host", "web1"}}, visit);
  plans_.each_track("disk", "free", {{"path", "/"}}, visit);
  EXPECT_THAT(seen, ::testing::ElementsAre("disk", "mem"));
  EXPECT_EQ(alerts_.size(), 1U);
  EXPECT_THAT(hosts_.find("web1")->sides, SizeIs(1));
}

}  // namespace
}  // namespace resmon::alert
