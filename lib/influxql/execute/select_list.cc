#include <algorithm>

#include "influxql/execute/select_internal.h"
#include "influxql/function/leaf_input.h"
#include "influxql/parse/time_text.h"

namespace resmon::influxql {
namespace {

using Kind = Expr::Kind;

constexpr std::int64_t kSecond = 1'000'000'000;

struct NamedFunction {
  std::string_view name;
  Function function;
};
constexpr NamedFunction kFunctions[] = {
    {"count", Function::kCount},       {"sum", Function::kSum},           {"mean", Function::kMean},
    {"min", Function::kMin},           {"max", Function::kMax},           {"first", Function::kFirst},
    {"last", Function::kLast},         {"spread", Function::kSpread},     {"stddev", Function::kStddev},
    {"median", Function::kMedian},     {"mode", Function::kMode},         {"percentile", Function::kPercentile},
    {"integral", Function::kIntegral}, {"distinct", Function::kDistinct}, {"top", Function::kTop},
    {"bottom", Function::kBottom},     {"sample", Function::kSample},
};

Transform transform_named(std::string_view name) {
  if (name == "derivative") return Transform::kDerivative;
  if (name == "non_negative_derivative") return Transform::kNonNegativeDerivative;
  if (name == "difference") return Transform::kDifference;
  if (name == "non_negative_difference") return Transform::kNonNegativeDifference;
  if (name == "moving_average") return Transform::kMovingAverage;
  if (name == "cumulative_sum") return Transform::kCumulativeSum;
  if (name == "elapsed") return Transform::kElapsed;
  if (indicator_named(name)) return Transform::kIndicator;
  if (name == "holt_winters" || name == "holt_winters_with_fit") return Transform::kForecast;
  return Transform::kNone;
}

std::string name_in_errors(std::string_view function) {
  if (transform_named(function) == Transform::kForecast) return "elapsed";
  constexpr std::string_view kPrefix = "non_negative_";
  if (function.starts_with(kPrefix)) function.remove_prefix(kPrefix.size());
  std::string name(function);
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

UnixNanos clamped_sum(UnixNanos at, std::int64_t by) {
  if (by < 0 && at < kMinTime - by) return kMinTime;
  if (by > 0 && at > kMaxTime - by) return kMaxTime;
  return at + by;
}

// The number of fill(n) in a function's own type.
Cell typed_number(const Expr& literal, DataType type) {
  const double number = literal.is(Kind::kNumber) ? literal.number : static_cast<double>(literal.integer);
  switch (type) {
    case DataType::kFloat:
      return number;
    case DataType::kInteger:
      return literal.is(Kind::kInteger) ? literal.integer : whole_part(number);
    case DataType::kUnsigned:
      return static_cast<std::uint64_t>(literal.is(Kind::kInteger) ? literal.integer : whole_part(number));
    case DataType::kString:
      return std::string();
    case DataType::kBoolean:
      return false;
    default:
      return {};
  }
}

class Taker {
 public:
  Taker(const Plan& plan, SelectList& list) : plan_(plan), list_(list) {}

  Status run() {
    const Compiled& c = *plan_.compiled;
    for (const Plan::Output& output : plan_.outputs) collect(*output.expr);
    list_.calls.reserve(calls_.size());
    for (const Expr* call : calls_) {
      const bool selector = calls_.size() == 1 && is_selector(call->name);
      RESMON_ASSIGN(CallPlan made, call_plan(*call, selector));
      list_.slot_types.push_back(type_of(*call));
      list_.calls.push_back(std::move(made));
    }
    for (const Reference& reference : list_.references) {
      list_.slot_types.push_back(reference.type == DataType::kTag ? DataType::kString : reference.type);
    }
    list_.readable = plan_.readable.value_or(TimeSpan{c.min_time, c.max_time});
    if (!plan_.readable) widen(list_.readable, windows_before_);
    list_.reads = within_readable({c.min_time, c.max_time});
    for (CallPlan& call : list_.calls) {
      call.reads = within_readable(call.span);
      list_.reads.first = std::min(list_.reads.first, call.reads.first);
      list_.reads.last = std::max(list_.reads.last, call.reads.last);
    }
    for (const Plan::Output& output : plan_.outputs) {
      list_.outputs.emplace_back(*output.expr, [this](const Expr& expr) { return bind(expr); });
    }
    return {};
  }

 private:
  void collect(const Expr& expr) {
    if (expr.is(Kind::kCall) && !is_math_function(expr.name)) {
      const auto [at, fresh] = call_slots_.try_emplace(to_string(expr), static_cast<int>(calls_.size()));
      if (fresh) calls_.push_back(&expr);
      return;
    }
    if (expr.is(Kind::kVariable)) {
      const auto [at, fresh] = reference_slots_.try_emplace(to_string(expr), static_cast<int>(list_.references.size()));
      if (fresh) list_.references.push_back({expr.name, expr.type});
      return;
    }
    for (const ExprPtr& arg : expr.args) collect(*arg);
  }

  RowExpr::Binding bind(const Expr& expr) const {
    RowExpr::Binding binding;
    if (expr.is(Kind::kCall)) {
      if (const auto at = call_slots_.find(to_string(expr)); at != call_slots_.end()) binding.slot = at->second;
    } else if (const auto at = reference_slots_.find(to_string(expr)); at != reference_slots_.end()) {
      binding.slot = static_cast<int>(calls_.size()) + at->second;
    }
    return binding;
  }

  // By windows before, in the order of the answer.
  void widen(TimeSpan& span, std::int64_t windows) const {
    const Compiled& c = *plan_.compiled;
    std::int64_t by = 0;
    if (__builtin_mul_overflow(c.interval, windows, &by)) by = INT64_MAX;
    if (c.ascending) {
      span.first = clamped_sum(span.first, -by);
    } else {
      span.last = clamped_sum(span.last, by);
    }
  }

  TimeSpan within_readable(TimeSpan span) const {
    return {std::max(span.first, list_.readable.first), std::min(span.last, list_.readable.last)};
  }

  TransformSpec transform_spec(const Expr& call, Transform kind) const {
    const Compiled& c = *plan_.compiled;
    TransformSpec spec;
    spec.transform = kind;
    spec.name = name_in_errors(call.name);
    switch (kind) {
      case Transform::kMovingAverage:
        spec.count = call.right().integer;
        break;
      case Transform::kElapsed:
        spec.unit = call.args.size() > 1 ? call.right().integer : 1;
        break;
      case Transform::kIndicator:
        spec.indicator = indicator_spec(call);
        break;
      case Transform::kForecast:
        spec.forecast = forecast_spec(call, c.interval);
        break;
      default:
        spec.unit = call.args.size() > 1 ? call.right().integer : c.interval > 0 ? c.interval : kSecond;
        break;
    }
    return spec;
  }

  // How many windows before the first one the statement may read for it.
  static std::int64_t reach(const TransformSpec& spec) {
    if (spec.transform == Transform::kMovingAverage) return spec.count;
    return spec.transform == Transform::kIndicator ? spec.indicator.period : 1;
  }

  Result<CallPlan> call_plan(const Expr& call, bool selector) {
    const Compiled& c = *plan_.compiled;
    CallPlan out;
    out.span = {c.min_time, c.max_time};
    const Expr* at = &call;
    for (Transform kind; (kind = transform_named(at->name)) != Transform::kNone; at = &at->left()) {
      const TransformSpec spec = transform_spec(*at, kind);
      out.transforms.insert(out.transforms.begin(), spec);
      // To have a value for the first window, it asks for the one before, as does one within it. Those of the statement
      // itself say how far before its first window anything is read, subqueries included. As InfluxDB has it: which
      // asks for one window also for a moving average, though as many could be read, and for none for a sum.
      if (c.interval > 0 && kind != Transform::kForecast) {
        windows_before_ = std::max(windows_before_, reach(spec));
        if (kind != Transform::kCumulativeSum) widen(out.span, 1);
      }
      if (!at->left().is(Kind::kCall)) {
        out.leaf.function = Function::kValues;
        return leaf_over(at->left(), std::move(out));
      }
    }
    const Expr* field = &at->left();
    out.function = at->name;
    for (const NamedFunction& named : kFunctions) {
      if (named.name == at->name) out.leaf.function = named.function;
    }
    if (at->name == "count" && at->left().is_call("distinct")) {
      out.leaf.function = Function::kCountDistinct;
      field = &at->left().left();
    }
    const Function function = out.leaf.function;
    if (function == Function::kPercentile) {
      out.leaf.percentile =
          at->right().is(Kind::kNumber) ? at->right().number : static_cast<double>(at->right().integer);
    }
    if (function == Function::kIntegral) out.leaf.unit = at->args.size() > 1 ? at->right().integer : kSecond;
    if (function == Function::kSample) out.leaf.count = static_cast<std::size_t>(at->right().integer);
    const bool top = function == Function::kTop || function == Function::kBottom;
    if (top) {
      out.leaf.count = static_cast<std::size_t>(at->args.back()->integer);
      for (std::size_t i = 1; i + 1 < at->args.size(); ++i) out.group_tags.push_back(at->args[i]->name);
      out.leaf.by_tags = !out.group_tags.empty();
    }
    out.leaf.own_time = selector && c.interval == 0;
    out.leaf.wants_extras = !list_.references.empty();
    out.fills = c.interval > 0 && c.fill != Fill::kNone && !top && function != Function::kDistinct &&
                function != Function::kIntegral && function != Function::kSample;
    const DataType result = type_of(*at);
    out.fill.fill = c.fill;
    out.fill.linear_whole = result == DataType::kInteger;
    if (c.fill == Fill::kNumber) out.fill.value = typed_number(*c.select.fill_value, result);
    if (c.fill == Fill::kNull && at->name == "count") {
      out.fill.fill = Fill::kNumber;
      out.fill.value = std::int64_t{0};
    }
    return leaf_over(*field, std::move(out));
  }

  // Whether each function knows what to do with what it is given; the innermost that does not is what InfluxDB names.
  static Status check_types(const CallPlan& call) {
    const DataType type = call.leaf.type;
    if (type == DataType::kUnknown || type == DataType::kTag || type == DataType::kAnyField) return {};
    const auto refuse = [&](std::string_view function, std::string_view iterator) {
      return fail(ErrorKind::kInvalid, "unsupported " + std::string(function) + " iterator type: *query." +
                                           std::string(data_type_name(type)) + std::string(iterator));
    };
    const Function function = call.leaf.function;
    if (!accepts(function, type)) return refuse(call.function, "InterruptIterator");
    if (is_number(type) || function == Function::kCount || function == Function::kCountDistinct) return {};
    for (const TransformSpec& spec : call.transforms) {
      if (spec.transform == Transform::kElapsed) return {};  // a number from here on
      const bool distinct = function == Function::kDistinct;
      if (function != Function::kSample) return refuse(spec.name, distinct ? "IntervalIterator" : "InterruptIterator");
      const std::string name(data_type_name(type));
      return refuse(spec.name,
                    "Reduce" + std::string(1, static_cast<char>(name[0] - 0x20)) + name.substr(1) + "Iterator");
    }
    return {};
  }

  Result<CallPlan> leaf_over(const Expr& field, CallPlan out) const {
    const Compiled& c = *plan_.compiled;
    out.leaf.field = field.name;
    out.leaf.type = field.type;
    // A stream of values has no windows of its own.
    out.leaf.windows.interval = out.leaf.function == Function::kValues ? 0 : c.interval;
    out.leaf.windows.offset = c.interval_offset;
    out.leaf.windows.zone = c.zone.get();
    // A row without a window has the lower bound of the time range as its time, or 0 if there is none.
    out.leaf.windows.range_start = out.span.first == kMinTime ? 0 : out.span.first;
    out.leaf.windows.range_end = kMaxTime;
    RESMON_TRY(check_types(out));
    return out;
  }

  const Plan& plan_;
  SelectList& list_;
  std::vector<const Expr*> calls_;
  std::map<std::string, int> call_slots_;
  std::map<std::string, int> reference_slots_;
  std::int64_t windows_before_ = 0;
};

}  // namespace

Result<SelectList> take_apart(const Plan& plan) {
  SelectList list;
  RESMON_TRY(Taker(plan, list).run());
  return list;
}

ReferenceReader::ReferenceReader(const std::vector<Reference>& references, const Table& table)
    : references_(references), table_(table) {
  for (const Reference& reference : references) {
    const int column = reference.type == DataType::kTag ? -1 : table.column(reference.name);
    int position = -1;
    // A stored field of a type that cannot be read as the one wanted is as if it were not there.
    if (column >= 0 &&
        (!table.is_stored() || castable(table.columns()[static_cast<std::size_t>(column)].type, reference.type))) {
      const auto found = std::find(columns_.begin(), columns_.end(), column);
      position = static_cast<int>(found - columns_.begin());
      if (found == columns_.end()) columns_.push_back(column);
    }
    position_.push_back(position);
  }
}

Cell ReferenceReader::read(std::size_t reference, const store::Block& block, std::size_t first_column, std::size_t row,
                           const std::vector<metric::Tag>& tags) const {
  const int position = position_[reference];
  const DataType type = references_[reference].type;
  if (position < 0) {
    if (type != DataType::kTag) return {};
    // A subquery that groups by a tag which a series lacks gives it as empty text; stored series just lack it.
    for (const metric::Tag& tag : tags) {
      if (tag.key == references_[reference].name) return tag.value;
    }
    return {};
  }
  const auto i = static_cast<std::size_t>(position);
  const store::Block::ColumnData& data = block.columns[first_column + i];
  if (!data.has(row)) return {};
  const metric::FieldType from = table_.columns()[static_cast<std::size_t>(columns_[i])].type;
  return cast_cell(data.cells[row], from, type, data.text, table_.is_stored());
}

bool ReferenceReader::any_field(const store::Block& block, std::size_t first_column, std::size_t row) const {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (block.columns[first_column + i].has(row)) return true;
  }
  return false;
}

}  // namespace resmon::influxql
