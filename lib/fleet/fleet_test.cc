#include "fleet/fleet.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <utility>

namespace resmon::fleet {
namespace {

using metric::FieldType;

class FakeClock final : public Clock {
 public:
  UnixNanos wall() const override { return now; }
  std::chrono::steady_clock::time_point steady() const override { return {}; }
  UnixNanos now = 1'700'000'000'000'000'000;
};

class FleetTest : public ::testing::Test {
 protected:
  void connect(const std::string& name) {
    ingest::ClientInfo client;
    client.host = name;
    client.interval = std::chrono::seconds(5);
    fleet.connected(client);
  }
  // One row of `fields`, all integers but the percentages.
  void say(const std::string& measurement, std::vector<metric::Tag> tags,
           const std::vector<std::pair<std::string, double>>& fields) {
    say_of(clock.now, measurement, std::move(tags), fields);
  }
  // The same, come now, of another time.
  void say_of(UnixNanos time, const std::string& measurement, std::vector<metric::Tag> tags,
              const std::vector<std::pair<std::string, double>>& fields) {
    metric::Schema schema{measurement, std::move(tags), {}};
    metric::normalise_tags(schema.tags);
    for (const auto& [name, value] : fields)
      schema.fields.push_back({name, name.ends_with("percent") || name.starts_with("usage") || name.starts_with("load")
                                         ? FieldType::kFloat
                                         : FieldType::kInteger});
    const auto id = schemas.intern(schema).value();
    metric::Batch batch;
    auto row = batch.add(id, fields.size(), time);
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (schema.fields[i].type == FieldType::kFloat)
        row.set(i, fields[i].second);
      else
        row.set(i, static_cast<std::int64_t>(fields[i].second));
    }
    fleet.observe(batch, clock.now);
  }
  Host only() { return fleet.hosts().at(0); }

  FakeClock clock;
  metric::SchemaTable schemas;
  Fleet fleet{schemas, clock};
};

TEST_F(FleetTest, TheNewestSampleLagsBehindAClientThatCatchesUp) {
  connect("web1");
  EXPECT_EQ(only().newest_sample, 0);
  EXPECT_EQ(only().connected_since, clock.now);
  say("mem", {{"host", "web1"}}, {{"used_percent", 1}});
  const UnixNanos said = clock.now;
  EXPECT_EQ(only().newest_sample, said);
  clock.now += 60'000'000'000;
  fleet.heard_from("web1");
  EXPECT_EQ(only().last_seen, clock.now);
  EXPECT_EQ(only().newest_sample, said);
}

TEST_F(FleetTest, AHostGoesLateAndDownAndComesBack) {
  connect("web1");
  EXPECT_EQ(only().state, State::kUp);
  clock.now += 13'000'000'000;
  EXPECT_EQ(only().state, State::kLate);
  clock.now += 60'000'000'000;
  EXPECT_EQ(only().state, State::kDown);
  fleet.heard_from("web1");
  EXPECT_EQ(only().state, State::kUp);
}

TEST_F(FleetTest, AlertsOfAHostAreNoSignOfItsLife) {
  connect("web1");
  const UnixNanos heard = only().last_seen;
  clock.now += 60'000'000'000;
  say("alert", {{"host", "web1"}, {"rule", "host-silent"}}, {{"state_code", 1}});
  say("alert", {{"host", "web2"}, {"rule", "host-silent"}}, {{"state_code", 1}});
  EXPECT_EQ(fleet.hosts().size(), 1U);
  EXPECT_EQ(only().last_seen, heard);
  EXPECT_EQ(only().state, State::kDown);
}

TEST_F(FleetTest, ADiskThatIsMountedTwiceIsNamedByItsShortestPath) {
  connect("web1");
  say("disk", {{"host", "web1"}, {"path", "/var/lib/docker"}}, {{"used_percent", 19.53}});
  say("disk", {{"host", "web1"}, {"path", "/"}}, {{"used_percent", 19.5}});
  say("disk", {{"host", "web1"}, {"path", "/srv"}}, {{"used_percent", 19.54}});
  say("disk", {{"host", "web1"}, {"path", "/b"}}, {{"used_percent", 3}});
  EXPECT_EQ(only().summary.disk_path, "/");
  EXPECT_EQ(only().summary.disk_percent, 19.54);
  say("disk", {{"host", "web1"}, {"path", "/srv"}}, {{"used_percent", 19.8}});
  EXPECT_EQ(only().summary.disk_path, "/srv");
}

TEST_F(FleetTest, SummaryHoldsTheNewestNumbers) {
  connect("web1");
  say("cpu", {{"host", "web1"}, {"cpu", "cpu-total"}}, {{"usage_active", 12.5}});
  say("cpu", {{"host", "web1"}, {"cpu", "cpu0"}}, {{"usage_active", 99}});
  say("mem", {{"host", "web1"}}, {{"used_percent", 40}});
  say("disk", {{"host", "web1"}, {"path", "/"}}, {{"used_percent", 10}});
  say("disk", {{"host", "web1"}, {"path", "/data"}}, {{"used_percent", 90}});
  say("system", {{"host", "web1"}}, {{"load1", 0.5}});
  say("system", {{"host", "web1"}}, {{"uptime", 77}});
  const Summary summary = only().summary;
  EXPECT_EQ(summary.cpu_percent, 12.5);
  EXPECT_EQ(summary.memory_percent, 40);
  EXPECT_EQ(summary.disk_percent, 90);
  EXPECT_EQ(summary.disk_path, "/data");
  EXPECT_EQ(summary.load1, 0.5);
  EXPECT_EQ(summary.uptime_seconds, 77);
  EXPECT_EQ(only().received_samples, 7U);
}

TEST_F(FleetTest, NetworkRatesAreSumsOverInterfacesAndSkipResets) {
  const auto both = [&](double eth0, double eth1) {
    say("net", {{"host", "a"}, {"interface", "eth0"}}, {{"bytes_recv", eth0}, {"bytes_sent", eth0 * 2}});
    say("net", {{"host", "a"}, {"interface", "eth1"}}, {{"bytes_recv", eth1}, {"bytes_sent", 0}});
  };
  both(1000, 5000);
  EXPECT_FALSE(only().summary.network_receive_bytes_per_second.has_value());
  clock.now += 10'000'000'000;
  both(2000, 5500);
  EXPECT_DOUBLE_EQ(only().summary.network_receive_bytes_per_second.value(), 150);
  EXPECT_DOUBLE_EQ(only().summary.network_send_bytes_per_second.value(), 200);
  clock.now += 10'000'000'000;
  both(0, 6000);  // eth0's counters began anew
  EXPECT_DOUBLE_EQ(only().summary.network_receive_bytes_per_second.value(), 50);
}

TEST_F(FleetTest, PressureIsTheWorstResourceOfWhichSomeTaskWaited) {
  const auto pressure = [&](const char* resource, const char* type, double share) {
    say("pressure", {{"host", "a"}, {"resource", resource}, {"type", type}}, {{"avg10", share}});
  };
  pressure("cpu", "some", 3);
  pressure("io", "some", 40);
  pressure("io", "full", 90);
  EXPECT_DOUBLE_EQ(only().summary.pressure_percent.value(), 40);
  EXPECT_EQ(only().summary.pressure_resource, "io");
  pressure("io", "some", 1);
  EXPECT_DOUBLE_EQ(only().summary.pressure_percent.value(), 3);
  EXPECT_EQ(only().summary.pressure_resource, "cpu");
}

TEST_F(FleetTest, ASampleFromTheFutureShutsOutNothing) {
  const UnixNanos now = clock.now;
  clock.now += 3'600'000'000'000;  // the client's clock is an hour ahead
  metric::Schema schema{"mem", {{"host", "a"}}, {{"used_percent", FieldType::kFloat}}};
  const auto id = schemas.intern(schema).value();
  metric::Batch ahead;
  ahead.add(id, 1, clock.now).set(0, 11.0);
  clock.now = now;
  fleet.observe(ahead, now);
  EXPECT_EQ(only().summary.memory_percent, 11);
  clock.now += 5'000'000'000;
  say("mem", {{"host", "a"}}, {{"used_percent", 77}});
  EXPECT_EQ(only().summary.memory_percent, 77);
}

TEST_F(FleetTest, AHostRememberedFromTheFutureIsSeenNow) {
  fleet.remember("ghost", clock.now + 3'600'000'000'000);
  EXPECT_EQ(only().last_seen, clock.now);
}

TEST_F(FleetTest, AbsurdNumbersAreTakenWithoutOverflow) {
  metric::Schema schema{"internal_client",
                        {{"host", "a"}},
                        {{"backlog_samples", FieldType::kFloat}, {"dropped_samples", FieldType::kInteger}}};
  const auto id = schemas.intern(schema).value();
  metric::Batch batch;
  auto row = batch.add(id, 2, 1);
  row.set(0, 1e300);
  row.set(1, INT64_MIN);
  fleet.observe(batch, clock.now);
  EXPECT_EQ(only().backlog_samples, 9'000'000'000'000'000'000);
  say("net", {{"host", "a"}, {"interface", "x"}}, {{"bytes_recv", -9e18}, {"bytes_sent", -9e18}});
  clock.now += 1'000'000'000;
  say("net", {{"host", "a"}, {"interface", "x"}}, {{"bytes_recv", 9e18}, {"bytes_sent", 9e18}});
  EXPECT_NEAR(only().summary.network_receive_bytes_per_second.value(), 1.8e19, 1e16);
}

TEST_F(FleetTest, ChangedReportsNewDataAndPassingOfTime) {
  connect("a");
  connect("b");
  const std::uint64_t seen = fleet.version();
  const UnixNanos at = clock.now;
  EXPECT_TRUE(fleet.changed(seen, at).empty());
  say("mem", {{"host", "b"}}, {{"used_percent", 1}});
  ASSERT_EQ(fleet.changed(seen, at).size(), 1U);
  EXPECT_EQ(fleet.changed(seen, at)[0].name, "b");
  const std::uint64_t later = fleet.version();
  clock.now += 13'000'000'000;
  EXPECT_EQ(fleet.changed(later, at).size(), 2U);
}

// What Telegraf writes of one machine: fields in any order, without usage_active, nobody says hello.
class TelegrafTest : public FleetTest {
 protected:
  using Fields = std::vector<std::pair<std::string, double>>;
  // All rows of one gather, each with its fields in an order that depends on the time.
  void gather(const std::vector<std::string>& interfaces, const std::vector<std::string>& disks) {
    const auto seconds = static_cast<double>((clock.now - kBegin) / 1'000'000'000);
    const auto shuffled = [&](Fields fields) {
      std::shuffle(fields.begin(), fields.end(), random);
      return fields;
    };
    say("cpu", {{"host", "t"}, {"cpu", "cpu-total"}},
        shuffled({{"usage_idle", 100 - seconds / 100}, {"usage_user", 3}, {"usage_system", 1}}));
    double number = 1;
    for (const std::string& name : interfaces) {
      say("net", {{"host", "t"}, {"interface", name}},
          shuffled({{"bytes_recv", seconds * 1000 * number},
                    {"bytes_sent", seconds * 10 * number},
                    {"packets_recv", seconds},
                    {"err_in", 0},
                    {"drop_in", 0}}));
      number *= 10;
    }
    for (const std::string& path : disks)
      say("disk", {{"host", "t"}, {"path", path}},
          shuffled({{"used_percent", (path == "/" ? 20 : 60) + seconds / 10}, {"total", 9}, {"free", 1}, {"used", 5}}));
  }
  void step(int seconds) { clock.now += seconds * INT64_C(1'000'000'000); }

  static constexpr UnixNanos kBegin = 1'700'000'000'000'000'000;
  std::mt19937 random{7};  // NOLINT: the same orders each time
};

TEST_F(TelegrafTest, TheOrderOfFieldsChangesNoNumber) {
  for (int i = 0; i < 200; ++i) {
    gather({"eth0", "eth1"}, {"/", "/data"});
    if (i < 2) {
      step(10);
      continue;
    }
    const Summary summary = only().summary;
    ASSERT_DOUBLE_EQ(summary.network_receive_bytes_per_second.value(), 11'000) << i;
    ASSERT_DOUBLE_EQ(summary.network_send_bytes_per_second.value(), 110) << i;
    ASSERT_NEAR(summary.cpu_percent.value(), i / 10.0, 1e-9);
    ASSERT_DOUBLE_EQ(summary.disk_percent.value(), 60 + i) << i;
    ASSERT_EQ(summary.disk_path, "/data");
    step(10);
  }
  EXPECT_LE(fleet.stats().series, 5U);
}

TEST_F(TelegrafTest, FieldsInRowsOfTheirOwnAreOneSeries) {
  for (int i = 0; i < 3; ++i) {
    say("net", {{"host", "t"}, {"interface", "eth0"}}, {{"bytes_recv", i * 500}});
    say("net", {{"host", "t"}, {"interface", "eth0"}}, {{"bytes_sent", i * 50}});
    step(10);
  }
  EXPECT_DOUBLE_EQ(only().summary.network_receive_bytes_per_second.value(), 50);
  EXPECT_DOUBLE_EQ(only().summary.network_send_bytes_per_second.value(), 5);
}

TEST_F(TelegrafTest, WhatTheNextGatherLacksStopsCountingAtOnce) {
  for (const int interval : {1, 10, 60}) {
    SCOPED_TRACE(interval);
    for (int i = 0; i < 3; ++i, step(interval)) gather({"eth0", "veth1"}, {"/", "/data"});
    gather({"eth0", "veth1"}, {"/", "/data"});
    EXPECT_DOUBLE_EQ(only().summary.network_receive_bytes_per_second.value(), 11'000);
    EXPECT_EQ(only().summary.disk_path, "/data");
    step(interval);
    gather({"eth0"}, {"/"});
    EXPECT_DOUBLE_EQ(only().summary.network_receive_bytes_per_second.value(), 1'000);
    EXPECT_EQ(only().summary.disk_path, "/");
    step(interval);
  }
}

TEST_F(TelegrafTest, ADiskThatIsGatheredLessOftenGoesOnCounting) {
  for (int second = 0; second <= 600; second += 10, step(10)) {
    gather({"eth0"}, {"/"});
    if (second % 60 == 0) say("disk", {{"host", "t"}, {"path", "/slow"}}, {{"used_percent", 99}});
    if (second < 120) continue;
    ASSERT_EQ(only().summary.disk_path, "/slow") << second;
  }
}

TEST_F(TelegrafTest, RowsOfOneGatherMayDifferByASecond) {
  for (int i = 0; i < 5; ++i, step(10)) {
    say("net", {{"host", "t"}, {"interface", "eth0"}}, {{"bytes_recv", i * 500}});
    say_of(clock.now + 1'000'000'000, "net", {{"host", "t"}, {"interface", "eth1"}}, {{"bytes_recv", i * 700}});
  }
  EXPECT_DOUBLE_EQ(only().summary.network_receive_bytes_per_second.value(), 120);
}

TEST_F(TelegrafTest, AKindThatIsGatheredNoMoreStopsCounting) {
  for (int i = 0; i < 5; ++i, step(10)) gather({"eth0"}, {"/"});
  EXPECT_TRUE(only().summary.network_receive_bytes_per_second.has_value());
  for (int i = 0; i < 5; ++i, step(10)) gather({}, {"/"});
  EXPECT_FALSE(only().summary.network_receive_bytes_per_second.has_value());
  EXPECT_TRUE(only().summary.disk_percent.has_value());
}

TEST_F(TelegrafTest, TheIntervalIsLearnedSoThatASlowOneIsUp) {
  for (const int interval : {10, 60, 300}) {
    SCOPED_TRACE(interval);
    for (int i = 0; i < 6; ++i) {
      gather({"eth0"}, {"/"});
      for (int second = 0; second < interval; ++second, step(1))
        ASSERT_TRUE(i < 2 || only().state == State::kUp) << i << " " << second;
    }
    EXPECT_EQ(only().interval, std::chrono::seconds(interval));
  }
  step(2 * 300);
  EXPECT_EQ(only().state, State::kLate);
  step(4 * 300 + 10);
  EXPECT_EQ(only().state, State::kDown);
}

TEST_F(TelegrafTest, ASlowOneIsUpFromItsFirstGatherOn) {
  for (int i = 0; i < 3; ++i) {
    gather({"eth0"}, {"/"});
    for (int second = 0; second < 60; ++second, step(1)) ASSERT_EQ(only().state, State::kUp) << i << " " << second;
  }
}

TEST_F(TelegrafTest, ManyGathersInOneFlushAreUpUntilTheNextFlush) {
  for (int flush = 0; flush < 5; ++flush) {
    for (int i = 5; i >= 0; --i)
      say_of(clock.now - i * INT64_C(10'000'000'000), "mem", {{"host", "t"}}, {{"used_percent", 1}});
    for (int second = 0; second < 60; ++second, step(1))
      ASSERT_TRUE(flush < 2 || only().state == State::kUp) << flush << " " << second;
  }
}

TEST_F(TelegrafTest, AnOutageTeachesNothing) {
  for (int i = 0; i < 5; ++i, step(10)) gather({"eth0"}, {"/"});
  step(3600);
  gather({"eth0"}, {"/"});
  EXPECT_EQ(only().interval, std::chrono::seconds(10));
  step(30);
  EXPECT_EQ(only().state, State::kLate);
}

TEST_F(FleetTest, UsageActiveIsTakenWhereItIsThere) {
  say("cpu", {{"host", "a"}, {"cpu", "cpu-total"}}, {{"usage_idle", 90}, {"usage_active", 12.5}});
  EXPECT_EQ(only().summary.cpu_percent, 12.5);
}

TEST_F(FleetTest, AForgottenHostComesBackWithNewerDataOnly) {
  say("mem", {{"host", "a"}}, {{"used_percent", 40}});
  const std::uint64_t before = fleet.version();
  ASSERT_EQ(fleet.forget("a"), Fleet::Forgotten::kDone);
  EXPECT_EQ(fleet.removed(before), std::vector<std::string>{"a"});
  EXPECT_EQ(fleet.removed(fleet.version()), std::vector<std::string>());
  EXPECT_EQ(fleet.forget("a"), Fleet::Forgotten::kUnknown);
  say("mem", {{"host", "a"}}, {{"used_percent", 41}});  // no newer than what was forgotten: the journal again
  fleet.remember("a", clock.now);
  EXPECT_TRUE(fleet.hosts().empty());
  Fleet again(schemas, clock);  // after a restart
  again.restore(fleet.memory());
  again.remember("a", clock.now);
  EXPECT_TRUE(again.hosts().empty());
  again.remember("a", clock.now + 1);
  EXPECT_EQ(again.hosts().size(), 1U);
  clock.now += 1'000'000'000;
  say("mem", {{"host", "a"}}, {{"used_percent", 42}});
  EXPECT_EQ(only().summary.memory_percent, 42);
}

TEST_F(FleetTest, AConnectedHostIsNotForgotten) {
  connect("a");
  EXPECT_EQ(fleet.forget("a"), Fleet::Forgotten::kConnected);
  fleet.disconnected("a");
  EXPECT_EQ(fleet.forget("a"), Fleet::Forgotten::kDone);
  connect("a");
  EXPECT_EQ(fleet.hosts().size(), 1U);
}

TEST_F(FleetTest, ARestartKeepsWhatIsKnownOfAHost) {
  ingest::ClientInfo client;
  client.host = "a";
  client.address = "10.0.0.1:5000";
  client.software = "resmon-client 1.2.3";
  client.interval = std::chrono::seconds(7);
  client.tags = {{"room", "east"}};
  fleet.connected(client);
  const std::uint64_t version = fleet.memory_version();
  fleet.connected(client);
  EXPECT_EQ(fleet.memory_version(), version) << "the same again is nothing new";
  say("mem", {{"host", "a"}}, {{"used_percent", 40}});
  fleet.disconnected("a");
  Fleet again(schemas, clock);
  again.restore(fleet.memory());
  const metric::Schema mem{"mem", {{"host", "a"}}, {{"used_percent", FieldType::kFloat}}};
  again.replay(mem, clock.now - 5'000'000'000, std::vector<std::optional<double>>{39});
  again.replay(mem, clock.now, std::vector<std::optional<double>>{40});
  again.replayed("a");
  again.replay({"mem", {{"host", "stranger"}}, mem.fields}, clock.now, std::vector<std::optional<double>>{40});
  clock.now += 3'600'000'000'000;
  const std::vector<Host> hosts = again.hosts();
  ASSERT_EQ(hosts.size(), 1U);
  EXPECT_EQ(hosts[0].software, client.software);
  EXPECT_EQ(hosts[0].address, client.address);
  EXPECT_EQ(hosts[0].tags, client.tags);
  EXPECT_EQ(hosts[0].summary.memory_percent, 40);
  EXPECT_EQ(hosts[0].last_seen, clock.now - 3'600'000'000'000);
  EXPECT_EQ(hosts[0].state, State::kDown);
  EXPECT_FALSE(hosts[0].connected);
}

TEST_F(FleetTest, WhatPeopleSayOfAHostIsCheckedKeptAndShown) {
  say("mem", {{"host", "a"}}, {{"used_percent", 40}});
  const std::uint64_t version = fleet.version();
  const std::uint64_t memory_version = fleet.memory_version();
  ASSERT_TRUE(fleet.change_settings("a", [](HostSettings& settings) -> Status {
    settings = {"Front door", "Rack 7\nleft", {{"team", "web"}, {"role", "edge"}}, true, {{"cpu", 50, 60}}};
    return {};
  }));
  EXPECT_EQ(fleet.changed(version, clock.now).size(), 1U);
  EXPECT_GT(fleet.memory_version(), memory_version);
  const auto refused = [&](const HostSettings& settings) {
    return !fleet.change_settings("a", [&](HostSettings& one) -> Status {
      one = settings;
      return {};
    });
  };
  EXPECT_TRUE(refused({std::string(kMostDisplayNameBytes + 1, 'x'), {}, {}, false, {}}));
  EXPECT_TRUE(refused({"a\nb", {}, {}, false, {}}));
  EXPECT_TRUE(refused({{}, {}, {{"a b", "c"}}, false, {}}));
  EXPECT_TRUE(refused({{}, {}, std::vector<metric::Tag>(kMostHostTags + 1, {"a", "b"}), false, {}}));
  EXPECT_TRUE(refused({{}, {}, {}, false, {{"cpu", 60, 50}}}));
  EXPECT_TRUE(refused({{}, {}, {}, false, {{"cpus", 50, 60}}}));
  EXPECT_TRUE(refused({{}, {}, {}, false, {{"cpu", 50, 60}, {"cpu", 50, 60}}}));
  const auto unknown = fleet.change_settings("b", [](HostSettings&) -> Status { return {}; });
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::kNotFound);
  fleet.set_thresholds({{"disk", 70, 80}});
  Fleet again(schemas, clock);
  again.restore(fleet.memory());
  // A paused host is not forgotten for its silence.
  again.forget_unused(clock.now + 1);
  const std::vector<Host> hosts = again.hosts();
  ASSERT_EQ(hosts.size(), 1U);
  ASSERT_TRUE(hosts[0].settings);
  EXPECT_EQ(hosts[0].settings->display_name, "Front door");
  EXPECT_EQ(hosts[0].settings->tags.front().key, "role") << "by key";
  EXPECT_EQ(hosts[0].settings->thresholds, (Thresholds{{"cpu", 50, 60}}));
  EXPECT_EQ(again.thresholds(), (Thresholds{{"disk", 70, 80}}));
}

TEST_F(FleetTest, HostsAndSeriesThatComeAndGoAreForgotten) {
  connect("stays");
  for (int i = 0; i < 2000; ++i) {
    clock.now += 60'000'000'000;
    say("net", {{"host", "stays"}, {"interface", "veth" + std::to_string(i)}}, {{"bytes_recv", 1}});
    say("mem", {{"host", "passes" + std::to_string(i)}}, {{"used_percent", 1}});
    fleet.forget_unused(clock.now - 3'600'000'000'000);
    ASSERT_LE(fleet.stats().hosts, 62U);
    ASSERT_LE(fleet.stats().series, 105U);
  }
  EXPECT_GE(fleet.stats().hosts, 60U);
  EXPECT_FALSE(fleet.removed(0)) << "more than are remembered one by one";
  say("mem", {{"host", "passes0"}}, {{"used_percent", 77}});
  EXPECT_EQ(fleet.hosts().front().summary.memory_percent, 77) << "one that was forgotten by itself comes back";
}

TEST_F(FleetTest, WhatThereIsNoRoomForIsCounted) {
  Fleet small(schemas, clock, {.hosts = 2, .series = 2, .forgotten = 1});
  const auto say_to = [&](const std::string& host, const std::string& path) {
    const auto id = schemas.intern({"disk", {{"host", host}, {"path", path}}, {{"used_percent", FieldType::kFloat}}});
    metric::Batch batch;
    batch.add(id.value(), 1, clock.now).set(0, 1.0);
    small.observe(batch, clock.now);
  };
  say_to("a", "/");
  say_to("b", "/");
  say_to("b", "/x");
  EXPECT_EQ(small.stats().refused_series, 1U);
  say_to("c", "/");
  EXPECT_EQ(small.stats().refused_hosts, 1U);
  EXPECT_EQ(small.forget("a"), Fleet::Forgotten::kDone);
  say_to("c", "/");
  EXPECT_EQ(small.hosts().back().name, "c") << "there is room again";
  EXPECT_EQ(small.hosts().back().summary.disk_percent, 1);
  EXPECT_EQ(small.forget("b"), Fleet::Forgotten::kDone);
  EXPECT_EQ(small.stats().forgotten, 1U);
}

// What another server says, heard now.
PeerReport report_of(UnixNanos now, std::vector<Host> hosts, bool whole = false) {
  PeerReport report;
  report.peer = "http://two:7412";
  report.shown = "two";
  report.now = now;
  report.hosts = std::move(hosts);
  report.whole = whole;
  return report;
}

Host host_there(const std::string& name, UnixNanos since, UnixNanos seen) {
  Host host;
  host.name = name;
  host.connected = true;
  host.connected_since = since;
  host.first_seen = since;
  host.last_seen = seen;
  host.interval = std::chrono::seconds(5);
  return host;
}

constexpr UnixNanos kOneSecond = 1'000'000'000;

TEST_F(FleetTest, AHostOfAnotherServerIsShownBesideOurs) {
  connect("a");
  const std::uint64_t before = fleet.version();
  fleet.peer_says(report_of(clock.now, {host_there("b", clock.now - 60 * kOneSecond, clock.now)}, true));
  EXPECT_EQ(fleet.hosts().size(), 1U);
  const auto all = fleet.hosts(Scope::kAll);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1].server, "two");
  EXPECT_EQ(all[1].state, State::kUp);
  EXPECT_EQ(fleet.changed(before, clock.now, Scope::kAll).size(), 1U);
  EXPECT_EQ(fleet.changed(before, clock.now).size(), 0U);
  EXPECT_EQ(fleet.memory().hosts.size(), 1U);
  // Its state is that of the last answer, at best late while none comes.
  clock.now += 3600 * kOneSecond;
  EXPECT_EQ(fleet.hosts(Scope::kAll)[1].state, State::kUp);
  fleet.peer_away("http://two:7412", true);
  EXPECT_EQ(fleet.hosts(Scope::kAll)[1].state, State::kLate);
  EXPECT_TRUE(fleet.hosts(Scope::kAll)[1].server_away);
  // An answer without news of it: it is silent there, too.
  fleet.peer_says(report_of(clock.now, {}));
  EXPECT_EQ(fleet.hosts(Scope::kAll)[1].state, State::kDown);
  const std::uint64_t version = fleet.version();
  fleet.peer_says(report_of(clock.now, {}, true));
  EXPECT_EQ(fleet.hosts(Scope::kAll).size(), 1U);
  EXPECT_EQ(fleet.removed(version), std::vector<std::string>{"b"});
}

TEST_F(FleetTest, AHostThatMovedIsShownWhereItIs) {
  connect("a");
  fleet.disconnected("a");
  clock.now += 100 * kOneSecond;
  EXPECT_EQ(only().state, State::kDown);
  EXPECT_TRUE(fleet.peer_says(report_of(clock.now, {host_there("a", clock.now - 90 * kOneSecond, clock.now)})).empty());
  EXPECT_EQ(only().state, State::kDown);
  EXPECT_EQ(fleet.hosts(Scope::kAll).at(0).state, State::kUp);
  EXPECT_EQ(fleet.hosts(Scope::kAll).at(0).server, "two");
  // Rules about it leave it to the other server, unless that is away.
  EXPECT_EQ(fleet.hosts_to_watch().at(0).state, State::kUp);
  fleet.peer_away("http://two:7412", true);
  EXPECT_EQ(fleet.hosts_to_watch().at(0).state, State::kDown);
  // It comes back.
  connect("a");
  EXPECT_EQ(fleet.hosts(Scope::kAll).at(0).server, "");
  fleet.disconnected("a");
  EXPECT_EQ(fleet.forget("a"), Fleet::Forgotten::kDone);
  EXPECT_EQ(fleet.hosts().size(), 0U);
  EXPECT_EQ(fleet.hosts(Scope::kAll).size(), 1U);
}

TEST_F(FleetTest, OneNameOnTwoServersIsFoundAndAMoveIsNot) {
  connect("a");
  const UnixNanos came = clock.now;
  const auto say_cpu = [&] { say("cpu", {{"cpu", "cpu-total"}, {"host", "a"}}, {{"usage_idle", 50}}); };
  // It was there before and is no longer heard from: a move.
  EXPECT_TRUE(
      fleet.peer_says(report_of(clock.now, {host_there("a", came - 99 * kOneSecond, came - kOneSecond)})).empty());
  clock.now += 5 * kOneSecond;
  say_cpu();
  EXPECT_TRUE(fleet.peer_says(report_of(clock.now, {})).empty());
  // Both are heard from, in two reports.
  EXPECT_TRUE(fleet.peer_says(report_of(clock.now, {host_there("a", came - 99 * kOneSecond, clock.now)})).empty());
  EXPECT_EQ(only().also_on, "");
  const auto found = fleet.peer_says(report_of(clock.now, {host_there("a", came - 99 * kOneSecond, clock.now)}));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].server, "two");
  EXPECT_FALSE(found[0].over);
  EXPECT_EQ(only().also_on, "two");
  EXPECT_EQ(fleet.hosts(Scope::kAll).at(0).server, "");
  clock.now += 60 * kOneSecond;
  say_cpu();
  EXPECT_TRUE(fleet.peer_says(report_of(clock.now, {})).empty());
  const auto over = fleet.peer_says(report_of(clock.now, {}));
  ASSERT_EQ(over.size(), 1U);
  EXPECT_TRUE(over[0].over);
  EXPECT_EQ(only().also_on, "");
}

}  // namespace
}  // namespace resmon::fleet
