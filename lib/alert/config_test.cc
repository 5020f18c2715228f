#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "alert/rules.h"

namespace resmon::alert {
namespace {

std::string error_of(std::string_view toml) {
  const auto read = read_config(toml, "alerts.toml");
  return read ? std::string("it was read") : read.error().message;
}

void expect_error(std::string_view toml, std::string_view part) {
  EXPECT_NE(error_of(toml).find(part), std::string::npos) << error_of(toml);
}

TEST(AlertConfigTest, TheBuiltInRulesAreRead) {
  const auto read = read_config("", "alerts.toml");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_GE(read->rules.size(), 20U);
  for (const Rule& rule : read->rules) {
    EXPECT_TRUE(rule.built_in);
    EXPECT_FALSE(rule.help.empty()) << rule.name;
  }
  EXPECT_TRUE(read->rule("host-silent")->about_silence());
}

// Fields by measurement, of the tables in docs/schema.md.
std::set<std::string> fields_of_schema() {
  std::set<std::string> fields;
  std::ifstream file(std::string(RESMON_SOURCE_DIR) + "/docs/schema.md");
  std::string line;
  std::string measurement;
  while (std::getline(file, line)) {
    if (line.starts_with("## ")) measurement = line.substr(3);
    const std::size_t end = line.find(" |", 2);
    if (!line.starts_with("| ") || end == std::string::npos) continue;
    // "in, out (second point)": the remark is no name.
    const std::string cell = line.substr(2, end - 2);
    std::istringstream words(cell.substr(0, cell.find('(')));
    for (std::string name; words >> name;) fields.insert(measurement + "." + name.substr(0, name.find(',')));
  }
  return fields;
}

// A rule about what nobody measures would never fire, and nobody would notice.
TEST(AlertConfigTest, WhatTheBuiltInRulesLookAtIsMeasured) {
  const std::set<std::string> measured = fields_of_schema();
  ASSERT_GT(measured.size(), 200U);
  const auto read = read_config("", "alerts.toml");
  ASSERT_TRUE(read) << read.error().message;
  std::size_t looked_at = 0;
  for (const Rule& rule : read->rules)
    for (const Operand& operand : rule.when.operands) {
      if (operand.selector.measurement.empty()) continue;
      const std::string name = operand.selector.measurement + "." + operand.field;
      EXPECT_TRUE(measured.contains(name)) << rule.name << ": " << name;
      ++looked_at;
    }
  EXPECT_GE(looked_at, 20U);
}

TEST(AlertConfigTest, AFileChangesARuleKeyByKey) {
  const auto read = read_config(
      "[rule.disk-full]\nfor = \"10m\"\nhosts = \"site:north\"\n[rule.mine]\nwhen = 'cpu.usage_active > 90'\n"
      "clear = 'cpu.usage_active < 50 and mem.used_percent < 90'\n",
      "alerts.toml");
  ASSERT_TRUE(read) << read.error().message;
  const Rule& changed = *read->rule("disk-full");
  EXPECT_EQ(changed.wait, std::chrono::minutes(10));
  EXPECT_EQ(changed.hosts.text(), "site:north");
  EXPECT_EQ(changed.clear_limit, 93);
  const Rule& mine = *read->rule("mine");
  ASSERT_TRUE(mine.clear);
  EXPECT_EQ(mine.when.operands.size(), 2U);
  EXPECT_EQ(mine.clear->comparisons[1].operand, 1U);
}

TEST(AlertConfigTest, AnotherConditionDoesNotKeepTheOldClear) {
  const auto read = read_config("[rule.disk-full]\nwhen = 'disk.free < 1GiB'\n", "alerts.toml");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_FALSE(read->rule("disk-full")->clear_limit);
}

TEST(AlertConfigTest, ErrorsNameLineAndColumnAndTheNearestKey) {
  expect_error("[rule.a]\nwhen = 'disk.used >'\n", "alerts.toml:2:20: rule.a.when: expected a number");
  expect_error("[rule.a]\nwhen = 'disk.used > 1'\nsverity = \"info\"\n",
               "alerts.toml:3:1: rule.a.sverity: unknown key; did you mean severity?");
  expect_error("[rule.a]\nwhen = 'disk.used > 1'\nseverity = \"criticl\"\n", "did you mean critical?");
  expect_error("[rule.a]\nfor = \"1m\"\n", "needs `when`");
  expect_error("[rule.a]\nwhen = 'disk.used > 90'\nclear = 95\n", "wrong side");
  expect_error("notify = [\"fone\"]\n[channel.phone]\nurl = \"ntfy://ntfy.sh/x\"\n",
               "alerts.toml:1:1: notify: there is no channel 'fone'; did you mean phone?");
  expect_error("[rule.disk-full]\nunless = \"disk-ful\"\n", "did you mean disk-full?");
  expect_error("[channel.x]\nkind = \"ntfi\"\n", "did you mean ntfy?");
  expect_error("[channel.x]\nkind = \"telegram\"\n", "needs `token`");
  expect_error("[channel.x]\nkind = \"exec\"\ncommand = [\"apprise\"]\n", "full path");
  expect_error("[maintenance.m]\nfrom = \"25:00\"\nto = \"04:00\"\n", "time of day");
  expect_error("[maintenance.m]\nfrom = \"03:00\"\nto = \"04:00\"\nzone = \"Europe/Atlantis\"\n", "zone");
  expect_error("[rule.a\n", "alerts.toml:1");
}

TEST(AlertConfigTest, AllErrorsAreReportedInTheirOrder) {
  const std::string text = error_of("[rule.b]\nwhen = 1\nx = 1\n[channel.a]\nkind = \"webhook\"\n");
  EXPECT_LT(text.find(":2:"), text.find(":3:"));
  EXPECT_LT(text.find(":3:"), text.find("channel.a"));
}

TEST(AlertConfigTest, OverridesAreRead) {
  const auto read =
      read_config("[[rule.disk-full.override]]\nhosts = \"role:db\"\nlimit = 98\nclear = 97\nfor = \"1h\"\n", "a");
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->rule("disk-full")->overrides.size(), 1U);
  EXPECT_EQ(read->rule("disk-full")->overrides[0].limit, 98);
}

TEST(AlertConfigTest, MaintenanceFollowsLocalTimeOverDst) {
  const auto read = read_config(
      "[maintenance.night]\nfrom = \"23:00\"\nto = \"01:30\"\nzone = \"Europe/Berlin\"\ndays = [\"sat\"]\n", "a");
  ASSERT_TRUE(read) << read.error().message;
  const Maintenance& night = read->maintenance[0];
  const auto at = [](std::int64_t seconds) { return seconds * 1'000'000'000; };
  // Saturday, 28 March 2026, 22:30 UTC is 23:30 in Berlin; summer time begins at 01:00 UTC of the 29th.
  EXPECT_TRUE(night.holds(at(1774737000)));
  EXPECT_TRUE(night.holds(at(1774737000 + 5400)));   // 01:00 of Sunday
  EXPECT_FALSE(night.holds(at(1774737000 + 7200)));  // 01:30
  // Saturday, 4 April: 21:30 UTC is 23:30 in summer time.
  EXPECT_TRUE(night.holds(at(1775338200)));
  EXPECT_FALSE(night.holds(at(1775338200 - 3600)));
  EXPECT_FALSE(night.holds(at(1775338200 + 86400)));  // Sunday evening
}

TEST(AlertConfigTest, MaintenanceOnceIsBetweenTwoDates) {
  const auto read = read_config(
      "[maintenance.move]\nfrom = \"2026-03-29 01:30\"\nto = \"2026-03-29 03:30\"\nzone = \"Europe/Berlin\"\n", "a");
  ASSERT_TRUE(read) << read.error().message;
  const auto at = [](std::int64_t seconds) { return seconds * 1'000'000'000; };
  // 01:30 in Berlin is 00:30 UTC; the clocks go on to 03:00 at 01:00 UTC, so it is over an hour later.
  constexpr std::int64_t kBegin = 1774744200;
  const Maintenance& move = read->maintenance[0];
  EXPECT_FALSE(move.holds(at(kBegin - 1)));
  EXPECT_TRUE(move.holds(at(kBegin)));
  EXPECT_TRUE(move.holds(at(kBegin + 3599)));
  EXPECT_FALSE(move.holds(at(kBegin + 3600)));
  EXPECT_FALSE(move.holds(at(kBegin + 7 * 86400)));
  expect_error("[maintenance.m]\nfrom = \"2026-03-29 01:30\"\nto = \"2026-03-28 01:30\"\n", "after `from`");
  expect_error("[maintenance.m]\nfrom = \"2026-03-29 01:30\"\nto = \"03:30\"\n", "date and time");
  expect_error("[maintenance.m]\nfrom = \"2026-03-29 01:30\"\nto = \"2026-03-30 01:30\"\ndays = \"sat\"\n",
               "every week");
}

struct UrlCase {
  const char* url;
  ChannelKind kind;
  const char* place;
};
class ChannelUrlTest : public ::testing::TestWithParam<UrlCase> {};

TEST_P(ChannelUrlTest, ReadsShoutrrrAndApprise) {
  Channel channel;
  const Status read = read_channel_url(GetParam().url, channel);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(channel.kind, GetParam().kind);
  EXPECT_EQ(channel.url, GetParam().place);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, ChannelUrlTest,
    ::testing::Values(
        UrlCase{"ntfy://ntfy.sh/topic", ChannelKind::kNtfy, "https://ntfy.sh"},
        UrlCase{"ntfy://topic", ChannelKind::kNtfy, "https://ntfy.sh"},
        UrlCase{"ntfy://me:secret@push.example:8080/topic?scheme=http", ChannelKind::kNtfy, "http://push.example:8080"},
        UrlCase{"ntfys://push.example/topic", ChannelKind::kNtfy, "https://push.example"},
        UrlCase{"gotify://push.example/base/Atoken", ChannelKind::kGotify, "https://push.example/base"},
        UrlCase{"discord://abc@123", ChannelKind::kDiscord, "https://discord.com/api/webhooks/123/abc"},
        UrlCase{"discord://123/abc", ChannelKind::kDiscord, "https://discord.com/api/webhooks/123/abc"},
        UrlCase{"slack://hook:TA-BB-CC@webhook", ChannelKind::kSlack, "https://hooks.slack.com/services/TA/BB/CC"},
        UrlCase{"slack://TA/BB/CC", ChannelKind::kSlack, "https://hooks.slack.com/services/TA/BB/CC"},
        UrlCase{"mattermost://chat.example/key", ChannelKind::kMattermost, "https://chat.example/hooks/key"},
        UrlCase{"telegram://1:a@telegram?chats=42", ChannelKind::kTelegram, "https://api.telegram.org"},
        UrlCase{"tgram://1:a/42", ChannelKind::kTelegram, "https://api.telegram.org"},
        UrlCase{"pushover://shoutrrr:token@user", ChannelKind::kPushover, "https://api.pushover.net"},
        UrlCase{"pover://user@token", ChannelKind::kPushover, "https://api.pushover.net"},
        UrlCase{"matrix://:tok@matrix.example/?rooms=!r:x", ChannelKind::kMatrix, "https://matrix.example"},
        UrlCase{"matrixs://tok@matrix.example/!r:x", ChannelKind::kMatrix, "https://matrix.example"},
        UrlCase{"mmost://chat.example:8065/key", ChannelKind::kMattermost, "http://chat.example:8065/hooks/key"},
        UrlCase{"teams://g@t/id/owner?host=org.webhook.office.com", ChannelKind::kTeams,
                "https://org.webhook.office.com/webhookb2/g@t/IncomingWebhook/id/owner"},
        UrlCase{"msteams://org/g@t/id/owner/", ChannelKind::kTeams,
                "https://org.webhook.office.com/webhookb2/g@t/IncomingWebhook/id/owner"},
        UrlCase{"workflows://prod-1.logic.azure.com:443/abc/sig", ChannelKind::kTeams,
                "https://prod-1.logic.azure.com:443/workflows/abc/triggers/manual/paths/invoke"
                "?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=sig"},
        UrlCase{"pagerduty://key@api", ChannelKind::kPagerduty, "https://events.pagerduty.com"},
        UrlCase{"pagerduty://key@api?region=eu", ChannelKind::kPagerduty, "https://events.eu.pagerduty.com"},
        UrlCase{"smtp://me:pw@mail.example:587/?from=a@b.c&to=d@e.f", ChannelKind::kSmtp, "smtp://mail.example:587"},
        UrlCase{"mailtos://me:pw@mail.example?from=a@b.c&to=d@e.f", ChannelKind::kSmtp, "smtps://mail.example:465"},
        UrlCase{"generic+https://x.example/y", ChannelKind::kWebhook, "https://x.example/y"},
        UrlCase{"generic://x.example/y", ChannelKind::kWebhook, "https://x.example/y"},
        UrlCase{"jsons://x.example/y", ChannelKind::kWebhook, "https://x.example/y"},
        UrlCase{"https://x.example/y", ChannelKind::kWebhook, "https://x.example/y"}));

TEST(ChannelUrlErrorTest, NeverShowsTheUrl) {
  Channel channel;
  for (const char* url : {"nonsense://secret@host", "discord://secret", "://secret", "secret", "telegram://secret@x",
                          "teams://secret@x", "msteams://secret/a"}) {
    const Status read = read_channel_url(url, channel);
    ASSERT_FALSE(read) << url;
    EXPECT_EQ(read.error().message.find("secret"), std::string::npos) << read.error().message;
  }
}

// Scripts and other agents write names that nobody knows ahead, so the rules are in force.
TEST(AlertConfigTest, NamesThatNoCollectorWritesAreDoubtedWithTheirPlace) {
  const auto config = read_config(
      "[rule.a]\nwhen = 'dsk{path=\"/\"}.used_percent > 90'\n"
      "[rule.b]\nwhen = 'mean(disk{path=\"/\"}.used_precent, 5m) > 90 or orders.amount > 5'\n"
      "clear = 'disk.usd < 5'\n"
      "[rule.c]\nwhen = 'host silent or nstat.TcpExtOther > 5 or mem.used absent for 5m'\n",
      "alerts.toml");
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_EQ(config->doubts.size(), 3U);
  EXPECT_EQ(config->doubts[0].text,
            "alerts.toml:2:9: rule.a.when: no collector writes the measurement 'dsk'; did you mean disk?");
  EXPECT_EQ(config->doubts[1].text,
            "alerts.toml:4:29: rule.b.when: no collector writes disk.used_precent; did you mean used_percent?");
  EXPECT_EQ(config->doubts[2].text, "alerts.toml:5:15: rule.b.clear: no collector writes disk.usd; did you mean used?");
}

}  // namespace
}  // namespace resmon::alert
