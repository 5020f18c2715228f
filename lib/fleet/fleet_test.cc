#include "fleet/fleet.h"

#include <gtest/gtest.h>

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
    metric::Schema schema{measurement, std::move(tags), {}};
    metric::normalise_tags(schema.tags);
    for (const auto& [name, value] : fields)
      schema.fields.push_back({name, name.ends_with("percent") || name.starts_with("usage") || name.starts_with("load")
                                         ? FieldType::kFloat
                                         : FieldType::kInteger});
    const auto id = schemas.intern(schema).value();
    metric::Batch batch;
    auto row = batch.add(id, fields.size(), clock.now);
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

}  // namespace
}  // namespace resmon::fleet
