// What influxd 1.6.7 answers, shape by shape, where an executor easily goes wrong: fields that rows lack, names that
// mean several types, nulls of subqueries, functions that are seldom asked for. Each value here is influxd's own
// (tests/oracle asks it the like at random).

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "influxql/execute.h"
#include "influxql/fake_reader.h"
#include "influxql/format/serialize.h"

namespace resmon::influxql {
namespace {

constexpr UnixNanos kOneSecond = 1'000'000'000;

class Answers : public testing::Test {
 protected:
  Answers() {
    options_.requested_database = "resmon";
    options_.now = 2000 * kOneSecond;
  }

  template <class T>
  void add(const std::string& measurement, const std::string& field, std::int64_t second, const T& value) {
    reader_.add(measurement, {{"h", "a"}}, field, second * kOneSecond, value);
  }

  std::string ask(std::string_view query) const {
    std::string out;
    write_json(execute(reader_, query, options_), {Epoch::kSeconds, false, 0}, append_to(out));
    out.pop_back();
    return out;
  }
  // The rows of all series, one series after the other; or the error.
  std::string rows(std::string_view query) const {
    const std::string all = ask(query);
    std::string out;
    for (std::size_t from = 0; (from = all.find("\"values\":", from)) != std::string::npos;) {
      from += 9;
      const std::size_t to = all.find("]]", from) + 2;
      out += all.substr(from, to - from);
    }
    if (const std::size_t error = all.find("\"error\":\""); error != std::string::npos)
      out = all.substr(error + 9, all.rfind('"') - error - 9);
    return out;
  }
  // The times of the rows of measurement m that the condition lets through, in any of its fields.
  std::string where(const std::string& condition) const {
    std::string out;
    const std::string all = rows("SELECT i, f, s, b FROM m WHERE " + condition);
    for (std::size_t at = 1; at < all.size() && all[0] == '['; at = all.find("],[", at) + 2) {
      out += all.substr(at + 1, all.find(',', at) - at - 1) + " ";
      if (all.find("],[", at) == std::string::npos) break;
    }
    return out;
  }

  FakeReader reader_{7};
  ExecuteOptions options_;
};

// A row of each kind: with all fields, and without some.
class Conditions : public Answers {
 protected:
  Conditions() {
    add("m", "b", 1, true), add("m", "f", 1, 1.5), add("m", "s", 1, std::string("x")),
        add("m", "i", 1, std::int64_t{1});
    add("m", "f", 2, 2.5), add("m", "i", 2, std::int64_t{2});
    add("m", "b", 3, false), add("m", "s", 3, std::string("y"));
    add("m", "i", 4, std::int64_t{4});
    add("m", "b", 5, true), add("m", "f", 5, -1.0), add("m", "s", 5, std::string("z")),
        add("m", "i", 5, std::int64_t{5});
    add("m", "s", 6, std::string("x"));
  }
};

TEST_F(Conditions, AFieldThatIsNotThereEqualsNothing) {
  EXPECT_EQ(where("b = true"), "1 5 ");
  EXPECT_EQ(where("b = false"), "3 ");
  EXPECT_EQ(where("false = b"), "3 ");
  EXPECT_EQ(where("b != true"), "3 ");
  EXPECT_EQ(where("b != false"), "1 5 ");
  EXPECT_EQ(where("b = b"), "1 3 5 ");
  for (const std::string field : {"f", "i", "s"}) {
    for (const std::string op : {"=", "!=", "<", "<=", ">", ">="}) {
      for (const std::string value : {"true", "false"}) {
        EXPECT_EQ(where(field + " " + op + " " + value), "") << field << op << value;
        EXPECT_EQ(where(value + " " + op + " " + field), "") << value << op << field;
      }
    }
  }
  EXPECT_EQ(where("f != 2"), "1 2 5 ");
  EXPECT_EQ(where("i != 2.5"), "1 2 4 5 ");
  EXPECT_EQ(where("s != 'x'"), "3 5 ");
  EXPECT_EQ(where("b = false OR i = 4"), "3 4 ");
  EXPECT_EQ(where("b = false AND i = 2"), "");
  EXPECT_EQ(where("h = 'z' OR b = false"), "3 ");
  EXPECT_EQ(where("b = (i > 0)"), "1 3 5 ");
  EXPECT_EQ(where("(b AND true) = false"), "3 ");
  EXPECT_EQ(where("f::boolean = false"), "");
  EXPECT_EQ(where("nosuch = false"), "");
  EXPECT_EQ(where("nosuch != true"), "");
  EXPECT_EQ(where("h::field = 'a'"), "");
  // What is computed of it is nothing, and that is false beside a boolean.
  EXPECT_EQ(where("(f > 2) = false"), "1 3 4 5 6 ");
  EXPECT_EQ(where("(nosuch > 1) = false"), "1 2 3 4 5 6 ");
  EXPECT_EQ(where("(f > 1) OR (nosuch > 1)"), "1 2 ");
}

TEST_F(Conditions, ANullOfASubqueryIsFalseBesideABoolean) {
  EXPECT_EQ(rows("SELECT q, b FROM (SELECT i AS q, b FROM m) WHERE b = false"),
            "[[2,2,null],[3,null,false],[4,4,null]]");
  EXPECT_EQ(rows("SELECT q, s FROM (SELECT i AS q, s FROM m) WHERE zz = '' LIMIT 2"), "[[1,1,\"x\"],[2,2,null]]");
}

TEST_F(Conditions, TextsAndTagsHaveNoOrder) {
  for (const std::string op : {"<", "<=", ">", ">="}) {
    EXPECT_EQ(where("s " + op + " 'y'"), "") << op;
    EXPECT_EQ(where("h " + op + " 'a'"), "") << op;
    EXPECT_EQ(where("'b' " + op + " h"), "") << op;
  }
  EXPECT_EQ(where("h = s"), "");
  EXPECT_EQ(where("h != s"), "1 3 5 6 ");
  reader_.add("two", {{"x", "1"}, {"y", "1"}}, "v", kOneSecond, 1.0);
  reader_.add("two", {{"x", "2"}, {"y", "1"}}, "v", 2 * kOneSecond, 2.0);
  reader_.add("two", {}, "v", 3 * kOneSecond, 3.0);
  EXPECT_EQ(rows("SELECT v FROM two WHERE x = y"), "[[1,1]]");
  EXPECT_EQ(rows("SELECT v FROM two WHERE x != y"), "[[2,2],[3,3]]");
  EXPECT_EQ(rows("SELECT v FROM two WHERE x = ''"), "[[3,3]]");
  EXPECT_EQ(rows("SELECT v FROM two WHERE '1' = x"), "[[1,1]]");
}

TEST_F(Conditions, WholeNumbersDivideWhole) {
  EXPECT_EQ(where("i / 2 = 1"), "2 ");
  EXPECT_EQ(where("i / 2 = 2"), "4 5 ");
  EXPECT_EQ(where("i / 0 = 0"), "1 2 4 5 ");
}

TEST_F(Conditions, OffsetAloneLeavesOneStoredRow) {
  EXPECT_EQ(rows("SELECT i FROM m OFFSET 1"), "[[2,2]]");
  EXPECT_EQ(rows("SELECT i FROM m ORDER BY time DESC OFFSET 1"), "[[4,4]]");
  EXPECT_EQ(rows("SELECT i FROM m LIMIT 0 OFFSET 1"), "[[2,2]]");
  EXPECT_EQ(rows("SELECT i FROM m OFFSET 100"), "");
  EXPECT_EQ(rows("SELECT i FROM (SELECT i FROM m) OFFSET 2"), "[[4,4],[5,5]]");
}

class TypeErrors : public Conditions {};

TEST_F(TypeErrors, AreInfluxDbs) {
  const auto error = [&](const std::string& expr) { return rows("SELECT " + expr + " FROM m"); };
  EXPECT_EQ(error("s + 1"), "type error: s::string + 1: incompatible types: string and integer");
  EXPECT_EQ(error("1 + s"), "type error: 1 + s::string: incompatible types: integer and string");
  EXPECT_EQ(error("f & 1"), "type error: f::float \\u0026 1: incompatible types: float and integer");
  EXPECT_EQ(error("last(s)+1"), "type error: last(s::string) + 1: incompatible types: string and integer");
  EXPECT_EQ(error("b + b"), "type error: b::boolean + b::boolean: incompatible types: boolean and boolean");
  EXPECT_EQ(error("h + s"), "type error: h::tag + s::string: incompatible types: tag and string");
  EXPECT_EQ(error("-s"), "type error: -1 * s::string: incompatible types: integer and string");
  EXPECT_EQ(error("1.5 | i"), "type error: 1.500 | i::integer: incompatible types: float and integer");
  EXPECT_EQ(error("abs(s + 1)"), "type error: s::string + 1: incompatible types: string and integer");
  EXPECT_EQ(error("mean(i) ^ 1"), "type error: mean(i::integer) ^ 1: incompatible types: float and integer");
  EXPECT_EQ(error("i::unsigned + i"),
            "type error: i::unsigned + i::integer: cannot use + between an integer and unsigned, an explicit cast is "
            "required");
  EXPECT_EQ(error("9223372036854775808 + i"),
            "type error: 9223372036854775808 + i::integer: cannot use + with an integer and unsigned literal");
  EXPECT_EQ(error("max(s)"), "unsupported max iterator type: *query.stringInterruptIterator");
}

TEST_F(TypeErrors, WhatGoesTogetherIsComputed) {
  EXPECT_EQ(rows("SELECT b & b FROM m"), "[[1,true],[3,false],[5,true]]");
  EXPECT_EQ(rows("SELECT i::unsigned + 1 FROM m LIMIT 1"), "[[1,2]]");
  EXPECT_EQ(rows("SELECT nosuch + s FROM m LIMIT 1"), "[[1,null]]");
  EXPECT_EQ(rows("SELECT q FROM (SELECT s + 1 AS q FROM m)"), "");
}

class MixedTypes : public Answers {
 protected:
  MixedTypes() {
    add("k1", "f", 1, 1.5), add("k1", "o", 1, std::int64_t{1});
    add("k2", "f", 1, std::string("text")), add("k2", "o", 1, std::int64_t{2});
    add("k3", "f", 1, std::int64_t{3}), add("k3", "o", 1, std::int64_t{3});
    add("k4", "f", 1, true), add("k4", "o", 1, std::int64_t{4});
  }
};

TEST_F(MixedTypes, AFieldThatCannotBeCastIsNotThere) {
  EXPECT_EQ(rows("SELECT f FROM k1, k2"), "[[1,1.5]]");
  EXPECT_EQ(rows("SELECT f FROM k1, k2, k3, k4"), "[[1,1.5]][[1,3]]");
  EXPECT_EQ(rows("SELECT f FROM k2, k4"), "[[1,\"text\"]]");
  EXPECT_EQ(rows("SELECT f, o FROM k1, k2"), "[[1,1.5,1]][[1,null,2]]");
  EXPECT_EQ(rows("SELECT f::string FROM k1"), "");
  EXPECT_EQ(rows("SELECT f::string, o FROM k1"), "[[1,null,1]]");
  EXPECT_EQ(rows("SELECT f::boolean FROM k1, k4"), "[[1,true]]");
  EXPECT_EQ(rows("SELECT f::integer FROM k1, k2"), "[[1,1]]");
  EXPECT_EQ(rows("SELECT count(f) FROM k1, k2, k3, k4"), "[[0,1]][[0,1]]");
}

TEST_F(MixedTypes, ASubqueryKeepsWhatCannotBeCast) {
  EXPECT_EQ(rows("SELECT f FROM (SELECT f FROM k1), (SELECT f FROM k2)"), "[[1,1.5]][[1,\"text\"]]");
  EXPECT_EQ(rows("SELECT f FROM (SELECT f FROM k1), (SELECT f FROM k2), (SELECT f FROM k3), (SELECT f FROM k4)"),
            "[[1,1.5]][[1,\"text\"]][[1,3]][[1,true]]");
  EXPECT_EQ(rows("SELECT f FROM k1, (SELECT f FROM k2)"), "[[1,1.5]][[1,\"text\"]]");
  EXPECT_EQ(rows("SELECT f FROM (SELECT f FROM k1), (SELECT f FROM k2) WHERE f = 'text'"), "[[1,\"text\"]]");
  EXPECT_EQ(rows("SELECT mean(f) FROM (SELECT f FROM k1), (SELECT f FROM k2)"), "[[0,1.5]]");
}

class Nulls : public Answers {
 protected:
  Nulls() {
    add("n", "v", 1, 1.0), add("n", "w", 1, 2.0);
    add("n", "v", 2, 3.0);
    add("n", "w", 3, 4.0);
  }
};

TEST_F(Nulls, OfASubqueryAreRows) {
  EXPECT_EQ(rows("SELECT q FROM (SELECT v - w AS q FROM n)"), "[[1,-1],[2,null],[3,null]]");
  EXPECT_EQ(rows("SELECT v FROM (SELECT v, w FROM n)"), "[[1,1],[2,3],[3,null]]");
  EXPECT_EQ(rows("SELECT q + 1 FROM (SELECT v - w AS q FROM n)"), "[[1,0],[2,null],[3,null]]");
  EXPECT_EQ(rows("SELECT q FROM (SELECT q FROM (SELECT v - w AS q FROM n))"), "[[1,-1],[2,null],[3,null]]");
  EXPECT_EQ(rows("SELECT q FROM (SELECT v - w AS q FROM n) LIMIT 1 OFFSET 1"), "[[2,null]]");
  EXPECT_EQ(rows("SELECT q FROM (SELECT v - w AS q FROM n) ORDER BY time DESC"), "[[3,null],[2,null],[1,-1]]");
  EXPECT_EQ(rows("SELECT q FROM (SELECT v - w AS q FROM n) fill(previous)"), "[[1,-1],[2,-1],[3,-1]]");
  EXPECT_EQ(
      rows("SELECT q FROM (SELECT mean(v) - mean(w) AS q FROM n WHERE time >= 0 AND time < 6s GROUP BY time(1s))"),
      "[[1,-1],[2,null],[3,null]]");
  EXPECT_EQ(rows("SELECT h FROM (SELECT v FROM n GROUP BY h)"), "[[1,\"a\"],[2,\"a\"]]");
  EXPECT_EQ(rows("SELECT h FROM (SELECT v FROM n)"), "");
  EXPECT_EQ(rows("SELECT count(q) FROM (SELECT v - w AS q FROM n)"), "[[0,1]]");
}

class Functions : public Conditions {
 protected:
  const std::string by_windows_ = " FROM m WHERE time >= 0 AND time < 10s GROUP BY time(2s)";
};

TEST_F(Functions, ModeOfWhatNeverRepeatsIsTheLeast) {
  EXPECT_EQ(rows("SELECT mode(f), mode(i) FROM m"), "[[0,-1,1]]");
  EXPECT_EQ(rows("SELECT mode(s) FROM m"), "[[0,\"x\"]]");
  EXPECT_EQ(rows("SELECT mode(b) FROM m"), "[[0,true]]");
}

TEST_F(Functions, ChangesOfCountsAreNumbersWhateverIsCounted) {
  EXPECT_EQ(rows("SELECT derivative(count(b))" + by_windows_), "[[0,1],[2,0],[4,0],[6,-1],[8,0]]");
  EXPECT_EQ(rows("SELECT difference(count(s))" + by_windows_), "[[0,1],[2,0],[4,0],[6,0],[8,-1]]");
  EXPECT_EQ(rows("SELECT cumulative_sum(count(distinct(s)))" + by_windows_), "[[0,1],[2,2],[4,3],[6,4],[8,4]]");
  EXPECT_EQ(rows("SELECT moving_average(count(b), 2)" + by_windows_), "[[0,0.5],[2,1],[4,1],[6,0.5],[8,0]]");
  EXPECT_EQ(rows("SELECT non_negative_derivative(first(s))" + by_windows_),
            "unsupported derivative iterator type: *query.stringInterruptIterator");
  EXPECT_EQ(rows("SELECT difference(distinct(b))" + by_windows_),
            "unsupported difference iterator type: *query.booleanIntervalIterator");
  EXPECT_EQ(rows("SELECT derivative(mean(b))" + by_windows_),
            "unsupported mean iterator type: *query.booleanInterruptIterator");
}

// The cases that InfluxDB 1.8 and 1.11 were mended for, and what their own tests expect. 1.6.7 answers with a row more,
// an hour off, in spring, and with rows an hour off in autumn.
TEST_F(Answers, WindowsWithAnOffsetKeepTheClock) {
  for (const std::int64_t second : {1584345600, 1584432000, 1584518400, 1585555200}) add("rome", "v", second, 1.0);
  EXPECT_EQ(rows("SELECT count(v) FROM rome WHERE time >= '2020-03-15T00:00:00Z' AND time < '2020-04-01T00:00:00Z' "
                 "GROUP BY time(1w, 4d) tz('Europe/Rome')"),
            "[[1583708400,0],[1584313200,3],[1584918000,0],[1585519200,1]]");
  for (std::int64_t hour = 0; hour < 96; ++hour) add("angeles", "v", 1698883201 + hour * 3600, 1.0);
  EXPECT_EQ(rows("SELECT count(v) FROM angeles WHERE time >= '2023-11-02T00:00:00Z' AND time < '2023-11-06T00:00:00Z' "
                 "GROUP BY time(1d, 12h) fill(none) tz('America/Los_Angeles')"),
            "[[1698865200,19],[1698951600,24],[1699038000,24],[1699124400,25],[1699214400,4]]");
  // What failed with a limit, repeated a window, and gave 7 windows instead of 40.
  add("york", "v", 1489000000, 1.0);
  EXPECT_EQ(rows("SELECT count(v) FROM york WHERE time >= '2017-03-08' AND time < '2017-03-20' GROUP BY time(1w, 4d) "
                 "tz('America/New_York')"),
            "[[1488776400,1],[1489377600,0]]");
  EXPECT_EQ(rows("SELECT count(v) FROM york WHERE time >= '2017-03-11' AND time < '2017-03-14' GROUP BY time(1d, 6h) "
                 "tz('America/New_York')"),
            "");
  add("york", "v", 1489320000, 1.0);
  EXPECT_EQ(rows("SELECT count(v) FROM york WHERE time >= '2017-03-11' AND time < '2017-03-14' GROUP BY time(1d, 6h) "
                 "tz('America/New_York')"),
            "[[1489143600,0],[1489230000,0],[1489312800,1],[1489399200,0]]");
  add("berlin", "v", 1490000000, 1.0);
  const std::string weeks = rows(
      "SELECT count(v) FROM berlin WHERE time >= '2017-03-01' AND time < '2017-12-01' "
      "GROUP BY time(1w, 4d) tz('Europe/Berlin')");
  EXPECT_EQ(std::count(weeks.begin(), weeks.end(), '['), 40 + 1);
}

}  // namespace
}  // namespace resmon::influxql
