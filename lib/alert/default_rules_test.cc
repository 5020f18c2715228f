// The built-in rules on what they are about, and on machines that are well.

#include <gmock/gmock.h>

#include "alert/test_support.h"
#include "simulate/host_model.h"
#include "simulate/named.h"

namespace resmon::alert {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

TEST(DefaultRulesTest, AnArrayThatLacksADiskIsToldAlsoWhenTheDiskIsGone) {
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

TEST(DefaultRulesTest, AnOomKillOfAServiceIsTold) {
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

TEST(DefaultRulesTest, ReadOnlyIsToldWhereItWasWritableBefore) {
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

TEST(DefaultRulesTest, ServersHaveAlertsWithoutBeingHosts) {
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

TEST(DefaultRulesTest, HardwareThatFailsIsToldAndAClockThatNobodyEverSetIsNot) {
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
TEST(DefaultRulesTest, ATemperatureIsJudgedByItsSensorsOwnCriticalOne) {
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

// The simulator has two faults on purpose: a failed service and an array without a disk.
TEST(DefaultRulesTest, ADayOfHealthyHostsSendsTheirTwoFaultsOnly) {
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

}  // namespace
}  // namespace resmon::alert
