#pragma once

// A condition without bounds of time, for one table: tags choose groups first, and what depends on fields is asked of
// rows.

#include <optional>
#include <vector>

#include "influxql/evaluate.h"
#include "influxql/table.h"

namespace resmon::influxql {

class Filter {
 public:
  enum class Verdict : std::uint8_t { kNone, kAll, kSome };  // of a group's rows

  Filter(const ExprPtr& condition, const Table& table);  // `condition` may be null

  // The series that may have rows that hold, ascending; nothing: any may. Found by tags that the condition names, so
  // that series of others are not looked at.
  std::optional<std::vector<std::uint32_t>> candidates() const;
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
    std::vector<Node> sides;
  };
  enum class Truth : std::uint8_t { kNo, kYes, kUnknown };

  Node build(const Expr& expr);
  RowExpr::Binding bind(const Expr& variable);
  std::optional<std::vector<std::uint32_t>> candidates(const Node& node) const;
  Truth truth(const Node& node, const std::vector<metric::Tag>& tags) const;

  const Table& table_;
  bool has_condition_ = false;
  Node root_;
  RowExpr whole_;
  std::vector<std::string> tag_slots_;  // slots from 0 are tags, those from kFieldSlot are columns()
  std::vector<int> columns_;
  std::vector<DataType> casts_;  // what columns()[i] is read as
  bool saw_field_ = false;
};

}  // namespace resmon::influxql
