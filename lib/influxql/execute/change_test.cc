// Statements that change data, over a backend that remembers what it was asked.

#include "influxql/execute/change.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "influxql/execute.h"
#include "influxql/fake_reader.h"
#include "influxql/format/serialize.h"
#include "influxql/parse/predicate.h"

namespace resmon::influxql {
namespace {

using testing::HasSubstr;

class FakeBackend final : public Backend {
 public:
  Status may_change(std::string_view statement) const override {
    return allowed ? Status() : fail(ErrorKind::kDenied, "no " + std::string(statement));
  }
  Status remove(store::Deletion deletion) const override {
    removed.push_back(std::move(deletion));
    return {};
  }
  metric::SchemaTable& schemas() const override { return table; }
  Status write(const metric::Batch& rows) const override {
    written += rows.rows().size();
    return {};
  }
  std::vector<RunningQuery> queries() const override {
    return {{7, "SELECT 1", "resmon", std::chrono::seconds(2), true}};
  }
  Status kill(std::uint64_t id) const override { return id == 7 ? Status() : fail(ErrorKind::kNotFound, "no such id"); }
  std::vector<ServerUser> users() const override { return {{"admin", true}}; }
  std::vector<ServerModule> stats() const override { return {{"httpd", {{"req", std::int64_t{3}}}}}; }
  std::vector<ServerModule> diagnostics() const override { return {}; }

  bool allowed = true;
  mutable metric::SchemaTable table;
  mutable std::vector<store::Deletion> removed;
  mutable std::size_t written = 0;
};

class Change : public testing::Test {
 protected:
  Change() {
    reader_.add("m", {{"host", "a"}}, "f", 1, 1.0);
    reader_.add("m", {{"host", "b"}}, "f", 2, 2.0);
    reader_.add("n", {}, "f", 3, 3.0);
    options_.requested_database = "resmon";
    options_.now = 100;
    options_.backend = &backend_;
  }
  std::string ask(std::string_view query) const {
    std::string out;
    write_json(execute(reader_, query, options_), {Epoch::kNanos, false, 0}, append_to(out));
    out.pop_back();
    return out;
  }
  // What the statement deletes: "m,host=a [2,5)".
  std::string deleted(std::string_view query) {
    backend_.removed.clear();
    const std::string answer = ask(query);
    if (backend_.removed.size() != 1) return answer;
    const store::Deletion& deletion = backend_.removed[0];
    std::string out;
    const std::pair<std::string, std::vector<metric::Tag>> series[] = {
        {"m", {{"host", "a"}}}, {"m", {{"host", "b"}}}, {"n", {}}};
    for (const auto& [name, tags] : series)
      if (deletion.takes(name, tags)) out += metric::group_key(name, tags) + " ";
    const auto bound = [](UnixNanos time) {
      return time == INT64_MIN || time == INT64_MAX ? std::string("-") : std::to_string(time);
    };
    return out + bound(deletion.range.first) + " " + bound(deletion.range.last);
  }

  FakeReader reader_;
  FakeBackend backend_;
  ExecuteOptions options_;
};

TEST_F(Change, DeletionsMeanSeriesAndTimes) {
  EXPECT_EQ(deleted("DELETE FROM m"), "m,host=a m,host=b - -");
  EXPECT_EQ(deleted("DROP MEASUREMENT n"), "n - -");
  EXPECT_EQ(deleted("DROP SERIES WHERE host = 'a'"), "m,host=a - -");
  EXPECT_EQ(deleted("DROP SERIES FROM /m|n/ WHERE host != 'a'"), "m,host=b n - -");
  EXPECT_EQ(deleted("DELETE WHERE time >= 2 AND time < 5"), "m,host=a m,host=b n 2 5");
  EXPECT_EQ(deleted("DELETE FROM m WHERE (host =~ /^[ab]$/ AND host !~ /a/) AND time <= now()"), "m,host=b - 101");
  EXPECT_EQ(deleted("DELETE FROM m WHERE host = ''"), "- -");
}

TEST_F(Change, WhatADeletionCannotMean) {
  EXPECT_THAT(deleted("DELETE FROM m WHERE f > 1"), HasSubstr("fields not supported in WHERE clause during deletion"));
  EXPECT_THAT(deleted("DELETE FROM m WHERE f = 'x'"), HasSubstr("fields not supported in WHERE clause"));
  EXPECT_THAT(deleted("DELETE FROM m WHERE host < 'b'"), HasSubstr("invalid tag comparison operator"));
  EXPECT_THAT(deleted("DELETE FROM m WHERE host + 'b' = 'x'"), HasSubstr("error"));
  EXPECT_THAT(deleted("DROP SERIES FROM m WHERE time > 3"), HasSubstr("doesn't support time in WHERE clause"));
  backend_.allowed = false;
  EXPECT_THAT(deleted("DELETE FROM m"), HasSubstr("no DELETE"));
  EXPECT_THAT(ask("SELECT f INTO t FROM m"), HasSubstr("no SELECT INTO"));
  options_.backend = nullptr;
  EXPECT_THAT(ask("DROP MEASUREMENT m"), HasSubstr("not supported here"));
}

TEST_F(Change, IntoWritesPointsAndCountsThem) {
  EXPECT_THAT(ask("SELECT f INTO t FROM m GROUP BY host"),
              HasSubstr(R"({"name":"result","columns":["time","written"],"values":[[0,2]]})"));
  EXPECT_EQ(backend_.written, 2U);
  EXPECT_THAT(ask("SELECT f INTO t FROM nosuch"), HasSubstr("[[0,0]]"));
  EXPECT_THAT(ask("SELECT f INTO other..t FROM m"), HasSubstr("database not found: other"));
  EXPECT_THAT(ask("SELECT f INTO resmon.week.t FROM m"), HasSubstr("retention policy not found: week"));
  EXPECT_THAT(ask("SELECT f FROM (SELECT f INTO t FROM m)"), HasSubstr("INTO is not supported in a subquery"));
}

TEST_F(Change, ListsHaveTheColumnsOfInfluxDb) {
  EXPECT_EQ(ask("SHOW USERS"),
            R"({"results":[{"statement_id":0,"series":[{"columns":["user","admin"],"values":[["admin",true]]}]}]})");
  EXPECT_THAT(ask("SHOW QUERIES"), HasSubstr(R"([7,"SELECT 1","resmon","2s","killed"])"));
  EXPECT_THAT(ask("SHOW CONTINUOUS QUERIES"), HasSubstr(R"([{"name":"resmon","columns":["name","query"]}])"));
  EXPECT_THAT(ask("SHOW GRANTS FOR admin"), HasSubstr(R"({"columns":["database","privilege"]})"));
  EXPECT_THAT(ask("SHOW GRANTS FOR bob"), HasSubstr("user not found"));
  EXPECT_THAT(ask("SHOW STATS FOR 'httpd'"), HasSubstr(R"({"name":"httpd","columns":["req"],"values":[[3]]})"));
  EXPECT_EQ(ask("SHOW SUBSCRIPTIONS"), R"({"results":[{"statement_id":0}]})");
  EXPECT_EQ(ask("KILL QUERY 7"), R"({"results":[{"statement_id":0}]})");
  EXPECT_THAT(ask("KILL QUERY 8"), HasSubstr("no such id"));
}

TEST_F(Change, PredicatesOfVersion2) {
  const auto text = [](std::string_view predicate) {
    const auto parsed = parse_delete_predicate(predicate);
    if (!parsed) return "error: " + parsed.error().message;
    return (parsed->sources.empty() ? "-" : parsed->sources[0].name) + " " +
           (parsed->condition == nullptr ? "-" : to_string(*parsed->condition));
  };
  EXPECT_EQ(text(""), "- -");
  EXPECT_EQ(text(R"(_measurement="m")"), "m -");
  EXPECT_EQ(text(R"( _measurement = 'a b' AND host="x\"y" and rack != r1 )"),
            R"(a b host::tag = 'x"y' AND rack::tag != 'r1')");
  EXPECT_THAT(text("host > 1"), HasSubstr("expected = or !="));
  EXPECT_THAT(text("host = \"a"), HasSubstr("closing quote"));
  EXPECT_THAT(text("host = a OR host = b"), HasSubstr("expected AND"));
  EXPECT_THAT(text("_field = f"), HasSubstr("_field is not supported"));
  EXPECT_THAT(text("_measurement != m"), HasSubstr("one _measurement"));
}

}  // namespace
}  // namespace resmon::influxql
