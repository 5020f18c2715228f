#include <gmock/gmock.h>

#include "alert/test_support.h"

namespace resmon::alert {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST(EngineTickTest, ASilentHostFreezesItsOtherAlertsAndIsToldOnce) {
  TestHouse house(kTestDisk, "host-silent");
  house.add_host("web1");
  house.add_host("web2");
  house.disk(95, 4);
  ASSERT_THAT(house.messages, SizeIs(1));
  house.pass(130);
  house.silent = {"web1"};
  house.pass(200);
  ASSERT_THAT(house.titles(), SizeIs(2));
  EXPECT_THAT(house.messages[1].title, HasSubstr("web1 silent since"));
  EXPECT_EQ(house.engine().find("disk", "web1", {{"path", "/"}})->state, AlertState::kFiring);
  house.silent.clear();
  house.pass(20);
  EXPECT_THAT(house.messages[2].title, HasSubstr("Resolved: host-silent on web1"));
}

TEST(EngineTickTest, AnAlertOfASilentHostHasTheSecondsOfItsSilence) {
  TestHouse house("", "host-silent");
  house.add_host("web1");
  house.pass(130);
  house.silent = {"web1"};
  for (const int seconds : {60, 200}) {  // pending and firing
    house.pass(seconds);
    const Alert* alert = house.engine().find("host-silent", "web1", {});
    ASSERT_NE(alert, nullptr);
    EXPECT_DOUBLE_EQ(alert->value, static_cast<double>(house.now - house.hosts[0].last_seen) / kTestSecond);
  }
}

TEST(EngineTickTest, ARebootSaysNothing) {
  TestHouse house("", "host-silent");
  house.add_host("web1");
  house.pass(130);
  house.silent = {"web1"};
  house.pass(100);
  house.silent.clear();
  house.pass(100);
  EXPECT_THAT(house.messages, SizeIs(0));
}

TEST(EngineTickTest, MostHostsSilentAtOnceAreOneMessageWithinAMinute) {
  TestHouse house("", "host-silent");
  for (int i = 0; i < 100; ++i) house.add_host("web" + std::to_string(i));
  house.pass(130);
  for (int i = 0; i < 97; ++i) house.silent.insert("web" + std::to_string(i));
  house.pass(60);
  ASSERT_THAT(house.messages, SizeIs(1));
  EXPECT_THAT(house.messages[0].title, HasSubstr("97 of 100 hosts silent since"));
  EXPECT_EQ(house.messages[0].alerts, 97U);
  house.pass(600);
  EXPECT_THAT(house.messages, SizeIs(1));
  house.silent.clear();
  house.pass(60);
  EXPECT_THAT(house.messages, SizeIs(2));
}

TEST(EngineTickTest, AServerThatWasAwayDoesNotReportItsHostsDead) {
  TestHouse house("", "host-silent");
  for (int i = 0; i < 10; ++i) house.add_host("web" + std::to_string(i));
  house.pass(130);
  house.restart();
  house.now += 3600 * kTestSecond;  // hosts come back within the grace
  house.pass(60, false);
  house.pass(600);
  EXPECT_THAT(house.messages, SizeIs(0));
  house.now += 3600 * kTestSecond;  // a process that was stopped for an hour, the same
  house.pass(60, false);
  house.pass(600);
  EXPECT_THAT(house.messages, SizeIs(0));
}

TEST(EngineTickTest, SeriesThatCameAndWentAreForgotten) {
  TestHouse house(kTestDisk);
  house.add_host("web1");
  for (int i = 0; i < 100; ++i)
    house.row("disk", {{"host", "web1"}, {"path", "/" + std::to_string(i)}}, "used_percent", 1);
  EXPECT_EQ(house.engine().stats().alerts, 100U);
  for (int i = 0; i < 130; ++i) {
    house.now += 60 * kTestSecond;
    house.row("disk", kTestRoot, "used_percent", 1);
    house.engine().tick(house.now, house.hosts);
  }
  EXPECT_EQ(house.engine().stats().alerts, 1U);
}

TEST(EngineTickTest, AHostThatOnlySentRowsIsForgottenWithThem) {
  TestHouse house(kTestDisk);
  house.row("disk", {{"host", "stranger"}, {"path", "/"}}, "used_percent", 1);
  EXPECT_EQ(house.engine().stats().hosts, 1U);
  for (int i = 0; i < 130; ++i) {
    house.now += 60 * kTestSecond;
    house.engine().tick(house.now, house.hosts);
  }
  EXPECT_EQ(house.engine().stats().alerts, 0U);
  EXPECT_EQ(house.engine().stats().hosts, 0U);
  house.row("disk", {{"host", "stranger"}, {"path", "/"}}, "used_percent", 1);
  EXPECT_EQ(house.engine().stats().alerts, 1U) << "and is known again";
}

TEST(EngineTickTest, ASeriesThatEndsEndsItsAlertAtItsLastRow) {
  TestHouse house("[rule.busy]\nwhen = 'procstat.cpu_usage > 5'\n");
  house.add_host("web1");
  UnixNanos last = 0;
  for (int i = 0; i < 60; ++i) {
    house.pass(5);
    if (i < 7) {
      house.row("procstat", {{"host", "web1"}, {"process_name", "burn"}}, "cpu_usage", 12.8);
      last = house.now;
    }
    house.row("mem", {{"host", "web1"}}, "used", 1);
  }
  ASSERT_THAT(house.messages, SizeIs(2));
  EXPECT_EQ(house.history[1].time, last);
  EXPECT_THAT(house.messages[1].title, HasSubstr("after 30 s"));
  EXPECT_EQ(house.messages[1].items.at(0).text,
            "procstat.cpu_usage was 12.8 (limit > 5): its series is no longer reported");
}

}  // namespace
}  // namespace resmon::alert
