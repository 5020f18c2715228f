#include "influxql/execute.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "influxql/fake_reader.h"
#include "influxql/format/serialize.h"
#include "influxql/function/evaluate.h"
#include "influxql/thread_helpers.h"

namespace resmon::influxql {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr UnixNanos kSecond = 1'000'000'000;

// Two hosts with a value every 10 s for 5 min from 1,000 s; host b lacks the third minute.
class Execute : public testing::Test {
 protected:
  Execute() {
    for (std::int64_t i = 0; i < 30; ++i) {
      const UnixNanos time = (1000 + i * 10) * kSecond;
      reader_.add("cpu", {{"host", "a"}}, "idle", time, static_cast<double>(i));
      reader_.add("cpu", {{"host", "a"}}, "n", time, i);
      if (i < 12 || i >= 18) reader_.add("cpu", {{"host", "b"}}, "idle", time, static_cast<double>(100 + i));
    }
    options_.requested_database = "resmon";
    options_.now = 2000 * kSecond;
  }

  std::string ask(std::string_view query) const {
    std::string out;
    write_json(execute(reader_, query, options_), {Epoch::kSeconds, false, 0}, append_to(out));
    out.pop_back();
    return out;
  }
  // The rows of the only series.
  std::string rows(std::string_view query) const {
    const std::string all = ask(query);
    const std::size_t from = all.find("\"values\":");
    return from == std::string::npos ? all : all.substr(from + 9, all.size() - from - 9 - 5);
  }

  FakeReader reader_{7};
  ExecuteOptions options_;
};

// Of a subquery that chooses one row a host, only the hosts that can be among the few are read whole. A condition
// around it, which lets all pass, has all of them read.
TEST_F(Execute, TheFewBestOfManySeriesAreThoseOfAll) {
  std::uint64_t random = 1;
  const auto below = [&](std::uint64_t n) {
    random = random * 6364136223846793005U + 1442695040888963407U;
    return (random >> 33U) % n;
  };
  for (int host = 0; host < 40; ++host) {
    const std::vector<std::string> cpus =
        host % 8 == 0 ? std::vector<std::string>{"0", "1"} : std::vector<std::string>{"0"};
    for (const std::string& cpu : cpus) {
      UnixNanos time = static_cast<UnixNanos>(below(900)) * kSecond;
      for (; time < 40 * 3600 * kSecond; time += static_cast<UnixNanos>(1 + below(3000)) * kSecond) {
        // Few values, so that many are equal.
        reader_.add("load", {{"host", std::to_string(host)}, {"cpu", cpu}}, "x", time,
                    static_cast<double>(below(40)) / 2);
        reader_.add("load", {{"host", std::to_string(host)}, {"cpu", cpu}}, "n", time,
                    static_cast<std::int64_t>(below(host % 2 == 0 ? 5 : 500)));
      }
    }
  }
  for (const std::string field : {"x", "n"})
    for (const std::string function : {"max", "min"})
      for (const std::string outer : {"top(m, 1)", "top(m, 5)", "bottom(m, 5)", "top(m, 39)", "top(m, 100)"})
        for (const std::string range :
             {"0s AND time < 144000s", "1234s AND time < 140001s", "4000s AND time < 4700s", "9000s AND time < 9300s"})
          for (const std::string order : {"", " ORDER BY time DESC"}) {
            const std::string inner = "SELECT " + outer + ", host FROM (SELECT " + function + "(" + field +
                                      ") AS m FROM load WHERE time >= " + range + " GROUP BY host)";
            EXPECT_EQ(ask(inner + order), ask(inner + " WHERE m >= 0" + order)) << inner << order;
          }
}

TEST_F(Execute, AggregatesByWindowAndTag) {
  EXPECT_EQ(ask("SELECT mean(idle) FROM cpu WHERE time >= 1000s AND time < 1060s GROUP BY time(30s), host"),
            R"({"results":[{"statement_id":0,"series":[{"name":"cpu","tags":{"host":"a"},"columns":["time","mean"],)"
            R"("values":[[990,0.5],[1020,3],[1050,5]]},{"name":"cpu","tags":{"host":"b"},"columns":["time","mean"],)"
            R"("values":[[990,100.5],[1020,103],[1050,105]]}]}]})");
}

TEST_F(Execute, FillsGaps) {
  const std::string query =
      "SELECT sum(idle) FROM cpu WHERE host = 'b' AND time >= 1100s AND time < 1200s GROUP BY time(20s)";
  EXPECT_EQ(rows(query), "[[1100,221],[1120,null],[1140,null],[1160,null],[1180,237]]");
  EXPECT_EQ(rows(query + " fill(none)"), "[[1100,221],[1180,237]]");
  EXPECT_EQ(rows(query + " fill(0)"), "[[1100,221],[1120,0],[1140,0],[1160,0],[1180,237]]");
  EXPECT_EQ(rows(query + " fill(previous)"), "[[1100,221],[1120,221],[1140,221],[1160,221],[1180,237]]");
  EXPECT_EQ(rows(query + " fill(linear)"), "[[1100,221],[1120,225],[1140,229],[1160,233],[1180,237]]");
  EXPECT_EQ(rows("SELECT count(idle) FROM cpu WHERE host = 'b' AND time >= 1120s AND time < 1200s GROUP BY time(20s)"),
            "[[1120,0],[1140,0],[1160,0],[1180,2]]");
}

TEST_F(Execute, WindowsThatOnlyALaterGroupHasComeInOrder) {
  for (const std::int64_t minute : {0, 2, 5}) reader_.add("m", {{"host", "a"}}, "n", minute * 60 * kSecond, minute);
  for (const std::int64_t minute : {1, 2, 3, 6}) reader_.add("m", {{"host", "b"}}, "n", minute * 60 * kSecond, minute);
  for (const std::int64_t minute : {1, 4}) reader_.add("m", {{"host", "c"}}, "n", minute * 60 * kSecond, minute * 10);
  const std::string where = " FROM m WHERE time < 500s GROUP BY time(1m) fill(none)";
  EXPECT_EQ(rows("SELECT sum(n)" + where), "[[0,0],[60,11],[120,4],[180,3],[240,40],[300,5],[360,6]]");
  EXPECT_EQ(rows("SELECT count(distinct(n))" + where), "[[0,1],[60,2],[120,1],[180,1],[240,1],[300,1],[360,1]]");
  EXPECT_EQ(rows("SELECT median(n)" + where), "[[0,0],[60,5.5],[120,2],[180,3],[240,40],[300,5],[360,6]]");
}

TEST_F(Execute, NumbersBeyondIntegersAreNoIntegers) {
  EXPECT_EQ(whole_part(-1.9), -1);
  EXPECT_EQ(whole_part(std::nan("")), INT64_MIN);
  EXPECT_EQ(whole_part(9'223'372'036'854'775'808.0), INT64_MIN);
  EXPECT_THAT(ask("SELECT n FROM cpu WHERE time >= 17/0/0%0"), HasSubstr("statement_id"));
  EXPECT_EQ(rows("SELECT sum(n) FROM cpu WHERE time >= 1290s AND time < 1310s GROUP BY time(10s) "
                 "fill(1000000000000000000000.5)"),
            "[[1290,29],[1300,-9223372036854775808]]");
}

TEST_F(Execute, StampsAsInfluxDb) {
  EXPECT_EQ(rows("SELECT mean(n) FROM cpu"), "[[0,14.5]]");
  EXPECT_EQ(rows("SELECT mean(n) FROM cpu WHERE time >= 1100s"), "[[1100,19.5]]");
  EXPECT_EQ(rows("SELECT max(n) FROM cpu"), "[[1290,29]]");
  EXPECT_EQ(rows("SELECT max(n), min(n) FROM cpu"), "[[0,29,0]]");
  EXPECT_EQ(rows("SELECT last(n), host FROM cpu"), "[[1290,29,\"a\"]]");
}

TEST_F(Execute, DerivativesReadTheWindowBefore) {
  EXPECT_EQ(rows("SELECT derivative(mean(n), 1s) * 8 AS rate FROM cpu WHERE time >= 1100s AND time < 1160s GROUP BY "
                 "time(20s)"),
            "[[1100,0.8],[1120,0.8],[1140,0.8]]");
  EXPECT_EQ(rows("SELECT difference(n) FROM cpu WHERE time < 1030s"), "[[1010,1],[1020,1]]");
}

TEST_F(Execute, TagsChooseGroupsAndFieldsChooseRows) {
  EXPECT_EQ(rows("SELECT idle FROM cpu WHERE host =~ /b$/ AND idle < 102"), "[[1000,100],[1010,101]]");
  EXPECT_EQ(rows("SELECT count(idle) FROM cpu WHERE (host = 'a' AND idle < 3) OR (host = 'b' AND idle > 128)"),
            "[[0,4]]");
}

TEST_F(Execute, LastReadsBackwardsAndStops) {
  EXPECT_EQ(rows("SELECT last(idle) FROM cpu WHERE host = 'a'"), "[[1290,29]]");
  EXPECT_LE(reader_.scanned_rows(), 7U);
}

TEST_F(Execute, LimitedRawRowsStopTheScan) {
  EXPECT_EQ(rows("SELECT idle FROM cpu WHERE host = 'a' LIMIT 2 OFFSET 1"), "[[1010,1],[1020,2]]");
  EXPECT_LE(reader_.scanned_rows(), 7U);
}

TEST_F(Execute, Subqueries) {
  EXPECT_EQ(rows("SELECT sum(m) FROM (SELECT max(idle) AS m FROM cpu GROUP BY host)"), "[[0,158]]");
}

// Answers of influxd 1.6.7, shape by shape, with this fixture's data (tests/oracle/queries.txt asks it the like).
TEST_F(Execute, RatesInSubqueriesReadNoWindowBefore) {
  const std::string within = " WHERE time >= 1100s AND time < 1160s";
  EXPECT_EQ(rows("SELECT r FROM (SELECT derivative(mean(n), 1s) AS r FROM cpu GROUP BY time(20s))" + within),
            "[[1120,0.1],[1140,0.1]]");
  EXPECT_EQ(rows("SELECT r FROM (SELECT derivative(mean(n), 1s) AS r FROM cpu GROUP BY time(20s))" + within +
                 " ORDER BY time DESC"),
            "[[1120,-0.1],[1100,-0.1]]");
  // Bounds of its own are no bounds for what the whole statement may read.
  EXPECT_EQ(rows("SELECT r FROM (SELECT difference(mean(n)) AS r FROM cpu" + within + " GROUP BY time(20s))"),
            "[[1100,2],[1120,2],[1140,2]]");
  // The window before is asked for, so fill() has something for it.
  EXPECT_EQ(rows("SELECT r FROM (SELECT difference(sum(n)) AS r FROM cpu GROUP BY time(20s) fill(0))" + within),
            "[[1100,21],[1120,4],[1140,4]]");
  // A transform outside widens the subquery, where that has no bound; a function beside it does not see more for that.
  EXPECT_EQ(rows("SELECT difference(max(r)), max(r) FROM (SELECT mean(n) AS r FROM cpu GROUP BY time(10s))" + within +
                 " GROUP BY time(20s)"),
            "[[1100,2,11],[1120,2,13],[1140,2,15]]");
  EXPECT_EQ(
      rows("SELECT difference(max(r)) FROM (SELECT mean(n) AS r FROM cpu WHERE time >= 1100s GROUP BY time(10s))" +
           within + " GROUP BY time(20s)"),
      "[[1120,2],[1140,2]]");
}

TEST_F(Execute, UnsignedValues) {
  reader_.add("u", {}, "v", 1000 * kSecond, std::uint64_t{18'000'000'000'000'000'000U});
  reader_.add("u", {}, "v", 1010 * kSecond, std::uint64_t{17'000'000'000'000'000'000U});
  EXPECT_EQ(rows("SELECT max(v), min(v), spread(v) FROM u"),
            "[[0,18000000000000000000,17000000000000000000,1000000000000000000]]");
  EXPECT_EQ(rows("SELECT difference(v) FROM u"), "[[1010,-1000000000000000000]]");
  EXPECT_EQ(rows("SHOW FIELD KEYS FROM u"), "[[\"v\",\"unsigned\"]]");
}

TEST_F(Execute, DatabasesAndPolicies) {
  EXPECT_EQ(ask("CREATE DATABASE telegraf"), R"({"results":[{"statement_id":0}]})");
  EXPECT_EQ(rows("SHOW DATABASES"), "[[\"resmon\"]]");
  EXPECT_EQ(ask("SELECT idle FROM other..cpu"),
            R"({"results":[{"statement_id":0,"error":"database not found: other"}]})");
  options_.retention_policy = "week";
  EXPECT_THAT(ask("SELECT idle FROM cpu"), HasSubstr("retention policy not found: week"));
  options_.requested_database.clear();
  EXPECT_THAT(ask("SHOW SERIES"), HasSubstr("database name required"));
}

TEST_F(Execute, AfterAFailureTheRestIsNotExecuted) {
  EXPECT_EQ(
      ask("SHOW DATABASES; SELECT foo(idle) FROM cpu; SHOW DATABASES"),
      R"~({"results":[{"statement_id":0,"series":[{"name":"databases","columns":["name"],"values":[["resmon"]]}]},)~"
      R"~({"statement_id":1,"error":"undefined function foo()"},{"statement_id":2,"error":"not executed"}]})~");
  EXPECT_EQ(
      ask("SELECT"),
      R"({"error":"error parsing query: found EOF, expected identifier, string, number, bool at line 1, char 8"})");
}

TEST_F(Execute, LimitsAreErrorsThatNameThem) {
  options_.limits.max_rows = 20;
  EXPECT_THAT(ask("SELECT stddev(idle) FROM cpu"), HasSubstr("max-select-point limit exceeded"));
  options_.limits = {};
  options_.limits.max_points = 10;
  EXPECT_THAT(ask("SELECT idle FROM cpu"), HasSubstr("max-row limit exceeded"));
  options_.limits = {};
  options_.limits.max_series = 1;
  EXPECT_THAT(ask("SELECT idle FROM cpu"), HasSubstr("max-select-series limit exceeded"));
  options_.limits = {};
  options_.limits.max_buckets = 1000;
  EXPECT_THAT(ask("SELECT mean(idle) FROM cpu WHERE time > 0 GROUP BY time(1u)"),
              HasSubstr("max-select-buckets limit exceeded"));
  options_.limits = {};
  options_.limits.max_buffer_bytes = 100;
  EXPECT_THAT(ask("SELECT median(idle) FROM cpu"), HasSubstr("max-select-buffer limit exceeded"));
  options_.limits = {};
  options_.limits.deadline = std::chrono::steady_clock::now();
  EXPECT_THAT(ask("SELECT mean(idle) FROM cpu"), HasSubstr("query-timeout limit exceeded"));
  options_.limits = {};
  const std::atomic<bool> gone = true;
  options_.limits.cancelled = &gone;
  EXPECT_THAT(ask("SELECT mean(idle) FROM cpu"), HasSubstr("query interrupted"));
}

// Whoever reads which series first: the answer and its order are the same, and so are the bounds.
TEST_F(Execute, SeveralThreadsAnswerAsOneDoes) {
  for (int host = 0; host < 50; ++host)
    for (std::int64_t i = 0; i < 30; ++i)
      reader_.add("cpu", {{"host", "h" + std::to_string(host)}}, "idle", (1000 + i * 10) * kSecond,
                  static_cast<double>(host * i));
  const ThreadHelpers helpers(3);
  for (const std::string query : {
           "SELECT mean(idle), max(n) FROM cpu WHERE time >= 1000s AND time < 1300s GROUP BY time(30s), host",
           "SELECT idle FROM cpu GROUP BY host ORDER BY time DESC LIMIT 3",
           "SELECT top(m, 5), host FROM (SELECT max(idle) AS m FROM cpu GROUP BY host)",
           "SELECT last(idle) FROM cpu GROUP BY host; SHOW TAG KEYS; SELECT nonsense(idle) FROM cpu; SELECT n FROM cpu",
       }) {
    options_.limits.helpers = nullptr;
    const std::string alone = ask(query);
    options_.limits.helpers = &helpers;
    EXPECT_EQ(ask(query), alone);
  }
  options_.limits.max_points = 100;
  EXPECT_THAT(ask("SELECT idle FROM cpu GROUP BY host"), HasSubstr("max-row limit exceeded"));
  options_.limits.max_points = 1'000'000;
  MemoryPool pool(20'000);
  options_.limits.memory = &pool;
  EXPECT_THAT(ask("SELECT idle FROM cpu GROUP BY host"), HasSubstr("query-memory limit exceeded"));
  EXPECT_EQ(pool.used_bytes(), 0U);
  const std::atomic<bool> gone = true;
  options_.limits.cancelled = &gone;
  EXPECT_THAT(ask("SELECT idle FROM cpu GROUP BY host"), HasSubstr("query interrupted"));
}

// Of the groups that are stored, only those with the tags in question are looked at.
TEST_F(Execute, TagsFindTheirGroups) {
  reader_.add("cpu", {{"host", "c"}, {"cpu", "0"}}, "idle", 1000 * kSecond, 7.0);
  reader_.add("cpu", {{"host", "c"}, {"cpu", "1"}}, "idle", 1000 * kSecond, 8.0);
  EXPECT_EQ(rows("SELECT count(idle) FROM cpu WHERE host = 'c'"), "[[0,2]]");
  EXPECT_EQ(rows("SELECT idle FROM cpu WHERE host = 'c' AND cpu = '1'"), "[[1000,8]]");
  EXPECT_EQ(rows("SELECT count(idle) FROM cpu WHERE host = 'c' OR host = 'a'"), "[[0,32]]");
  EXPECT_EQ(rows("SELECT count(idle) FROM cpu WHERE host = 'c' OR idle < 3"), "[[0,5]]");
  EXPECT_EQ(rows("SELECT count(idle) FROM cpu WHERE host != 'a' AND cpu = ''"), "[[0,24]]");
  EXPECT_THAT(ask("SELECT idle FROM cpu WHERE host = 'd'"), Not(HasSubstr("series")));
  EXPECT_THAT(ask("SELECT idle FROM cpu WHERE host = 'a' AND cpu = '1'"), Not(HasSubstr("series")));
}

TEST_F(Execute, QueriesShareMemoryAndGiveItBack) {
  MemoryPool small(1000);
  options_.limits.memory = &small;
  EXPECT_THAT(ask("SELECT idle FROM cpu"), HasSubstr("query-memory limit exceeded"));
  EXPECT_EQ(small.used_bytes(), 0U);
  MemoryPool large(1U << 20U);
  options_.limits.memory = &large;
  {
    const Response held = execute(reader_, "SELECT idle FROM cpu", options_);
    EXPECT_TRUE(held.results.at(0).error.empty());
    EXPECT_GT(large.used_bytes(), 0U);
    EXPECT_LE(large.used_bytes(), large.limit_bytes());
  }
  EXPECT_EQ(large.used_bytes(), 0U);
  EXPECT_THAT(ask("SHOW SERIES"), HasSubstr("cpu"));
  EXPECT_EQ(large.used_bytes(), 0U);
}

TEST_F(Execute, OneDatabaseMayHaveSeveralNames) {
  class Names final : public Databases {
   public:
    bool has(std::string_view name) const override { return name == "resmon" || name == "telegraf"; }
    std::vector<std::string> names() const override { return {"resmon", "telegraf"}; }
    Status create(const std::string& name) const override {
      return has(name) ? Status() : fail(ErrorKind::kDenied, "no " + name);
    }
    Status drop(const std::string& name) const override { return fail(ErrorKind::kDenied, "no drop of " + name); }
  } names;
  options_.databases = &names;
  EXPECT_THAT(ask("SHOW DATABASES"), HasSubstr(R"([["resmon"],["telegraf"]])"));
  EXPECT_EQ(ask("SELECT count(idle) FROM telegraf..cpu"), ask("SELECT count(idle) FROM cpu"));
  EXPECT_THAT(ask("SELECT count(idle) FROM other..cpu"), HasSubstr("database not found: other"));
  EXPECT_THAT(ask("CREATE DATABASE telegraf"), Not(HasSubstr("error")));
  EXPECT_THAT(ask("CREATE DATABASE other"), HasSubstr("no other"));
}

TEST_F(Execute, ExtremeTimesAndDurations) {
  for (const std::string_view query :
       {"SELECT mean(idle) FROM cpu WHERE time > -9223372036854775807 GROUP BY time(1h) fill(none)",
        "SELECT mean(idle) FROM cpu WHERE time < 9223372036854775807 GROUP BY time(292y)",
        "SELECT mean(idle) FROM cpu WHERE time >= 9223372036854775806 GROUP BY time(1ns) fill(0)",
        "SELECT derivative(mean(idle)) FROM cpu WHERE time >= -9223372036854775806 GROUP BY time(15000w)",
        "SELECT mean(idle) FROM cpu GROUP BY time(0s)", "SELECT mean(idle) FROM cpu GROUP BY time(-1s)",
        "SELECT mean(idle) FROM cpu WHERE time > now() - 15000w AND time < now() + 15000w GROUP BY time(1000w, "
        "999w)"}) {
    EXPECT_FALSE(ask(query).empty()) << query;
  }
}

}  // namespace
}  // namespace resmon::influxql
