#include "alert/notifier.h"

#include <gmock/gmock.h>

#include "alert/test_support.h"

namespace resmon::alert {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST(NotifierTest, NoMessageIsSentAboutAPausedHost) {
  TestHouse house(kTestDisk);
  house.add_host("web1");
  fleet::HostSettings paused;
  paused.paused = true;
  house.hosts[0].settings = std::make_shared<const fleet::HostSettings>(paused);
  house.disk(95, 4);
  EXPECT_THAT(house.messages, SizeIs(0));
  house.hosts[0].settings.reset();
  house.disk(95, 1);
  EXPECT_THAT(house.messages, SizeIs(1));
}

TEST(NotifierTest, ASilenceSaysBeforeItsEndWhatItHolds) {
  constexpr std::int64_t kHour = 3600 * kTestSecond;
  TestHouse house(kTestDisk);
  house.add_host("web1");
  house.add_host("web2");
  house.silences.push_back({7, "web1", "*", house.now, house.now + kHour, "mia", "new disk"});
  house.silences.push_back({8, "web2", "*", house.now, house.now + kHour, "mia", "holds nothing"});
  house.silences.push_back({9, "web1", "dis*", house.now, house.now + kHour / 2, "mia", "too short"});
  house.disk(95, 9 * 60 - 1);
  EXPECT_THAT(house.messages, SizeIs(0));
  house.disk(95, 60);
  ASSERT_THAT(house.messages, SizeIs(1));
  EXPECT_EQ(house.messages[0].kind, MessageKind::kNotice);
  EXPECT_THAT(house.messages[0].title, HasSubstr("A silence ends at 2026-05-28T21:26:40Z: 1 alert is still firing"));
  EXPECT_THAT(house.messages[0].help, HasSubstr("Silenced by mia: new disk"));
  house.disk(95, 2 * 60 + 1);
  ASSERT_THAT(house.messages, SizeIs(2));
  EXPECT_EQ(house.messages[1].kind, MessageKind::kFiring);
}

TEST(NotifierTest, ManyHostsOfOneRuleAreOneMessageAndADigest) {
  TestHouse house("[rule.disk]\nwhen = 'disk.used_percent > 90'\n");
  for (int i = 0; i < 20; ++i) house.add_host("web" + std::to_string(i));
  for (int i = 0; i < 20; ++i)
    house.row("disk", {{"host", "web" + std::to_string(i)}, {"path", "/"}}, "used_percent", 95);
  EXPECT_THAT(house.messages, SizeIs(1));
  house.pass(31);
  ASSERT_THAT(house.messages, SizeIs(2));
  EXPECT_EQ(house.messages[1].alerts, 19U);
  EXPECT_EQ(house.messages[1].title, "warning: disk on 19 hosts");
}

TEST(NotifierTest, UnlessSilencesMaintenanceRepeatAndEscalation) {
  TestHouse house(
      "[channel.boss]\nkind = \"ntfy\"\ntopic = \"y\"\n"
      "[rule.full]\nwhen = 'disk.used_percent > 95'\n"
      "[rule.high]\nwhen = 'disk.used_percent > 80'\nunless = \"full\"\nrepeat = \"1h\"\nescalate_after = "
      "\"30m\"\nescalate = \"boss\"\n");
  house.add_host("web1");
  house.disk(97, 1);
  EXPECT_THAT(house.titles(), ElementsAre(HasSubstr("full on web1")));
  house.disk(90, 400);
  // full ended, so high is told; then escalated after half an hour.
  EXPECT_THAT(house.titles(), ElementsAre(HasSubstr("full on web1"), HasSubstr("Resolved: full"),
                                          HasSubstr("high on web1"), HasSubstr("Nobody acknowledged: high")));
  house.disk(90, 800);
  EXPECT_THAT(house.titles(), SizeIs(5));  // repeated an hour after
  house.engine().find("high", "web1", {{"path", "/"}})->acknowledged =
      std::make_unique<Acknowledgement>(Acknowledgement{"mia", house.now});
  house.disk(90, 2000);
  EXPECT_THAT(house.titles(), SizeIs(5));
  EXPECT_THAT(house.told, ElementsAre("phone", "phone", "phone", "boss", "phone"));
  house.disk(50, 10);
  EXPECT_THAT(house.titles(), SizeIs(7)) << "who was called is told of the end";
  EXPECT_THAT(house.told.back(), "boss");
}

TEST(NotifierTest, ARuleIsQuietInAMaintenanceWindowThatItNames) {
  TestHouse house(
      "[maintenance.backup]\nfrom = \"00:00\"\nto = \"24:00\"\nrules = \"other\"\nhosts = \"db1\"\n"
      "[rule.other]\nwhen = 'x.y > 1'\n"
      "[rule.disk]\nwhen = 'disk.used_percent > 90'\nunless = \"backup\"\n");
  house.add_host("web1");
  house.add_host("db1");
  house.pass(5);
  for (const char* const host : {"web1", "db1"}) house.row("disk", {{"host", host}, {"path", "/"}}, "used_percent", 95);
  house.pass(60);
  EXPECT_THAT(house.titles(), ElementsAre(HasSubstr("disk on web1")));
}

// What the hosts of one message share, and others do not, may be the cause.
TEST(NotifierTest, MessagesNameCommonTagsAndArePartedByThem) {
  for (const bool parted : {false, true}) {
    TestHouse house(std::string(parted ? "group_by = \"site\"\n" : "") + kTestDisk);
    house.add_host("web1", {{"rack", "1"}, {"site", "north"}});
    house.add_host("web2", {{"rack", "1"}, {"site", "north"}});
    house.add_host("web3", {{"rack", "1"}, {"site", "south"}});
    house.pass(5);
    for (int i = 0; i < 4; ++i) {
      metric::Batch batch;
      batch.pin(house.schemas());
      for (const char* const name : {"web1", "web2", "web3"}) {
        if (!parted && name == std::string("web3")) continue;
        const std::vector<metric::Tag> tags{{"host", name}, {"path", "/"}};
        const auto id = house.schemas().intern(
            {"disk", tags, std::vector<metric::Field>{{"used_percent", metric::FieldType::kFloat}}});
        batch.add(id.value(), 1, house.now).set(0, 95.0);
      }
      house.engine().observe(batch, house.now);
      house.pass(5);
    }
    if (parted)
      EXPECT_THAT(house.titles(),
                  ElementsAre("warning: disk on 2 hosts (site=north)", "warning: disk on web3 path=/: 95 %"));
    else
      EXPECT_THAT(house.titles(), ElementsAre("warning: disk on 2 hosts (site=north)"));
  }
}

TEST(NotifierTest, AnAlertOfARemovedRuleIsNotToldWhileItIsSilenced) {
  TestHouse house(kTestDisk);
  house.add_host("web1");
  house.disk(95, 4);
  house.silences.push_back({1, "web1", "*", 0, INT64_MAX, "me", ""});
  house.reload("");
  EXPECT_THAT(house.messages, SizeIs(1));
  EXPECT_THAT(house.history, SizeIs(2));
}

}  // namespace
}  // namespace resmon::alert
