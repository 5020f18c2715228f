// sample(), holt_winters() and the indicators, and SHOW … CARDINALITY: influxd 1.6.7's own answers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>

#include "influxql/execute.h"
#include "influxql/fake_reader.h"
#include "influxql/format/serialize.h"

namespace resmon::influxql {
namespace {

constexpr UnixNanos kNanos = 1'000'000'000;

class SeldomFunctions : public testing::Test {
 protected:
  SeldomFunctions() {
    options_.requested_database = "resmon";
    options_.now = 2000 * kNanos;
    std::int64_t second = 0;
    for (const std::int64_t v : {10, 12, 11, 15, 14, 18, 17, 21, 20, 25})
      reader_.add("ta", {}, "v", ++second * kNanos, v);
    for (std::int64_t i = 0; i < 4; ++i) {
      for (const std::string h : {"a", "b"}) {
        const std::vector<metric::Tag> tags = {{"h", h}, {"k", std::to_string(i % 2)}};
        reader_.add("c1", tags, "x", (i + 1) * kNanos, 1.0);
        reader_.add("c1", tags, "y", (i + 1) * kNanos, std::int64_t{2});
      }
    }
    reader_.add("c2", {{"h", "a"}}, "z", kNanos, 1.0);
  }

  std::string ask(std::string_view query) const {
    std::string out;
    write_json(execute(reader_, query, options_), {Epoch::kSeconds, false, 0}, append_to(out));
    out.pop_back();
    return out;
  }
  // The last column of the only series, from its first time on.
  std::vector<double> values(const std::string& query, std::int64_t first) const {
    const boost::json::value all = boost::json::parse(ask(query));
    std::vector<double> out;
    const auto& rows = all.at("results").at(0).at("series").at(0).at("values").as_array();
    for (const auto& row : rows) {
      EXPECT_EQ(row.at(0).to_number<std::int64_t>(), first++);
      out.push_back(row.as_array().back().to_number<double>());
    }
    return out;
  }
  void expect(const std::string& function, std::int64_t first, const std::vector<double>& expected) const {
    EXPECT_THAT(values("SELECT " + function + " FROM ta", first),
                testing::Pointwise(testing::DoubleNear(1e-9), expected))
        << function;
  }
  // The error, or what the answer has after "results".
  std::string answer(const std::string& query) const {
    const std::string all = ask(query);
    const std::size_t from = all.find("\"statement_id\":0");
    return from == std::string::npos ? all : all.substr(from + 16, all.size() - from - 16 - 3);
  }

  FakeReader reader_{7};
  ExecuteOptions options_;
};

TEST_F(SeldomFunctions, IndicatorsAreInfluxDbs) {
  expect("exponential_moving_average(v, 3)", 3,
         {11.166666666666668, 13.083333333333334, 13.541666666666668, 15.770833333333334, 16.385416666666668,
          18.692708333333336, 19.346354166666668, 22.173177083333336});
  expect("exponential_moving_average(v, 3, -1, 'simple')", 3,
         {11, 13, 13.5, 15.75, 16.375, 18.6875, 19.34375, 22.171875});
  expect("double_exponential_moving_average(v, 3)", 3,
         {11.305555555555557, 14.11111111111111, 14.284722222222223, 17.256944444444443, 17.43576388888889,
          20.37152777777778, 20.512586805555557, 24.169704861111114});
  expect("double_exponential_moving_average(v, 3, -1, 'simple')", 5,
         {14.5, 17.375, 17.5, 20.40625, 20.53125, 24.1796875});
  expect("triple_exponential_moving_average(v, 2, -1, 'simple')", 4,
         {14.55555555555556, 14.086419753086423, 17.831275720164612, 17.156378600823047, 20.84545038866026,
          20.157445511354982, 24.807346441091305});
  expect("relative_strength_index(v, 3)", 4,
         {90.9090909090909, 78.94736842105263, 88.23529411764706, 75.70977917981072, 86.88245315161839,
          74.10098074827461, 87.68672826180813});
  expect("triple_exponential_derivative(v, 3)", 4,
         {5.760171306209849, 5.972869001822234, 8.951089033244175, 8.086365629110048, 9.624003731570308,
          8.117733028702512, 9.65735552038327});
  expect("kaufmans_efficiency_ratio(v, 3)", 4,
         {0.7142857142857143, 0.3333333333333333, 0.7777777777777778, 0.3333333333333333, 0.7777777777777778,
          0.3333333333333333, 0.8});
  expect("kaufmans_adaptive_moving_average(v, 3)", 4,
         {11.978610243958839, 12.120812043833986, 13.790118780913016, 14.015929209295491, 15.998950760925348,
          16.280418697272168, 18.88211834961019});
  expect("chande_momentum_oscillator(v, 3)", 3,
         {33.33333333333333, 71.42857142857143, 33.33333333333333, 77.77777777777779, 33.33333333333333,
          77.77777777777779, 33.33333333333333, 80});
  expect("chande_momentum_oscillator(v, 3, -1, 'simple')", 4,
         {88.23529411764706, 68.42105263157895, 80.64516129032258, 57.74647887323945, 76.00000000000001,
          51.46299483648882, 76.27261253681111});
}

TEST_F(SeldomFunctions, IndicatorsOfWindowsReadThoseBefore) {
  EXPECT_EQ(
      answer("SELECT exponential_moving_average(max(v), 2) FROM ta WHERE time >= 4s AND time < 11s GROUP BY time(2s)"),
      R"(,"series":[{"name":"ta","columns":["time","exponential_moving_average"],"values":[[4,14],)"
      R"([6,16.666666666666668],[8,19.555555555555557],[10,23.185185185185187]]}])");
}

TEST_F(SeldomFunctions, ArgumentsAreCheckedAsInfluxDbDoes) {
  const auto error = [&](const std::string& call) { return answer("SELECT " + call + " FROM ta"); };
  EXPECT_EQ(
      error("exponential_moving_average(v)"),
      R"(,"error":"invalid number of arguments for exponential_moving_average, expected at least 2 but no more than 4, got 1")");
  EXPECT_EQ(error("relative_strength_index(v, 0)"),
            R"(,"error":"relative_strength_index period must be greater than or equal to 1")");
  EXPECT_EQ(error("kaufmans_efficiency_ratio(v, 'a')"),
            R"(,"error":"kaufmans_efficiency_ratio period must be an integer")");
  EXPECT_EQ(error("triple_exponential_derivative(v, 2, 0)"),
            R"(,"error":"triple_exponential_derivative hold period must be greater than or equal to 1")");
  EXPECT_EQ(error("exponential_moving_average(mean(v), 2)"),
            R"(,"error":"exponential_moving_average aggregate requires a GROUP BY interval")");
  EXPECT_THAT(error("chande_momentum_oscillator(v, 1)"), testing::HasSubstr("period must be"));
  EXPECT_EQ(error("holt_winters(v, 1, 1)"), R"(,"error":"must use aggregate function with holt_winters")");
  EXPECT_EQ(error("sample(v, 0)"), R"(,"error":"sample window must be greater than 1, got 0")");
}

// A period is no memory until there are so many values.
TEST_F(SeldomFunctions, HugePeriodsCostNothing) {
  for (const std::string f : {"exponential_moving_average", "kaufmans_efficiency_ratio", "chande_momentum_oscillator",
                              "relative_strength_index"})
    EXPECT_EQ(answer("SELECT " + f + "(v, 9223372036854775806) FROM ta"), "") << f;
  EXPECT_THAT(answer("SELECT sample(v, 9223372036854775807) FROM ta"), testing::HasSubstr("[10,25]"));
}

TEST_F(SeldomFunctions, ForecastsAreInfluxDbs) {
  const std::string windows = " FROM ta WHERE time >= 1s AND time < 11s GROUP BY time(1s)";
  EXPECT_THAT(values("SELECT holt_winters(first(v), 3, 0)" + windows, 11),
              testing::Pointwise(testing::DoubleNear(1e-9),
                                 std::vector<double>{26.786807548390474, 29.75374605917454, 33.116649450339395}));
  EXPECT_THAT(
      values("SELECT holt_winters(first(v), 2, 2)" + windows, 11),
      testing::Pointwise(testing::DoubleNear(1e-9), std::vector<double>{24.393747068562917, 28.149050161299545}));
  const std::vector<double> fit = values("SELECT holt_winters_with_fit(first(v), 1, 0)" + windows, 1);
  ASSERT_EQ(fit.size(), 11U);
  EXPECT_NEAR(fit[1], 11.363023268237335, 1e-9);
  EXPECT_NEAR(fit[10], 26.786807548390474, 1e-9);
}

TEST_F(SeldomFunctions, ForecastsAreBounded) {
  const std::string windows = " FROM ta WHERE time >= 1s AND time < 11s GROUP BY time(1s)";
  EXPECT_THAT(answer("SELECT holt_winters(first(v), 9000000000000000000, 0)" + windows),
              testing::HasSubstr("max-select-buckets limit exceeded"));
  // Two points with more windows between them than may be.
  reader_.add("far", {}, "v", 0, 1.0);
  reader_.add("far", {}, "v", 1'000'000'000 * kNanos, 2.0);
  EXPECT_THAT(answer("SELECT holt_winters(first(v), 1, 0) FROM far WHERE time >= 0 AND time < 2000000000s GROUP BY "
                     "time(1s) fill(none)"),
              testing::HasSubstr("max-select-buckets limit exceeded"));
  for (std::int64_t i = 0; i < 200; ++i) reader_.add("long", {}, "v", i * kNanos, static_cast<double>(i % 7));
  options_.limits.max_buffer_bytes = 100'000;
  EXPECT_THAT(
      answer("SELECT holt_winters(first(v), 1, 150) FROM long WHERE time >= 0 AND time < 200s GROUP BY time(1s)"),
      testing::HasSubstr("max-select-buffer limit exceeded"));
}

// Which values are chosen is left to chance; that they are values of the window, in order and not twice, is not.
TEST_F(SeldomFunctions, SamplesAreValuesOfTheirWindow) {
  EXPECT_EQ(answer("SELECT sample(v, 100) FROM ta"), answer("SELECT v AS sample FROM ta"));
  const boost::json::value all =
      boost::json::parse(ask("SELECT sample(v, 2), v FROM ta WHERE time >= 0 AND time < 12s GROUP BY time(4s)"));
  const auto& rows = all.at("results").at(0).at("series").at(0).at("values").as_array();
  std::map<std::int64_t, int> windows;
  std::int64_t before = 0;
  for (const auto& row : rows) {
    const std::int64_t time = row.at(0).as_int64();
    EXPECT_GT(time, before);
    before = time;
    ++windows[time / 4];
    EXPECT_EQ(row.at(1), row.at(2));
  }
  EXPECT_EQ(windows, (std::map<std::int64_t, int>{{0, 2}, {1, 2}, {2, 2}}));
  // The same each time.
  EXPECT_EQ(ask("SELECT sample(v, 3) FROM ta"), ask("SELECT sample(v, 3) FROM ta"));
}

TEST_F(SeldomFunctions, Cardinalities) {
  EXPECT_EQ(answer("SHOW SERIES CARDINALITY"), R"(,"series":[{"columns":["cardinality estimation"],"values":[[6]]}])");
  EXPECT_EQ(answer("SHOW SERIES EXACT CARDINALITY FROM c1"),
            R"(,"series":[{"name":"c1","columns":["count"],"values":[[4]]}])");
  EXPECT_EQ(answer("SHOW SERIES CARDINALITY FROM c1 WHERE h = 'a'"),
            R"(,"series":[{"name":"c1","columns":["count"],"values":[[2]]}])");
  EXPECT_EQ(answer("SHOW SERIES CARDINALITY FROM c1 GROUP BY h"),
            R"(,"series":[{"name":"c1","tags":{"h":"a"},"columns":["count"],"values":[[2]]},)"
            R"({"name":"c1","tags":{"h":"b"},"columns":["count"],"values":[[2]]}])");
  EXPECT_EQ(answer("SHOW MEASUREMENT CARDINALITY"),
            R"(,"series":[{"columns":["cardinality estimation"],"values":[[3]]}])");
  EXPECT_EQ(answer("SHOW MEASUREMENT CARDINALITY WHERE h = 'a'"),
            R"(,"series":[{"columns":["count"],"values":[[2]]}])");
  EXPECT_EQ(
      answer("SHOW MEASUREMENT EXACT CARDINALITY GROUP BY h"),
      R"(,"series":[{"tags":{"h":""},"columns":["count"],"values":[[1]]},)"
      R"({"tags":{"h":"a"},"columns":["count"],"values":[[2]]},{"tags":{"h":"b"},"columns":["count"],"values":[[1]]}])");
  EXPECT_EQ(answer("SHOW TAG KEY CARDINALITY"), R"(,"series":[{"name":"c1","columns":["count"],"values":[[2]]},)"
                                                R"({"name":"c2","columns":["count"],"values":[[1]]}])");
  EXPECT_EQ(answer("SHOW FIELD KEY EXACT CARDINALITY FROM c1"),
            R"(,"series":[{"name":"c1","columns":["count"],"values":[[2]]}])");
  EXPECT_EQ(answer("SHOW TAG VALUES EXACT CARDINALITY FROM c1 WITH KEY IN (h, k)"),
            R"(,"series":[{"name":"c1","columns":["count"],"values":[[4]]}])");
  EXPECT_EQ(answer("SHOW TAG VALUES CARDINALITY FROM c1 WITH KEY = h WHERE time > 0"), "");
  EXPECT_EQ(answer("SHOW SERIES CARDINALITY WHERE time > 0"),
            R"(,"error":"SHOW SERIES EXACT CARDINALITY doesn't support time in WHERE clause")");
  EXPECT_EQ(answer("SHOW FIELD KEY CARDINALITY WHERE time > 0"),
            R"(,"error":"SHOW FIELD KEY CARDINALITY doesn't support time in WHERE clause")");
  EXPECT_EQ(answer("SHOW SERIES CARDINALITY FROM c1 OFFSET 1"), "");
  EXPECT_EQ(answer("SHOW SERIES CARDINALITY FROM nosuch"), "");
  EXPECT_EQ(answer("SHOW SERIES CARDINALITY ON nosuch"),
            R"(,"series":[{"columns":["cardinality estimation"],"values":[[0]]}])");
  EXPECT_EQ(answer("SHOW FIELD KEY CARDINALITY ON nosuch"), R"(,"error":"database not found: nosuch")");
  EXPECT_EQ(answer("SHOW SERIES CARDINALITY WHERE x > 0"), "");
}

TEST_F(SeldomFunctions, MeasurementsOfAllDatabases) {
  EXPECT_EQ(answer("SHOW MEASUREMENTS ON *.* LIMIT 2 OFFSET 1"),
            R"(,"series":[{"name":"measurements","columns":["name","database","retention policy"],)"
            R"("values":[["c2","resmon","autogen"],["ta","resmon","autogen"]]}])");
  EXPECT_EQ(answer("SHOW MEASUREMENTS ON resmon.autogen WITH MEASUREMENT = ta"),
            R"(,"series":[{"name":"measurements","columns":["name","database","retention policy"],)"
            R"("values":[["ta","resmon","autogen"]]}])");
  EXPECT_EQ(answer("SHOW MEASUREMENTS ON resmon.week"), "");
  EXPECT_EQ(answer("SHOW MEASUREMENTS ON *"),
            R"(,"error":"query 'SHOW MEASUREMENTS ON *' not supported. use 'ON *.*' or specify a database")");
  EXPECT_EQ(answer("SHOW MEASUREMENTS ON nosuch.*"), R"(,"error":"unknown database nosuch")");
}

}  // namespace
}  // namespace resmon::influxql
