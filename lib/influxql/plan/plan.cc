#include "influxql/plan/plan.h"

#include <algorithm>
#include <map>
#include <set>

#include "influxql/function/evaluate.h"
#include "influxql/plan/types.h"

namespace resmon::influxql {
namespace {

using Kind = Expr::Kind;

int rank(DataType type) {
  switch (type) {
    case DataType::kFloat:
      return 1;
    case DataType::kInteger:
      return 2;
    case DataType::kUnsigned:
      return 3;
    case DataType::kString:
      return 4;
    case DataType::kBoolean:
      return 5;
    case DataType::kTag:
      return 8;
    default:
      return 9;
  }
}

// The names that the sources offer, and what each is. Where sources disagree, the type that comes first in rank() is
// meant.
struct Names {
  std::map<std::string, DataType> fields;
  std::set<std::string> tags;

  void add_field(const std::string& name, DataType type) {
    const auto [at, fresh] = fields.emplace(name, type);
    if (!fresh && rank(type) < rank(at->second)) at->second = type;
  }
  DataType type(const std::string& name) const {
    if (const auto at = fields.find(name); at != fields.end()) return at->second;
    return tags.count(name) != 0 ? DataType::kTag : DataType::kUnknown;
  }
};

Names names_of(const std::vector<Plan::Source>& sources) {
  Names names;
  for (const Plan::Source& source : sources) {
    if (source.table != nullptr) {
      for (const Table::Column& column : source.table->columns())
        names.add_field(column.name, data_type_of(column.type));
      names.tags.insert(source.table->tag_keys().begin(), source.table->tag_keys().end());
    } else {
      // An expression that cannot be computed is a name without a type.
      for (const Plan::Output& output : source.subquery->outputs)
        names.add_field(output.base, check_types(*output.expr) ? type_of(*output.expr) : DataType::kUnknown);
      names.tags.insert(source.subquery->dimensions.begin(), source.subquery->dimensions.end());
    }
  }
  return names;
}

ExprPtr with_types(const ExprPtr& expr, const Names& names) {
  if (expr->is(Kind::kVariable)) {
    if (expr->type != DataType::kUnknown && expr->type != DataType::kAnyField) return expr;
    const DataType type = names.type(expr->name);
    if (expr->type == DataType::kAnyField && type == DataType::kTag) return expr;
    return make_variable(expr->name, type);
  }
  if (expr->is(Kind::kDistinct)) return make_call("distinct", {make_variable(expr->name, names.type(expr->name))});
  if (expr->args.empty()) return expr;
  Expr copy = *expr;
  for (ExprPtr& arg : copy.args) arg = with_types(arg, names);
  return std::make_shared<const Expr>(std::move(copy));
}

struct FieldReference {
  std::string name;
  DataType type;
};

bool takes(std::string_view function, DataType type) {
  if (type == DataType::kFloat || type == DataType::kInteger || type == DataType::kUnsigned) return true;
  for (const std::string_view all : {"count", "first", "last", "distinct", "elapsed", "mode", "sample"}) {
    if (function == all) return type == DataType::kString || type == DataType::kBoolean;
  }
  return (function == "min" || function == "max") && type == DataType::kBoolean;
}

// The wildcard or regular expression that a field consists of or that its innermost function has as its first argument.
const Expr* pattern_in(const Expr& expr) {
  if (expr.is(Kind::kWildcard) || expr.is(Kind::kRegex)) return &expr;
  if (expr.is(Kind::kCall) && !expr.args.empty() && !is_math_function(expr.name)) return pattern_in(expr.left());
  return nullptr;
}

const Expr& innermost_call(const Expr& call) {
  return !call.args.empty() && call.left().is(Kind::kCall) ? innermost_call(call.left()) : call;
}

ExprPtr replace_innermost(const ExprPtr& call, const ExprPtr& arg) {
  Expr copy = *call;
  copy.args[0] = call->left().is(Kind::kCall) ? replace_innermost(call->args[0], arg) : arg;
  return std::make_shared<const Expr>(std::move(copy));
}

void expand(const SelectField& field, const std::vector<FieldReference>& references, std::vector<SelectField>& out) {
  const Expr* pattern = pattern_in(*field.expr);
  if (pattern == nullptr) {
    out.push_back(field);
    return;
  }
  const bool call = field.expr->is(Kind::kCall);
  for (const FieldReference& reference : references) {
    const bool tag = reference.type == DataType::kTag;
    if (pattern->is(Kind::kRegex) && !pattern->regex->matches(reference.name)) continue;
    if (pattern->op == Token::kField && tag) continue;
    if (pattern->op == Token::kTag && !tag) continue;
    ExprPtr variable = make_variable(reference.name, reference.type);
    if (!call) {
      out.push_back({std::move(variable), ""});
      continue;
    }
    if (tag || !takes(innermost_call(*field.expr).name, reference.type)) continue;
    const std::string& prefix = field.alias.empty() ? field.expr->name : field.alias;
    out.push_back({replace_innermost(field.expr, variable), prefix + "_" + reference.name});
  }
}

void append_names(const Expr& expr, std::string& out) {
  if (expr.is(Kind::kVariable) || expr.is(Kind::kCall)) {
    if (!out.empty()) out += '_';
    out += expr.name;
    return;
  }
  for (const ExprPtr& arg : expr.args) append_names(*arg, out);
}

std::string own_name(const SelectField& field) {
  if (!field.alias.empty()) return field.alias;
  std::string name;
  append_names(*field.expr, name);
  return name;
}

// Names columns; one that is taken gets a number: mean, mean_1, mean_2.
std::vector<Plan::Output> name_columns(const std::vector<SelectField>& fields) {
  std::vector<SelectField> all;
  for (const SelectField& field : fields) {
    all.push_back(field);
    if (field.expr->is_call("top") || field.expr->is_call("bottom")) {
      for (std::size_t i = 1; i + 1 < field.expr->args.size(); ++i) all.push_back({field.expr->args[i], ""});
    }
  }
  std::map<std::string, int> taken;
  std::vector<Plan::Output> out;
  for (const SelectField& field : all) {
    out.push_back({field.alias, own_name(field), field.expr});
    if (!field.alias.empty()) taken[field.alias] = 1;
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!out[i].name.empty()) continue;
    std::string name = out[i].base;
    if (const auto found = taken.find(name); found != taken.end()) {
      int number = found->second;
      std::string numbered;
      do {
        numbered = name + "_" + std::to_string(number++);
      } while (taken.count(numbered) != 0);
      found->second = number;
      name = std::move(numbered);
    }
    ++taken[name];
    out[i].name = std::move(name);
  }
  return out;
}

}  // namespace

DataType type_of(const Expr& expr) {
  switch (expr.kind) {
    case Kind::kVariable:
      return expr.type == DataType::kTag ? DataType::kString : expr.type;
    case Kind::kParen:
      return type_of(expr.left());
    case Kind::kBinary: {
      const DataType a = type_of(expr.left());
      const DataType b = type_of(expr.right());
      if (a == DataType::kUnknown || b == DataType::kUnknown) return a == DataType::kUnknown ? b : a;
      if (a == DataType::kFloat || b == DataType::kFloat) return DataType::kFloat;
      if (expr.op == Token::kDiv && a == DataType::kInteger) return DataType::kFloat;
      return a;
    }
    case Kind::kCall: {
      if (expr.name == "count" || expr.name == "elapsed") return DataType::kInteger;
      for (const std::string_view same :
           {"sum", "min", "max", "first", "last", "mode", "spread", "percentile", "sample", "distinct", "top", "bottom",
            "difference", "non_negative_difference", "cumulative_sum", "abs", "floor", "ceil", "round"}) {
        if (expr.name == same && !expr.args.empty()) return type_of(expr.left());
      }
      return DataType::kFloat;
    }
    default:
      return literal_type(expr);
  }
}

Result<std::vector<std::string>> match_measurements(const Source& source, const PlanContext& context) {
  if (!source.database.empty() && !context.has_database(source.database)) {
    return fail(ErrorKind::kNotFound, "database not found: " + source.database);
  }
  if (!source.retention_policy.empty() && source.retention_policy != "autogen") {
    return fail(ErrorKind::kNotFound, "retention policy not found: " + source.retention_policy);
  }
  if (source.regex == nullptr) return std::vector<std::string>{source.name};
  std::vector<std::string> out = context.reader->measurements();
  std::erase_if(out, [&](const std::string& name) { return !source.regex->matches(name); });
  return out;
}

Result<std::shared_ptr<Plan>> plan(std::shared_ptr<Compiled> compiled, const PlanContext& context) {
  auto out = std::make_shared<Plan>();
  const Select& select = compiled->select;
  std::set<std::string> seen;
  for (std::size_t i = 0; i < select.sources.size(); ++i) {
    if (compiled->subqueries[i] != nullptr) {
      RESMON_ASSIGN(auto sub, plan(compiled->subqueries[i], context));
      out->sources.push_back({nullptr, std::move(sub)});
      continue;
    }
    RESMON_ASSIGN(const auto measurements, match_measurements(select.sources[i], context));
    for (const std::string& name : measurements) {
      if (!seen.insert(name).second) continue;
      if (auto table = open_measurement(*context.reader, name)) out->sources.push_back({std::move(table), nullptr});
    }
  }
  const Names names = names_of(out->sources);

  std::set<std::string> dimensions;
  bool dimension_pattern = false;
  for (const ExprPtr& dimension : select.dimensions) {
    if (dimension->is(Kind::kVariable)) {
      dimensions.insert(dimension->name);
      continue;
    }
    dimension_pattern = true;
    for (const std::string& tag : names.tags) {
      if (dimension->is(Kind::kWildcard) || dimension->regex->matches(tag)) dimensions.insert(tag);
    }
  }
  out->dimensions.assign(dimensions.begin(), dimensions.end());

  std::vector<FieldReference> references;
  for (const auto& [name, type] : names.fields) references.push_back({name, type});
  if (!dimension_pattern && !references.empty()) {
    for (const std::string& tag : names.tags) {
      if (dimensions.count(tag) == 0) references.push_back({tag, DataType::kTag});
    }
  }
  std::sort(references.begin(), references.end(), [](const FieldReference& a, const FieldReference& b) {
    return a.name != b.name ? a.name < b.name : rank(a.type) < rank(b.type);
  });
  std::vector<SelectField> fields;
  for (const SelectField& field : select.fields)
    expand({with_types(field.expr, names), field.alias}, references, fields);
  out->outputs = name_columns(fields);
  if (compiled->condition != nullptr) compiled->condition = with_types(compiled->condition, names);
  out->compiled = std::move(compiled);
  return out;
}

}  // namespace resmon::influxql
