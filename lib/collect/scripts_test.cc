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

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

ScriptOptions shell(const std::string& text) {
  ScriptOptions options;
  options.command = {"/bin/sh", "-c", text};
  options.timeout = seconds(60);
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
            "it load=1.5,users=3,state=\"not good\",ok=true,n=7i\n");
  ScriptOptions json = shell(R"(echo '[{"unit":"ssh","n":1,"mem":{"rss":2.5}},{"unit":"a b","n":2}]')");
  json.measurement = "unit";
  json.tag_keys = {"unit"};
  EXPECT_EQ(once(json).lines, "unit,unit=ssh n=1,mem_rss=2.5\nunit,unit=a\\ b n=2\n");
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
  options.timeout = milliseconds(300);
  const Ran ran = once(options);
  EXPECT_THAT(ran.health.error, HasSubstr("not done after 300ms"));
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
    std::this_thread::sleep_for(milliseconds(10));
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
    if (!gone) std::this_thread::sleep_for(milliseconds(10));
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
  EXPECT_EQ(once(options).lines, "it token=\"\",host=\"here\",mine=\"a b\"\n");
  ::unsetenv("INFLUX_TOKEN");
}

TEST_F(ScriptsTest, ASlowOneDelaysNoOther) {
  boost::asio::io_context io{1};
  Scripts::Settings settings;
  settings.interval = milliseconds(20);
  settings.scripts["fast"] = shell("echo 'fast x=1'");
  settings.scripts["slow"] = shell("exec sleep 600");
  int fast = 0;
  auto made = Scripts::make(io.get_executor(), settings, schemas_, [&](metric::Batch& rows) {
    for (const metric::Row& row : rows.rows())
      if (schemas_[row.schema].measurement == "fast" && ++fast == 3) io.stop();
  });
  ASSERT_TRUE(made);
  (*made)->begin();
  boost::asio::steady_timer limit(io, seconds(60));
  limit.async_wait([&](const boost::system::error_code&) { io.stop(); });
  io.run();
  EXPECT_EQ(fast, 3);
  const auto health = (*made)->health();
  EXPECT_EQ(health[1].runs, 1U);
  EXPECT_GT(health[1].skipped_runs, 0U);
  EXPECT_THAT(health[1].error, HasSubstr("has not ended: skipped"));
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

TEST(ScriptOutput, WhatIsWrongIsNamed) {
  const ScriptShape shape{"m", {}};
  std::string lines;
  const auto error = [&](ScriptFormat format, std::string_view text) {
    Status status = script_lines(format, text, shape, lines);
    return status ? std::string() : status.error().message;
  };
  EXPECT_THAT(error(ScriptFormat::kJson, "{\"a\":1} {\"b\""), HasSubstr("not JSON at byte "));
  EXPECT_THAT(error(ScriptFormat::kJson, "3"), HasSubstr("neither an object"));
  EXPECT_THAT(error(ScriptFormat::kJson, std::string(1000, '[')), HasSubstr("not JSON"));
  EXPECT_EQ(error(ScriptFormat::kKeyValue, "a=1 b c=2"), "key=value: the word at byte 4 has no '='");
  EXPECT_EQ(error(ScriptFormat::kKeyValue, "a=\"b"), "key=value: the quote at byte 2 is not closed");
  EXPECT_EQ(error(ScriptFormat::kKeyValue, "a=1\na=2\n"), "");
  EXPECT_EQ(lines, "m a=1\nm a=2\n");
  EXPECT_EQ(error(ScriptFormat::kKeyValue, "a=nan b=1e999 c=inf"), "");
  EXPECT_EQ(lines, "m a=\"nan\",b=\"1e999\",c=\"inf\"\n");
}

}  // namespace
}  // namespace resmon::collect
