#include "tail/parse.h"

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/test_linear.h"
#include "tail/exec_source.h"
#include "tail/journal_export.h"
#include "tail/journal_source.h"
#include "tail/redact.h"
#include "tail/shaper.h"

namespace resmon::tail {
namespace {

using logline::Level;
using logline::Line;

constexpr UnixNanos kNow = 1'796'000'000'000'000'000;  // 30 November 2026

struct Told {
  UnixNanos seconds = 0;
  Level level = Level::kNone;
  std::string unit;
  std::uint32_t pid = 0;
  std::string message;
  std::string fields;
};

Told tell(std::string_view text, Format format = Format::kAuto) {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  Parser parser(format);
  Line line;
  line.time = kNow;
  line.unit = "file";
  parser.parse(text, kNow, line);
  Told told{line.time / 1'000'000'000, line.level, std::string(line.unit), line.pid, std::string(line.message), ""};
  for (const logline::Field& field : line.fields)
    told.fields += std::string(field.name) + "=" + std::string(field.value) + ";";
  return told;
}

TEST(Parse, Containers) {
  const auto docker = [](std::string_view text) {
    return tell("{\"log\":\"" + std::string(text) + "\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-29T12:00:01.5Z\"}",
                Format::kContainer);
  };
  Told told = docker(R"(ready to \"accept\" connections)");
  EXPECT_EQ(told.seconds, 1'795'953'601);
  EXPECT_EQ(told.message, "ready to \"accept\" connections");
  EXPECT_EQ(told.unit, "file");
  EXPECT_EQ(told.fields, "stream=stderr;");
  // Its own shape, at the engine's time.
  told = docker("2026-11-29 09:00:00 ERROR worker failed");
  EXPECT_EQ(told.level, Level::kError);
  EXPECT_EQ(told.seconds, 1'795'953'601);
  told = docker(R"({\"level\":\"warn\",\"msg\":\"slow\",\"took\":7,\"time\":\"2020-01-01T00:00:00Z\"})");
  EXPECT_EQ(told.level, Level::kWarning);
  EXPECT_EQ(told.message, "slow");
  EXPECT_EQ(told.fields, "stream=stderr;took=7;");
  EXPECT_EQ(told.seconds, 1'795'953'601);
  EXPECT_EQ(docker("{not json").message, "{not json");
  // Podman's and Kubernetes'.
  told = tell("2026-11-29T13:00:01.123456789+01:00 stdout F level=error msg=\"no room\"", Format::kContainer);
  EXPECT_EQ(told.seconds, 1'795'953'601);
  EXPECT_EQ(told.message, "no room");
  EXPECT_EQ(told.level, Level::kError);
  EXPECT_EQ(told.fields, "stream=stdout;");
  EXPECT_EQ(tell("2026-11-29T12:00:01Z stderr P half a", Format::kContainer).message, "half a");
  EXPECT_EQ(tell("2026-11-29T12:00:01Z stderr F ", Format::kContainer).message, "");
  EXPECT_EQ(tell("2026-11-29T12:00:01Z stderr F", Format::kContainer).message, "");
  for (const std::string_view other :
       {"", "2026-11-29T12:00:01Z", "2026-11-29T12:00:01Z stdout", "2026-11-29T12:00:01Z stdout ", "plain", "{", "{}",
        R"({"log":"x","time":"2026-11-29T12:00:01Z"})", R"({"stream":"stdout"})"}) {
    told = tell(other, Format::kContainer);
    EXPECT_EQ(told.message, other);
    EXPECT_EQ(told.fields, "") << other;
  }
}

TEST(Containers, TheUnitIsTheContainersName) {
  const std::filesystem::path root = std::filesystem::path(::testing::TempDir()) / "resmon-container-units";
  std::filesystem::remove_all(root);
  const std::string id(64, 'a');
  const std::string other(64, 'b');
  const auto write = [&](const std::string& path, const std::string& text) {
    std::filesystem::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text;
    return (root / path).string();
  };
  ContainerUnits units;
  const auto now = std::chrono::steady_clock::now();
  const std::string docker = write("docker/containers/" + id + "/" + id + "-json.log", "");
  EXPECT_EQ(units.unit_of(docker, now), "aaaaaaaaaaaa") << "not known yet";
  write("docker/containers/" + id + "/config.v2.json", R"({"State":{},"ID":"a","Name":"/web-1","Driver":"overlay2"})");
  EXPECT_EQ(units.unit_of(docker, now), "aaaaaaaaaaaa") << "not looked up for each line";
  EXPECT_EQ(units.unit_of(docker, now + std::chrono::minutes(2)), "web-1");
  const std::string podman = write("overlay-containers/" + id + "/userdata/ctr.log", "");
  write("overlay-containers/containers.json", R"([{"id":")" + other + R"(","names":["db"],"image":"x"},{"id":")" + id +
                                                  R"(","names":["cache"],"image":"y"}])");
  EXPECT_EQ(units.unit_of(podman, now), "cache");
  EXPECT_EQ(units.unit_of("/var/log/pods/kube-system_dns-7f9_0a1b/coredns/0.log", now), "dns-7f9/coredns");
  EXPECT_EQ(units.unit_of("/var/log/nginx/access.log", now), "/var/log/nginx/access.log");
  std::filesystem::remove_all(root);
}

TEST(Parse, Syslog) {
  const Told file = tell("Nov 29 12:00:01 web1 sshd[811]: Failed password for root");
  EXPECT_EQ(file.seconds, 1'795'953'601);
  EXPECT_EQ(file.unit, "sshd");
  EXPECT_EQ(file.pid, 811U);
  EXPECT_EQ(file.message, "Failed password for root");
  const Told modern = tell("2026-11-29T12:00:01.5+01:00 web1 systemd[1]: Started x.");
  EXPECT_EQ(modern.seconds, 1'795'950'001);
  EXPECT_EQ(modern.unit, "systemd");
  const Told old = tell("<34>Oct 11 22:14:15 mymachine su: 'su root' failed");
  EXPECT_EQ(old.level, Level::kCritical);
  EXPECT_EQ(old.unit, "su");
  EXPECT_EQ(old.message, "'su root' failed");
  const Told rfc5424 = tell("<165>1 2026-10-11T22:14:15.003Z host app 77 ID47 [x@1 a=\"b\\]\"][y] An event");
  EXPECT_EQ(rfc5424.level, Level::kNotice);
  EXPECT_EQ(rfc5424.unit, "app");
  EXPECT_EQ(rfc5424.pid, 77U);
  EXPECT_EQ(rfc5424.message, "An event");
  EXPECT_EQ(rfc5424.fields, "facility=local4;msgid=ID47;structured_data=x@1 a=\"b\\]\";structured_data=y;");
}

TEST(Parse, ByAPatternWithNamedGroups) {
  Parser parser(Format::kRegex);
  ASSERT_TRUE(parser.set_pattern(
      R"(^(?P<time>\S+) (?P<level>\w+) \((?P<unit>\w*)/(?P<pid>\d+)\) (?P<message>.*) in (?P<ms>\d+)(?P<never>z)?$)"));
  Line line;
  line.unit = "file";
  parser.parse("2026-11-29T12:00:01Z WARN (worker/12) done in 30", kNow, line);
  EXPECT_EQ(line.time / 1'000'000'000, 1'795'953'601);
  EXPECT_EQ(line.level, Level::kWarning);
  EXPECT_EQ(line.unit, "worker");
  EXPECT_EQ(line.pid, 12U);
  EXPECT_EQ(line.message, "done");
  ASSERT_EQ(line.fields.size(), 1U);
  EXPECT_EQ(line.fields[0].name, "ms");
  EXPECT_EQ(line.fields[0].value, "30");
  Line other;
  other.unit = "file";
  parser.parse("something else", kNow, other);
  EXPECT_EQ(other.message, "something else");
  EXPECT_EQ(other.unit, "file");
  for (const char* bad : {"(", "(no name)", ""}) EXPECT_FALSE(parser.set_pattern(bad)) << bad;
}

TEST(Parse, SyslogsOtherHostsAndFacilityAreFields) {
  Parser parser(Format::kSyslog);
  parser.keep_other_hosts("web1");
  const auto fields = [&](std::string_view text) {
    Line line;
    parser.parse(text, kNow, line);
    std::string out(line.unit);
    for (const logline::Field& field : line.fields)
      out += " " + std::string(field.name) + "=" + std::string(field.value);
    return out;
  };
  EXPECT_EQ(fields("<34>Oct 11 22:14:15 router su: failed"), "su facility=auth hostname=router");
  EXPECT_EQ(fields("<30>Oct 11 22:14:15 web1 su: failed"), "su facility=daemon");
  EXPECT_EQ(fields("<191>1 - router app - - - text"), "app facility=local7 hostname=router");
  EXPECT_EQ(fields("<13>Oct 11 22:14:15 su[5]: without a host"), "su facility=user");
}

TEST(Parse, JsonAndLogfmt) {
  const Told json = tell(
      R"({"ts":1795953601.5,"level":"warn","msg":"caf\u00e9 \"x\"","http":{"status":200,"path":"/"},"tags":["a","b"],"none":null})");
  EXPECT_EQ(json.seconds, 1'795'953'601);
  EXPECT_EQ(json.level, Level::kWarning);
  EXPECT_EQ(json.message, "caf\xc3\xa9 \"x\"");
  EXPECT_EQ(json.fields, "http.status=200;http.path=/;tags=[\"a\",\"b\"];");
  const Told logfmt = tell("time=2026-11-29T12:00:01Z level=error msg=\"it \\\"broke\\\"\" code=7");
  EXPECT_EQ(logfmt.seconds, 1'795'953'601);
  EXPECT_EQ(logfmt.level, Level::kError);
  EXPECT_EQ(logfmt.message, "it \"broke\"");
  EXPECT_EQ(logfmt.fields, "code=7;");
  EXPECT_EQ(tell("msg=\"\\\"\\\"\" level=info").message, "\"\"");
}

TEST(Parse, TimesAndLevelsInFront) {
  struct {
    const char* text;
    UnixNanos seconds;
    Level level;
  } const rows[] = {
      {"2026-11-29 12:00:01,123 - app - ERROR - broken", 1'795'953'601, Level::kError},
      {"2026-11-29 12:00:01.123  WARN 1 --- [main] o.s.Boot : slow", 1'795'953'601, Level::kWarning},
      {"2026/11/29 12:00:01 [crit] 7#0: *1 open() failed", 1'795'953'601, Level::kCritical},
      {"2026-11-29 12:00:01.123 UTC [77] FATAL:  no such role", 1'795'953'601, Level::kCritical},
      {"W1129 12:00:01.000123   77 file.go:12] late", 1'795'953'601, Level::kWarning},
      {"10.0.0.1 - - [29/Nov/2026:12:00:01 +0000] \"GET / HTTP/1.1\" 502 12", 1'795'953'601, Level::kError},
      {"ERROR:root:bad", kNow / 1'000'000'000, Level::kError},
      {"[2026-11-29 12:00:01] local.INFO: hi", 1'795'953'601, Level::kNone},
  };
  for (const auto& row : rows) {
    const Told told = tell(row.text);
    EXPECT_EQ(told.seconds, row.seconds) << row.text;
    EXPECT_EQ(told.level, row.level) << row.text;
    EXPECT_EQ(told.message, row.text);
    EXPECT_EQ(told.unit, "file");
  }
}

TEST(Parse, WhatIsNothingKnownIsTheMessage) {
  for (const char* text :
       {"", "{", "{\"a\":", "plain words", "a=1", "Feb 31 12:00:00 h p: x", "<999>x", "2026-13-01 00:00:00 x",
        "{\"a\":1} more", "x=\"open", "E1332 12:00:01.000123   77 file.go:12] no day"}) {
    const Told told = tell(text);
    EXPECT_EQ(told.message, text);
    EXPECT_EQ(told.seconds, kNow / 1'000'000'000) << text;
    EXPECT_EQ(told.level, Level::kNone) << text;
    EXPECT_EQ(told.fields, "");
  }
}

TEST(Parse, AnyBytesAreALine) {
  std::mt19937 random(3);
  static constexpr std::string_view kPieces[] = {"2026-11-29 12:00:01",
                                                 "Nov 29 12:00:01 ",
                                                 "{\"",
                                                 "\":",
                                                 "}",
                                                 "<13>",
                                                 "1 ",
                                                 "a=\"",
                                                 "\\",
                                                 "[",
                                                 "]",
                                                 ": ",
                                                 "ERROR",
                                                 "\xff",
                                                 "W1129 12:00:01.1 "};
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (auto n = random() % 12; n > 0; --n) text += kPieces[random() % std::size(kPieces)];
    (void)tell(text);
  }
}

TEST(Parse, IsLinear) {
  for (const std::string piece : {"{\"a\":", "a=b ", "[", "\"x\":1,", "<1>", "a:", "\\\"", "1 "}) {
    EXPECT_EQ("", test::not_linear(
                      64'000,
                      [&](std::size_t n) {
                        std::string text = "{";
                        for (std::size_t i = 0; i < n; ++i) text += piece;
                        return text;
                      },
                      [](const std::string& text) {
                        (void)tell(text);
                        (void)tell(std::string_view(text).substr(1));
                      }))
        << piece;
  }
}

TEST(Redact, TakesSecretsOut) {
  RedactOptions all;
  all.tokens = all.emails = all.cards = true;
  all.patterns = {"key-[0-9]+"};
  const Redactor redactor = Redactor::make(all).value();
  const std::pair<std::string, std::string> rows[] = {
      {"user=a password=hunter2 ok", "user=a password=[redacted] ok"},
      {R"({"api_key": "a\"b", "x": 1})", R"({"api_key": "[redacted]", "x": 1})"},
      {"Authorization: Bearer abc.def", "Authorization: Bearer [redacted]"},
      {"curl -H bearer xyz", "curl -H bearer [redacted]"},
      {"GET /?token=abc&x=1", "GET /?token=[redacted]&x=1"},
      {"mail to jo.e+x@example.org.", "mail to [email]."},
      {"card 4111 1111 1111 1111!", "card [card]!"},
      {"not 4111 1111 1111 1112", "not 4111 1111 1111 1112"},
      {"at 1795953601000000", "at 1795953601000000"},
      {"use key-123", "use [redacted]"},
      {"a@b @ x=", "a@b @ x="},
  };
  for (const auto& [from, to] : rows) {
    std::string text = from;
    redactor.redact(text);
    EXPECT_EQ(text, to);
  }
  RedactOptions bad;
  bad.patterns = {"("};
  EXPECT_FALSE(Redactor::make(bad));
}

TEST(Shaper, FiltersAndLimits) {
  class TestClock final : public Clock {
   public:
    UnixNanos wall() const override { return kNow; }
    std::chrono::steady_clock::time_point steady() const override { return now; }
    std::chrono::steady_clock::time_point now{};
  } clock;
  ShapeOptions options;
  options.exclude = {"health"};
  options.least = Level::kInfo;
  options.rate_limit = 3;
  const auto shaper = Shaper::make("app", options, clock).value();
  shaper->take({"GET /health", false}, "f");
  shaper->take({"level=debug msg=x", false}, "f");
  for (int i = 0; i < 10; ++i) shaper->take({"line " + std::to_string(i), false}, "f");
  EXPECT_EQ(shaper->stats().excluded, 2U);
  EXPECT_EQ(shaper->stats().suppressed, 7U);
  clock.now += std::chrono::seconds(2);
  shaper->take({"later", false}, "f");
  ASSERT_EQ(shaper->lines().size(), 5U);
  EXPECT_EQ(shaper->lines()[3].message, "7 lines suppressed: more than 3 a second");
  EXPECT_EQ(shaper->lines()[4].message, "later");
  options.include = {"("};
  EXPECT_EQ(Shaper::make("x", options).error().message.substr(0, 8), "include:");
}

TEST(Shaper, ABlankLineIsNoEntry) {
  const auto shaper = Shaper::make("app", ShapeOptions()).value();
  for (const char* blank : {"", " ", "\t\r"}) shaper->take({blank, false}, "f");
  shaper->take({"a\n\nb", false}, "f");
  Line line;
  shaper->take_line(line);
  EXPECT_EQ(shaper->stats().excluded, 4U);
  ASSERT_EQ(shaper->lines().size(), 1U);
  EXPECT_EQ(shaper->lines()[0].message, "a\n\nb");

  ShapeOptions options;
  options.format = Format::kContainer;
  const auto container = Shaper::make("containers", options).value();
  container->take({"2026-11-29T12:00:01.5Z stdout F ", false}, "f");
  container->take({"{\"log\":\"\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-29T12:00:01Z\"}", false}, "f");
  EXPECT_EQ(container->stats().excluded, 2U);
  options.format = Format::kAuto;
  const auto fields = Shaper::make("json", options).value();
  fields->take({R"({"msg":"","user":"7"})", false}, "f");
  EXPECT_EQ(fields->lines().size(), 1U) << "it has a field";
}

TEST(JournalExport, EntriesWithBinaryValues) {
  std::string bytes =
      "__CURSOR=s=1;i=2\n__REALTIME_TIMESTAMP=1795953601000001\nPRIORITY=3\n_PID=7\n_SYSTEMD_UNIT=ssh.service\n"
      "SYSLOG_IDENTIFIER=sshd\nUSER_ID=5\nMESSAGE\n";
  const std::string message = std::string("a\nb\0c", 5);
  const std::uint64_t size = message.size();
  bytes.append(reinterpret_cast<const char*>(&size), 8).append(message).append("\n\n");
  const std::string one = bytes;
  bytes += "__CURSOR=next\nMESSAGE=x\n\n";
  std::string_view rest = bytes;
  bool malformed = false;
  const auto entry = next_journal_entry(rest, malformed);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->cursor, "s=1;i=2");
  EXPECT_EQ(entry->line.time, 1'795'953'601'000'001'000);
  EXPECT_EQ(entry->line.level, Level::kError);
  EXPECT_EQ(entry->line.unit, "ssh.service");
  EXPECT_EQ(entry->line.pid, 7U);
  EXPECT_EQ(entry->line.message, message);
  ASSERT_EQ(entry->fields.size(), 2U);
  EXPECT_EQ(next_journal_entry(rest, malformed)->line.message, "x");
  EXPECT_TRUE(rest.empty());
  for (std::size_t n = 0; n < one.size(); ++n) {
    std::string_view part = std::string_view(one).substr(0, n);
    EXPECT_FALSE(next_journal_entry(part, malformed)) << n;
    EXPECT_FALSE(malformed);
  }
  std::string bad = "MESSAGE\n" + std::string(8, '\xff') + "junk\n\nMESSAGE=y\n\n";
  rest = bad;
  EXPECT_FALSE(next_journal_entry(rest, malformed));
  EXPECT_TRUE(malformed);
  EXPECT_EQ(next_journal_entry(rest, malformed)->line.message, "y");
}

class Kept final : public EventTaker {
 public:
  bool has_room() const override { return true; }
  void take(const Event&, std::string_view) override {}
  void take_line(const Line& line) override { messages.emplace_back(line.message); }
  void mark(const std::string& key, std::string value) override { marks[key] = std::move(value); }
  std::vector<std::string> messages;
  std::map<std::string, std::string> marks;
};

class EventsKept final : public EventTaker {
 public:
  bool has_room() const override { return texts.size() < 5; }
  void take(const Event& event, std::string_view) override { texts.emplace_back(event.text); }
  void take_line(const Line&) override {}
  void mark(const std::string&, std::string) override {}
  std::vector<std::string> texts;
};

TEST(ExecSource, LinesOfAProgramThatIsStartedAgain) {
  ExecSource source({{"/bin/sh", "-c", "echo one; printf half"}, {}});
  EventsKept kept;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (kept.texts.size() < 4 && std::chrono::steady_clock::now() < until) {
    source.poll(std::chrono::steady_clock::now(), false, kept);
    ::usleep(2000);
  }
  EXPECT_EQ(kept.texts, (std::vector<std::string>{"one", "half", "one", "half"}));
  EXPECT_EQ(source.take_findings(), (std::vector<std::string>{"/bin/sh: exit code 0"}));
}

TEST(JournalSource, FollowsAndGoesOnBehindTheCursor) {
  char name[] = "/tmp/resmon-journal-test-XXXXXX";
  const std::string directory = ::mkdtemp(name);
  const std::string program = directory + "/journalctl";
  // Says what it was asked, and ends.
  std::FILE* script = std::fopen(program.c_str(), "w");
  std::fputs("#!/bin/sh\nprintf '__CURSOR=c%s\\nMESSAGE=%s\\n\\n' $# \"$*\"\necho oh >&2\nexit 3\n", script);
  std::fclose(script);
  ::chmod(program.c_str(), 0755);
  JournalOptions options;
  options.program = program;
  options.matches = {"A=b"};
  JournalSource source(options);
  Kept kept;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (kept.messages.size() < 2 && std::chrono::steady_clock::now() < until) {
    source.poll(std::chrono::steady_clock::now(), false, kept);
    ::usleep(2000);
  }
  ASSERT_EQ(kept.messages.size(), 2U);
  EXPECT_EQ(kept.messages[0], "--output=export --follow --no-pager --quiet --lines=1000 A=b");
  EXPECT_EQ(kept.messages[1], "--output=export --follow --no-pager --quiet --no-tail --after-cursor=c6 A=b");
  const auto findings = source.take_findings();
  ASSERT_FALSE(findings.empty());
  EXPECT_EQ(findings[0], program + ": exit code 3: oh");
  JournalSource absent({directory + "/none", {}, ""});
  std::vector<std::string> said;
  while (said.empty() && std::chrono::steady_clock::now() < until) {
    absent.poll(std::chrono::steady_clock::now(), false, kept);
    said = absent.take_findings();
  }
  ASSERT_EQ(said.size(), 1U);
  EXPECT_NE(said[0].find("No such file"), std::string::npos) << said[0];
  std::remove(program.c_str());
  ::rmdir(directory.c_str());
}

}  // namespace
}  // namespace resmon::tail
