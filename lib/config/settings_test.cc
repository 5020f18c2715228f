#include "config/settings.h"
#include "config/table_reader.h"
#include "config/units.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

namespace resmon::config {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

struct Sink {
  std::string url;
  std::string token;
  bool gzip = true;
};

// One of each kind, as a program would declare them.
struct Program {
  std::string host = "here";
  std::string level = "info";
  bool fast = false;
  std::int64_t port = 7411;
  double ratio = 0.5;
  std::chrono::nanoseconds interval = 5s;
  std::uint64_t spool = 64U << 20U;
  std::vector<std::string> servers{"a:1", "b:2"};
  std::vector<std::pair<std::string, std::string>> tags;
  std::string token;
  std::map<std::string, Sink> sinks;
  Settings settings{"client"};

  Program() {
    settings.text("client.host", &host, "The name this machine reports under.");
    settings.choice("log.level", &level, {"debug", "info", "warn", "error"}, "How much is logged.");
    settings.boolean("client.fast", &fast, "Hurry.");
    settings.integer("client.port", &port, 1, 65535, "The port.");
    settings.number("client.ratio", &ratio, 0, 1, "A ratio.");
    settings.duration("client.interval", &interval, 100ms, 1h, "How often.");
    settings.bytes("spool.limit", &spool, 1U << 20U, 1ULL << 40U, "How much is kept.");
    settings.list("client.servers", &servers, "Where to.");
    settings.map("client.tags", &tags, "Tags put on every sample.");
    settings.text("client.token", &token, "The secret.");
    settings.tables(
        "sink", "influx",
        [this](Settings& s, const std::string& name, const std::string& prefix) {
          Sink& sink = sinks[name];
          s.text(prefix + ".url", &sink.url, "Where it is.");
          s.text(prefix + ".token", &sink.token, "Its secret.");
          s.boolean(prefix + ".gzip", &sink.gzip, "Compress.");
        },
        "A database that gets every sample.");
    settings.alias("INFLUX_URL", "sink.influx.url");
    settings.alias("INFLUX_TOKEN", "sink.influx.token");
  }

  std::string error_of(std::string_view toml) {
    Status status = settings.load_text(toml, "client.toml");
    return status ? "" : status.error().message;
  }
  Status environment(std::vector<const char*> variables) {
    variables.push_back(nullptr);
    return settings.load_environment(variables.data());
  }
};

TEST(SettingsTest, DurationsMayHaveBlanks) {
  EXPECT_EQ(parse_duration("10 s").value(), 10s);
  EXPECT_EQ(parse_duration("1 h 30  m").value(), 90min);
  EXPECT_EQ(parse_duration("1h30m").value(), 90min);
  for (const char* other : {" 10s", "10s ", "10 ", "10 s 5", "10  ", "1 0s", "s 10", ""})
    EXPECT_FALSE(parse_duration(other)) << "'" << other << "'";
}

TEST(SettingsTest, AFileSetsEveryKind) {
  Program p;
  ASSERT_EQ(p.error_of(R"(
[client]
host = "müller-1"   # UTF-8
fast = true
port = 0x1f90
ratio = 1
interval = "1m30s"
servers = ["x:1"]
token = 't'
[client.tags]
site = "cph"
"odd key" = "1"
[log]
level = "warn"
[spool]
limit = "2GiB"
[sink.one]
url = "http://one"
[sink.two]
gzip = false
)"),
            "");
  EXPECT_EQ(p.host, "müller-1");
  EXPECT_TRUE(p.fast);
  EXPECT_EQ(p.port, 8080);
  EXPECT_EQ(p.ratio, 1.0);
  EXPECT_EQ(p.interval, 90s);
  EXPECT_EQ(p.servers, std::vector<std::string>{"x:1"});
  EXPECT_EQ(p.token, "t");
  EXPECT_EQ(p.tags, (std::vector<std::pair<std::string, std::string>>{{"odd key", "1"}, {"site", "cph"}}));
  EXPECT_EQ(p.level, "warn");
  EXPECT_EQ(p.spool, 2ULL << 30U);
  ASSERT_EQ(p.sinks.size(), 2U);
  EXPECT_EQ(p.sinks["one"].url, "http://one");
  EXPECT_TRUE(p.sinks["one"].gzip);
  EXPECT_FALSE(p.sinks["two"].gzip);
}

TEST(SettingsTest, ErrorsNameFileLineKeyAndWhatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> rows{
      {"\n[client]\nintervall = '5s'", "client.toml:3: client.intervall: unknown key; did you mean client.interval?"},
      {"[cleint]\nhost = 'a'", "client.toml:1: cleint: unknown key; did you mean client?"},
      {"[log]\nlvl = 'a'", "client.toml:2: log.lvl: unknown key; did you mean log.level?"},
      {"[log]\nzzzzzzzzzzzzzzz = 'a'", "client.toml:2: log.zzzzzzzzzzzzzzz: unknown key; known here: log.level"},
      {"host = 'a'", "client.toml:1: host: unknown key"},
      {"\"client.host\" = 'a'", "client.toml:1: client.host: unknown key"},
      {"client = 3", "client.toml:1: client: is a table: [client]"},
      {"[client]\nhost = 5", "client.toml:2: client.host: must be a text in quotes, not an integer"},
      {"[client]\nhost = \"a\\nb\"", "client.toml:2: client.host: must not contain line breaks or control characters"},
      {"[client]\nhost = \"a\\u0000b\"",
       "client.toml:2: client.host: must not contain line breaks or control characters"},
      {"[client]\nfast = 'true'", "client.toml:2: client.fast: must be true or false, not a text"},
      {"[client]\nport = 70000", "client.toml:2: client.port: must be an integer from 1 to 65535, not 70000"},
      {"[client]\nport = 1.5", "client.toml:2: client.port: must be an integer, not a number with a fraction"},
      {"[client]\nport = 1979-05-27", "client.toml:2: client.port: must be an integer, not a date or time"},
      {"[client]\nratio = nan", "client.toml:2: client.ratio: must be a number from 0.0 to 1.0, not nan"},
      {"[client]\nratio = -inf", "client.toml:2: client.ratio: must be a number from 0.0 to 1.0, not -inf"},
      {"[client]\ninterval = 5", "client.toml:2: client.interval: must be a duration such as \"5s\", not an integer"},
      {"[client]\ninterval = '5'",
       "client.toml:2: client.interval: must be a duration from 100ms to 1h: the unit is missing or unknown"},
      {"[client]\ninterval = '5 x'",
       "client.toml:2: client.interval: must be a duration from 100ms to 1h: the unit is missing or unknown"},
      {"[client]\ninterval = '99999999999d'", "client.interval: must be a duration from 100ms to 1h: too large"},
      {"[client]\ninterval = '9223372036s9223372036s'", "too large"},
      {"[client]\ninterval = '10ms'", "client.interval: must be a duration from 100ms to 1h, not 10ms"},
      {"[client]\ninterval = ''", "client.interval: must be a duration from 100ms to 1h: not a number"},
      {"[client]\ninterval = 0", "client.interval: must be a duration from 100ms to 1h, not 0"},
      {"[spool]\nlimit = '99999999999999GiB'",
       "client.toml:2: spool.limit: must be a size in bytes from 1MiB to 1TiB: too"},
      {"[spool]\nlimit = '64 MiB'", "spool.limit: must be a size in bytes from 1MiB to 1TiB: unknown unit"},
      {"[spool]\nlimit = -5", "spool.limit: must be a size such as \"64MiB\", not an integer"},
      {"[spool]\nlimit = 5", "spool.limit: must be a size in bytes from 1MiB to 1TiB, not 5"},
      {"[client]\nservers = 'a'", "client.toml:2: client.servers: must be an array of texts, not a text"},
      {"[client]\nservers = ['a', 5]", "client.servers: every item: must be a text in quotes, not an integer"},
      {"[client]\ntags = 'a'", "client.toml:2: client.tags: must be a table of texts, not a text"},
      {"[client.tags]\na = 5", "client.tags: \"a\": must be a text in quotes, not an integer"},
      {"[log]\nlevel = 'warm'", "log.level: must be one of debug, info, warn, error; did you mean warn?"},
      {"[sink]\nurl = 'a'", "client.toml:2: sink.url: must be a table: [sink.NAME]"},
      {"[[sink]]\nurl = 'a'", "client.toml:1: sink: is a table: [sink]"},
      {"[sink. \"a b\"]\nurl = 'a'", "sink.a b: a name here is 1 to 64 letters"},
      {"[sink.a]\nurll = 'a'", "client.toml:2: sink.a.urll: unknown key; did you mean sink.a.url?"},
  };
  for (const auto& [toml, want] : rows) {
    Program p;
    EXPECT_THAT(p.error_of(toml), HasSubstr(want)) << toml;
  }
}

TEST(SettingsTest, AnArrayOfTablesIsReadBySomethingElse) {
  std::vector<std::string> names;
  const auto declare = [&](Settings& settings, const std::string& key) {
    settings.array(
        key,
        [&](const Node& array, const std::string& path, Complaints& complaints) {
          for (const Node& item : array.items) {
            TableReader reader(item, path, complaints);
            reader.text("name", names.emplace_back());
            reader.finish();
          }
        },
        "[[" + key + "]]\nname = \"a\"", "What to do.");
  };
  Settings settings("client");
  declare(settings, "rule");
  settings.tables(
      "sink", "influx",
      [&](Settings& table, const std::string&, const std::string& prefix) { declare(table, prefix + ".rule"); },
      "Sinks.");
  EXPECT_THAT(settings.sample(), HasSubstr("#[[rule]]\n#name = \"a\"\n"));
  ASSERT_TRUE(settings.load_text("[[rule]]\nname = \"x\"\n[[rule]]\nname = \"y\"\n[[sink.a.rule]]\nname = \"z\"", "f"));
  EXPECT_EQ(names, (std::vector<std::string>{"x", "y", "z"}));
  EXPECT_THAT(settings.sample(), HasSubstr("rule = [\n  { name = \"x\" },\n  { name = \"y\" }\n]\n"));
  EXPECT_EQ(settings.load_text("\n[[rule]]\nnam = 1\n", "f").error().message,
            "f:3:1: rule.nam: unknown key; did you mean name?");
  EXPECT_EQ(settings.load_text("rule = 1", "f").error().message, "f:1: rule: is an array of tables: [[rule]]");
  EXPECT_THAT(settings.set("rule=x").error().message, HasSubstr("which only the file can have"));
}

TEST(SettingsTest, AllErrorsOfAFileAreReportedTogetherToABound) {
  Program p;
  EXPECT_EQ(p.error_of("[client]\nport = 0\nhosd = 'a'\n"),
            "client.toml:2: client.port: must be an integer from 1 to 65535, not 0\n"
            "client.toml:3: client.hosd: unknown key; did you mean client.host?");
  std::string many = "[client]\n";
  for (int i = 0; i < 1000; ++i) many += "x" + std::to_string(i) + " = 1\n";
  const std::string message = p.error_of(many);
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 10);
  EXPECT_THAT(message, HasSubstr("\nand more"));
}

TEST(SettingsTest, SecretsAreInNoErrorAndNotShown) {
  Program p;
  EXPECT_THAT(p.error_of("[client]\ntoken = \"hush\\n\"\nport = 'hush'\nlog.level='hush'"), Not(HasSubstr("hush")));
  Program q;
  ASSERT_EQ(q.error_of("[client]\ntoken = 'hush'\n[sink.a]\ntoken = 'hush'\nurl = 'http://me:hush@db:8086/x'"), "");
  const std::string shown = q.settings.show();
  EXPECT_THAT(shown, Not(HasSubstr("hush")));
  EXPECT_THAT(shown, HasSubstr("client.token = \"***\"\n"));
  EXPECT_THAT(shown, HasSubstr("sink.a.url = \"http://***@db:8086/x\"\n"));
  EXPECT_THAT(shown, HasSubstr("client.interval = \"5s\"\n"));
  EXPECT_THAT(shown, HasSubstr("client.servers = [\"a:1\", \"b:2\"]\n"));
  EXPECT_THAT(Program().settings.show(), HasSubstr("client.token = \"\"\n"));
}

TEST(SettingsTest, HostileFilesAreRefusedNotFollowed) {
  const auto repeat = [](std::string_view part, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += part;
    return text;
  };
  const std::vector<std::string> rows{
      "x = " + repeat("[", 100000),
      "x = " + repeat("{a=", 100000),
      repeat("a.", 200000) + "a = 1",
      "[" + repeat("a.", 200000) + "a]",
      "s = \"\"\"" + repeat("x\n", 10) + "\"\"\"\n" + repeat("a .", 200000) + "a = 1",
      "s = 'it''s' \n" + repeat("a.", 200000) + "a = 1",
      std::string("\0\0\0", 3),
      "a = \"\xff\xfe\"",
      "a = \"\xed\xa0\x80\"",
      "a = \"unterminated",
      "a = '''unterminated",
      "a = \"\\",
      "a = 99999999999999999999999999",
      "a = 1e999999999",
      "[a]\n[a]",
      "a = 1\na = 2",
      "[a]\nb = 1\n[a.b]\nc = 1",
      "a",
      "= 1",
      "[",
      "[\n[a]\nb = 1",
      "[[\n",
      "é = 1",
      "a = é",
      "a = 0\"\xef\xbb\xb7",
      "a = [0.\"é\"]",
      "a.\n",
      "a = \"\\\xef\xbb\xa7\"",
      "a = 0x='\xc2\xb9_",
      "a = \"\"\"\\ \xc3\xa9\"\"\"",
      std::string(2U << 20U, '#'),
  };
  for (const std::string& toml : rows) {
    Program p;
    EXPECT_THAT(p.error_of(toml), ::testing::StartsWith("client.toml:")) << toml.substr(0, 60);
  }
  Program p;
  EXPECT_EQ(p.error_of("[client]\nport = 1\nport = 2"),
            "client.toml:3: Error while parsing key-value pair: cannot redefine existing integer 'port'");
}

TEST(SettingsTest, ATextMayGoOnInAnyAlphabet) {
  Program p;
  EXPECT_EQ(p.error_of("[client]\nhost = \"\"\"\\\n  \xef\xbb\xa7\xc3\xa9\"\"\""), "");
  EXPECT_EQ(p.host, "\xef\xbb\xa7\xc3\xa9");
}

TEST(SettingsTest, ManyDotsInTextsAreNoDepth) {
  Program p;
  std::string toml = "# " + std::string(500, '.') + "\n[client]\nservers = [";
  for (int i = 0; i < 100; ++i) toml += "'10.0.0." + std::to_string(i) + "', ";
  EXPECT_EQ(
      p.error_of(toml + "]\nhost = \"a\\\"....................................................................\""), "");
  EXPECT_EQ(p.servers.size(), 100U);
}

TEST(SettingsTest, EnvironmentWinsOverFileAndFlagsOverBothInAnyOrder) {
  Program p;
  ASSERT_TRUE(p.settings.set("client.port=3"));
  ASSERT_TRUE(p.environment({"RESMON_CLIENT_PORT=2", "RESMON_CLIENT_HOST=env", "RESMON_CLIENT_FAST=1"}));
  ASSERT_EQ(p.error_of("[client]\nport = 1\nhost = 'file'\nratio = 0.25"), "");
  EXPECT_EQ(p.port, 3);
  EXPECT_EQ(p.host, "env");
  EXPECT_EQ(p.ratio, 0.25);
  EXPECT_TRUE(p.fast);
}

TEST(SettingsTest, EnvironmentReadsEveryKind) {
  Program p;
  ASSERT_TRUE(p.environment({"RESMON_CLIENT_SERVERS=x:1, y:2,", "RESMON_CLIENT_TAGS=a=1,b=x=y",
                             "RESMON_LOG_LEVEL=debug", "RESMON_CLIENT_INTERVAL=250ms", "RESMON_SPOOL_LIMIT=1GB",
                             "RESMON_CLIENT_RATIO=0.75", "RESMON_UNHEARD_OF=1", "RESMON_CLIENT_HOST=", "NOISE"}));
  EXPECT_EQ(p.servers, (std::vector<std::string>{"x:1", "y:2"}));
  EXPECT_EQ(p.tags, (std::vector<std::pair<std::string, std::string>>{{"a", "1"}, {"b", "x=y"}}));
  EXPECT_EQ(p.level, "debug");
  EXPECT_EQ(p.interval, 250ms);
  EXPECT_EQ(p.spool, 1'000'000'000U);
  EXPECT_EQ(p.ratio, 0.75);
  EXPECT_EQ(p.host, "here");
}

TEST(SettingsTest, EnvironmentErrorsNameTheVariable) {
  const auto error = [](const char* variable) {
    Program p;
    Status status = p.environment({variable});
    return status ? "" : status.error().message;
  };
  EXPECT_EQ(error("RESMON_CLIENT_PORT=x"), "RESMON_CLIENT_PORT: client.port: must be an integer from 1 to 65535");
  EXPECT_EQ(error("RESMON_CLIENT_PORT=0"),
            "RESMON_CLIENT_PORT: client.port: must be an integer from 1 to 65535, not 0");
  EXPECT_EQ(error("RESMON_CLIENT_FAST=perhaps"), "RESMON_CLIENT_FAST: client.fast: must be true or false");
  EXPECT_EQ(error("RESMON_CLIENT_TAGS=x"), "RESMON_CLIENT_TAGS: client.tags: must be KEY=VALUE,…");
  EXPECT_EQ(error("RESMON_SINK_A_ULR=x"), "RESMON_SINK_A_ULR: sink.a.ulr: unknown key; did you mean sink.a.url?");
}

TEST(SettingsTest, EnvironmentAndFlagsBringTablesIntoBeing) {
  Program p;
  ASSERT_TRUE(p.environment({"INFLUX_URL=http://alias", "INFLUX_TOKEN=t", "RESMON_SINK_INFLUX_URL=http://own",
                             "RESMON_SINK_OTHER_GZIP=false"}));
  ASSERT_TRUE(p.settings.set("sink.third.url=http://third"));
  ASSERT_EQ(p.sinks.size(), 3U);
  EXPECT_EQ(p.sinks["influx"].url, "http://own");
  EXPECT_EQ(p.sinks["influx"].token, "t");
  EXPECT_FALSE(p.sinks["other"].gzip);
  EXPECT_EQ(p.sinks["third"].url, "http://third");

  Program q;
  ASSERT_EQ(q.error_of("[sink.influx]\nurl = 'http://file'"), "");
  ASSERT_TRUE(q.environment({"INFLUX_URL=http://alias"}));
  EXPECT_EQ(q.sinks["influx"].url, "http://alias");
}

TEST(SettingsTest, SetNamesWhatIsWrong) {
  Program p;
  EXPECT_EQ(p.settings.set("log.levle=debug").error().message, "log.levle: unknown key; did you mean log.level?");
  EXPECT_EQ(p.settings.set("client.port=abc").error().message, "client.port: must be an integer from 1 to 65535");
  EXPECT_EQ(p.settings.set("nonsense").error().message, "--set takes KEY=VALUE, such as log.level=debug");
}

TEST(SettingsTest, AMissingFileIsNotFound) {
  Program p;
  const Status status = p.settings.load_file("/nonexistent/client.toml");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::kNotFound);
  EXPECT_THAT(status.error().message, HasSubstr("/nonexistent/client.toml"));
}

TEST(SettingsTest, AFileIsRead) {
  const std::string path = ::testing::TempDir() + "settings_test_client.toml";
  std::ofstream(path) << "\xef\xbb\xbf[client]\r\nport = 9\r\n";
  Program p;
  ASSERT_TRUE(p.settings.load_file(path));
  EXPECT_EQ(p.port, 9);
}

TEST(SettingsTest, AListOrTableInTheFormOfAFileIsRead) {
  const auto servers_of = [](std::string_view value) {
    Program p;
    const Status status = p.settings.set("client.servers=" + std::string(value));
    EXPECT_TRUE(status) << value << ": " << (status ? "" : status.error().message);
    return p.servers;
  };
  using Words = std::vector<std::string>;
  EXPECT_EQ(servers_of("[\"eth0\"]"), Words{"eth0"});
  EXPECT_EQ(servers_of(" ['eth[01]', \"w,lan\"] "), (Words{"eth[01]", "w,lan"}));
  EXPECT_EQ(servers_of("[]"), Words{});
  EXPECT_EQ(servers_of("eth0, wlan0"), (Words{"eth0", "wlan0"}));
  EXPECT_EQ(servers_of("eth[01]"), Words{"eth[01]"});
  for (const std::string value : {"[eth0]", "[\"eth0\"", "[01]th0", "[\"a\"]\nx = 1", "[\"a\"] x"}) {
    Program p;
    const Status status = p.settings.set("client.servers=" + value);
    ASSERT_FALSE(status) << value;
    EXPECT_EQ(status.error().message,
              "client.servers: a value that begins with '[' is parsed as TOML and must be like [\"a\", \"b\"]");
    EXPECT_EQ(p.servers, (Words{"a:1", "b:2"}));
  }
  Program p;
  ASSERT_TRUE(p.environment({"RESMON_CLIENT_SERVERS=[\"x:1\", \"y:2\"]", "RESMON_CLIENT_TAGS={site = \"a,b\"}"}));
  EXPECT_EQ(p.servers, (Words{"x:1", "y:2"}));
  EXPECT_EQ(p.tags, (std::vector<std::pair<std::string, std::string>>{{"site", "a,b"}}));
  EXPECT_FALSE(p.settings.set("client.tags={site"));
}

TEST(SettingsTest, TheSampleIsValidAndChangesNothing) {
  const std::string sample = Program().settings.sample();
  Program p;
  EXPECT_EQ(p.error_of(sample), "");
  EXPECT_EQ(p.settings.show(), Program().settings.show());
  EXPECT_THAT(sample, HasSubstr("[client]\n"
                                "# The name this machine reports under.\n"
                                "# Takes a text. Environment: RESMON_CLIENT_HOST.\n"
                                "#host = \"here\"\n"));
  EXPECT_THAT(
      sample,
      HasSubstr("# Takes a duration from 100ms to 1h. Environment: RESMON_CLIENT_INTERVAL.\n#interval = \"5s\"\n"));
  EXPECT_THAT(sample, HasSubstr("[client.tags]\n#key = \"value\"\n"));
  EXPECT_THAT(sample, HasSubstr("#[sink.influx]\n# Where it is.\n"));
}

TEST(SettingsTest, TheSampleWithItsCommentsTakenOffIsValidToo) {
  std::string bare;
  std::istringstream lines(Program().settings.sample());
  for (std::string line; std::getline(lines, line);)
    bare += (line.starts_with("#") && !line.starts_with("# ") ? line.substr(1) : line) + "\n";
  Program p;
  EXPECT_EQ(p.error_of(bare), "");
  EXPECT_EQ(p.sinks.size(), 1U);
}

TEST(SettingsTest, TheSampleKeepsWhatWasChanged) {
  Program p;
  ASSERT_EQ(p.error_of("[client]\nport = 9\nservers = []\n[client.tags]\nsite = 'a \"b\"'\n[sink.x]\nurl = 'u'"), "");
  Program q;
  ASSERT_EQ(q.error_of(p.settings.sample()), "");
  EXPECT_EQ(q.settings.show(), p.settings.show());
  EXPECT_EQ(q.port, 9);
}

}  // namespace
}  // namespace resmon::config
