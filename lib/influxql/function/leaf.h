#pragma once

// The functions that read rows: aggregates, selectors and the plain stream of values that transforms start from. One
// Leaf works for one output series and is fed with the blocks of every group that belongs to it, one group after the
// other.

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "influxql/function/window.h"
#include "influxql/limits.h"
#include "influxql/parse/ast.h"
#include "influxql/response.h"
#include "store/reader.h"

namespace resmon::influxql {

enum class Function : std::uint8_t {
  kCount,
  kSum,
  kMean,
  kMin,
  kMax,
  kFirst,
  kLast,
  kSpread,
  kStddev,  // kept as one small state a window
  kMedian,
  kMode,
  kPercentile,
  kIntegral,
  kValues,  // need a window's values together
  kDistinct,
  kCountDistinct,
  kTop,
  kBottom,
  kSample,
};

using Extras = std::shared_ptr<const std::vector<Cell>>;

struct Point {
  UnixNanos time = 0;
  Cell value;     // null: a window without a value that still has a row
  Extras extras;  // other columns of the row that a selector chose
};

struct LeafSpec {
  Function function = Function::kValues;
  std::string field;
  DataType type = DataType::kFloat;  // what values are read as
  double percentile = 0;
  std::size_t count = 0;  // of top, bottom and sample
  bool by_tags = false;   // top(field, tag, n): one value for each value of the tags
  std::int64_t unit = 1;  // of integral, nanoseconds
  bool own_time = false;  // a lone selector without GROUP BY time keeps the time of what it chose
  bool wants_extras = false;
  Windows windows;
};

// One block of one group, cut to the leaf's range of time.
struct LeafInput {
  std::span<const UnixNanos> times;
  store::Block::ColumnData column;  // of the leaf's field; its rows are those of the whole block
  metric::FieldType type = metric::FieldType::kFloat;
  std::size_t begin = 0, end = 0;       // rows to read
  const std::uint64_t* pass = nullptr;  // rows that the condition lets through; null: all
  // The other columns of a row, and the text of the tags of top(field, tag, n). Set when the leaf wants them.
  std::function<Extras(std::size_t row)> extras;
  std::string_view tag_group;
  bool in_order = true;  // false: values count in the order they come in, whatever their times
};

// Some of the store's windows of one group, each of which lies in one of the leaf's windows.
struct WindowInput {
  std::span<const UnixNanos> starts;
  store::WindowBlock::ColumnData column;  // REQUIRES: of the type that the leaf reads values as, a number
};

class Leaf {
 public:
  virtual ~Leaf() = default;
  virtual Status add(const LeafInput& input) = 0;
  // As add(), for the rows that the windows stand for. REQUIRES: window_aggregates() of the leaf is not 0.
  virtual Status add_windows(const WindowInput& input);
  virtual bool satisfied() const {
    return false;
  }  // further rows cannot change the result (kFirst, kLast in scan order)
  // Ascending in time; call once.
  virtual Result<std::vector<Point>> finish() = 0;
};

// Which of the store's aggregates (store::aggregate_bit) give the leaf's result, too; 0: only rows do.
unsigned window_aggregates(const LeafSpec& spec);

std::unique_ptr<Leaf> make_leaf(const LeafSpec& spec, Budget& budget);

// Whether the function knows what to do with values of that type.
bool accepts(Function function, DataType type);

}  // namespace resmon::influxql
