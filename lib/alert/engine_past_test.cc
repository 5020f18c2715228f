#include <gmock/gmock.h>

#include "alert/test_support.h"

namespace resmon::alert {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST(EnginePastTest, AKillBetweenFiringAndTellingLosesNothing) {
  TestHouse house(kTestDisk);
  house.add_host("web1");
  house.silences.push_back({1, "", "*", 0, INT64_MAX, "me", "keeps the message back"});
  house.disk(95, 4);
  EXPECT_THAT(house.messages, SizeIs(0));
  house.restart();
  house.silences.clear();
  house.disk(95, 1);
  EXPECT_THAT(house.messages, SizeIs(1));
  house.restart();
  house.disk(95, 3);
  EXPECT_THAT(house.messages, SizeIs(1));
}

TEST(EnginePastTest, ASeededForecastNeedsNoDay) {
  TestHouse house("[rule.soon]\nwhen = 'forecast(disk.free, 7d) < 24h'\n");
  house.add_host("web1");
  for (int hour = 72; hour > 0; --hour)
    house.engine().seed("disk", "free", kTestRoot, house.now - hour * 3600 * kTestSecond, 1000.0 + hour * 100);
  house.row("disk", kTestRoot, "free", 1000);
  EXPECT_THAT(house.messages, SizeIs(1));
}

// A rule that goes takes its alerts with it, and whoever was told that they fire is told.
TEST(EnginePastTest, ARuleThatIsRemovedEndsItsAlerts) {
  for (const bool restarted : {false, true}) {
    for (const auto& [rules, reason] :
         {std::pair("", "its rule was removed"),
          {"[rule.disk]\nwhen = 'disk.used_percent > 90'\nenabled = false\n", "its rule was switched off"},
          {"[rule.disk]\nwhen = 'disk{path=\"/var\"}.used_percent > 90'\n", "its rule was changed"}}) {
      TestHouse house(kTestDisk);
      house.add_host("web1");
      house.disk(95, 4);
      ASSERT_THAT(house.messages, SizeIs(1));
      house.pass(40);
      restarted ? house.restart(rules) : house.reload(rules);
      ASSERT_THAT(house.messages, SizeIs(2)) << reason << restarted;
      const Message& told = house.messages[1];
      EXPECT_EQ(told.kind, MessageKind::kResolved);
      EXPECT_EQ(house.told[1], "phone");
      EXPECT_THAT(told.title, HasSubstr("Resolved: disk on web1 path=/ after"));
      EXPECT_EQ(told.items.at(0).text, std::string("disk.used_percent was 95 % (limit > 90 %): ") + reason);
      EXPECT_EQ(told.items.at(0).key, house.messages[0].items.at(0).key) << "receivers tell alerts apart by it";
      ASSERT_THAT(house.history, SizeIs(2));
      EXPECT_EQ(house.history[1].alert.state, AlertState::kOk);
      EXPECT_EQ(house.history[1].reason, reason);
      EXPECT_EQ(house.history[1].time, house.now);
      house.disk(95, 2);
      house.restart();
      EXPECT_THAT(house.messages, SizeIs(2));
      EXPECT_THAT(house.engine().active(), SizeIs(0));
    }
  }
}

TEST(EnginePastTest, ARuleThatNoLongerCoversTheHostEndsItsAlertAlsoWithoutASample) {
  const std::string rules(kTestDisk);
  TestHouse house(rules);
  house.add_host("web1");
  house.disk(95, 4);
  house.pass(31);
  house.reload(rules + "hosts = \"db1\"\n");
  ASSERT_THAT(house.messages, SizeIs(2));
  EXPECT_THAT(house.messages[1].items.at(0).text, HasSubstr("the rule no longer covers it"));
}

// A change of the rules file is about the rules that differ, and a restart is about none.
TEST(EnginePastTest, AnUnchangedRuleKeepsItsClockOverAnyReload) {
  const std::string rules =
      "[rule.disk]\nwhen = 'disk.used_percent > 90'\nfor = \"60s\"\nclear_for = \"30s\"\n"
      "[rule.busy]\nwhen = 'mean(disk.used_percent, 60s) > 90'\n"
      "[rule.gone]\nwhen = 'mem.used absent for 100s'\n";
  const std::string changed = "[rule.aaa]\nwhen = 'x.y > 1'\n" + rules + "message = \"mem is gone\"\n";
  for (const bool restarted : {false, true}) {
    TestHouse house(rules);
    house.add_host("web1");
    house.row("mem", {{"host", "web1"}}, "used", 1);
    house.disk(95, 11);
    EXPECT_THAT(house.titles(), SizeIs(0));
    restarted ? house.restart(changed) : house.reload(changed);
    house.disk(95, 3);
    EXPECT_EQ(house.engine().find("disk", "web1", {{"path", "/"}})->state, AlertState::kFiring) << restarted;
    if (!restarted) {
      EXPECT_EQ(house.engine().find("busy", "web1", {{"path", "/"}})->state, AlertState::kFiring);
    }
    house.pass(31);
    house.disk(80, 5);  // over for 20 s
    restarted ? house.restart(rules) : house.reload(rules);
    house.disk(80, 3);
    EXPECT_EQ(house.engine().find("disk", "web1", {{"path", "/"}})->state, AlertState::kOk) << restarted;
    if (!restarted) {
      EXPECT_EQ(house.engine().find("gone", "web1", {})->state, AlertState::kFiring);
    }
  }
}

TEST(EnginePastTest, AChangedRuleBeginsAnew) {
  for (const bool restarted : {false, true}) {
    TestHouse house("[rule.disk]\nwhen = 'disk.used_percent > 90'\nfor = \"60s\"\n");
    house.add_host("web1");
    house.disk(95, 10);
    const char* const other = "[rule.disk]\nwhen = 'disk.used_percent > 91'\nfor = \"60s\"\n";
    restarted ? house.restart(other) : house.reload(other);
    house.disk(95, 10);
    EXPECT_THAT(house.titles(), SizeIs(0)) << "it waits for the whole of its `for`";
    house.disk(95, 4);
    EXPECT_THAT(house.titles(), SizeIs(1));
    // What fires goes on: it is about the same values.
    const char* const higher = "[rule.disk]\nwhen = 'disk.used_percent > 94'\n";
    restarted ? house.restart(higher) : house.reload(higher);
    house.disk(95, 10);
    EXPECT_THAT(house.titles(), SizeIs(1));
    const char* const above = "[rule.disk]\nwhen = 'disk.used_percent > 96'\n";
    restarted ? house.restart(above) : house.reload(above);
    house.disk(95, 10);
    ASSERT_THAT(house.titles(), SizeIs(2));
    EXPECT_EQ(house.messages[1].items.at(0).text, "disk.used_percent is 95 % again (limit > 96 %)");
  }
}

TEST(EnginePastTest, AHostThatWasRemovedWhileTheServerWasDownEndsItsAlerts) {
  TestHouse house(kTestDisk);
  house.add_host("web1");
  house.add_host("web2");
  house.disk(95, 4);
  house.hosts.erase(house.hosts.begin());
  house.restart();
  house.pass(60);
  EXPECT_THAT(house.history, SizeIs(1)) << "it may still come";
  house.pass(100);
  ASSERT_THAT(house.history, SizeIs(2));
  EXPECT_EQ(house.history[1].reason, "the host was removed from the list");
}

}  // namespace
}  // namespace resmon::alert
