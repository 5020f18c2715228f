#include "influxql/execute/show.h"

#include <algorithm>
#include <map>
#include <set>

#include "influxql/plan/condition.h"
#include "influxql/plan/filter.h"

namespace resmon::influxql {
namespace {

using Kind = Expr::Kind;
using What = Show::What;

// Conditions of SHOW are about tags: every name in them is one, and only equality and patterns make sense.
Result<ExprPtr> tag_condition(const ExprPtr& expr) {
  if (expr->is(Kind::kVariable)) return make_variable(expr->name, DataType::kTag);
  if (expr->is(Kind::kBinary) && expr->op != Token::kAnd && expr->op != Token::kOr && expr->op != Token::kEq &&
      expr->op != Token::kNeq && expr->op != Token::kEqRegex && expr->op != Token::kNeqRegex) {
    return fail(ErrorKind::kInvalid, "invalid tag comparison operator");
  }
  if (expr->args.empty()) return expr;
  Expr copy = *expr;
  for (ExprPtr& arg : copy.args) {
    RESMON_ASSIGN(arg, tag_condition(arg));
  }
  return std::make_shared<const Expr>(std::move(copy));
}

class Shower {
 public:
  Shower(const Show& statement, const PlanContext& context, Budget& budget)
      : show_(statement), context_(context), budget_(budget) {}

  Result<StatementResult> run(UnixNanos now) {
    RESMON_ASSIGN(const Condition split, split_condition(show_.condition, {now, true, nullptr}));
    // Elsewhere bounds of time are taken and leave nothing out: what was ever written is listed.
    if ((split.min || split.max) && show_.what == What::kMeasurements) {
      return fail(ErrorKind::kInvalid, "SHOW MEASUREMENTS doesn't support time in WHERE clause");
    }
    if (split.rest != nullptr) {
      RESMON_ASSIGN(condition_, tag_condition(split.rest));
    }
    if (show_.what == What::kRetentionPolicies) {
      const std::vector<Cell> row = {std::string("autogen"), std::string("0s"), std::string("168h0m0s"),
                                     std::int64_t{1}, true};
      add("", {"name", "duration", "shardGroupDuration", "replicaN", "default"}, {row}, false);
      return std::move(result_);
    }
    RESMON_ASSIGN(const std::vector<std::string> names, measurements());
    switch (show_.what) {
      case What::kMeasurements:
        list_measurements(names);
        break;
      case What::kTagKeys:
        tag_keys(names);
        break;
      case What::kTagValues:
        tag_values(names);
        break;
      case What::kFieldKeys:
        field_keys(names);
        break;
      case What::kSeries:
        series(names);
        break;
      default:
        break;
    }
    RESMON_TRY(std::move(status_));
    if (show_.series_limit > 0 || show_.series_offset > 0) limit_series();
    return std::move(result_);
  }

 private:
  using Row = std::vector<Cell>;

  Result<std::vector<std::string>> measurements() {
    std::vector<Source> sources = show_.sources;
    if (show_.with_measurement) sources.push_back(*show_.with_measurement);
    const std::vector<std::string> known = context_.reader->measurements();
    if (sources.empty()) return known;
    std::set<std::string> out;
    for (const Source& source : sources) {
      RESMON_ASSIGN(const std::vector<std::string> names, match_measurements(source, context_));
      for (const std::string& name : names) {
        if (std::binary_search(known.begin(), known.end(), name)) out.insert(name);
      }
    }
    return std::vector<std::string>(out.begin(), out.end());
  }

  // f(tags) for every group of the measurement that the condition lets through.
  template <class F>
  void for_groups(const std::string& name, const F& f) {
    const auto table = open_measurement(*context_.reader, name);
    if (table == nullptr) return;
    const Filter filter(condition_, *table);
    for (std::size_t i = 0; i < table->series() && status_; ++i) {
      if (i % 1024 == 0) status_ = budget_.alive();
      if (filter.judge(table->tags(i)) == Filter::Verdict::kAll) f(table->tags(i));
    }
  }

  void add(std::string name, std::vector<std::string> columns, std::vector<Row> rows, bool limited = true) {
    if (limited) {
      const auto from = std::min(static_cast<std::size_t>(show_.offset), rows.size());
      rows.erase(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(from));
      if (show_.limit > 0 && rows.size() > static_cast<std::uint64_t>(show_.limit)) {
        rows.resize(static_cast<std::size_t>(show_.limit));
      }
    }
    if (rows.empty() || !status_) return;
    std::uint64_t bytes = 0;
    for (const Row& row : rows) {
      for (const Cell& cell : row) {
        const auto* text = std::get_if<std::string>(&cell);
        bytes += sizeof(Cell) + (text != nullptr ? text->size() : 0);
      }
    }
    status_ = budget_.points(rows.size(), bytes);
    if (!status_) return;
    Series series{std::move(name), {}, std::move(columns), {}, {}};
    for (Row& row : rows) {
      for (Cell& cell : row) series.cells.push_back(std::move(cell));
    }
    result_.series.push_back(std::move(series));
  }

  void list_measurements(const std::vector<std::string>& names) {
    std::vector<Row> rows;
    for (const std::string& name : names) {
      bool any = condition_ == nullptr;
      if (!any) any = has_tags(name, *condition_);
      if (any) rows.push_back({name});
    }
    add("measurements", {"name"}, std::move(rows));
  }

  // A measurement is chosen by the values that its tags have in all its groups together; `!=` and `!~` ask that none
  // matches.
  bool has_tags(const std::string& measurement, const Expr& expr) const {
    if (expr.is(Kind::kParen)) return has_tags(measurement, expr.left());
    if (!expr.is(Kind::kBinary)) return false;
    if (expr.op == Token::kAnd) return has_tags(measurement, expr.left()) && has_tags(measurement, expr.right());
    if (expr.op == Token::kOr) return has_tags(measurement, expr.left()) || has_tags(measurement, expr.right());
    if (!expr.left().is(Kind::kVariable)) return false;
    const auto table = open_measurement(*context_.reader, measurement);
    if (table == nullptr || !table->has_tag(expr.left().name)) return false;
    bool found = false;
    for (std::size_t i = 0; i < table->series() && !found; ++i) {
      const std::string_view value = tag_value(table->tags(i), expr.left().name);
      if (value.empty()) continue;
      found = expr.right().is(Kind::kRegex) ? expr.right().regex->matches(value) : expr.right().name == value;
    }
    return found == (expr.op == Token::kEq || expr.op == Token::kEqRegex);
  }

  void tag_keys(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      std::set<std::string> keys;
      for_groups(name, [&](const std::vector<metric::Tag>& tags) {
        for (const metric::Tag& tag : tags) {
          if (wants_key(show_, tag.key)) keys.insert(tag.key);
        }
      });
      std::vector<Row> rows;
      for (const std::string& key : keys) rows.push_back({key});
      add(name, {"tagKey"}, std::move(rows));
    }
  }

  void tag_values(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      std::set<std::pair<std::string, std::string>> values;
      for_groups(name, [&](const std::vector<metric::Tag>& tags) {
        for (const metric::Tag& tag : tags) {
          if (wants_key(show_, tag.key)) values.emplace(tag.key, tag.value);
        }
      });
      std::vector<Row> rows;
      for (const auto& [key, value] : values) rows.push_back({key, value});
      add(name, {"key", "value"}, std::move(rows));
    }
  }

  void field_keys(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      const std::vector<store::Column> columns = context_.reader->columns(name);
      std::vector<Row> rows;
      for (const store::Column& column : columns)
        rows.push_back({column.name, std::string(metric::type_name(column.type))});
      add(name, {"fieldKey", "fieldType"}, std::move(rows));
    }
  }

  void series(const std::vector<std::string>& names) {
    std::vector<Row> rows;
    for (const std::string& name : names) {
      for_groups(name, [&](const std::vector<metric::Tag>& tags) { rows.push_back({metric::group_key(name, tags)}); });
    }
    add("", {"key"}, std::move(rows));
  }

  void limit_series() {
    std::vector<Series>& all = result_.series;
    const auto from = std::min(static_cast<std::size_t>(show_.series_offset), all.size());
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(from));
    if (show_.series_limit > 0 && all.size() > static_cast<std::uint64_t>(show_.series_limit)) {
      all.resize(static_cast<std::size_t>(show_.series_limit));
    }
  }

  const Show& show_;
  const PlanContext& context_;
  Budget& budget_;
  Status status_;  // an error: a bound was reached, or nobody waits for the answer any more
  ExprPtr condition_;
  StatementResult result_;
};

}  // namespace

bool wants_key(const Show& show, const std::string& key) {
  const bool listed = std::find(show.keys.begin(), show.keys.end(), key) != show.keys.end();
  switch (show.key_op) {
    case Token::kEq:
    case Token::kIn:
      return listed;
    case Token::kNeq:
      return !listed;
    case Token::kEqRegex:
      return show.key_regex->matches(key);
    case Token::kNeqRegex:
      return !show.key_regex->matches(key);
    default:
      return true;
  }
}

Result<StatementResult> show(const Show& statement, const PlanContext& context, UnixNanos now, Budget& budget) {
  if (is_cardinality(statement.what)) return show_cardinality(statement, context, now, budget);
  return Shower(statement, context, budget).run(now);
}

}  // namespace resmon::influxql
