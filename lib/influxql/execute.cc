#include "influxql/execute.h"

#include <algorithm>
#include <chrono>

#include "influxql/execute/change.h"
#include "influxql/execute/select.h"
#include "influxql/execute/show.h"
#include "influxql/execute/show_state.h"
#include "influxql/parse/time_text.h"
#include "influxql/plan/types.h"

namespace resmon::influxql {
namespace {

// What a SELECT reads, a line each, as far as InfluxDB's lines mean something here.
void describe_plan(const Plan& plan, std::vector<std::string>& lines) {
  for (const Plan::Output& output : plan.outputs) lines.push_back("EXPRESSION: " + to_string(*output.expr));
  std::size_t series = 0;
  for (const Plan::Source& source : plan.sources) {
    if (source.table != nullptr)
      series += source.table->series();
    else
      describe_plan(*source.subquery, lines);
  }
  lines.push_back("NUMBER OF SERIES: " + std::to_string(series));
}

std::vector<std::string> describe_plan(const Plan& plan) {
  std::vector<std::string> lines;
  describe_plan(plan, lines);
  return lines;
}

class Executor {
 public:
  Executor(const store::Reader& reader, const ExecuteOptions& options, MemoryClaim& memory)
      : options_(options), memory_(memory), context_{&reader, [this](std::string_view name) { return known(name); }} {}
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  Result<StatementResult> operator()(const Select& statement) const {
    RESMON_TRY(check_sources(statement));
    if (statement.target) RESMON_TRY(check_target(*statement.target));
    const CompileContext compile_context{options_.now, &options_.load_zone};
    RESMON_ASSIGN(auto compiled, compile(statement, compile_context));
    const std::string time_name = compiled->time_name;
    StatementResult result;
    result.zone = compiled->zone;
    RESMON_ASSIGN(const auto planned, plan(std::move(compiled), context_));
    for (const Plan::Output& output : planned->outputs) RESMON_TRY(check_types(*output.expr));
    Budget budget(options_.limits, &memory_);
    RESMON_TRY(budget.alive());
    RESMON_ASSIGN(std::vector<Rows> answer, run(*planned, budget));

    std::vector<std::string> columns;
    for (const Plan::Output& output : planned->outputs) columns.push_back(output.name);
    if (statement.target) return write_into(*statement.target, answer, columns);
    columns.insert(columns.begin(), time_name);
    for (Rows& rows : answer) {
      Series series{std::move(rows.name), {}, columns, std::move(rows.cells), std::move(rows.times)};
      for (metric::Tag& tag : rows.tags) series.tags.emplace_back(std::move(tag.key), std::move(tag.value));
      result.series.push_back(std::move(series));
    }
    return result;
  }

  Result<StatementResult> operator()(const Show& statement) const {
    if (statement.what == Show::What::kDatabases) return list_databases();
    if (statement.what == Show::What::kMeasurements && statement.with_policies) return list_measurements(statement);
    if (is_state(statement.what)) {
      RESMON_ASSIGN(const Backend* const backend, backend_for("SHOW"));
      return show_state(statement, *backend, database_names());
    }
    {
      const std::string& database = statement.database.empty() ? options_.requested_database : statement.database;
      if (database.empty()) return fail(ErrorKind::kInvalid, "database name required");
      if (!known(database)) {
        // InfluxDB lists the measurements of a database that is not there as none.
        if (statement.what == Show::What::kMeasurements) return StatementResult{};
        if (is_estimate(statement)) return estimate(0);
        return unknown_database(database);
      }
    }
    Budget budget(options_.limits, &memory_);
    return show(statement, context_, options_.now, budget);
  }

  Result<StatementResult> operator()(const CreateDatabase& statement) const {
    if (options_.databases != nullptr) RESMON_TRY(options_.databases->create(statement.name));
    return StatementResult{};
  }

  // A second name goes; the data has it no more, and stays.
  Result<StatementResult> operator()(const DropDatabase& statement) const {
    RESMON_ASSIGN(const Backend* const backend, backend_for("DROP DATABASE"));
    RESMON_TRY(backend->may_change("DROP DATABASE"));
    if (options_.databases != nullptr) RESMON_TRY(options_.databases->drop(statement.name));
    return StatementResult{};
  }

  Result<StatementResult> operator()(const Delete& statement) const {
    const std::string name = statement.what == Delete::What::kRows     ? "DELETE"
                             : statement.what == Delete::What::kSeries ? "DROP SERIES"
                                                                       : "DROP MEASUREMENT";
    RESMON_ASSIGN(const Backend* const backend, backend_for(name));
    RESMON_TRY(backend->may_change(name));
    const std::string& database = options_.requested_database;
    if (database.empty()) return fail(ErrorKind::kInvalid, "database name required");
    if (!known(database)) return unknown_database(database);
    RESMON_ASSIGN(store::Deletion deletion, deletion_of(statement, *context_.reader, options_.now));
    RESMON_TRY(backend->remove(std::move(deletion)));
    return StatementResult{};
  }

  Result<StatementResult> operator()(const KillQuery& statement) const {
    RESMON_ASSIGN(const Backend* const backend, backend_for("KILL QUERY"));
    RESMON_TRY(backend->may_change("KILL QUERY"));
    RESMON_TRY(backend->kill(statement.id));
    return StatementResult{};
  }

  Result<StatementResult> operator()(const Explain& statement) const {
    RESMON_TRY(check_sources(statement.select));
    const CompileContext compile_context{options_.now, &options_.load_zone};
    RESMON_ASSIGN(auto compiled, compile(statement.select, compile_context));
    RESMON_ASSIGN(const auto planned, plan(std::move(compiled), context_));
    Series series{"", {}, {statement.analyze ? "EXPLAIN ANALYZE" : "QUERY PLAN"}, {}, {}};
    for (std::string& line : describe_plan(*planned)) series.cells.emplace_back(std::move(line));
    if (statement.analyze) {
      Budget budget(options_.limits, &memory_);
      const auto begin = std::chrono::steady_clock::now();
      RESMON_ASSIGN(const std::vector<Rows> answer, run(*planned, budget));
      const auto took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin);
      series.cells.emplace_back("ROWS READ: " + std::to_string(budget.rows_scanned()));
      series.cells.emplace_back("SERIES OF THE ANSWER: " + std::to_string(answer.size()));
      series.cells.emplace_back("MICROSECONDS: " + std::to_string(took.count()));
    }
    StatementResult result;
    result.series.push_back(std::move(series));
    return result;
  }

  Result<StatementResult> operator()(const Unsupported& statement) const {
    std::string text = statement.name + " is not supported";
    if (!statement.instead.empty()) text += ": " + statement.instead;
    return fail(ErrorKind::kUnsupported, std::move(text));
  }

 private:
  bool known(std::string_view name) const {
    return options_.databases != nullptr ? options_.databases->has(name) : name == options_.database;
  }

  Result<const Backend*> backend_for(const std::string& statement) const {
    if (options_.backend == nullptr) return fail(ErrorKind::kUnsupported, statement + " is not supported here");
    return options_.backend;
  }

  std::vector<std::string> database_names() const {
    if (options_.databases != nullptr) return options_.databases->names();
    return {options_.database};
  }

  StatementResult list_databases() const {
    Series series{"databases", {}, {"name"}, {}, {}};
    for (std::string& name : database_names()) series.cells.emplace_back(std::move(name));
    StatementResult result;
    result.series.push_back(std::move(series));
    return result;
  }

  // SHOW MEASUREMENTS ON *.*, ON a.*, ON a.b: what each database and retention policy has, as later versions have it.
  Result<StatementResult> list_measurements(const Show& statement) const {
    const bool all = statement.database == "*";
    if (all && statement.retention_policy != "*") {
      const std::string what = statement.retention_policy.empty() ? "*" : "*.rp";
      return fail(ErrorKind::kInvalid,
                  "query 'SHOW MEASUREMENTS ON " + what + "' not supported. use 'ON *.*' or specify a database");
    }
    if (!all && !known(statement.database)) return fail(ErrorKind::kNotFound, "unknown database " + statement.database);
    StatementResult result;
    if (statement.retention_policy != "*" && statement.retention_policy != "autogen") return result;
    Show one = statement;
    one.with_policies = false;
    one.limit = one.offset = 0;
    Budget budget(options_.limits, &memory_);
    RESMON_ASSIGN(const StatementResult names, show(one, context_, options_.now, budget));
    if (names.series.empty()) return result;
    const auto offset = static_cast<std::uint64_t>(statement.offset);
    const std::uint64_t limit = statement.limit > 0 ? static_cast<std::uint64_t>(statement.limit) : UINT64_MAX;
    Series series{"measurements", {}, {"name", "database", "retention policy"}, {}, {}};
    std::uint64_t row = 0;
    for (const std::string& database : all ? database_names() : std::vector<std::string>{statement.database}) {
      for (const Cell& name : names.series[0].cells) {
        if (row++ < offset || row - offset > limit) continue;
        RESMON_TRY(budget.points(1, 3 * sizeof(Cell)));
        series.cells.insert(series.cells.end(), {name, Cell(database), Cell(std::string("autogen"))});
      }
    }
    if (!series.cells.empty()) result.series.push_back(std::move(series));
    return result;
  }

  static Unexpected<Error> unknown_database(const std::string& name) {
    return fail(ErrorKind::kNotFound, "database not found: " + name);
  }

  // The request supplies what a source does not name.
  Status check_sources(const Select& statement) const {
    for (const Source& source : statement.sources) {
      if (source.subquery != nullptr) {
        RESMON_TRY(check_sources(*source.subquery));
        continue;
      }
      const std::string& database = source.database.empty() ? options_.requested_database : source.database;
      if (database.empty()) return fail(ErrorKind::kInvalid, "database name required");
      if (!known(database)) return unknown_database(database);
      const std::string& policy = source.retention_policy.empty() ? options_.retention_policy : source.retention_policy;
      if (!policy.empty() && policy != "autogen") {
        return fail(ErrorKind::kNotFound, "retention policy not found: " + policy);
      }
    }
    return {};
  }

  Status check_target(const Source& target) const {
    RESMON_ASSIGN(const Backend* const backend, backend_for("SELECT INTO"));
    RESMON_TRY(backend->may_change("SELECT INTO"));
    if (!target.database.empty() && !known(target.database)) return unknown_database(target.database);
    if (!target.retention_policy.empty() && target.retention_policy != "autogen")
      return fail(ErrorKind::kNotFound, "retention policy not found: " + target.retention_policy);
    return {};
  }

  Result<StatementResult> write_into(const Source& target, const std::vector<Rows>& answer,
                                     const std::vector<std::string>& columns) const {
    metric::Batch points;
    RESMON_TRY(add_points(answer, columns, target, options_.backend->schemas(), points));
    if (!points.rows().empty()) RESMON_TRY(options_.backend->write(points));
    StatementResult result;
    result.series.push_back(
        {"result", {}, {"time", "written"}, {static_cast<std::int64_t>(points.rows().size())}, {0}});
    return result;
  }

  const ExecuteOptions& options_;
  MemoryClaim& memory_;
  const PlanContext context_;
};

StatementResult not_executed() {
  StatementResult result;
  result.error = "not executed";
  result.executed = false;
  return result;
}

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
  const auto memory = std::make_shared<MemoryClaim>(options.limits.memory);
  response.memory = memory;
  const Executor executor(reader, options, *memory);
  response.results.resize(statements->size());
  const auto run = [&](std::size_t i) {
    StatementResult& result = response.results[i];
    auto done = std::visit([&](const auto& one) { return executor(one); }, (*statements)[i]);
    if (done) {
      result = std::move(done).value();
      return true;
    }
    result.error_kind = done.error().kind;
    result.error = std::move(done.error().message);
    return false;
  };
  // Statements that only read may run in parallel; later statements see the changes of earlier ones.
  const bool side_by_side = std::all_of(statements->begin(), statements->end(), [](const Statement& statement) {
    const auto* select = std::get_if<Select>(&statement);
    return select != nullptr ? !select->target : std::holds_alternative<Show>(statement);
  });
  for_each_index(side_by_side ? options.limits.helpers : nullptr, statements->size(), run);
  const auto failed = std::find_if(response.results.begin(), response.results.end(),
                                   [](const StatementResult& result) { return !result.error.empty(); });
  if (failed == response.results.end()) return response;
  for (auto rest = failed + 1; rest != response.results.end(); ++rest) *rest = not_executed();
  return response;
}

}  // namespace resmon::influxql
