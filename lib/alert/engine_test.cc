#include "alert/engine.h"

#include <gmock/gmock.h>

#include "alert/test_support.h"
#include "simulate/host_model.h"
#include "simulate/named.h"

namespace resmon::alert {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

const std::vector<metric::Tag> kRoot{{"host", "web1"}, {"path", "/"}};

constexpr const char* kDisk =
    "[rule.disk]\nwhen = 'disk.used_percent > 90'\nclear = 85\nfor = \"10s\"\nclear_for = \"10s\"\n";

class AlertEngineTest : public ::testing::Test {
 protected:
  void disk(TestHouse& house, double value, int times = 1) {
    for (int i = 0; i < times; ++i) {
      house.pass(5);
      house.row("disk", kRoot, "used_percent", value);
    }
  }
};

TEST_F(AlertEngineTest, FiresAfterForAndEndsAtItsOwnThreshold) {
  TestHouse house(kDisk);
  house.add_host("web1");
  disk(house, 95, 2);
  EXPECT_THAT(house.messages, SizeIs(0));
  disk(house, 95, 1);
  ASSERT_THAT(house.messages, SizeIs(1));
  EXPECT_EQ(house.messages[0].title, "warning: disk on web1 path=/: 95 %");
  disk(house, 88, 10);  // between both limits: it goes on
  EXPECT_THAT(house.messages, SizeIs(1));
  disk(house, 80, 3);
  house.pass(31);
  ASSERT_THAT(house.messages, SizeIs(2));
  EXPECT_THAT(house.messages[1].title, HasSubstr("Resolved: disk on web1 path=/ after"));
  EXPECT_THAT(house.history, SizeIs(2));
}

TEST_F(AlertEngineTest, AnArrayThatLacksADiskIsToldAlsoWhenTheDiskIsGone) {
  TestHouse house("", "raid-degraded");
  house.add_host("web1");
  const auto pass = [&](double active) {
    for (int i = 0; i < 6; ++i) {
      house.pass(30);
      for (const auto& [field, value] : {std::pair("DisksFailed", 0.0), {"DisksTotal", 2.0}, {"DisksActive", active}})
        house.row("mdstat", {{"host", "web1"}, {"Name", "md0"}}, field, value);
    }
    house.pass(31);
  };
  pass(2);
  EXPECT_THAT(house.messages, SizeIs(0));
  pass(1);
  ASSERT_THAT(house.messages, SizeIs(1));
  EXPECT_THAT(house.messages[0].title, HasSubstr("raid-degraded on web1 Name=md0"));
  // Of two comparisons, the one that holds.
  ASSERT_THAT(house.messages[0].items, SizeIs(1));
  EXPECT_EQ(house.messages[0].items[0].text, "mdstat.DisksActive / DisksTotal is 0.5 (< 1)");
  pass(2);
  ASSERT_THAT(house.messages, SizeIs(2));
  EXPECT_THAT(house.messages[1].title, HasSubstr("Resolved"));
}

TEST_F(AlertEngineTest, AnOomKillOfAServiceIsTold) {
  TestHouse house("", "oom-kill");
  house.add_host("web1");
  for (const double kills : {3, 3, 3, 4}) {
    EXPECT_THAT(house.messages, SizeIs(0));
    house.pass(60);
    house.row("systemd_units", {{"host", "web1"}, {"name", "nginx.service"}}, "oom_kills", kills);
  }
  house.pass(31);
  ASSERT_THAT(house.messages, SizeIs(1));
  EXPECT_THAT(house.messages[0].title, HasSubstr("oom-kill on web1 name=nginx.service"));
}

TEST_F(AlertEngineTest, AShortPeakSaysNothing) {
  TestHouse house(kDisk);
  house.add_host("web1");
  disk(house, 95, 2);
  disk(house, 50, 1);
  disk(house, 95, 2);
  EXPECT_THAT(house.messages, SizeIs(0));
  EXPECT_THAT(house.history, SizeIs(0));
}

TEST_F(AlertEngineTest, LateSamplesWriteHistoryAndSendNothing) {
  TestHouse house(kDisk);
  house.add_host("web1");
  disk(house, 50, 1);
  house.pass(1000);
  for (int age = 900; age > 300; age -= 5) house.row("disk", kRoot, "used_percent", age > 500 ? 99 : 10, age);
  disk(house, 10, 2);
  house.pass(40);
  EXPECT_THAT(house.messages, SizeIs(0));
  ASSERT_THAT(house.history, SizeIs(2));
  EXPECT_TRUE(house.history[0].late);
  EXPECT_THAT(house.notices, ElementsAre(HasSubstr("web1: 2 changes")));
}

TEST_F(AlertEngineTest, WhatStillFiresAfterASpoolDrainedIsToldOnce) {
  TestHouse house(kDisk);
  house.add_host("web1");
  for (int age = 900; age > 100; age -= 5) house.row("disk", kRoot, "used_percent", 99, age);
  EXPECT_THAT(house.messages, SizeIs(0));
  disk(house, 99, 3);
  EXPECT_THAT(house.messages, SizeIs(1));
}

TEST_F(AlertEngineTest, NoMessageIsSentAboutAPausedHost) {
  TestHouse house(kDisk);
  house.add_host("web1");
  fleet::HostSettings paused;
  paused.paused = true;
  house.hosts[0].settings = std::make_shared<const fleet::HostSettings>(paused);
  disk(house, 95, 4);
  EXPECT_THAT(house.messages, SizeIs(0));
  house.hosts[0].settings.reset();
  disk(house, 95, 1);
  EXPECT_THAT(house.messages, SizeIs(1));
}

TEST_F(AlertEngineTest, ARuleFollowsTheTagsThatPeopleGive) {
  TestHouse house(R"([rule.disk]
when = "disk.used_percent > 90"
hosts = "team:web")");
  house.add_host("web1");
  disk(house, 95, 4);
  EXPECT_THAT(house.history, SizeIs(0));
  fleet::HostSettings settings;
  settings.tags = {{"team", "web"}};
  house.hosts[0].settings = std::make_shared<const fleet::HostSettings>(settings);
  disk(house, 95, 4);
  EXPECT_THAT(house.messages, SizeIs(1));
}

TEST_F(AlertEngineTest, AKillBetweenFiringAndTellingLosesNothing) {
  TestHouse house(kDisk);
  house.add_host("web1");
  house.silences.push_back({1, "", "*", 0, INT64_MAX, "me", "keeps the message back"});
  disk(house, 95, 4);
  EXPECT_THAT(house.messages, SizeIs(0));
  house.restart();
  house.silences.clear();
  disk(house, 95, 1);
  EXPECT_THAT(house.messages, SizeIs(1));
  house.restart();
  disk(house, 95, 3);
  EXPECT_THAT(house.messages, SizeIs(1));
}

TEST_F(AlertEngineTest, ASilenceSaysBeforeItsEndWhatItHolds) {
  constexpr std::int64_t kHour = 3600 * kTestSecond;
  TestHouse house(kDisk);
  house.add_host("web1");
  house.add_host("web2");
  house.silences.push_back({7, "web1", "*", house.now, house.now + kHour, "mia", "new disk"});
  house.silences.push_back({8, "web2", "*", house.now, house.now + kHour, "mia", "holds nothing"});
  house.silences.push_back({9, "web1", "dis*", house.now, house.now + kHour / 2, "mia", "too short"});
  disk(house, 95, 9 * 60 - 1);
  EXPECT_THAT(house.messages, SizeIs(0));
  disk(house, 95, 60);
  ASSERT_THAT(house.messages, SizeIs(1));
  EXPECT_EQ(house.messages[0].kind, MessageKind::kNotice);
  EXPECT_THAT(house.messages[0].title, HasSubstr("A silence ends at 2026-05-28T21:26:40Z: 1 alert is still firing"));
  EXPECT_THAT(house.messages[0].help, HasSubstr("Silenced by mia: new disk"));
  disk(house, 95, 2 * 60 + 1);
  ASSERT_THAT(house.messages, SizeIs(2));
  EXPECT_EQ(house.messages[1].kind, MessageKind::kFiring);
}

TEST_F(AlertEngineTest, ASilentHostFreezesItsOtherAlertsAndIsToldOnce) {
  TestHouse house(kDisk, "host-silent");
  house.add_host("web1");
  house.add_host("web2");
  disk(house, 95, 4);
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

TEST_F(AlertEngineTest, ARebootSaysNothing) {
  TestHouse house("", "host-silent");
  house.add_host("web1");
  house.pass(130);
  house.silent = {"web1"};
  house.pass(100);
  house.silent.clear();
  house.pass(100);
  EXPECT_THAT(house.messages, SizeIs(0));
}

TEST_F(AlertEngineTest, MostHostsSilentAtOnceAreOneMessageWithinAMinute) {
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

TEST_F(AlertEngineTest, AServerThatWasAwayDoesNotReportItsHostsDead) {
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

TEST_F(AlertEngineTest, ManyHostsOfOneRuleAreOneMessageAndADigest) {
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

TEST_F(AlertEngineTest, OverridesAndSearchesSelectHosts) {
  TestHouse house(
      "[rule.disk]\nwhen = 'disk.used_percent > 90'\nhosts = \"site:north\"\n"
      "[[rule.disk.override]]\nhosts = \"web2\"\nlimit = 98\n[[rule.disk.override]]\nhosts = \"web3\"\nenabled = "
      "false\n");
  for (const char* name : {"web1", "web2", "web3"}) house.add_host(name, {{"site", "north"}});
  house.add_host("web4", {{"site", "south"}});
  house.pass(1);
  for (const char* name : {"web1", "web2", "web3", "web4"}) house.row("disk", {{"host", name}}, "used_percent", 95);
  house.pass(40);
  EXPECT_THAT(house.titles(), ElementsAre("warning: disk on web1: 95 %"));
  house.row("disk", {{"host", "web2"}}, "used_percent", 99);
  house.pass(40);
  EXPECT_THAT(house.titles(), SizeIs(2));
  house.restart();  // tags are not known before the first tick: nothing ends for that
  house.row("disk", {{"host", "web1"}}, "used_percent", 96);
  house.pass(40);
  EXPECT_THAT(house.titles(), SizeIs(2));
}

TEST_F(AlertEngineTest, WindowsWaitUntilTheyAreCovered) {
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

TEST_F(AlertEngineTest, RatesSurviveARestartOfTheCounter) {
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

TEST_F(AlertEngineTest, ReadOnlyIsToldWhereItWasWritableBefore) {
  TestHouse house("", "disk-read-only");
  house.add_host("web1");
  const auto disk_row = [&](const char* path, const char* mode) {
    house.row("disk", {{"host", "web1"}, {"path", path}, {"mode", mode}, {"fstype", "ext4"}}, "total", 1);
  };
  for (int i = 0; i < 3; ++i) {
    house.pass(5);
    disk_row("/", "rw");
    disk_row("/cdrom", "ro");
  }
  for (int i = 0; i < 3; ++i) {
    house.pass(5);
    disk_row("/", "ro");
    disk_row("/cdrom", "ro");
  }
  ASSERT_THAT(house.messages, SizeIs(1));
  EXPECT_THAT(house.messages[0].title, HasSubstr("path=/"));
  for (int i = 0; i < 60; ++i) {
    house.pass(5);
    disk_row("/", "rw");
  }
  ASSERT_THAT(house.messages, SizeIs(2));
  EXPECT_THAT(house.history.back().reason, HasSubstr("no longer reported"));
}

TEST_F(AlertEngineTest, AbsenceTextsAndOtherSeries) {
  TestHouse house(
      "[rule.gone]\nwhen = 'mem.used absent for 60s'\n"
      "[rule.unhealthy]\nwhen = 'docker.health == \"unhealthy\"'\n"
      "[rule.both]\nwhen = 'pressure.avg10 > 50 and system.load1 / system.n_cpus > 2'\n");
  house.add_host("web1");
  house.row("mem", {{"host", "web1"}}, "used", 1);
  house.text_row("docker", {{"host", "web1"}, {"name", "db"}}, "health", "healthy");
  house.row("pressure", {{"host", "web1"}}, "avg10", 90);
  house.row("system", {{"host", "web1"}}, "n_cpus", 4);
  house.row("system", {{"host", "web1"}}, "load1", 4);
  EXPECT_THAT(house.messages, SizeIs(0));
  for (int i = 0; i < 13; ++i) {
    house.pass(5);
    house.row("system", {{"host", "web1"}}, "load1", 10);
    house.row("pressure", {{"host", "web1"}}, "avg10", 90);
    if (i == 5) house.text_row("docker", {{"host", "web1"}, {"name", "db"}}, "health", "unhealthy");
  }
  EXPECT_THAT(house.titles(),
              ::testing::UnorderedElementsAre(HasSubstr("both on web1"), HasSubstr("unhealthy on web1 name=db"),
                                              HasSubstr("gone on web1")));
}

TEST_F(AlertEngineTest, RowsThatNoRuleReadsTellThatTheHostIsThere) {
  TestHouse house("[rule.gone]\nwhen = 'mem.used absent for 60s'\n");
  const auto schema = [&](const std::string& measurement) {
    return house.schemas()
        .intern({measurement, {{"host", "web1"}}, std::vector<metric::Field>{{"used", metric::FieldType::kFloat}}})
        .value();
  };
  EXPECT_TRUE(house.engine().reads(schema("mem")));
  EXPECT_FALSE(house.engine().reads(schema("cpu")));
  house.add_host("web1");
  house.row("mem", {{"host", "web1"}}, "used", 1);
  for (int i = 0; i < 11; ++i) {
    house.pass(5);
    house.row("cpu", {{"host", "web1"}}, "used", 1);
  }
  EXPECT_THAT(house.messages, SizeIs(0));
  for (int i = 0; i < 2; ++i) {
    house.pass(5);
    house.row("cpu", {{"host", "web1"}}, "used", 1);
  }
  house.pass(2);
  EXPECT_THAT(house.titles(), ::testing::ElementsAre(HasSubstr("gone on web1")));
}

TEST_F(AlertEngineTest, AForecastNeedsADayAndNamesTheHoursLeft) {
  TestHouse house("[rule.soon]\nwhen = 'forecast(disk.used_percent, 7d) < 24h'\n");
  house.add_host("web1");
  for (int hour = 0; hour < 48; ++hour) {
    house.row("disk", kRoot, "used_percent", 50 + hour);
    house.now += 3600 * kTestSecond;
    house.hosts[0].last_seen = house.now;
    if (hour == 20) {
      EXPECT_THAT(house.messages, SizeIs(0));
    }
  }
  ASSERT_THAT(house.messages, SizeIs(1));
  EXPECT_THAT(house.messages[0].items[0].text, HasSubstr("h"));
}

TEST_F(AlertEngineTest, ASeededForecastNeedsNoDay) {
  TestHouse house("[rule.soon]\nwhen = 'forecast(disk.free, 7d) < 24h'\n");
  house.add_host("web1");
  for (int hour = 72; hour > 0; --hour)
    house.engine().seed("disk", "free", kRoot, house.now - hour * 3600 * kTestSecond, 1000.0 + hour * 100);
  house.row("disk", kRoot, "free", 1000);
  EXPECT_THAT(house.messages, SizeIs(1));
}

TEST_F(AlertEngineTest, UnlessSilencesMaintenanceRepeatAndEscalation) {
  TestHouse house(
      "[channel.boss]\nkind = \"ntfy\"\ntopic = \"y\"\n"
      "[rule.full]\nwhen = 'disk.used_percent > 95'\n"
      "[rule.high]\nwhen = 'disk.used_percent > 80'\nunless = \"full\"\nrepeat = \"1h\"\nescalate_after = "
      "\"30m\"\nescalate = \"boss\"\n");
  house.add_host("web1");
  disk(house, 97, 1);
  EXPECT_THAT(house.titles(), ElementsAre(HasSubstr("full on web1")));
  disk(house, 90, 400);
  // full ended, so high is told; then escalated after half an hour.
  EXPECT_THAT(house.titles(), ElementsAre(HasSubstr("full on web1"), HasSubstr("Resolved: full"),
                                          HasSubstr("high on web1"), HasSubstr("Nobody acknowledged: high")));
  disk(house, 90, 800);
  EXPECT_THAT(house.titles(), SizeIs(5));  // repeated an hour after
  house.engine().find("high", "web1", {{"path", "/"}})->acknowledged =
      std::make_unique<Acknowledgement>(Acknowledgement{"mia", house.now});
  disk(house, 90, 2000);
  EXPECT_THAT(house.titles(), SizeIs(5));
  EXPECT_THAT(house.told, ElementsAre("phone", "phone", "phone", "boss", "phone"));
  disk(house, 50, 10);
  EXPECT_THAT(house.titles(), SizeIs(7)) << "who was called is told of the end";
  EXPECT_THAT(house.told.back(), "boss");
}

TEST_F(AlertEngineTest, ARuleIsQuietInAMaintenanceWindowThatItNames) {
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

TEST_F(AlertEngineTest, ServersHaveAlertsWithoutBeingHosts) {
  TestHouse house("", "sink-behind");
  house.row("internal_sink", {{"server", "box"}, {"sink", "influx"}}, "lag_seconds", 900);
  for (int i = 0; i < 20; ++i) {
    house.pass(10);
    house.row("internal_sink", {{"server", "box"}, {"sink", "influx"}}, "lag_seconds", 900);
  }
  ASSERT_THAT(house.messages, SizeIs(1));
  EXPECT_EQ(house.messages[0].items[0].host, "");
  EXPECT_THAT(house.messages[0].title, HasSubstr("server=box sink=influx"));
}

TEST_F(AlertEngineTest, HardwareThatFailsIsToldAndAClockThatNobodyEverSetIsNot) {
  TestHouse house("", "zfs-degraded btrfs-errors smart-failing clock-off");
  house.add_host("web1");
  house.pass(130);
  const std::vector<metric::Tag> here{{"host", "web1"}};
  const auto minutes = [&](int count, double synchronised, double offset) {
    for (int i = 0; i < count; ++i) {
      house.pass(60);
      house.row("timex", here, "offset_seconds", offset);
      house.now += 1;
      house.row("timex", here, "sync_status", synchronised);
    }
  };
  minutes(60, 0, 0);
  EXPECT_THAT(house.titles(), SizeIs(0)) << "a virtual machine whose hypervisor keeps the time";
  minutes(40, 1, 0.001);
  EXPECT_THAT(house.titles(), SizeIs(0));
  minutes(5, 0, 0);  // its time service was restarted
  minutes(5, 1, 0.001);
  EXPECT_THAT(house.titles(), SizeIs(0));
  minutes(15, 0, 0);
  ASSERT_THAT(house.titles(), SizeIs(1));
  EXPECT_EQ(house.messages[0].items[0].text, "the clock is off, or nothing keeps it right any more");
  minutes(2, 1, 0.2);
  EXPECT_THAT(house.titles(), SizeIs(1));
  minutes(2, 1, 0.05);
  ASSERT_THAT(house.titles(), SizeIs(2));
  minutes(2, 1, -0.7);
  ASSERT_THAT(house.titles(), SizeIs(3));
  house.messages.clear();
  const auto row = [&](const char* measurement, const char* tag, const char* field, double value) {
    house.pass(10);
    house.row(measurement, {{"host", "web1"}, {tag, "x"}}, field, value);
  };
  row("smart_device", "device", "health_ok", 1);
  row("btrfs", "uuid", "corruption_errors", 3);  // from before
  row("btrfs", "uuid", "corruption_errors", 3);
  house.text_row("zfs_pool", {{"host", "web1"}, {"pool", "tank"}}, "health", "ONLINE");
  EXPECT_THAT(house.titles(), SizeIs(0));
  row("smart_device", "device", "health_ok", 0);
  row("btrfs", "uuid", "corruption_errors", 4);
  for (int i = 0; i < 8; ++i) {
    house.pass(10);
    house.text_row("zfs_pool", {{"host", "web1"}, {"pool", "tank"}}, "health", "DEGRADED");
  }
  EXPECT_THAT(house.titles(), SizeIs(3));
}

// A disk's critical temperature is 85 °C, a processor's 100 °C; a chip without one has a limit for all.
TEST_F(AlertEngineTest, ATemperatureIsJudgedByItsSensorsOwnCriticalOne) {
  TestHouse house("", "temperature temperature-high");
  house.add_host("web1");
  const auto minutes = [&](double disk, double processor, double other) {
    for (int i = 0; i < 14; ++i) {
      house.pass(30);
      for (const auto& [sensor, field, value] : {std::tuple("nvme", "temp_crit", 84.85),
                                                 {"cpu", "temp_crit", 100.0},
                                                 {"nvme", "temp", disk},
                                                 {"cpu", "temp", processor},
                                                 {"other", "temp", other}}) {
        house.now += 1;
        house.row("temp", {{"host", "web1"}, {"sensor", sensor}}, field, value);
      }
    }
    house.pass(31);
  };
  minutes(60, 96, 60);
  EXPECT_THAT(house.titles(), SizeIs(0)) << "a processor at full load";
  minutes(84, 96, 60);
  ASSERT_THAT(house.titles(), SizeIs(1));
  EXPECT_EQ(house.messages[0].title, "critical: temperature on web1 sensor=nvme: 0.99");
  EXPECT_EQ(house.messages[0].items[0].text,
            "for five minutes close to the sensor's own critical temperature: 0.99 of it");
  minutes(60, 99, 110);
  EXPECT_THAT(house.titles(), SizeIs(4));
  minutes(60, 60, 60);
  EXPECT_THAT(house.titles(), SizeIs(6));
}

TEST_F(AlertEngineTest, LinesOfALogFireAndEnd) {
  TestHouse house("[rule.sshd]\nwhen = '''logs('\"Failed password\"') > 20 in 5m'''\nclear = 5\n");
  house.add_host("web1");
  house.pass(130);
  ASSERT_THAT(house.engine().log_operands(), SizeIs(1));
  const auto& operand = house.engine().log_operands()[0];
  const auto count = [&](double lines) {
    house.pass(1);
    house.engine().observe_lines(operand, "web1", house.now, lines);
    house.engine().observe_lines(operand, "unknown", house.now, lines);
    house.collect();
  };
  count(0);
  EXPECT_EQ(house.engine().stats().alerts, 0U) << "a host without such lines costs nothing";
  count(20);
  EXPECT_THAT(house.messages, SizeIs(0));
  count(21);
  ASSERT_THAT(house.messages, SizeIs(1));
  EXPECT_EQ(house.messages[0].title, "warning: sshd on web1: 21 lines");
  EXPECT_EQ(house.messages[0].items[0].text, "21 log lines match \"Failed password\" (> 20 in 5 min)");
  house.pass(200);
  count(6);
  EXPECT_THAT(house.messages, SizeIs(1)) << "5 is the limit of its end";
  count(5);
  ASSERT_THAT(house.messages, SizeIs(2));
  EXPECT_EQ(house.messages[1].kind, MessageKind::kResolved);
}

// What the hosts of one message share, and others do not, may be the cause.
TEST_F(AlertEngineTest, MessagesNameCommonTagsAndArePartedByThem) {
  for (const bool parted : {false, true}) {
    TestHouse house(std::string(parted ? "group_by = \"site\"\n" : "") + kDisk);
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

// The simulator has two faults on purpose: a failed service and an array without a disk.
TEST_F(AlertEngineTest, ADayOfHealthyHostsSendsTheirTwoFaultsOnly) {
  TestHouse house("", "all");
  std::vector<simulate::HostModel> models;
  std::vector<simulate::Named> named;
  for (int i = 0; i < 3; ++i) {
    models.emplace_back(static_cast<std::uint64_t>(i) + 1, static_cast<simulate::Profile>(i), house.schemas());
    named.emplace_back(house.schemas(), "host" + std::to_string(i));
  }
  for (int round = 0; round < 24 * 360; ++round) {  // every ten seconds
    house.now += 10 * kTestSecond;
    metric::Batch batch;
    batch.pin(house.schemas());
    for (std::size_t i = 0; i < models.size(); ++i) {
      metric::Batch rows;
      models[i].gather(house.now, rows);
      named[i].add(rows, batch);
    }
    house.engine().observe(batch, house.now);
    house.collect();
  }
  EXPECT_THAT(house.titles(),
              UnorderedElementsAre("critical: raid-degraded on host2 ActivityState=active Devices=sda1 Name=md0: 0.5",
                                   "warning: unit-failed on host0 name=backup.service: 3"));
  EXPECT_GT(house.engine().stats().evaluations, 100'000U);
}

TEST_F(AlertEngineTest, SeriesThatCameAndWentAreForgotten) {
  TestHouse house(kDisk);
  house.add_host("web1");
  for (int i = 0; i < 100; ++i)
    house.row("disk", {{"host", "web1"}, {"path", "/" + std::to_string(i)}}, "used_percent", 1);
  EXPECT_EQ(house.engine().stats().alerts, 100U);
  for (int i = 0; i < 130; ++i) {
    house.now += 60 * kTestSecond;
    house.row("disk", kRoot, "used_percent", 1);
    house.engine().tick(house.now, house.hosts);
  }
  EXPECT_EQ(house.engine().stats().alerts, 1U);
}

TEST_F(AlertEngineTest, AnEndlessNumberOfSeriesIsBounded) {
  auto read = read_config("[rule.disk]\nwhen = 'disk.used_percent > 90'\n", "a");
  ASSERT_TRUE(read);
  metric::SchemaTable schemas;
  Engine engine(*read, schemas, {50});
  for (int i = 0; i < 1000; ++i) {
    metric::Batch batch;
    const auto id = schemas.intern({"disk", std::vector<metric::Tag>{{"host", "h"}, {"path", std::to_string(i)}},
                                    std::vector<metric::Field>{{"used_percent", metric::FieldType::kFloat}}});
    batch.add(id.value(), 1, kTestStart).set(0, 99.0);
    engine.observe(batch, kTestStart);
  }
  EXPECT_EQ(engine.stats().alerts, 50U);
  EXPECT_GT(engine.stats().refused, 900U);
}

TEST(AlertMessageTest, TemplatesAndValues) {
  Rule rule;
  rule.name = "disk";
  MessageItem item;
  item.host = "web1";
  item.value = "95 %";
  item.tags = {{"path", "/"}};
  EXPECT_EQ(fill_template("{host} {path} {value} {nothing} {", rule, item), "web1 / 95 % {nothing} {");
  EXPECT_EQ(sparkline({0, 7, 3.5}), "▁█▅");
  EXPECT_EQ(duration_text(3 * 3600 * kTestSecond), "3 h 0 min");
}

// A rule that goes takes its alerts with it, and whoever was told that they fire is told.
TEST_F(AlertEngineTest, ARuleThatIsRemovedEndsItsAlerts) {
  for (const bool restarted : {false, true}) {
    for (const auto& [rules, reason] :
         {std::pair("", "its rule was removed"),
          {"[rule.disk]\nwhen = 'disk.used_percent > 90'\nenabled = false\n", "its rule was switched off"},
          {"[rule.disk]\nwhen = 'disk{path=\"/var\"}.used_percent > 90'\n", "its rule was changed"}}) {
      TestHouse house(kDisk);
      house.add_host("web1");
      disk(house, 95, 4);
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
      disk(house, 95, 2);
      house.restart();
      EXPECT_THAT(house.messages, SizeIs(2));
      EXPECT_THAT(house.engine().active(), SizeIs(0));
    }
  }
}

TEST_F(AlertEngineTest, AnAlertOfARemovedRuleIsNotToldWhileItIsSilenced) {
  TestHouse house(kDisk);
  house.add_host("web1");
  disk(house, 95, 4);
  house.silences.push_back({1, "web1", "*", 0, INT64_MAX, "me", ""});
  house.reload("");
  EXPECT_THAT(house.messages, SizeIs(1));
  EXPECT_THAT(house.history, SizeIs(2));
}

TEST_F(AlertEngineTest, ARuleThatNoLongerCoversTheHostEndsItsAlertAlsoWithoutASample) {
  const std::string rules(kDisk);
  TestHouse house(rules);
  house.add_host("web1");
  disk(house, 95, 4);
  house.pass(31);
  house.reload(rules + "hosts = \"db1\"\n");
  ASSERT_THAT(house.messages, SizeIs(2));
  EXPECT_THAT(house.messages[1].items.at(0).text, HasSubstr("the rule no longer covers it"));
}

// A change of the rules file is about the rules that differ, and a restart is about none.
TEST_F(AlertEngineTest, AnUnchangedRuleKeepsItsClockOverAnyReload) {
  const std::string rules =
      "[rule.disk]\nwhen = 'disk.used_percent > 90'\nfor = \"60s\"\nclear_for = \"30s\"\n"
      "[rule.busy]\nwhen = 'mean(disk.used_percent, 60s) > 90'\n"
      "[rule.gone]\nwhen = 'mem.used absent for 100s'\n";
  const std::string changed = "[rule.aaa]\nwhen = 'x.y > 1'\n" + rules + "message = \"mem is gone\"\n";
  for (const bool restarted : {false, true}) {
    TestHouse house(rules);
    house.add_host("web1");
    house.row("mem", {{"host", "web1"}}, "used", 1);
    disk(house, 95, 11);
    EXPECT_THAT(house.titles(), SizeIs(0));
    restarted ? house.restart(changed) : house.reload(changed);
    disk(house, 95, 3);
    EXPECT_EQ(house.engine().find("disk", "web1", {{"path", "/"}})->state, AlertState::kFiring) << restarted;
    if (!restarted) {
      EXPECT_EQ(house.engine().find("busy", "web1", {{"path", "/"}})->state, AlertState::kFiring);
    }
    house.pass(31);
    disk(house, 80, 5);  // over for 20 s
    restarted ? house.restart(rules) : house.reload(rules);
    disk(house, 80, 3);
    EXPECT_EQ(house.engine().find("disk", "web1", {{"path", "/"}})->state, AlertState::kOk) << restarted;
    if (!restarted) {
      EXPECT_EQ(house.engine().find("gone", "web1", {})->state, AlertState::kFiring);
    }
  }
}

TEST_F(AlertEngineTest, AChangedRuleBeginsAnew) {
  for (const bool restarted : {false, true}) {
    TestHouse house("[rule.disk]\nwhen = 'disk.used_percent > 90'\nfor = \"60s\"\n");
    house.add_host("web1");
    disk(house, 95, 10);
    const char* const other = "[rule.disk]\nwhen = 'disk.used_percent > 91'\nfor = \"60s\"\n";
    restarted ? house.restart(other) : house.reload(other);
    disk(house, 95, 10);
    EXPECT_THAT(house.titles(), SizeIs(0)) << "it waits for the whole of its `for`";
    disk(house, 95, 4);
    EXPECT_THAT(house.titles(), SizeIs(1));
    // What fires goes on: it is about the same values.
    const char* const higher = "[rule.disk]\nwhen = 'disk.used_percent > 94'\n";
    restarted ? house.restart(higher) : house.reload(higher);
    disk(house, 95, 10);
    EXPECT_THAT(house.titles(), SizeIs(1));
    const char* const above = "[rule.disk]\nwhen = 'disk.used_percent > 96'\n";
    restarted ? house.restart(above) : house.reload(above);
    disk(house, 95, 10);
    ASSERT_THAT(house.titles(), SizeIs(2));
    EXPECT_EQ(house.messages[1].items.at(0).text, "disk.used_percent is 95 % again (limit > 96 %)");
  }
}

TEST_F(AlertEngineTest, AHostThatWasRemovedWhileTheServerWasDownEndsItsAlerts) {
  TestHouse house(kDisk);
  house.add_host("web1");
  house.add_host("web2");
  disk(house, 95, 4);
  house.hosts.erase(house.hosts.begin());
  house.restart();
  house.pass(60);
  EXPECT_THAT(house.history, SizeIs(1)) << "it may still come";
  house.pass(100);
  ASSERT_THAT(house.history, SizeIs(2));
  EXPECT_EQ(house.history[1].reason, "the host was removed from the list");
}

TEST_F(AlertEngineTest, ASeriesThatEndsEndsItsAlertAtItsLastRow) {
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
