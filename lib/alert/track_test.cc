#include "alert/track.h"

#include <gmock/gmock.h>

#include "alert/test_support.h"

namespace resmon::alert {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST(TrackTest, WindowsWaitUntilTheyAreCovered) {
  TestHouse house("[rule.cpu]\nwhen = 'mean(cpu.usage_active, 1m) > 90'\n");
  house.add_host("web1");
  for (int i = 0; i < 10; ++i) {
    house.pass(5);
    house.row("cpu", {{"host", "web1"}}, "usage_active", 100);
  }
  EXPECT_THAT(house.messages, SizeIs(0));
  for (int i = 0; i < 3; ++i) {
    house.pass(5);
    house.row("cpu", {{"host", "web1"}}, "usage_active", 100);
  }
  EXPECT_THAT(house.messages, SizeIs(1));
}

TEST(TrackTest, RatesSurviveARestartOfTheCounter) {
  TestHouse house("[rule.errors]\nwhen = 'rate(net.err_in, 1m) > 10'\n");
  house.add_host("web1");
  double counter = 1e6;
  for (int i = 0; i < 40; ++i) {
    if (i == 20) counter = 0;
    house.pass(5);
    house.row("net", {{"host", "web1"}}, "err_in", counter += 10);
  }
  EXPECT_THAT(house.messages, SizeIs(0));
  for (int i = 0; i < 20; ++i) {
    house.pass(5);
    house.row("net", {{"host", "web1"}}, "err_in", counter += 100);
  }
  ASSERT_THAT(house.messages, SizeIs(1));
}

TEST(TrackTest, AForecastNeedsADayAndNamesTheHoursLeft) {
  TestHouse house("[rule.soon]\nwhen = 'forecast(disk.used_percent, 7d) < 24h'\n");
  house.add_host("web1");
  for (int hour = 0; hour < 48; ++hour) {
    house.row("disk", kTestRoot, "used_percent", 50 + hour);
    house.now += 3600 * kTestSecond;
    house.hosts[0].last_seen = house.now;
    if (hour == 20) {
      EXPECT_THAT(house.messages, SizeIs(0));
    }
  }
  ASSERT_THAT(house.messages, SizeIs(1));
  EXPECT_THAT(house.messages[0].items[0].text, HasSubstr("h"));
}

}  // namespace
}  // namespace resmon::alert
