#include "alert/rule_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace resmon::alert {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::string_view kFile = R"(# all of it
notify = []

# Mia asked for this.
# Twice.
[rule.disk]
when = 'disk.used_percent > 90'  # not 95
help = """
[rule.not-a-header]
"""

[[rule.disk.override]]
hosts = "db*"
limit = 98

# The next one.
[rule.other]
when = 'mem.used_percent > 90'
)";

std::string text_in(std::string_view toml, std::string_view name) {
  const auto place = find_rule_text(toml, name);
  EXPECT_TRUE(place) << place.error().message;
  return std::string(toml.substr(place->begin, place->end - place->begin));
}

TEST(RuleText, IsItsTablesAndTheCommentsAboveIt) {
  const std::string disk = text_in(kFile, "disk");
  EXPECT_TRUE(disk.starts_with("# Mia asked for this.\n# Twice.\n[rule.disk]\n")) << disk;
  EXPECT_TRUE(disk.ends_with("limit = 98\n")) << disk;
  EXPECT_EQ(text_in(kFile, "other"), "# The next one.\n[rule.other]\nwhen = 'mem.used_percent > 90'\n");
  EXPECT_FALSE(find_rule_text(kFile, "not-a-header")->found);
  EXPECT_EQ(find_rule_text(kFile, "disk")->line, 4U);
  EXPECT_FALSE(
      find_rule_text("[rule.a]\nwhen='x.y > 1'\n[rule.b]\nwhen='x.y > 1'\n[[rule.a.override]]\nhosts='x'\n", "a"));
  EXPECT_FALSE(find_rule_text("[rule]\na.when = 'x.y > 1'\n", "a"));
  EXPECT_TRUE(find_rule_text("x = \"a \\\" [\"\n[rule.a]\n", "a")->found) << "an escaped quote ends no text";
  EXPECT_TRUE(find_rule_text("x = [\n'''\n[rule.a]''',\n[\"]\"]]\n[rule.'a'] # it\n", "a")->found);
}

TEST(RuleText, IsReplacedAndNothingElseIs) {
  const std::string_view changed = "# Why.\n[rule.disk]\nwhen = 'disk.used_percent > 80'\n";
  const std::string file = R"(notify = []   # nobody

# Old.
[rule.disk]
when = 'disk.used_percent > 90'

# The next one.
[rule.other]
when = 'mem.used_percent > 90'
)";
  const RuleDraft draft = draft_rule(file, "disk", changed);
  ASSERT_THAT(draft.mistakes, IsEmpty()) << draft.mistakes[0].reason;
  EXPECT_EQ(draft.toml,
            "notify = []   # nobody\n\n# Why.\n[rule.disk]\nwhen = 'disk.used_percent > 80'\n\n# The next "
            "one.\n[rule.other]\nwhen = 'mem.used_percent > 90'\n");
  EXPECT_EQ(draft.config.rule("disk")->when.comparisons[0].limit, 80);
  EXPECT_EQ(draft_rule(draft.toml, "disk", "# Old.\n[rule.disk]\nwhen = 'disk.used_percent > 90'").toml, file);
  EXPECT_EQ(draft_rule(file, "disk", "").toml,
            "notify = []   # nobody\n\n# The next one.\n[rule.other]\nwhen = 'mem.used_percent > 90'\n");
  EXPECT_EQ(draft_rule("notify = []", "new", "[rule.new]\nwhen = 'a.b > 1'\n").toml,
            "notify = []\n\n[rule.new]\nwhen = 'a.b > 1'\n");
  EXPECT_EQ(draft_rule("", "new", "[rule.new]\nwhen = 'a.b > 1'").toml, "[rule.new]\nwhen = 'a.b > 1'\n");
  EXPECT_EQ(draft_rule("notify = []\n\n[rule.new]\nwhen = 'a.b > 1'\n", "new", "").toml, "notify = []\n");
  // A built-in rule is changed key by key.
  const RuleDraft built_in = draft_rule("", "disk-full", "[rule.disk-full]\nfor = \"10m\"");
  ASSERT_THAT(built_in.mistakes, IsEmpty());
  EXPECT_EQ(built_in.config.rule("disk-full")->wait, std::chrono::minutes(10));
}

TEST(RuleText, MistakesHaveTheirPlaceInTheText) {
  const std::string file = "notify = []\n\n[rule.disk]\nwhen = 'disk.used_percent > 90'\n";
  RuleDraft draft = draft_rule(file, "disk", "# one\n[rule.disk]\nwhen = 'disk.used_percent >'\nwhem = 1\n");
  ASSERT_THAT(draft.mistakes, SizeIs(2));
  EXPECT_EQ(draft.mistakes[0].line, 3U);
  EXPECT_EQ(draft.mistakes[0].column, 28U);
  EXPECT_THAT(draft.mistakes[0].reason, HasSubstr("rule.disk.when: expected a number"));
  EXPECT_EQ(draft.mistakes[1].line, 4U);
  draft = draft_rule(file, "new", "[rule.new]\nwhen = 'disk.used_percent >'");
  ASSERT_THAT(draft.mistakes, SizeIs(1));
  EXPECT_EQ(draft.mistakes[0].line, 2U);
  draft = draft_rule(file, "disk", "[rule.disk]\nwhen = ");
  ASSERT_THAT(draft.mistakes, SizeIs(1));
  EXPECT_EQ(draft.mistakes[0].line, 2U);
  // The line below the text is the file's.
  draft = draft_rule("[rule.disk]\nwhen = 'a.b > 1'\n[rule.bad]\n", "disk", "[rule.disk]\nwhen = 'a.b > 2'");
  ASSERT_THAT(draft.mistakes, SizeIs(1));
  EXPECT_EQ(draft.mistakes[0].line, 0U);
  EXPECT_THAT(draft.mistakes[0].reason, HasSubstr("line 3 of the file: rule.bad"));
  EXPECT_THAT(draft_rule("[rule.bad]\n", "disk", "[rule.disk]\nwhen = 'a.b > 1'").mistakes[0].reason,
              HasSubstr("line 1 of the file: rule.bad"));
}

// Whoever may write rules may not name programs and addresses.
TEST(RuleText, NothingButTheRuleIsTaken) {
  for (const std::string_view text :
       {"[rule.disk]\nwhen = 'a.b > 1'\n[channel.x]\nkind = \"exec\"\ncommand = [\"/bin/sh\"]\n",
        "notify = []\n[rule.disk]\nwhen = 'a.b > 1'\n", "[rule.disk]\nwhen = 'a.b > 1'\n[rule.b]\nwhen = 'a.b > 1'\n",
        "[rule.b]\nwhen = 'a.b > 1'\n", "[channel]\nx.kind = \"exec\"\n", "# nothing\n",
        "[rule]\ndisk.when = 'a.b > 1'\n"}) {
    const RuleDraft draft = draft_rule("", "disk", text);
    EXPECT_THAT(draft.mistakes, SizeIs(1)) << text;
    EXPECT_TRUE(draft.config.channels.empty());
  }
  EXPECT_THAT(draft_rule("", "disk", std::string(kLongestRuleText, '#')).mistakes, SizeIs(1));
}

TEST(RuleText, BuiltInRulesHaveOne) {
  EXPECT_THAT(default_rule_text("disk-full"), testing::StartsWith("[rule.disk-full]\nwhen = 'disk"));
  EXPECT_EQ(default_rule_text("nothing"), "");
  const auto config = read_config("", "a");
  ASSERT_TRUE(config);
  for (const Rule& rule : config->rules) {
    const RuleDraft draft = draft_rule("", rule.name, default_rule_text(rule.name));
    EXPECT_THAT(draft.mistakes, IsEmpty()) << rule.name;
  }
}

}  // namespace
}  // namespace resmon::alert
