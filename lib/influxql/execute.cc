#include "influxql/execute.h"

#include "influxql/select.h"
#include "influxql/show.h"
#include "influxql/time_text.h"

namespace resmon::influxql {
namespace {

class Executor {
 public:
  Executor(const store::Reader& reader, const ExecuteOptions& options)
      : options_(options), context_{&reader, options.database} {}

  Result<StatementResult> operator()(const Select& statement) const {
    RESMON_TRY(check_sources(statement));
    const CompileContext compile_context{options_.now, &options_.load_zone};
    RESMON_ASSIGN(auto compiled, compile(statement, compile_context));
    const std::string time_name = compiled->time_name;
    StatementResult result;
    result.zone = compiled->zone;
    RESMON_ASSIGN(const auto planned, plan(std::move(compiled), context_));
    Budget budget(options_.limits);
    RESMON_ASSIGN(std::vector<Rows> answer, run(*planned, budget));

    std::vector<std::string> columns = {time_name};
    for (const Plan::Output& output : planned->outputs) columns.push_back(output.name);
    const std::size_t width = planned->outputs.size();
    for (Rows& rows : answer) {
      Series series{std::move(rows.name), {}, columns, {}};
      for (metric::Tag& tag : rows.tags) series.tags.emplace_back(std::move(tag.key), std::move(tag.value));
      series.cells.reserve(rows.times.size() * (width + 1));
      for (std::size_t i = 0; i < rows.times.size(); ++i) {
        series.cells.emplace_back(Time{rows.times[i]});
        for (std::size_t c = 0; c < width; ++c) series.cells.push_back(std::move(rows.cells[i * width + c]));
      }
      result.series.push_back(std::move(series));
      rows = Rows{};
    }
    return result;
  }

  Result<StatementResult> operator()(const Show& statement) const {
    if (statement.what != Show::What::kDatabases) {
      const std::string& database = statement.database.empty() ? options_.requested_database : statement.database;
      if (database.empty()) return fail(ErrorKind::kInvalid, "database name required");
      if (database != options_.database) {
        // InfluxDB lists the measurements of a database that is not there as none.
        if (statement.what == Show::What::kMeasurements) return StatementResult{};
        return unknown_database(database);
      }
    }
    return show(statement, context_, options_.now);
  }

  // Clients create the database they are set up with before they use it: it is always there.
  Result<StatementResult> operator()(const CreateDatabase&) const { return StatementResult{}; }

  Result<StatementResult> operator()(const Unsupported& statement) const {
    return fail(ErrorKind::kUnsupported, statement.name + " is not supported: this database is read-only for InfluxQL");
  }

 private:
  static Unexpected<Error> unknown_database(const std::string& name) {
    return fail(ErrorKind::kNotFound, "database not found: " + name);
  }

  // What a source does not say, the request does.
  Status check_sources(const Select& statement) const {
    for (const Source& source : statement.sources) {
      if (source.subquery != nullptr) {
        RESMON_TRY(check_sources(*source.subquery));
        continue;
      }
      const std::string& database = source.database.empty() ? options_.requested_database : source.database;
      if (database.empty()) return fail(ErrorKind::kInvalid, "database name required");
      if (database != options_.database) return unknown_database(database);
      const std::string& policy = source.retention_policy.empty() ? options_.retention_policy : source.retention_policy;
      if (!policy.empty() && policy != "autogen") {
        return fail(ErrorKind::kNotFound, "retention policy not found: " + policy);
      }
    }
    return {};
  }

  const ExecuteOptions& options_;
  const PlanContext context_;
};

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// A zone that is not known is an error of the text as a whole.
Status check_zones(const Select& select, const ZoneLoader& load) {
  if (!select.zone.empty()) RESMON_TRY(load(select.zone));
  for (const Source& source : select.sources) {
    if (source.subquery != nullptr) RESMON_TRY(check_zones(*source.subquery, load));
  }
  return {};
}

}  // namespace

Response execute(const store::Reader& reader, std::string_view text, const ExecuteOptions& options) {
  Response response;
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  auto statements = parse(text, options.params, options.parse_limits);
  if (!statements) {
    response.error = "error parsing query: " + statements.error().message;
    return response;
  }
  for (const Statement& statement : *statements) {
    const auto* select = std::get_if<Select>(&statement);
    if (select == nullptr) continue;
    auto zones = check_zones(*select, options.load_zone);
    if (!zones) {
      response.error = "error parsing query: " + zones.error().message;
      return response;
    }
  }
  const Executor executor(reader, options);
  bool failed = false;
  for (const Statement& statement : *statements) {
    StatementResult& result = response.results.emplace_back();
    if (failed) {
      result.error = "not executed";
      continue;
    }
    auto done = std::visit(executor, statement);
    if (done) {
      result = std::move(done).value();
    } else {
      failed = true;
      result.error = std::move(done.error().message);
    }
  }
  return response;
}

}  // namespace resmon::influxql
