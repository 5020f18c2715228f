#include "collect/scripts.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fstream>
#include <thread>

#include "lineproto/encoder.h"

namespace resmon::collect {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

ScriptOptions shell(const std::string& text) {
  ScriptOptions options;
  options.command = {"/bin/sh", "-c", text};
  options.timeout = 60s;
  return options;
}

struct Ran {
  std::string lines;  // without times and internal_collector
  Scripts::Health health;
};

class ScriptsTest : public ::testing::Test {
 protected:
  // Runs one script once.
  Ran once(const ScriptOptions& options) { return run({{"it", options}}).front(); }

  std::vector<Ran> run(std::map<std::string, ScriptOptions, std::less<>> scripts) {
    boost::asio::io_context io{1};
    std::string text;
    Scripts::Settings settings;
    settings.scripts = std::move(scripts);
    settings.host = "here";
    auto made = Scripts::make(io.get_executor(), std::move(settings), schemas_, [&](metric::Batch& rows) {
      rows.set_times(1);
      lineproto::LineEncoder(schemas_).append(rows, text);
    });
    EXPECT_TRUE(made);
    bool done = false;
    (*made)->run_once([&] { done = true; });
    io.run();
    EXPECT_TRUE(done);
    std::vector<Ran> out;
    for (const Scripts::Health& health : (*made)->health()) out.push_back({{}, health});
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
      if (line.starts_with("internal_collector"))
        internal_ += line + '\n';
      else
        out.front().lines += line.substr(0, line.rfind(' ')) + '\n';
    }
    return out;
  }

  metric::SchemaTable schemas_;
  std::string internal_;
};

TEST_F(ScriptsTest, InfluxLinesKeepTheirTagsAndGetTheConfiguredOnes) {
  ScriptOptions options = shell("echo 'users,tty=pts/0,site=own count=3i'; echo '# note'; echo 'users total=4'");
  options.tags = {{"site", "north"}};
  const Ran ran = once(options);
  EXPECT_EQ(ran.lines, "users,site=own,tty=pts/0 count=3i\nusers,site=north total=4\n");
  EXPECT_EQ(ran.health.error, "");
  EXPECT_THAT(internal_, HasSubstr("collector=script.it "));
  EXPECT_THAT(internal_, HasSubstr("success=true,failures=0i,timeouts=0i,skipped_runs=0i,refused_lines=0i"));
}

TEST_F(ScriptsTest, KeyValueAndJson) {
  EXPECT_EQ(once(shell("echo load=1.5 users=3; echo 'state=\"not good\" ok=true n=7i'")).lines,
            "it load=1.5,n=7i,ok=true,state=\"not good\",users=3\n");
  ScriptOptions json = shell(R"(echo '[{"unit":"ssh","n":1,"mem":{"rss":2.5}},{"unit":"a b","n":2}]')");
  json.measurement = "unit";
  json.tag_keys = {"unit"};
  EXPECT_EQ(once(json).lines, "unit,unit=ssh mem_rss=2.5,n=1\nunit,unit=a\\ b n=2\n");
}

TEST_F(ScriptsTest, OneObjectALineIsARowEach) {
  const Ran ran = once(shell("printf '{\"a\":1}\\n{\"a\":2}\\n'"));
  EXPECT_EQ(ran.lines, "it a=1\nit a=2\n");
  EXPECT_EQ(ran.health.error, "");
}

TEST_F(ScriptsTest, AValueThatIsNoNumberForAWhileDoesNotMakeATextOfIt) {
  const std::string file = ::testing::TempDir() + "/resmon_sensor_" + std::to_string(::getpid());
  const ScriptOptions sensor =
      shell("if [ -e '" + file + "' ]; then echo temp=41.5 fan=1200; else echo temp=nan fan=1200; fi");
  Ran ran = once(sensor);
  EXPECT_EQ(ran.lines, "it fan=1200\n");
  EXPECT_EQ(ran.health.error, "");
  EXPECT_EQ(ran.health.refused_values, 1U);
  EXPECT_THAT(internal_, HasSubstr("refused_values=1i"));
  std::ofstream(file) << "ready";
  ran = once(sensor);
  ::unlink(file.c_str());
  EXPECT_EQ(ran.lines, "it fan=1200,temp=41.5\n");
}

TEST_F(ScriptsTest, TimestampsInTheUnitThatIsConfigured) {
  std::vector<UnixNanos> times;
  const auto times_of = [&](const std::string& timestamp, const std::string& precision) {
    times.clear();
    boost::asio::io_context io{1};
    Scripts::Settings settings;
    settings.scripts["it"] = shell("echo 'a x=1 " + timestamp + "'");
    settings.scripts["it"].precision = precision;
    auto made = Scripts::make(io.get_executor(), std::move(settings), schemas_, [&](metric::Batch& rows) {
      for (const metric::Row& row : rows.rows())
        if (schemas_[row.schema].measurement == "a") times.push_back(row.time);
    });
    EXPECT_TRUE(made);
    (*made)->run_once([] {});
    io.run();
    return (*made)->health().front().error;
  };
  constexpr UnixNanos kThen = 1'795'947'869'000'000'000;
  for (const auto& [timestamp, precision] : std::map<std::string, std::string>{
           {"1795947869", "s"}, {"1795947869000", "ms"}, {"1795947869000000", "us"}, {"1795947869000000000", "ns"}}) {
    EXPECT_EQ(times_of(timestamp, precision), "");
    EXPECT_EQ(times, std::vector{kThen}) << precision;
    if (precision == "ns") continue;
    EXPECT_THAT(times_of(timestamp, "ns"), HasSubstr("1 line refused: a: the timestamp " + timestamp +
                                                     " is not after 1970 in ns; did you mean "
                                                     "precision = \"" +
                                                     precision + "\"?"));
    EXPECT_TRUE(times.empty());
  }
}

TEST_F(ScriptsTest, NothingIsAGoodAnswer) {
  EXPECT_EQ(once(shell("true")).health.failures, 0U);
}

TEST_F(ScriptsTest, ABadLineIsNamedAndTheOthersStay) {
  const Ran ran = once(shell("echo 'a x=1'; echo 'b nonsense'; echo 'c x=1'"));
  EXPECT_EQ(ran.lines, "a x=1\nc x=1\n");
  EXPECT_EQ(ran.health.refused_lines, 1U);
  EXPECT_THAT(ran.health.error, HasSubstr("1 line refused: unable to parse 'b nonsense'"));
}

TEST_F(ScriptsTest, AnExitCodeIsTold) {
  const Ran ran = once(shell("echo 'a x=1'; echo 'no such thing' >&2; exit 3"));
  EXPECT_EQ(ran.lines, "");
  EXPECT_EQ(ran.health.error, "exit code 3: no such thing");
  EXPECT_THAT(internal_, HasSubstr("exit_code=3i"));
}

TEST_F(ScriptsTest, WhatCannotBeRunIsTold) {
  ScriptOptions options;
  options.command = {"/nowhere/at all"};
  EXPECT_EQ(once(options).health.error, "exit code 127: cannot run /nowhere/at all: No such file or directory");
}

TEST_F(ScriptsTest, ItsWholeGroupEndsWithItsDeadline) {
  const std::string file = ::testing::TempDir() + "/resmon_script_" + std::to_string(::getpid());
  ScriptOptions options = shell("trap '' TERM; sleep 600 & echo $! > '" + file + "'; while :; do sleep 600; done");
  options.timeout = 300ms;
  const Ran ran = once(options);
  EXPECT_THAT(ran.health.error, HasSubstr("timed out after 300ms"));
  EXPECT_EQ(ran.health.timeouts, 1U);
  pid_t background = 0;
  std::ifstream(file) >> background;
  ::unlink(file.c_str());
  ASSERT_GT(background, 0);
  // A zombie of init's, or nothing: not a process that runs.
  std::string state;
  for (int i = 0; i < 1000; ++i) {
    std::ifstream stat("/proc/" + std::to_string(background) + "/stat");
    std::string name;
    state.clear();
    if (!(stat >> name >> name >> state) || state == "Z") break;
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_TRUE(state.empty() || state == "Z") << state;
}

TEST_F(ScriptsTest, WhatItLeavesInTheBackgroundEndsWithIt) {
  const std::string file = ::testing::TempDir() + "/resmon_script_left_" + std::to_string(::getpid());
  const Ran ran = once(shell("sleep 600 >/dev/null 2>&1 & echo $! > '" + file + "'; echo 'a x=1'"));
  EXPECT_EQ(ran.lines, "a x=1\n");
  pid_t background = 0;
  std::ifstream(file) >> background;
  ::unlink(file.c_str());
  ASSERT_GT(background, 0);
  bool gone = false;
  for (int i = 0; i < 1000 && !gone; ++i) {
    std::ifstream stat("/proc/" + std::to_string(background) + "/stat");
    std::string word;
    std::string state;
    gone = !(stat >> word >> word >> state) || state == "Z";
    if (!gone) std::this_thread::sleep_for(10ms);
  }
  EXPECT_TRUE(gone);
}

TEST_F(ScriptsTest, TooMuchOutputEndsIt) {
  ScriptOptions options = shell("while :; do echo 'a x=1'; done");
  options.output_limit_bytes = 4096;
  const Ran ran = once(options);
  EXPECT_EQ(ran.lines, "");
  EXPECT_THAT(ran.health.error, HasSubstr("printed more than 4KiB"));
}

TEST_F(ScriptsTest, MuchOnStandardErrorBlocksNothing) {
  EXPECT_EQ(once(shell("head -c 300000 /dev/zero >&2; echo 'a x=1'")).lines, "a x=1\n");
}

TEST_F(ScriptsTest, SeriesAreBounded) {
  ScriptOptions options = shell("for i in 1 2 3 4 5; do echo \"a,pid=$i x=1\"; done");
  options.max_series = 3;
  const Ran ran = once(options);
  EXPECT_EQ(ran.lines, "a,pid=1 x=1\na,pid=2 x=1\na,pid=3 x=1\n");
  EXPECT_EQ(ran.health.refused_lines, 2U);
  EXPECT_THAT(ran.health.error, HasSubstr("max_series is reached"));
}

TEST_F(ScriptsTest, ItsEnvironmentIsItsOwn) {
  ::setenv("INFLUX_TOKEN", "secret", 1);
  ScriptOptions options = shell("echo \"it token=\\\"$INFLUX_TOKEN\\\",host=\\\"$RESMON_HOST\\\",mine=\\\"$MINE\\\"\"");
  options.environment = {{"MINE", "a b"}};
  EXPECT_EQ(once(options).lines, "it host=\"here\",mine=\"a b\",token=\"\"\n");
  ::unsetenv("INFLUX_TOKEN");
}

TEST_F(ScriptsTest, ASlowOneDelaysNoOther) {
  boost::asio::io_context io{1};
  Scripts::Settings settings;
  settings.interval = 20ms;
  settings.scripts["fast"] = shell("echo 'fast x=1'");
  settings.scripts["slow"] = shell("exec sleep 600");
  int fast = 0;
  auto made = Scripts::make(io.get_executor(), settings, schemas_, [&](metric::Batch& rows) {
    for (const metric::Row& row : rows.rows())
      if (schemas_[row.schema].measurement == "fast" && ++fast == 3) io.stop();
  });
  ASSERT_TRUE(made);
  (*made)->begin();
  boost::asio::steady_timer limit(io, 60s);
  limit.async_wait([&](const boost::system::error_code&) { io.stop(); });
  io.run();
  EXPECT_EQ(fast, 3);
  const auto health = (*made)->health();
  EXPECT_EQ(health[1].runs, 1U);
  EXPECT_GT(health[1].skipped_runs, 0U);
  EXPECT_THAT(health[1].error, HasSubstr("the previous run has not ended"));
  (*made)->stop();
}

TEST_F(ScriptsTest, OptionsAreChecked) {
  ScriptOptions options;
  EXPECT_FALSE(options.check());
  options.command = {"true"};
  EXPECT_TRUE(options.check());
  options.format = "xml";
  EXPECT_FALSE(options.check());
  options.format = "json";
  options.tags = {{"host", "other"}};
  EXPECT_FALSE(options.check());
}

TEST(ScriptOutput, Formats) {
  struct Case {
    const char* text;
    ScriptFormat format;
  };
  for (const Case& one : {Case{" {\"a\":1}", ScriptFormat::kJson}, Case{"[]", ScriptFormat::kJson},
                          Case{"a=1 b=2", ScriptFormat::kKeyValue}, Case{"cpu,a=b x=1", ScriptFormat::kInflux},
                          Case{"cpu x=1", ScriptFormat::kInflux}, Case{"# a=b\nk=1", ScriptFormat::kKeyValue},
                          Case{"", ScriptFormat::kInflux}, Case{"a\\=b x=1", ScriptFormat::kInflux}})
    EXPECT_EQ(guess_script_format(one.text), one.format) << one.text;
}

ScriptLines made_of(ScriptFormat format, std::string_view text) {
  ScriptLines out;
  script_lines(format, text, {"m", {"unit"}}, out);
  return out;
}

TEST(ScriptOutput, WhatCannotBeReadCostsItselfAndIsQuoted) {
  struct Case {
    ScriptFormat format;
    std::string text;
    const char* lines;
    std::uint64_t refused;
    const char* error;
  };
  const std::string deep(1000, '[');
  for (const Case& one : {
           Case{ScriptFormat::kJson, "{\"a\":1}\n{\"a\":2}", "m a=1\nm a=2\n", 0, ""},
           Case{ScriptFormat::kJson, "{\"a\":1} {\"a\":2},{\"a\":3}\n[{\"a\":4},{\"a\":5}]\n\n{\n\"a\":6\n}\n",
                "m a=1\nm a=2\nm a=3\nm a=4\nm a=5\nm a=6\n", 0, ""},
           Case{ScriptFormat::kJson, "{\"a\":\"}{\\\"\"}{\"a\":\"]\"}", "m a=\"}{\\\"\"\nm a=\"]\"\n", 0, ""},
           Case{ScriptFormat::kJson, "{\"a\":1}\n{\"a\":}\n{\"a\":3}", "m a=1\nm a=3\n", 1, "not JSON: "},
           Case{ScriptFormat::kJson, "{\"a\":1\n{\"a\":2}", "m a=2\n", 1, "not JSON: it does not end: \"{\"a\":1\""},
           Case{ScriptFormat::kJson, "{\"a\":\"x\n{\"a\":2}", "m a=2\n", 1, "not JSON: it does not end: "},
           Case{ScriptFormat::kJson, "{\"a\":1} what\n{\"a\":2}", "m a=1\nm a=2\n", 1,
                "JSON: neither an object nor an array of objects: \"what\""},
           Case{ScriptFormat::kJson, "[1,{\"a\":2}]", "m a=2\n", 1, "JSON: an array of something else than objects: "},
           Case{ScriptFormat::kJson, deep, "", 1, "not JSON: it does not end: "},
           Case{ScriptFormat::kJson, "[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]", "", 1, "not JSON: "},
           Case{ScriptFormat::kKeyValue, "a=1 b c=2", "m a=1,c=2\n", 1, "key=value: a word without '=': \"b c=2\""},
           Case{ScriptFormat::kKeyValue, "a=1\nb=\"x\nc=2\n", "m a=1,c=2\n", 1,
                "key=value: a quote that is not closed: "},
           Case{ScriptFormat::kKeyValue, "a=1\na=2\n", "m a=1\nm a=2\n", 0, ""},
           Case{ScriptFormat::kKeyValue, "\xef\xbb\xbfload=1.5 users=3", "m load=1.5,users=3\n", 0, ""},
           Case{ScriptFormat::kAuto, "\xef\xbb\xbf{\"a\":1}", "m a=1\n", 0, ""},
           Case{ScriptFormat::kAuto, "\xef\xbb\xbfload,a=b x=1", "load,a=b x=1\n", 0, ""},
       }) {
    const ScriptLines out = made_of(one.format, one.text);
    EXPECT_EQ(out.text, one.lines) << one.text;
    EXPECT_EQ(out.refused, one.refused) << one.text;
    EXPECT_TRUE(out.error.starts_with(one.error)) << one.text << ": " << out.error;
    EXPECT_LE(out.error.size(), 200U) << one.text;
  }
}

TEST(ScriptOutput, ALineOfKeyValuesWithATagIsARowOfItsOwn) {
  struct Case {
    const char* text;
    const char* lines;
  };
  for (const Case& one :
       {Case{"logins=0\nunit=lab temp=23.5\nunit=attic temp=25.5\nup=1\n",
             "m logins=0\nm,unit=lab temp=23.5\nm,unit=attic temp=25.5\nm up=1\n"},
        Case{"temp=1 unit=lab\r\nfan=2 unit=attic", "m,unit=lab temp=1\nm,unit=attic fan=2\n"},
        Case{"unit=lab\ntemp=1\nfan=2\nunit=attic\ntemp=3\n", "m,unit=lab temp=1,fan=2\nm,unit=attic temp=3\n"},
        Case{"unit=lab temp=1 unit=attic temp=2\nload=3\nusers=4\n",
             "m,unit=lab temp=1\nm,unit=attic temp=2\nm load=3,users=4\n"},
        Case{"unit=lab temp=nan\nload=3\n", "m load=3\n"}})
    EXPECT_EQ(made_of(ScriptFormat::kKeyValue, one.text).text, one.lines) << one.text;
}

TEST(ScriptOutput, NumbersThatAreNotFiniteLeaveTheirFieldOut) {
  struct Case {
    ScriptFormat format;
    const char* text;
    const char* lines;
    std::uint64_t left_out;
  };
  for (const Case& one : {Case{ScriptFormat::kKeyValue, "temp=nan fan=1200", "m fan=1200\n", 1},
                          Case{ScriptFormat::kKeyValue,
                               "a=NaN b=-inf c=+Infinity d=1e400 e=-1e400 f=99999999999999999999i g=1", "m g=1\n", 6},
                          Case{ScriptFormat::kKeyValue, "a=nan", "", 1},
                          Case{ScriptFormat::kKeyValue, "a=\"nan\" b=nano c=info d=+5 e=1e-400",
                               "m a=\"nan\",b=\"nano\",c=\"info\",d=5,e=0\n", 0},
                          Case{ScriptFormat::kJson, "{\"a\":NaN,\"b\":[1,-Infinity],\"c\":1e400,\"d\":\"NaN\",\"e\":2}",
                               "m b_0=1,d=\"NaN\",e=2\n", 3},
                          Case{ScriptFormat::kInflux,
                               "s,x=y temp=nan,fan=1200i 5\ns temp=inf\n# a=nan\ns a=\"x=nan,b=inf\",c=1e400\nbad\n",
                               "s,x=y fan=1200i 5\n# a=nan\ns a=\"x=nan,b=inf\"\nbad\n", 3}}) {
    const ScriptLines out = made_of(one.format, one.text);
    EXPECT_EQ(out.text, one.lines) << one.text;
    EXPECT_EQ(out.left_out, one.left_out) << one.text;
    EXPECT_EQ(out.refused, 0U) << one.text << ": " << out.error;
  }
}

TEST(ScriptOutput, AFieldCalledTimeIsNoTimestamp) {
  EXPECT_EQ(made_of(ScriptFormat::kKeyValue, "time=5 x=1").text, "m time_=5,x=1\n");
  EXPECT_EQ(made_of(ScriptFormat::kJson, "{\"time\":12.5}").text, "m time_=12.5\n");
  EXPECT_EQ(made_of(ScriptFormat::kInflux, "m time=5,x=1").text, "m time_=5,x=1\n");
}

}  // namespace
}  // namespace resmon::collect
