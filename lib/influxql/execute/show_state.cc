#include "influxql/execute/show_state.h"

#include <algorithm>
#include <array>

namespace resmon::influxql {
namespace {

using What = Show::What;

// As Go prints a duration, to three digits or so: "48µs", "1.2s".
std::string short_duration(std::chrono::nanoseconds age) {
  const std::int64_t nanos = age.count();
  if (nanos < 1'000'000) return std::to_string(nanos / 1000) + "\u00b5s";
  if (nanos < 1'000'000'000) return std::to_string(nanos / 1'000'000) + "ms";
  return std::to_string(nanos / 1'000'000'000) + "s";
}

StatementResult one_series(Series series) {
  StatementResult result;
  result.series.push_back(std::move(series));
  return result;
}

// InfluxDB has a series for each database, whether or not it has rows.
StatementResult empty_for_each(const std::vector<std::string>& databases, const std::vector<std::string>& columns) {
  StatementResult result;
  for (const std::string& name : databases) result.series.push_back({name, {}, columns, {}, {}});
  return result;
}

StatementResult list_queries(const Backend& backend) {
  Series series{"", {}, {"qid", "query", "database", "duration", "status"}, {}, {}};
  for (const RunningQuery& query : backend.queries()) {
    series.cells.emplace_back(static_cast<std::int64_t>(query.id));
    series.cells.emplace_back(query.text);
    series.cells.emplace_back(query.database);
    series.cells.emplace_back(short_duration(query.age));
    series.cells.emplace_back(std::string(query.killed ? "killed" : "running"));
  }
  return one_series(std::move(series));
}

StatementResult list_modules(std::vector<ServerModule> modules, const std::string& only) {
  StatementResult result;
  for (ServerModule& module : modules) {
    if (!only.empty() && module.name != only) continue;
    Series series{module.name, {}, {}, {}, {}};
    for (auto& [name, value] : module.values) {
      series.columns.push_back(name);
      series.cells.push_back(std::move(value));
    }
    result.series.push_back(std::move(series));
  }
  return result;
}

}  // namespace

bool is_state(What what) {
  return what >= What::kUsers;
}

Result<StatementResult> show_state(const Show& statement, const Backend& backend,
                                   const std::vector<std::string>& databases) {
  switch (statement.what) {
    case What::kUsers: {
      Series series{"", {}, {"user", "admin"}, {}, {}};
      for (ServerUser& user : backend.users()) {
        series.cells.emplace_back(std::move(user.name));
        series.cells.emplace_back(user.administrator);
      }
      return one_series(std::move(series));
    }
    case What::kGrants: {
      const std::vector<ServerUser> users = backend.users();
      const auto named = [&](const ServerUser& user) { return user.name == statement.name; };
      if (std::none_of(users.begin(), users.end(), named)) return fail(ErrorKind::kNotFound, "user not found");
      return one_series({"", {}, {"database", "privilege"}, {}, {}});
    }
    case What::kContinuousQueries:
      return empty_for_each(databases, {"name", "query"});
    case What::kQueries:
      return list_queries(backend);
    case What::kShards:
      return empty_for_each(databases, {"id", "database", "retention_policy", "shard_group", "start_time", "end_time",
                                        "expiry_time", "owners"});
    case What::kShardGroups:
      return one_series({"shard groups",
                         {},
                         {"id", "database", "retention_policy", "start_time", "end_time", "expiry_time"},
                         {},
                         {}});
    case What::kStats:
      return list_modules(backend.stats(), statement.name);
    case What::kDiagnostics:
      return list_modules(backend.diagnostics(), statement.name);
    default:
      return StatementResult{};  // no subscriptions
  }
}

}  // namespace resmon::influxql
