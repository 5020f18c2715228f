#include "influxql/filter.h"

#include <algorithm>
#include <iterator>

#include "influxql/leaf_input.h"

namespace resmon::influxql {
namespace {

constexpr int kFieldSlot = 1'000'000;

}  // namespace

Filter::Filter(const ExprPtr& condition, const Table& table) : table_(table) {
  if (condition == nullptr) return;
  has_condition_ = true;
  root_ = build(*condition);
  whole_ = RowExpr(*condition, [this](const Expr& variable) { return bind(variable); });
}

RowExpr::Binding Filter::bind(const Expr& variable) {
  if (!variable.is(Expr::Kind::kVariable)) return {};
  const int column = variable.type == DataType::kTag ? -1 : table_.column(variable.name);
  RowExpr::Binding binding;
  if (column >= 0) {
    saw_field_ = true;
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
  // What is no field is a tag; one that no group has is empty everywhere.
  std::size_t at = 0;
  while (at < tag_slots_.size() && tag_slots_[at] != variable.name) ++at;
  if (at == tag_slots_.size()) tag_slots_.push_back(variable.name);
  binding.slot = static_cast<int>(at);
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
  saw_field_ = false;
  node.expr = RowExpr(expr, [this](const Expr& variable) { return bind(variable); });
  node.needs_fields = saw_field_;
  if (!saw_field_ && expr.is(Expr::Kind::kBinary) && (expr.op == Token::kEq || expr.op == Token::kNeq) &&
      expr.left().is(Expr::Kind::kVariable) && expr.right().is(Expr::Kind::kString)) {
    const RowExpr::Binding binding = bind(expr.left());
    node.tag = static_cast<std::size_t>(binding.slot);
    node.text = expr.right().name;
    node.tag_is = expr.op == Token::kEq;
    node.tag_is_not = !node.tag_is;
  }
  return node;
}

Filter::Truth Filter::truth(const Node& node, const std::vector<metric::Tag>& tags) const {
  if (node.op == Token::kIllegal) {
    if (node.needs_fields) return Truth::kUnknown;
    if (node.tag_is || node.tag_is_not)
      return (tag_value(tags, tag_slots_[node.tag]) == node.text) == node.tag_is ? Truth::kYes : Truth::kNo;
    const bool holds = node.expr.holds(
        [&](int slot) -> Cell { return std::string(tag_value(tags, tag_slots_[static_cast<std::size_t>(slot)])); });
    return holds ? Truth::kYes : Truth::kNo;
  }
  const Truth decisive = node.op == Token::kAnd ? Truth::kNo : Truth::kYes;
  const Truth left = truth(node.sides[0], tags);
  if (left == decisive) return left;
  const Truth right = truth(node.sides[1], tags);
  if (right == decisive) return right;
  return left == Truth::kUnknown || right == Truth::kUnknown ? Truth::kUnknown : left;
}

std::optional<std::vector<std::uint32_t>> Filter::candidates() const {
  return has_condition_ ? candidates(root_) : std::nullopt;
}

std::optional<std::vector<std::uint32_t>> Filter::candidates(const Node& node) const {
  if (node.op == Token::kIllegal) {
    if (!node.tag_is) return std::nullopt;
    const auto found = table_.series_with(tag_slots_[node.tag], node.text);
    if (!found) return std::nullopt;
    return std::vector<std::uint32_t>(found->begin(), found->end());
  }
  auto left = candidates(node.sides[0]);
  auto right = candidates(node.sides[1]);
  if (node.op == Token::kAnd) {
    if (!left || !right) return left ? left : right;
    return left->size() <= right->size() ? left : right;  // what the other side says, judge() does
  }
  if (!left || !right) return std::nullopt;
  std::vector<std::uint32_t> both;
  std::set_union(left->begin(), left->end(), right->begin(), right->end(), std::back_inserter(both));
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

void Filter::pass(const store::Block& block, std::size_t first_column, const std::vector<metric::Tag>& tags,
                  std::vector<std::uint64_t>& bits) const {
  bits.assign((block.times.size() + 63) / 64, 0);
  std::size_t row = 0;
  const std::function<Cell(int)> value = [&](int slot) -> Cell {
    if (slot < kFieldSlot) return std::string(tag_value(tags, tag_slots_[static_cast<std::size_t>(slot)]));
    const auto i = static_cast<std::size_t>(slot - kFieldSlot);
    const store::Block::ColumnData& data = block.columns[first_column + i];
    if (!data.has(row)) return {};
    const metric::FieldType from = table_.columns()[static_cast<std::size_t>(columns_[i])].type;
    if (data_type_of(from) == casts_[i]) return to_cell(data.cells[row], casts_[i], data.text);
    if (!is_number(from) || !is_number(casts_[i])) return {};
    return to_cell(convert(data.cells[row], from, casts_[i]), casts_[i], data.text);
  };
  for (; row < block.times.size(); ++row) {
    if (whole_.holds(value)) bits[row / 64] |= 1ULL << (row % 64);
  }
}

}  // namespace resmon::influxql
