#include "alert/engine.h"

#include <gmock/gmock.h>

#include "alert/test_support.h"

namespace resmon::alert {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST(EngineTest, ARuleFollowsTheTagsThatPeopleGive) {
  TestHouse house(R"([rule.disk]
when = "disk.used_percent > 90"
hosts = "team:web")");
  house.add_host("web1");
  house.disk(95, 4);
  EXPECT_THAT(house.history, SizeIs(0));
  fleet::HostSettings settings;
  settings.tags = {{"team", "web"}};
  house.hosts[0].settings = std::make_shared<const fleet::HostSettings>(settings);
  house.disk(95, 4);
  EXPECT_THAT(house.messages, SizeIs(1));
}

TEST(EngineTest, OverridesAndSearchesSelectHosts) {
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

TEST(EngineTest, AbsenceTextsAndOtherSeries) {
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

TEST(EngineTest, RowsThatNoRuleReadsTellThatTheHostIsThere) {
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

TEST(EngineTest, LinesOfALogFireAndEnd) {
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

TEST(EngineTest, AnEndlessNumberOfSeriesIsBounded) {
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

}  // namespace
}  // namespace resmon::alert
