#include "alert/rule_set.h"

#include <gmock/gmock.h>

#include "alert/test_support.h"

namespace resmon::alert {
namespace {

using ::testing::SizeIs;

constexpr const char* kTwoRules =
    "[rule.disk]\nwhen = 'disk.used_percent > 90'\nclear = 85\nfor = \"10s\"\nhosts = \"site:north\"\n"
    "[[rule.disk.override]]\nhosts = \"web2\"\nlimit = 98\nfor = \"20s\"\n"
    "[[rule.disk.override]]\nhosts = \"web3\"\nenabled = false\n"
    "[[rule.disk.override]]\nhosts = \"web4\"\nlimit = 70\nclear = 60\n"
    "[rule.off]\nwhen = 'disk.free < 1'\nenabled = false\n";

TEST(RuleSetTest, FindsRulesByNameMeasurementAndKind) {
  const Config config = only_rules(std::string(kTwoRules) +
                                   "[rule.gone]\nwhen = 'host silent'\n"
                                   "[rule.sshd]\nwhen = '''logs('Failed') > 20 in 5m'''\n");
  const RuleSet rules(config);
  EXPECT_EQ(rules[rules.find("sshd")].name, "sshd");
  EXPECT_EQ(rules.find("none"), kNoRule);
  ASSERT_THAT(rules.reading("disk"), SizeIs(1)) << "one is off";
  EXPECT_EQ(rules.reading("disk")[0].rule, rules.find("disk"));
  EXPECT_THAT(rules.reading("mem"), SizeIs(0));
  EXPECT_EQ(rules.about_silence(), std::vector<std::uint32_t>{rules.find("gone")});
  ASSERT_THAT(rules.log_operands(), SizeIs(1));
  EXPECT_EQ(rules.log_operands()[0].rule, rules.find("sshd"));
}

TEST(RuleSetTest, ALimitOfOneHostHasNoEndOfAllHosts) {
  const Config config = only_rules(kTwoRules);
  const RuleSet rules(config);
  const auto on = [&](const char* name, const char* site) {
    fleet::Host host;
    host.name = name;
    host.tags = {{"site", site}};
    std::vector<RuleOnHost> out;
    rules.select(host, out);
    EXPECT_FALSE(out.at(1).selected);
    return out.at(0);
  };
  EXPECT_FALSE(on("web1", "south").selected);
  EXPECT_TRUE(on("web1", "north").selected);
  EXPECT_EQ(on("web1", "north").limit, 90);
  EXPECT_EQ(on("web1", "north").clear, 85);
  EXPECT_EQ(on("web1", "north").wait, 10 * kTestSecond);
  EXPECT_EQ(on("web2", "north").limit, 98);
  EXPECT_EQ(on("web2", "north").clear, std::nullopt);
  EXPECT_EQ(on("web2", "north").wait, 20 * kTestSecond);
  EXPECT_FALSE(on("web3", "north").selected);
  EXPECT_EQ(on("web4", "north").limit, 70);
  EXPECT_EQ(on("web4", "north").clear, 60);
}

TEST(RuleSetTest, ARuleThatOneHostSwitchesOnIsInUse) {
  const Config config = only_rules(
      "[rule.disk]\nwhen = 'disk.free < 1'\nenabled = false\n[[rule.disk.override]]\nhosts = \"web1\"\nenabled = "
      "true\n");
  EXPECT_THAT(RuleSet(config).reading("disk"), SizeIs(1));
}

TEST(RuleSetTest, AMarkFollowsHowARuleJudges) {
  const auto mark = [](const std::string& more, const std::string& when = "disk.free < 1") {
    const Config config = only_rules("[rule.disk]\nwhen = '" + when + "'\n" + more);
    return RuleSet(config).mark(0);
  };
  const std::uint64_t plain = mark("");
  for (const char* same : {"message = \"full\"\n", "severity = \"critical\"\n", "help = \"delete\"\n"})
    EXPECT_EQ(mark(same), plain) << same;
  for (const char* other : {"for = \"1s\"\n", "clear_for = \"1s\"\n", "clear = 2\n", "hosts = \"web1\"\n",
                            "[[rule.disk.override]]\nhosts = \"web1\"\nlimit = 2\n",
                            "[[rule.disk.override]]\nhosts = \"web1\"\nfor = \"2s\"\n",
                            "[[rule.disk.override]]\nhosts = \"web1\"\nenabled = false\n"})
    EXPECT_NE(mark(other), plain) << other;
  EXPECT_NE(mark("", "disk.free < 2"), plain);
}

TEST(RuleSetTest, AnHeirAsksForTheSameValues) {
  const Config old_config = only_rules(
      "[rule.same]\nwhen = 'a.b > 1'\n[rule.limit]\nwhen = 'a.b > 1'\n[rule.other]\nwhen = 'a.b > 1'\n"
      "[rule.off]\nwhen = 'a.b > 1'\n[rule.removed]\nwhen = 'a.b > 1'\n");
  const Config config = only_rules(
      "[rule.new]\nwhen = 'a.b > 1'\n[rule.same]\nwhen = 'a.b > 1'\n[rule.limit]\nwhen = 'a.b > 2'\n"
      "[rule.other]\nwhen = 'a.c > 1'\n[rule.off]\nwhen = 'a.b > 1'\nenabled = false\n");
  const RuleSet before(old_config), rules(config);
  const std::vector<Heir> heirs = rules.heirs_of(before);
  ASSERT_THAT(heirs, SizeIs(5));
  // The same of an alert's record as of the rules themselves.
  for (std::uint32_t r = 0; r < 5; ++r) {
    AlertRecord kept;
    kept.rule = before[r].name;
    kept.rule_mark = before.mark(r);
    kept.when = before[r].when.text;
    const Heir heir = rules.heir_of(kept);
    EXPECT_EQ(heir.rule, heirs[r].rule) << kept.rule;
    EXPECT_EQ(heir.unchanged && heir.rule != kNoRule, heirs[r].unchanged && heirs[r].rule != kNoRule) << kept.rule;
    if (heir.rule == kNoRule) {
      EXPECT_STREQ(heir.reason, heirs[r].reason);
    }
  }
  const auto heir_of = [&](std::string_view name) { return heirs[before.find(name)]; };
  EXPECT_EQ(heir_of("same").rule, rules.find("same"));
  EXPECT_TRUE(heir_of("same").unchanged);
  EXPECT_EQ(heir_of("limit").rule, rules.find("limit"));
  EXPECT_FALSE(heir_of("limit").unchanged);
  EXPECT_EQ(heir_of("other").rule, kNoRule);
  EXPECT_STREQ(heir_of("other").reason, "its rule was changed");
  EXPECT_EQ(heir_of("off").rule, kNoRule);
  EXPECT_STREQ(heir_of("off").reason, "its rule was switched off");
  EXPECT_EQ(heir_of("removed").rule, kNoRule);
  EXPECT_STREQ(heir_of("removed").reason, "its rule was removed");
}

}  // namespace
}  // namespace resmon::alert
