#pragma once

// The pieces of running a SELECT that its files share.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "influxql/execute/select.h"
#include "influxql/function/evaluate.h"
#include "influxql/function/leaf.h"
#include "influxql/function/transform.h"
#include "influxql/plan/filter.h"

namespace resmon::influxql {

// One group of one table that belongs to an output series.
struct Member {
  const Table* table = nullptr;
  const Filter* filter = nullptr;
  std::size_t series = 0;
  bool filtered = false;
  bool in_order = true;  // false: rows stay in the order of the groups; a subquery without windows has no other
  bool bounded = true;   // a subquery's rows are not cut to the range of time again: its windows may begin before it
  TimeSpan span;         // of a subquery: what it ran within. Only the calls that read just that take its rows
};

struct OutputSeries {
  std::string name;
  std::vector<metric::Tag> tags;
  std::vector<Member> members;
};

// A variable outside of functions: a column of raw rows, or of the rows that a selector chooses.
struct Reference {
  std::string name;
  DataType type = DataType::kUnknown;
};

// A function call in the select list, reduced to a leaf and what is done to its points.
struct CallPlan {
  LeafSpec leaf;
  TimeSpan span;       // what the function asks for, which each transform widens by a window: where fill() begins
  TimeSpan reads;      // what of that there is to read
  bool fills = false;  // the leaf's function takes fill()
  FillSpec fill;
  std::vector<TransformSpec> transforms;  // innermost first
  std::vector<std::string> group_tags;    // of top(field, tag, n)
  std::string function;                   // the innermost, which reads rows: for errors
};

// A SELECT's select list, taken apart into slots: one for each different call, then one for each reference.
struct SelectList {
  std::vector<CallPlan> calls;
  std::vector<Reference> references;
  std::vector<RowExpr> outputs;
  std::vector<DataType> slot_types;
  TimeSpan readable;  // which stored rows this SELECT and its subqueries may read at all
  TimeSpan reads;     // which all calls together do
};

// Which part of a range of time the store's windows answer, and what is left of it at both ends.
struct WindowPlan {
  UnixNanos width = 0;      // 0: none, only rows do
  unsigned aggregates = 0;  // of store::aggregate_bit
  store::TimeRange range;   // in whole windows
  // A lone min() or max() has the time of the row that it chooses. Windows tell which of them has that row, and only
  // that one's rows are read.
  bool chooses = false;
};
WindowPlan plan_windows(const SelectList& list, const OutputSeries& series);

Result<SelectList> take_apart(const Plan& plan);

// The cells of a block's row for the references; null where there is no field, or no tag, of that name.
class ReferenceReader {
 public:
  // `first_column`: where in the scanned columns the references' fields begin.
  ReferenceReader(const std::vector<Reference>& references, const Table& table);
  const std::vector<int>& columns() const { return columns_; }  // fields to scan, in order
  Cell read(std::size_t reference, const store::Block& block, std::size_t first_column, std::size_t row,
            const std::vector<metric::Tag>& tags) const;
  // Whether some referenced field has a value in the row.
  bool any_field(const store::Block& block, std::size_t first_column, std::size_t row) const;

 private:
  const std::vector<Reference>& references_;
  const Table& table_;
  std::vector<int> columns_;
  std::vector<int> position_;  // of each reference in columns_, -1: not a field
};

// Both append the rows of one output series, with a cell for each slot.
struct SlotRows {
  std::vector<UnixNanos> times;
  std::vector<Cell> cells;
};
// What fill(number) puts in the place of a null in a column of that type. One that is no number, or not known, gets the
// number as it was written.
Cell fill_cell(const Expr& number, DataType type);

Status read_raw(const Plan& plan, const SelectList& list, const OutputSeries& series, Budget& budget, SlotRows& out);
// `times` false: a value that was chosen from the store's windows has the start of its window in place of its time.
Status read_calls(const Plan& plan, const SelectList& list, const OutputSeries& series, Budget& budget, SlotRows& out,
                  bool times = true);

// What top(field, n) and bottom(field, n) need of the subquery below them: the series with the n best values. Where
// values are equal, the earlier counts (select_few.cc).
struct Few {
  std::size_t count = 0;
  bool greatest = true;
  std::string field;
  DataType type = DataType::kUnknown;
};
std::optional<Few> few_of(const Plan& plan, const SelectList& list);

// The value of each series by its windows, and when it was, at the earliest.
struct Candidate {
  std::size_t series = 0;
  Cell value;
  UnixNanos time = 0;
};
// Whether the plan, which has `list`, is such a subquery, of whose series Candidates are sooner known than times.
bool chooses_one(const Plan& plan, const SelectList& list, const std::vector<OutputSeries>& series, const Few& few);
// Removes those that certainly are not among the best.
void keep_best(const Few& few, std::vector<Candidate>& candidates);

}  // namespace resmon::influxql
