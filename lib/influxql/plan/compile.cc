#include "influxql/plan/compile.h"

#include <algorithm>
#include <array>

#include "influxql/function/evaluate.h"
#include "influxql/function/forecast.h"
#include "influxql/function/indicator.h"
#include "influxql/parse/duration.h"
#include "influxql/parse/time_text.h"
#include "influxql/plan/condition.h"

namespace resmon::influxql {
namespace {

using Kind = Expr::Kind;

bool any_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_time_name(std::string_view name) {
  return name.size() == 4 && (name[0] | 0x20) == 't' && (name[1] | 0x20) == 'i' && (name[2] | 0x20) == 'm' &&
         (name[3] | 0x20) == 'e';
}

// Checks the fields of one SELECT and remembers what they have between them.
class FieldChecker {
 public:
  FieldChecker(bool grouped_by_time, bool inherited, std::int64_t limit)
      : grouped_by_time_(grouped_by_time), inherited_(inherited), limit_(limit) {}

  Status field(const Expr& expr) {
    allow_wildcard_ = true;
    ++fields_;
    return check(expr);
  }

  Status together(Fill fill) const {
    if (fields_ == 0) return refuse("at least 1 non-time field must be queried");
    if (calls_ > 1 && !top_bottom_.empty()) {
      return refuse("selector function " + top_bottom_ + "() cannot be combined with other functions");
    }
    if (calls_ == 0) {
      if (fill == Fill::kNone) return refuse("fill(none) must be used with a function");
      if (fill == Fill::kLinear) return refuse("fill(linear) must be used with a function");
      if (grouped_by_time_ && !inherited_) return refuse("GROUP BY requires at least one aggregate function");
    }
    if (has_distinct_ && (calls_ != 1 || has_plain_)) {
      return refuse("aggregate function distinct() cannot be combined with other functions or fields");
    }
    if (has_plain_) {
      if (!only_selectors_) return refuse("mixing aggregate and non-aggregate queries is not supported");
      if (calls_ > 1) return refuse("mixing multiple selector functions with tags or fields is not supported");
    }
    return {};
  }

  bool raw() const { return calls_ == 0; }

 private:
  Status check(const Expr& expr) {
    switch (expr.kind) {
      case Kind::kVariable:
        has_plain_ = true;
        return {};
      case Kind::kWildcard:
        has_plain_ = true;
        if (!allow_wildcard_) return refuse("unable to use wildcard in a binary expression");
        return {};
      case Kind::kRegex:
        if (!allow_wildcard_) return refuse("unable to use regex in a binary expression");
        has_plain_ = true;
        return {};
      case Kind::kCall:
        return call(expr);
      case Kind::kDistinct:
        ++calls_;
        return distinct(1, true, false);
      case Kind::kBinary: {
        allow_wildcard_ = false;
        if (expr.left().is_literal()) {
          if (expr.right().is_literal()) return refuse("cannot perform a binary expression on two literals");
          return check(expr.right());
        }
        RESMON_TRY(check(expr.left()));
        if (expr.right().is_literal()) return {};
        return check(expr.right());
      }
      case Kind::kParen:
        return check(expr.left());
      default:
        return refuse("field must contain at least one variable");
    }
  }

  Status call(const Expr& expr) {
    const std::string& name = expr.name;
    if (is_math_function(name)) {
      const std::size_t expected = any_of(name, {"atan2", "pow", "log"}) ? 2 : 1;
      RESMON_TRY(arity(expr, expected));
      for (const ExprPtr& arg : expr.args) {
        if (!arg->is_literal()) RESMON_TRY(check(*arg));
      }
      return {};
    }
    ++calls_;
    if (name == "percentile") {
      RESMON_TRY(arity(expr, 2));
      if (!expr.right().is(Kind::kInteger) && !expr.right().is(Kind::kNumber)) {
        return refuse("expected float argument in percentile()");
      }
      return symbol(name, expr.left());
    }
    if (name == "sample") return sample(expr);
    if (name == "distinct") {
      return distinct(expr.args.size(), !expr.args.empty() && expr.left().is(Kind::kVariable), false);
    }
    if (name == "top" || name == "bottom") return top_bottom(expr);
    if (any_of(name, {"derivative", "non_negative_derivative", "elapsed"})) return per_unit(expr);
    if (any_of(name, {"difference", "non_negative_difference", "cumulative_sum"})) return step(expr);
    if (name == "moving_average") return moving_average(expr);
    if (indicator_named(name)) {
      RESMON_TRY(check_indicator(expr));
      return transform(expr);
    }
    if (name == "holt_winters" || name == "holt_winters_with_fit") {
      RESMON_TRY(check_forecast(expr));
      if (!expr.left().is(Kind::kCall)) return refuse("must use aggregate function with " + name);
      return transform(expr);
    }
    if (name == "integral") {
      RESMON_TRY(arity_between(expr, 1, 2));
      if (expr.args.size() == 2) {
        if (!expr.right().is(Kind::kDuration)) return refuse("second argument must be a duration");
        RESMON_TRY(positive(expr.right()));
      }
      only_selectors_ = false;
      return symbol(name, expr.left());
    }
    if (any_of(name, {"count", "sum", "mean", "median", "mode", "stddev", "spread"})) {
      only_selectors_ = false;
    } else if (!any_of(name, {"max", "min", "first", "last"})) {
      return refuse("undefined function " + name + "()");
    }
    RESMON_TRY(arity(expr, 1));
    if (name == "count") {
      const Expr& arg = expr.left();
      if (arg.is_call("distinct")) {
        return distinct(arg.args.size(), !arg.args.empty() && arg.left().is(Kind::kVariable), true);
      }
      if (arg.is(Kind::kDistinct)) return distinct(1, true, true);
    }
    return symbol(name, expr.left());
  }

  Status per_unit(const Expr& expr) {
    RESMON_TRY(arity_between(expr, 1, 2));
    if (expr.args.size() == 2) {
      if (!expr.right().is(Kind::kDuration)) {
        return refuse("second argument to " + expr.name + " must be a duration, got " +
                      std::string(go_type_name(expr.right().kind)));
      }
      RESMON_TRY(positive(expr.right()));
    }
    return transform(expr);
  }

  Status step(const Expr& expr) {
    if (expr.args.size() == 1) return transform(expr);
    return refuse("invalid number of arguments for " + expr.name + ", expected 1, got " +
                  std::to_string(expr.args.size()));
  }

  Status moving_average(const Expr& expr) {
    RESMON_TRY(arity(expr, 2));
    if (!expr.right().is(Kind::kInteger)) {
      return refuse("second argument for moving_average must be an integer, got " +
                    std::string(go_type_name(expr.right().kind)));
    }
    if (expr.right().integer <= 1) {
      return refuse("moving_average window must be greater than 1, got " + std::to_string(expr.right().integer));
    }
    return transform(expr);
  }

  Status sample(const Expr& expr) {
    RESMON_TRY(arity(expr, 2));
    if (!expr.right().is(Kind::kInteger)) return refuse("expected integer argument in sample()");
    if (expr.right().integer <= 0)
      return refuse("sample window must be greater than 1, got " + std::to_string(expr.right().integer));
    return symbol(expr.name, expr.left());
  }

  // derivative() and its kin: over a field, or over an aggregate with GROUP BY time.
  Status transform(const Expr& expr) {
    only_selectors_ = false;
    const Expr& arg = expr.left();
    if (!arg.is(Kind::kCall)) {
      if (grouped_by_time_ && !inherited_) return refuse("aggregate function required inside the call to " + expr.name);
      return symbol(expr.name, arg);
    }
    if (!grouped_by_time_) return refuse(expr.name + " aggregate requires a GROUP BY interval");
    if (arg.name == "distinct") {
      const bool nested = !indicator_named(expr.name);
      if (!nested) ++calls_;
      return distinct(arg.args.size(), !arg.args.empty() && arg.left().is(Kind::kVariable), nested);
    }
    return check(arg);
  }

  Status distinct(std::size_t args, bool variable, bool nested) {
    if (args == 0) return refuse("distinct function requires at least one argument");
    if (args != 1) return refuse("distinct function can only have one argument");
    if (!variable) return refuse("expected field argument in distinct()");
    if (!nested) has_distinct_ = true;
    only_selectors_ = false;
    return {};
  }

  Status top_bottom(const Expr& expr) {
    const std::string& name = expr.name;
    if (!top_bottom_.empty()) {
      return refuse("selector function " + top_bottom_ + "() cannot be combined with other functions");
    }
    if (expr.args.size() < 2) {
      return refuse("invalid number of arguments for " + name + ", expected at least 2, got " +
                    std::to_string(expr.args.size()));
    }
    const Expr& last = *expr.args.back();
    if (!last.is(Kind::kInteger)) {
      return refuse("expected integer as last argument in " + name + "(), found " + to_string(last));
    }
    if (last.integer <= 0) {
      return refuse("limit (" + std::to_string(last.integer) + ") in " + name + " function must be at least 1");
    }
    if (limit_ > 0 && last.integer > limit_) {
      return refuse("limit (" + std::to_string(last.integer) + ") in " + name +
                    " function can not be larger than the LIMIT (" + std::to_string(limit_) +
                    ") in the select statement");
    }
    if (!expr.left().is(Kind::kVariable)) {
      return refuse("expected first argument to be a field in " + name + "(), found " + to_string(expr.left()));
    }
    for (std::size_t i = 1; i + 1 < expr.args.size(); ++i) {
      if (!expr.args[i]->is(Kind::kVariable)) {
        return refuse("only fields or tags are allowed in " + name + "(), found " + to_string(*expr.args[i]));
      }
      has_plain_ = true;
    }
    top_bottom_ = name;
    return {};
  }

  Status symbol(std::string_view function, const Expr& arg) {
    switch (arg.kind) {
      case Kind::kVariable:
        return {};
      case Kind::kWildcard:
        if (!allow_wildcard_) return refuse("unsupported expression with wildcard: " + std::string(function) + "()");
        only_selectors_ = false;
        return {};
      case Kind::kRegex:
        if (!allow_wildcard_) return refuse("unsupported expression with regex field: " + std::string(function) + "()");
        only_selectors_ = false;
        return {};
      default:
        return refuse("expected field argument in " + std::string(function) + "()");
    }
  }

  static Status arity(const Expr& expr, std::size_t expected) {
    if (expr.args.size() == expected) return {};
    return refuse("invalid number of arguments for " + expr.name + ", expected " + std::to_string(expected) + ", got " +
                  std::to_string(expr.args.size()));
  }
  static Status arity_between(const Expr& expr, std::size_t least, std::size_t most) {
    if (expr.args.size() >= least && expr.args.size() <= most) return {};
    return refuse("invalid number of arguments for " + expr.name + ", expected at least " + std::to_string(least) +
                  " but no more than " + std::to_string(most) + ", got " + std::to_string(expr.args.size()));
  }
  static Status positive(const Expr& duration) {
    if (duration.integer > 0) return {};
    return refuse("duration argument must be positive, got " + format_duration(duration.integer));
  }

  const bool grouped_by_time_;
  const bool inherited_;
  const std::int64_t limit_;
  bool allow_wildcard_ = true;
  bool only_selectors_ = true;
  bool has_distinct_ = false;
  bool has_plain_ = false;
  std::size_t fields_ = 0;
  std::size_t calls_ = 0;
  std::string top_bottom_;
};

// Functions in WHERE may only be mathematical.
Status check_condition(const Expr& expr) {
  if (expr.is(Kind::kCall)) {
    if (!is_math_function(expr.name)) return refuse("invalid function call in condition: " + to_string(expr));
    const std::size_t expected = any_of(expr.name, {"atan2", "pow"}) ? 2 : 1;
    if (expr.args.size() != expected) {
      return refuse("invalid number of arguments for " + expr.name + ", expected " + std::to_string(expected) +
                    ", got " + std::to_string(expr.args.size()));
    }
  }
  if (expr.is(Kind::kBinary) || expr.is(Kind::kCall)) {
    for (const ExprPtr& arg : expr.args) RESMON_TRY(check_condition(*arg));
  }
  return {};
}

std::int64_t offset_in(std::int64_t at, std::int64_t interval) {
  const std::int64_t rest = at % interval;
  return rest < 0 ? rest + interval : rest;
}

Status time_dimension(Compiled& out, const Expr& call, const FoldContext& fold_context) {
  if (call.name != "time") return refuse("only time() calls allowed in dimensions");
  if (call.args.empty() || call.args.size() > 2) return refuse("time dimension expected 1 or 2 arguments");
  if (!call.left().is(Kind::kDuration)) return refuse("time dimension must have duration argument");
  if (out.interval != 0) return refuse("multiple time dimensions not allowed");
  out.interval = call.left().integer;
  if (out.interval <= 0) {
    if (out.interval < 0) return refuse("time dimension must have a positive duration");
    return {};
  }
  if (call.args.size() == 1) return {};
  const Expr& offset = call.right();
  switch (offset.kind) {
    case Kind::kDuration:
      out.interval_offset = offset.integer % out.interval;
      return {};
    case Kind::kTime:
      out.interval_offset = offset_in(offset.integer, out.interval);
      return {};
    case Kind::kCall:
      if (offset.name != "now") return refuse("time dimension offset function must be now()");
      if (!offset.args.empty()) return refuse("time dimension offset now() function requires no arguments");
      out.interval_offset = offset_in(fold_context.now, out.interval);
      return {};
    case Kind::kString: {
      const auto at = parse_time(offset.name, fold_context.zone);
      if (looks_like_time(offset.name) && at && at->seconds < 9'223'372'036 && at->seconds > -9'223'372'036) {
        out.interval_offset = offset_in(at->seconds * kNanosPerSecond + at->nanos, out.interval);
        return {};
      }
      return refuse("time dimension offset must be duration or now()");
    }
    default:
      return refuse("time dimension offset must be duration or now()");
  }
}

Status dimensions(Compiled& out, const FoldContext& fold_context) {
  for (ExprPtr& dimension : out.select.dimensions) {
    dimension = fold(dimension, {});
    switch (dimension->kind) {
      case Kind::kVariable:
        if (is_time_name(dimension->name)) {
          return refuse("time() is a function and expects at least one argument");
        }
        break;
      case Kind::kCall:
        RESMON_TRY(time_dimension(out, *dimension, fold_context));
        break;
      case Kind::kWildcard:
      case Kind::kRegex:
        break;
      default:
        return refuse("only time and tag dimensions allowed");
    }
  }
  std::erase_if(out.select.dimensions, [](const ExprPtr& d) { return d->is(Kind::kCall); });
  return {};
}

// What a subquery has of the query around it. True: also the interval.
Result<bool> inherit(Compiled& out, const Compiled& parent) {
  bool inherited = false;
  if (out.select.ordered && out.ascending != parent.ascending) {
    return refuse("subqueries must be ordered in the same direction as the query itself");
  }
  out.ascending = parent.ascending;
  out.min_time = std::max(out.min_time, parent.min_time);
  out.max_time = std::min(out.max_time, parent.max_time);
  if (out.interval == 0 && parent.interval > 0) {
    out.interval = parent.interval;
    out.interval_offset = parent.interval_offset;
    inherited = true;
  }
  if (out.zone == nullptr) out.zone = parent.zone;
  if (out.fill == Fill::kNull) out.fill = Fill::kNone;
  return inherited;
}

Result<std::shared_ptr<Compiled>> compile_within(const Select& select, const CompileContext& context,
                                                 const Compiled* parent) {
  auto out = std::make_shared<Compiled>();
  out->select = select;
  out->ascending = select.ascending;
  out->fill = select.fill;
  if (select.target && parent != nullptr) return fail(ErrorKind::kUnsupported, "INTO is not supported in a subquery");
  if (!select.zone.empty()) {
    RESMON_ASSIGN(out->zone, (*context.load_zone)(select.zone));
  }
  const FoldContext fold_context{context.now, true, out->zone.get()};
  RESMON_ASSIGN(const Condition condition, split_condition(select.condition, fold_context));
  if (condition.rest != nullptr) {
    RESMON_TRY(check_condition(*condition.rest));
    out->condition = fold(condition.rest, fold_context);
  }
  RESMON_TRY(dimensions(*out, fold_context));
  out->min_time = condition.min.value_or(kMinTime);
  // An open end is now, where windows would otherwise go on for ever.
  out->max_time = condition.max.value_or(out->interval > 0 ? context.now : kMaxTime);

  out->own_min_time = out->min_time;
  out->own_max_time = out->max_time;
  bool inherited = false;
  if (parent != nullptr) {
    RESMON_ASSIGN(inherited, inherit(*out, *parent));
  }

  FieldChecker checker(out->interval > 0, inherited, select.limit);
  std::vector<SelectField> fields;
  for (SelectField& field : out->select.fields) {
    if (field.expr->is(Kind::kVariable) && field.expr->name == "time") {
      if (!field.alias.empty()) out->time_name = field.alias;
      continue;
    }
    field.expr = fold(field.expr, {});
    RESMON_TRY(checker.field(*field.expr));
    fields.push_back(std::move(field));
  }
  out->select.fields = std::move(fields);
  // A fill that InfluxDB sets by itself for a subquery is not held against it.
  RESMON_TRY(checker.together(select.fill));
  out->raw = checker.raw();

  for (const Source& source : select.sources) {
    std::shared_ptr<Compiled> sub;
    if (source.subquery != nullptr) {
      RESMON_ASSIGN(sub, compile_within(*source.subquery, context, out.get()));
    }
    out->subqueries.push_back(std::move(sub));
  }
  return out;
}

}  // namespace

bool is_selector(std::string_view function) {
  return any_of(function, {"first", "last", "max", "min", "percentile", "sample", "top", "bottom"});
}

Result<std::shared_ptr<Compiled>> compile(const Select& select, const CompileContext& context) {
  return compile_within(select, context, nullptr);
}

}  // namespace resmon::influxql
