#pragma once

// A condition without time bounds, for one table: tags select groups first, then conditions on fields are evaluated for
// each row.

#include <memory>
#include <optional>
#include <vector>

#include "influxql/function/evaluate.h"
#include "influxql/plan/table.h"

namespace resmon::influxql {

class Filter {
 public:
  enum class Verdict : std::uint8_t { kNone, kAll, kSome };  // of a group's rows

  Filter(const ExprPtr& condition, const Table& table);  // `condition` may be null

  // The series that may have rows that hold, ascending. Found by tags that the condition names, so that series of
  // others are not looked at.
  struct Candidates {
    std::vector<std::uint32_t> series;
    bool exact = true;  // the verdict of each is kAll
  };
  std::optional<Candidates> candidates() const;  // nothing: any may
  Verdict judge(const std::vector<metric::Tag>& tags) const;
  // The table's columns that rows are judged by; also asked for when scanning a group of kSome.
  const std::vector<int>& columns() const { return columns_; }

  // Sets the bits of the rows of `block` that hold; block.columns[first_column + i] is columns()[i].
  void pass(const store::Block& block, std::size_t first_column, const std::vector<metric::Tag>& tags,
            std::vector<std::uint64_t>& bits) const;

 private:
  // AND and OR over comparisons, of which some need fields.
  struct Node {
    Token op = Token::kIllegal;  // kAnd, kOr, or kIllegal for a comparison
    bool needs_fields = false;
    RowExpr expr;
    // The usual comparison: a tag that equals a text, or does not.
    bool tag_is = false;
    bool tag_is_not = false;
    std::size_t tag = 0;  // in tag_slots_
    std::string text;
    std::shared_ptr<const Regex> tag_matches;  // the tag by `=~`
    // Two tags of a stored series: equal only where both are there.
    bool two_tags = false;
    bool differ = false;  // `!=`
    std::size_t other_tag = 0;
    std::vector<Node> sides;
  };
  enum class Truth : std::uint8_t { kNo, kYes, kUnknown };

  Node build(const Expr& expr);
  void build_tag_comparison(const Expr& expr, Node& node);
  bool is_tag(const Expr& expr) const;
  bool compares_tags(const Expr& expr) const;
  RowExpr::Binding bind(const Expr& variable, bool missing_is_empty);
  int tag_slot(const std::string& name);
  std::optional<Candidates> candidates(const Node& node) const;
  Truth truth(const Node& node, const std::vector<metric::Tag>& tags) const;
  bool decided_by(const Node& node, const std::vector<metric::Tag>& tags) const;
  bool holds(const Node& node, const std::vector<metric::Tag>& tags, const std::function<Cell(int slot)>& value) const;
  Cell tag_cell(int slot, const std::vector<metric::Tag>& tags) const;
  Cell field_cell(std::size_t at, const store::Block::ColumnData& data, std::size_t row) const;

  const Table& table_;
  const bool stored_;
  const RowRules rules_;
  bool has_condition_ = false;
  Node root_;
  std::vector<std::string> tag_slots_;
  std::vector<int> columns_;
  std::vector<DataType> casts_;  // what columns()[i] is read as
  bool saw_field_ = false;
};

}  // namespace resmon::influxql
