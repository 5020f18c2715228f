#include "influxql/plan/filter.h"

#include <algorithm>
#include <iterator>

#include "influxql/function/leaf_input.h"

namespace resmon::influxql {
namespace {

// Slots: tags, where a missing one is an empty text; tags, where it is nothing; fields; what is never there.
constexpr int kTagOrNothing = 1'000'000;
constexpr int kFieldSlot = 2'000'000;
constexpr int kNothing = 3'000'000;

}  // namespace

// Rows of a subquery have nulls, and a null is false beside a boolean; what a stored row lacks compares with nothing.
Filter::Filter(const ExprPtr& condition, const Table& table)
    : table_(table), stored_(table.is_stored()), rules_{!stored_, true} {
  if (condition == nullptr) return;
  has_condition_ = true;
  root_ = build(*condition);
}

bool Filter::is_tag(const Expr& expr) const {
  if (!expr.is(Expr::Kind::kVariable)) return false;
  if (expr.type == DataType::kTag) return true;
  return expr.type == DataType::kUnknown && table_.column(expr.name) < 0;
}

// Tags beside texts, patterns or each other: what InfluxDB asks its index, where a missing tag is an empty text.
bool Filter::compares_tags(const Expr& expr) const {
  if (!expr.is(Expr::Kind::kBinary) || !is_comparison(expr.op)) return false;
  const auto text = [](const Expr& e) { return e.is(Expr::Kind::kString) || e.is(Expr::Kind::kRegex); };
  return (is_tag(expr.left()) && (text(expr.right()) || is_tag(expr.right()))) ||
         (text(expr.left()) && is_tag(expr.right()));
}

int Filter::tag_slot(const std::string& name) {
  const auto found = std::find(tag_slots_.begin(), tag_slots_.end(), name);
  const auto at = found - tag_slots_.begin();
  if (found == tag_slots_.end()) tag_slots_.push_back(name);
  return static_cast<int>(at);
}

RowExpr::Binding Filter::bind(const Expr& variable, bool missing_is_empty) {
  if (!variable.is(Expr::Kind::kVariable)) return {};
  const int column = variable.type == DataType::kTag ? -1 : table_.column(variable.name);
  const bool may_be_tag = variable.type == DataType::kTag || variable.type == DataType::kUnknown || !stored_;
  RowExpr::Binding binding;
  if (column < 0 && may_be_tag) {
    // A name that is not a field is a tag; a tag that no group has is missing everywhere.
    binding.slot = tag_slot(variable.name) + (missing_is_empty ? 0 : kTagOrNothing);
    return binding;
  }
  saw_field_ = true;
  if (column < 0) {
    binding.slot = kNothing;
    return binding;
  }
  std::size_t at = 0;
  const DataType cast = variable.type == DataType::kUnknown || variable.type == DataType::kAnyField
                            ? data_type_of(table_.columns()[static_cast<std::size_t>(column)].type)
                            : variable.type;
  while (at < columns_.size() && (columns_[at] != column || casts_[at] != cast)) ++at;
  if (at == columns_.size()) {
    columns_.push_back(column);
    casts_.push_back(cast);
  }
  binding.slot = kFieldSlot + static_cast<int>(at);
  return binding;
}

Filter::Node Filter::build(const Expr& expr) {
  if (expr.is(Expr::Kind::kParen)) return build(expr.left());
  Node node;
  if (expr.is(Expr::Kind::kBinary) && (expr.op == Token::kAnd || expr.op == Token::kOr)) {
    node.op = expr.op;
    node.sides.push_back(build(expr.left()));
    node.sides.push_back(build(expr.right()));
    return node;
  }
  const bool missing_is_empty = !stored_ || compares_tags(expr);
  saw_field_ = false;
  node.expr = RowExpr(
      expr, [&](const Expr& variable) { return bind(variable, missing_is_empty); }, rules_);
  node.needs_fields = saw_field_;
  if (!saw_field_ && compares_tags(expr)) build_tag_comparison(expr, node);
  return node;
}

void Filter::build_tag_comparison(const Expr& expr, Node& node) {
  if (!is_tag(expr.left())) return;
  if (expr.op == Token::kEqRegex && expr.right().is(Expr::Kind::kRegex)) {
    node.tag = static_cast<std::size_t>(tag_slot(expr.left().name));
    node.tag_matches = expr.right().regex;
    return;
  }
  if (expr.op != Token::kEq && expr.op != Token::kNeq) return;
  node.tag = static_cast<std::size_t>(tag_slot(expr.left().name));
  if (expr.right().is(Expr::Kind::kString)) {
    node.text = expr.right().name;
    node.tag_is = expr.op == Token::kEq;
    node.tag_is_not = !node.tag_is;
  } else if (stored_) {
    node.two_tags = true;
    node.differ = expr.op == Token::kNeq;
    node.other_tag = static_cast<std::size_t>(tag_slot(expr.right().name));
  }
}

Cell Filter::tag_cell(int slot, const std::vector<metric::Tag>& tags) const {
  const bool missing_is_empty = slot < kTagOrNothing;
  const auto at = static_cast<std::size_t>(missing_is_empty ? slot : slot - kTagOrNothing);
  const std::string_view text = tag_value(tags, tag_slots_[at]);
  if (text.empty() && !missing_is_empty) return {};
  return std::string(text);
}

// REQUIRES: a comparison that needs no fields.
bool Filter::decided_by(const Node& node, const std::vector<metric::Tag>& tags) const {
  const auto text = [&](std::size_t tag) { return tag_value(tags, tag_slots_[tag]); };
  if (node.tag_is || node.tag_is_not) return (text(node.tag) == node.text) == node.tag_is;
  if (node.two_tags) return (!text(node.tag).empty() && text(node.tag) == text(node.other_tag)) != node.differ;
  return node.expr.holds([&](int slot) { return tag_cell(slot, tags); });
}

Filter::Truth Filter::truth(const Node& node, const std::vector<metric::Tag>& tags) const {
  if (node.op == Token::kIllegal) {
    if (node.needs_fields) return Truth::kUnknown;
    return decided_by(node, tags) ? Truth::kYes : Truth::kNo;
  }
  const Truth decisive = node.op == Token::kAnd ? Truth::kNo : Truth::kYes;
  const Truth left = truth(node.sides[0], tags);
  if (left == decisive) return left;
  const Truth right = truth(node.sides[1], tags);
  if (right == decisive) return right;
  return left == Truth::kUnknown || right == Truth::kUnknown ? Truth::kUnknown : left;
}

bool Filter::holds(const Node& node, const std::vector<metric::Tag>& tags,
                   const std::function<Cell(int slot)>& value) const {
  if (node.op == Token::kIllegal) return node.needs_fields ? node.expr.holds(value) : decided_by(node, tags);
  const bool left = holds(node.sides[0], tags, value);
  if (left == (node.op == Token::kOr)) return left;
  return holds(node.sides[1], tags, value);
}

std::optional<Filter::Candidates> Filter::candidates() const {
  return has_condition_ ? candidates(root_) : std::nullopt;
}

std::optional<Filter::Candidates> Filter::candidates(const Node& node) const {
  if (node.op == Token::kIllegal) {
    if (node.tag_matches != nullptr) {
      const auto found = table_.series_matching(tag_slots_[node.tag], *node.tag_matches);
      return found == nullptr ? std::nullopt : std::optional(Candidates{*found, true});
    }
    if (!node.tag_is) return std::nullopt;
    const auto found = table_.series_with(tag_slots_[node.tag], node.text);
    if (!found) return std::nullopt;
    return Candidates{{found->begin(), found->end()}, true};
  }
  auto left = candidates(node.sides[0]);
  auto right = candidates(node.sides[1]);
  if (node.op == Token::kAnd) {
    if (!left && !right) return std::nullopt;
    // What the other side says, judge() does.
    auto& fewer = !right || (left && left->series.size() <= right->series.size()) ? left : right;
    fewer->exact = false;
    return std::move(fewer);
  }
  if (!left || !right) return std::nullopt;
  Candidates both{{}, left->exact && right->exact};
  std::set_union(left->series.begin(), left->series.end(), right->series.begin(), right->series.end(),
                 std::back_inserter(both.series));
  return both;
}

Filter::Verdict Filter::judge(const std::vector<metric::Tag>& tags) const {
  if (!has_condition_) return Verdict::kAll;
  switch (truth(root_, tags)) {
    case Truth::kNo:
      return Verdict::kNone;
    case Truth::kYes:
      return Verdict::kAll;
    case Truth::kUnknown:
      return Verdict::kSome;
  }
  return Verdict::kNone;
}

Cell Filter::field_cell(std::size_t at, const store::Block::ColumnData& data, std::size_t row) const {
  if (!data.has(row)) return {};
  const metric::FieldType from = table_.columns()[static_cast<std::size_t>(columns_[at])].type;
  return cast_cell(data.cells[row], from, casts_[at], data.text, stored_);
}

void Filter::pass(const store::Block& block, std::size_t first_column, const std::vector<metric::Tag>& tags,
                  std::vector<std::uint64_t>& bits) const {
  bits.assign((block.times.size() + 63) / 64, 0);
  std::size_t row = 0;
  const std::function<Cell(int)> value = [&](int slot) -> Cell {
    if (slot < kFieldSlot) return tag_cell(slot, tags);
    if (slot == kNothing) return {};
    const auto at = static_cast<std::size_t>(slot - kFieldSlot);
    return field_cell(at, block.columns[first_column + at], row);
  };
  for (; row < block.times.size(); ++row) {
    if (holds(root_, tags, value)) bits[row / 64] |= 1ULL << (row % 64);
  }
}

}  // namespace resmon::influxql
