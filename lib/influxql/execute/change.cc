#include "influxql/execute/change.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <variant>

#include "influxql/parse/time_text.h"
#include "influxql/plan/condition.h"

namespace resmon::influxql {
namespace {

using Kind = Expr::Kind;

constexpr std::string_view kFieldsRefused = "fields not supported in WHERE clause during deletion";

// Checks that the condition is one that tags alone decide.
Status check_tags(const Expr& expr) {
  if (expr.is(Kind::kParen)) return check_tags(expr.left());
  if (expr.is(Kind::kBoolean)) return {};
  if (expr.is(Kind::kBinary) && (expr.op == Token::kAnd || expr.op == Token::kOr)) {
    RESMON_TRY(check_tags(expr.left()));
    return check_tags(expr.right());
  }
  if (!expr.is(Kind::kBinary) || !expr.left().is(Kind::kVariable))
    return fail(ErrorKind::kInvalid, "a condition of a deletion compares tags with texts: " + to_string(expr));
  const bool pattern = expr.op == Token::kEqRegex || expr.op == Token::kNeqRegex;
  if (pattern && expr.right().is(Kind::kRegex)) return {};
  if ((expr.op == Token::kEq || expr.op == Token::kNeq) && expr.right().is(Kind::kString)) return {};
  if (expr.op >= Token::kLt && expr.op <= Token::kGte && expr.right().is(Kind::kString))
    return fail(ErrorKind::kInvalid, "invalid tag comparison operator");
  return fail(ErrorKind::kInvalid, std::string(kFieldsRefused));
}

Status refuse_fields(const Expr& expr, const store::Listing& listing) {
  if (expr.is(Kind::kVariable)) {
    const auto& tags = listing.tag_keys();
    if (expr.type == DataType::kTag || std::binary_search(tags.begin(), tags.end(), expr.name)) return {};
    for (const store::Column& column : listing.columns())
      if (column.name == expr.name) return fail(ErrorKind::kInvalid, std::string(kFieldsRefused));
    return {};
  }
  for (const ExprPtr& arg : expr.args) RESMON_TRY(refuse_fields(*arg, listing));
  return {};
}

// REQUIRES: check_tags(expr)
bool holds(const Expr& expr, const std::vector<metric::Tag>& tags) {
  if (expr.is(Kind::kParen)) return holds(expr.left(), tags);
  if (expr.is(Kind::kBoolean)) return expr.boolean;
  if (expr.op == Token::kAnd) return holds(expr.left(), tags) && holds(expr.right(), tags);
  if (expr.op == Token::kOr) return holds(expr.left(), tags) || holds(expr.right(), tags);
  const std::string_view value = tag_value(tags, expr.left().name);
  if (expr.right().is(Kind::kRegex)) return expr.right().regex->matches(value) == (expr.op == Token::kEqRegex);
  return (value == expr.right().name) == (expr.op == Token::kEq);
}

bool names(const std::vector<Source>& sources, std::string_view measurement) {
  if (sources.empty()) return true;
  return std::any_of(sources.begin(), sources.end(), [&](const Source& source) {
    return source.regex != nullptr ? source.regex->matches(measurement) : source.name == measurement;
  });
}

// The type that a column of one series has, by its first value; nothing where it has none.
std::optional<metric::FieldType> type_of_cell(const Cell& cell) {
  if (std::holds_alternative<double>(cell)) return metric::FieldType::kFloat;
  if (std::holds_alternative<std::int64_t>(cell) || std::holds_alternative<Time>(cell))
    return metric::FieldType::kInteger;
  if (std::holds_alternative<std::uint64_t>(cell)) return metric::FieldType::kUnsigned;
  if (std::holds_alternative<bool>(cell)) return metric::FieldType::kBoolean;
  if (std::holds_alternative<std::string>(cell)) return metric::FieldType::kString;
  return std::nullopt;
}

void set_cell(metric::RowWriter& row, std::size_t field, const Cell& cell) {
  if (const auto* d = std::get_if<double>(&cell)) row.set(field, *d);
  if (const auto* i = std::get_if<std::int64_t>(&cell)) row.set(field, *i);
  if (const auto* u = std::get_if<std::uint64_t>(&cell)) row.set(field, *u);
  if (const auto* b = std::get_if<bool>(&cell)) row.set(field, *b);
  if (const auto* s = std::get_if<std::string>(&cell)) row.set(field, std::string_view(*s));
  if (const auto* t = std::get_if<Time>(&cell)) row.set(field, std::int64_t{t->nanos});
}

// One series of an answer; its columns without a value are no fields.
Status add_series(const Rows& rows, const std::vector<std::string>& columns, const Source& target,
                  metric::SchemaTable& schemas, metric::Batch& out) {
  const std::size_t width = columns.size();
  std::vector<metric::Field> fields;
  std::vector<std::size_t> sources;  // of fields: columns
  for (std::size_t c = 0; c < width; ++c) {
    std::optional<metric::FieldType> type;
    for (std::size_t row = 0; row < rows.times.size() && !type; ++row) type = type_of_cell(rows.cells[row * width + c]);
    if (!type) continue;
    fields.push_back({columns[c], *type});
    sources.push_back(c);
  }
  if (fields.empty()) return {};
  std::vector<metric::Tag> tags;
  for (const metric::Tag& tag : rows.tags)
    if (!tag.value.empty()) tags.push_back(tag);
  RESMON_ASSIGN(const metric::SchemaId schema,
                schemas.intern({target.name.empty() ? rows.name : target.name, std::move(tags), fields}));
  for (std::size_t row = 0; row < rows.times.size(); ++row) {
    const auto cell = [&](std::size_t field) -> const Cell& { return rows.cells[row * width + sources[field]]; };
    bool any = false;
    for (std::size_t f = 0; f < fields.size() && !any; ++f) any = type_of_cell(cell(f)) == fields[f].type;
    if (!any) continue;
    metric::RowWriter writer = out.add(schema, fields.size(), rows.times[row]);
    for (std::size_t f = 0; f < fields.size(); ++f)
      if (type_of_cell(cell(f)) == fields[f].type) set_cell(writer, f, cell(f));
  }
  return {};
}

}  // namespace

Result<store::Deletion> deletion_of(const Delete& statement, const store::Reader& reader, UnixNanos now) {
  RESMON_ASSIGN(const Condition condition, split_condition(statement.condition, {now, true, nullptr}));
  if ((condition.min || condition.max) && statement.what == Delete::What::kSeries)
    return fail(ErrorKind::kInvalid, "DROP SERIES doesn't support time in WHERE clause");
  if (condition.rest != nullptr) {
    RESMON_TRY(check_tags(*condition.rest));
    for (const std::string& name : reader.measurements())
      if (names(statement.sources, name)) RESMON_TRY(refuse_fields(*condition.rest, *reader.listing(name)));
  }
  store::Deletion out;
  if (condition.min) out.range.first = *condition.min;
  if (condition.max && *condition.max < INT64_MAX) out.range.last = *condition.max + 1;
  out.takes = [sources = statement.sources, rest = condition.rest](std::string_view measurement,
                                                                   const std::vector<metric::Tag>& tags) {
    return names(sources, measurement) && (rest == nullptr || holds(*rest, tags));
  };
  return out;
}

Status add_points(const std::vector<Rows>& answer, const std::vector<std::string>& columns, const Source& target,
                  metric::SchemaTable& schemas, metric::Batch& out) {
  for (const Rows& rows : answer) RESMON_TRY(add_series(rows, columns, target, schemas, out));
  return {};
}

}  // namespace resmon::influxql
