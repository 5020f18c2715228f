#include <algorithm>

#include "influxql/execute/select_internal.h"
#include "influxql/function/leaf_input.h"
#include "influxql/parse/time_text.h"

// Reading one output series. All groups that belong to it are scanned one after the other, each once, with just the
// columns that the select list and the condition name; every leaf takes its column from the block.

namespace resmon::influxql {
namespace {

// What a visitor returns to end a scan when it has all it needs; whoever asked for the scan knows that by itself.
Status stop() {
  return fail(ErrorKind::kInternal, "enough rows");
}

// The rows of `block` within `span`: [begin, end).
std::pair<std::size_t, std::size_t> rows_within(const store::Block& block, const TimeSpan& span) {
  if (block.times.empty()) return {0, 0};
  if (block.times.front() >= span.first && block.times.back() <= span.last) return {0, block.times.size()};
  const auto begin = std::lower_bound(block.times.begin(), block.times.end(), span.first);
  const auto end = std::upper_bound(begin, block.times.end(), span.last);
  return {static_cast<std::size_t>(begin - block.times.begin()), static_cast<std::size_t>(end - block.times.begin())};
}

std::string group_text(const std::vector<metric::Tag>& tags, const std::vector<std::string>& keys) {
  std::string out;
  for (const std::string& key : keys) {
    out += tag_value(tags, key);
    out += '\0';
  }
  return out;
}

}  // namespace

namespace {

// Rows of an output series as they are, without functions.
class RawReader {
 public:
  RawReader(const Plan& plan, const SelectList& list, const OutputSeries& series, Budget& budget)
      : compiled_(*plan.compiled),
        list_(list),
        series_(series),
        budget_(budget),
        width_(list.references.size()),
        limit_(limit_of(compiled_, series)),
        wanted_(limit_ > 0 ? limit_ + static_cast<std::uint64_t>(compiled_.select.offset) : UINT64_MAX) {}

  Status read(SlotRows& out) {
    for (const Member& member : series_.members) RESMON_TRY(read(member));
    const bool in_order =
        std::all_of(series_.members.begin(), series_.members.end(), [](const Member& m) { return m.in_order; });
    if (in_order) sort();
    give(out);
    budget_.release(rows_.size() * (sizeof(Row) + width_ * sizeof(Cell)));
    return {};
  }

 private:
  struct Row {
    UnixNanos time;
    std::size_t first_cell;
  };

  // OFFSET without LIMIT leaves one row of what is stored, and all of a subquery, as in InfluxDB. 0: no limit.
  static std::uint64_t limit_of(const Compiled& compiled, const OutputSeries& series) {
    const bool stored =
        std::any_of(series.members.begin(), series.members.end(), [](const Member& m) { return m.table->is_stored(); });
    const std::int64_t lone = compiled.select.offset > 0 && stored ? 1 : 0;
    return static_cast<std::uint64_t>(compiled.select.limit > 0 ? compiled.select.limit : lone);
  }

  // No group needs to give more rows than the answer can show.
  Status read(const Member& member) {
    const ReferenceReader reader(list_.references, *member.table);
    if (reader.columns().empty() && member.table->is_stored()) return {};
    std::vector<int> columns = reader.columns();
    const std::size_t filter_columns = columns.size();
    if (member.filtered) {
      columns.insert(columns.end(), member.filter->columns().begin(), member.filter->columns().end());
    }
    const std::vector<metric::Tag>& tags = member.table->tags(member.series);
    std::uint64_t taken = 0;
    bool has_enough = false;
    std::vector<std::uint64_t> pass;
    const auto visit = [&](const store::Block& block) -> Status {
      RESMON_TRY(budget_.rows(block.times.size()));
      if (member.filtered) member.filter->pass(block, filter_columns, tags, pass);
      std::uint64_t bytes = 0;
      const std::size_t count = block.times.size();
      for (std::size_t i = 0; i < count && taken < wanted_; ++i) {
        const std::size_t row = compiled_.ascending ? i : count - 1 - i;
        if (member.filtered && (pass[row / 64] >> (row % 64) & 1U) == 0) continue;
        // Every row of a subquery counts, also one of nothing but nulls.
        if (member.table->is_stored() && !reader.any_field(block, 0, row)) continue;
        rows_.push_back({block.times[row], cells_.size()});
        for (std::size_t r = 0; r < width_; ++r) cells_.push_back(reader.read(r, block, 0, row, tags));
        ++taken;
        bytes += sizeof(Row) + width_ * sizeof(Cell);
      }
      RESMON_TRY(budget_.buffer(bytes));
      has_enough = taken >= wanted_;
      return has_enough ? stop() : Status();
    };
    const TimeSpan span = member.bounded ? list_.reads : TimeSpan{kMinTime, kMaxTime};
    const Status scanned =
        member.table->scan(member.series, columns, span.first, span.last, !compiled_.ascending, visit);
    return has_enough ? Status() : scanned;
  }

  // Rows of one time go by their texts, as InfluxDB has it, then by group.
  void sort() {
    std::stable_sort(rows_.begin(), rows_.end(), [&](const Row& a, const Row& b) {
      if (a.time != b.time) return compiled_.ascending ? a.time < b.time : a.time > b.time;
      for (std::size_t i = 0; i < width_; ++i) {
        const auto* x = std::get_if<std::string>(&cells_[a.first_cell + i]);
        const auto* y = std::get_if<std::string>(&cells_[b.first_cell + i]);
        if (x != nullptr && y != nullptr && *x != *y) return compiled_.ascending ? *x < *y : *y < *x;
      }
      return false;
    });
  }

  void give(SlotRows& out) {
    const std::size_t from = std::min(static_cast<std::size_t>(compiled_.select.offset), rows_.size());
    const std::size_t to = limit_ > 0 ? std::min<std::size_t>(from + limit_, rows_.size()) : rows_.size();
    for (std::size_t i = from; i < to; ++i) {
      out.times.push_back(rows_[i].time);
      const auto first = cells_.begin() + static_cast<std::ptrdiff_t>(rows_[i].first_cell);
      out.cells.insert(out.cells.end(), std::make_move_iterator(first),
                       std::make_move_iterator(first + static_cast<std::ptrdiff_t>(width_)));
    }
  }

  const Compiled& compiled_;
  const SelectList& list_;
  const OutputSeries& series_;
  Budget& budget_;
  const std::size_t width_;
  const std::uint64_t limit_;
  const std::uint64_t wanted_;  // of a member
  std::vector<Row> rows_;
  std::vector<Cell> cells_;
};

}  // namespace

Cell fill_cell(const Expr& number, DataType type) {
  const bool whole = number.is(Expr::Kind::kInteger);
  if (type == DataType::kInteger) return whole ? number.integer : whole_part(number.number);
  if (type == DataType::kFloat) return whole ? static_cast<double>(number.integer) : number.number;
  return whole ? Cell{number.integer} : Cell{number.number};
}

Status read_raw(const Plan& plan, const SelectList& list, const OutputSeries& series, Budget& budget, SlotRows& out) {
  return RawReader(plan, list, series, budget).read(out);
}

namespace {

// Feeds rows and windows of one member of an output series to the leaves.
class Feeder {
 public:
  Feeder(const SelectList& list, const Member& member, std::vector<std::unique_ptr<Leaf>>& leaves, Budget& budget)
      : list_(list),
        member_(member),
        leaves_(leaves),
        budget_(budget),
        tags_(member.table->tags(member.series)),
        reader_(list.references, *member.table),
        position_(list.calls.size(), -1),
        found_(list.calls.size(), false) {
    for (std::size_t i = 0; i < list.calls.size(); ++i) {
      const LeafSpec& spec = list.calls[i].leaf;
      if (!member.bounded && member.span != list.calls[i].span) continue;
      if (spec.type == DataType::kUnknown || spec.type == DataType::kTag || spec.type == DataType::kAnyField) continue;
      const int column = member.table->column(spec.field);
      if (column < 0) continue;
      const auto at = std::find(columns_.begin(), columns_.end(), column);
      position_[i] = static_cast<int>(at - columns_.begin());
      if (at == columns_.end()) columns_.push_back(column);
    }
    leaf_columns_ = columns_.size();
    columns_.insert(columns_.end(), reader_.columns().begin(), reader_.columns().end());
    filter_columns_ = columns_.size();
    if (member.filtered) {
      columns_.insert(columns_.end(), member.filter->columns().begin(), member.filter->columns().end());
    }
    groups_.resize(list.calls.size());
    for (std::size_t i = 0; i < list.calls.size(); ++i) groups_[i] = group_text(tags_, list.calls[i].group_tags);
  }

  bool has_columns() const { return leaf_columns_ > 0; }

  // `may_stop`: the first row that is met with a value is all that a leaf needs.
  Status rows(const TimeSpan& span, bool newest_first, bool may_stop) {
    const auto visit = [&](const store::Block& block) { return rows_of(block, span, may_stop); };
    const Status scanned = member_.table->scan(member_.series, columns_, span.first, span.last, newest_first, visit);
    return has_enough_ ? Status() : scanned;
  }

  Status windows(const WindowPlan& plan) {
    return scan_windows(plan, [&](const store::WindowBlock& block) -> Status {
      for (std::size_t i = 0; i < list_.calls.size(); ++i) {
        if (position_[i] < 0) continue;
        RESMON_TRY(leaves_[i]->add_windows({block.starts, block.columns[static_cast<std::size_t>(position_[i])]}));
      }
      return {};
    });
  }

  // The rows of the first window that holds the extreme which the only leaf looks for.
  Status chosen_window(const WindowPlan& plan) {
    bool any = false;
    metric::Cell best = 0;
    UnixNanos start = 0;
    const bool least = list_.calls[0].leaf.function == Function::kMin;
    const auto aggregate = least ? store::Aggregate::kMin : store::Aggregate::kMax;
    const DataType type = list_.calls[0].leaf.type;
    const auto before = [type](metric::Cell a, metric::Cell b) {
      if (type == DataType::kFloat) return metric::as_float(a) < metric::as_float(b);
      if (type == DataType::kInteger) return metric::as_integer(a) < metric::as_integer(b);
      return a < b;
    };
    RESMON_TRY(scan_windows(plan, [&](const store::WindowBlock& block) -> Status {
      const auto& column = block.columns[static_cast<std::size_t>(position_[0])];
      for (std::size_t i = 0; i < block.starts.size(); ++i) {
        if (!column.has(i)) continue;
        const metric::Cell value = column.of(aggregate)[i];
        if (any && !(least ? before(value, best) : before(best, value))) continue;
        any = true;
        best = value;
        start = block.starts[i];
      }
      return {};
    }));
    if (!any) return {};
    return rows({start, start + plan.width - 1}, false, false);
  }

 private:
  Status scan_windows(const WindowPlan& plan, const store::WindowVisitor& visit) {
    const std::span<const int> columns(columns_.data(), leaf_columns_);
    const auto counted = [&](const store::WindowBlock& block) -> Status {
      RESMON_TRY(budget_.rows(block.starts.size()));
      return visit(block);
    };
    return member_.table->scan_windows(member_.series, columns, plan.aggregates, plan.range, plan.width, counted);
  }

  Status rows_of(const store::Block& block, const TimeSpan& span, bool may_stop) {
    RESMON_TRY(budget_.rows(block.times.size()));
    if (member_.filtered) member_.filter->pass(block, filter_columns_, tags_, pass_);
    for (std::size_t i = 0; i < list_.calls.size(); ++i) {
      if (position_[i] < 0 || (may_stop && found_[i])) continue;
      const CallPlan& call = list_.calls[i];
      LeafInput input;
      input.times = block.times;
      const auto at = static_cast<std::size_t>(position_[i]);
      input.column = block.columns[at];
      input.type = member_.table->columns()[static_cast<std::size_t>(columns_[at])].type;
      TimeSpan within = span;
      if (member_.bounded) {
        within.first = std::max(within.first, call.reads.first);
        within.last = std::min(within.last, call.reads.last);
      }
      std::tie(input.begin, input.end) = rows_within(block, within);
      if (input.begin >= input.end) continue;
      if (member_.filtered) input.pass = pass_.data();
      input.tag_group = groups_[i];
      input.in_order = member_.in_order;
      if (call.leaf.wants_extras) {
        input.extras = [&](std::size_t row) -> Extras {
          std::vector<Cell> cells;
          cells.reserve(list_.references.size());
          for (std::size_t r = 0; r < list_.references.size(); ++r) {
            cells.push_back(reader_.read(r, block, leaf_columns_, row, tags_));
          }
          return std::make_shared<const std::vector<Cell>>(std::move(cells));
        };
      }
      RESMON_TRY(leaves_[i]->add(input));
      if (may_stop && !found_[i]) {
        for_present(input, input.begin, input.end, [&](std::size_t) { found_[i] = true; });
      }
    }
    if (!may_stop) return {};
    for (std::size_t i = 0; i < list_.calls.size(); ++i) {
      if (!found_[i] && position_[i] >= 0) return {};
    }
    has_enough_ = true;
    return stop();
  }

  const SelectList& list_;
  const Member& member_;
  std::vector<std::unique_ptr<Leaf>>& leaves_;
  Budget& budget_;
  const std::vector<metric::Tag>& tags_;
  const ReferenceReader reader_;
  std::vector<int> columns_;  // of leaves, then of references, then of the condition
  std::size_t leaf_columns_ = 0;
  std::size_t filter_columns_ = 0;
  std::vector<int> position_;  // of each call in columns_, -1: not there
  std::vector<std::string> groups_;
  std::vector<std::uint64_t> pass_;
  std::vector<bool> found_;
  bool has_enough_ = false;  // each leaf found what it needs
};

// Feeds every member's rows to the leaves.
Status feed(const Plan& plan, const SelectList& list, const OutputSeries& series,
            std::vector<std::unique_ptr<Leaf>>& leaves, Budget& budget, bool times) {
  const Compiled& c = *plan.compiled;
  // The newest row of a group answers last(): reading backwards finds it in the first block.
  const auto all_are = [&](Function function) {
    return c.interval == 0 && std::all_of(list.calls.begin(), list.calls.end(), [&](const CallPlan& call) {
             return call.leaf.function == function && call.transforms.empty() && is_number(call.leaf.type);
           });
  };
  const bool newest_first = all_are(Function::kLast);
  const bool may_stop = newest_first || all_are(Function::kFirst);
  const WindowPlan windows = may_stop ? WindowPlan{} : plan_windows(list, series);

  for (const Member& member : series.members) {
    Feeder feeder(list, member, leaves, budget);
    if (!feeder.has_columns()) continue;
    const TimeSpan span = member.bounded ? list.reads : TimeSpan{kMinTime, kMaxTime};
    if (windows.width == 0) {
      RESMON_TRY(feeder.rows(span, newest_first, may_stop));
      continue;
    }
    if (span.first < windows.range.first) RESMON_TRY(feeder.rows({span.first, windows.range.first - 1}, false, false));
    RESMON_TRY(windows.chooses && times ? feeder.chosen_window(windows) : feeder.windows(windows));
    if (windows.range.last <= span.last) RESMON_TRY(feeder.rows({windows.range.last, span.last}, false, false));
  }
  return {};
}

// top(), bottom() and sample() give the windows in the order asked for, but each window's values always oldest first.
void ascend_within_windows(std::vector<Point>& points, const Windows& windows) {
  for (auto from = points.begin(); from != points.end();) {
    const UnixNanos begin = windows.containing(from->time).begin;
    const auto to = std::find_if(from, points.end(), [&](const Point& point) { return point.time < begin; });
    std::reverse(from, to);
    from = to;
  }
}

}  // namespace

namespace {

// Functions of an output series: the points of each, brought together in rows.
class CallReader {
 public:
  CallReader(const Plan& plan, const SelectList& list, const OutputSeries& series, Budget& budget, bool times)
      : plan_(plan),
        compiled_(*plan.compiled),
        list_(list),
        series_(series),
        budget_(budget),
        times_(times),
        width_(list.calls.size() + list.references.size()),
        points_(list.calls.size()) {}

  Status read(SlotRows& out) {
    std::vector<std::unique_ptr<Leaf>> leaves;
    for (const CallPlan& call : list_.calls) leaves.push_back(make_leaf(call.leaf, budget_));
    RESMON_TRY(feed(plan_, list_, series_, leaves, budget_, times_));
    for (std::size_t i = 0; i < list_.calls.size(); ++i) {
      RESMON_ASSIGN(points_[i], leaves[i]->finish());
      leaves[i].reset();
      RESMON_TRY(shape(list_.calls[i], points_[i]));
    }
    const std::vector<Cell> defaults = fill_values();
    if (aligned())
      join_aligned(defaults, out);
    else
      join(defaults, out);
    return {};
  }

 private:
  // In the order asked for, filled, transformed, and cut.
  Status shape(const CallPlan& call, std::vector<Point>& points) {
    if (!compiled_.ascending) {
      std::reverse(points.begin(), points.end());
      const Function function = call.leaf.function;
      if (function == Function::kTop || function == Function::kBottom || function == Function::kSample)
        ascend_within_windows(points, call.leaf.windows);
    }
    if (call.fills) {
      RESMON_ASSIGN(points, fill(std::move(points), call.fill, call.leaf.windows, call.span.first, call.span.last,
                                 compiled_.ascending, budget_));
    }
    for (const TransformSpec& spec : call.transforms) {
      RESMON_ASSIGN(points, transform(points, spec, compiled_.ascending, budget_));
    }
    // LIMIT and OFFSET count each function's own points.
    const Select& select = compiled_.select;
    if (select.offset > 0) {
      points.erase(points.begin(), points.begin() + std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(points.size()),
                                                                             select.offset));
    }
    if (select.limit > 0 && points.size() > static_cast<std::uint64_t>(select.limit)) {
      points.resize(static_cast<std::size_t>(select.limit));
    }
    return {};
  }

  // What a slot without a point has.
  std::vector<Cell> fill_values() const {
    std::vector<Cell> values(width_);
    if (compiled_.fill != Fill::kNumber) return values;
    for (std::size_t i = 0; i < width_; ++i) {
      // A function of a field that is not there has no points at all.
      const bool nothing = i < points_.size() && list_.slot_types[i] == DataType::kUnknown;
      if (!nothing) values[i] = fill_cell(*compiled_.select.fill_value, list_.slot_types[i]);
    }
    return values;
  }

  // Functions of the same windows mostly have points of the same times: nothing to bring together.
  bool aligned() const {
    if (width_ != points_.size() || compiled_.fill == Fill::kPrevious) return false;
    return std::all_of(points_.begin(), points_.end(), [&](const std::vector<Point>& one) {
      return std::equal(points_[0].begin(), points_[0].end(), one.begin(), one.end(),
                        [](const Point& a, const Point& b) { return a.time == b.time; });
    });
  }

  void join_aligned(const std::vector<Cell>& defaults, SlotRows& out) {
    out.times.reserve(points_[0].size());
    out.cells.reserve(points_[0].size() * points_.size());
    for (std::size_t r = 0; r < points_[0].size(); ++r) {
      out.times.push_back(points_[0][r].time);
      for (std::size_t i = 0; i < points_.size(); ++i) {
        Cell& value = points_[i][r].value;
        out.cells.push_back(is_null(value) ? defaults[i] : std::move(value));
      }
    }
  }

  // Points of one time make one row; a function without one gives the fill value.
  void join(const std::vector<Cell>& defaults, SlotRows& out) const {
    std::vector<std::size_t> next(points_.size(), 0);
    std::vector<Cell> row(width_);
    while (const Point* const first = first_of(next)) {
      const UnixNanos time = first->time;
      if (compiled_.fill != Fill::kPrevious) row = defaults;
      for (std::size_t i = 0; i < points_.size(); ++i) {
        if (next[i] == points_[i].size() || points_[i][next[i]].time != time) continue;
        const Point& point = points_[i][next[i]++];
        if (!is_null(point.value)) row[i] = point.value;
        if (point.extras == nullptr) continue;
        for (std::size_t r = 0; r < list_.references.size(); ++r) {
          const Cell& extra = (*point.extras)[r];
          if (!is_null(extra)) row[points_.size() + r] = extra;
        }
      }
      out.times.push_back(time);
      out.cells.insert(out.cells.end(), row.begin(), row.end());
    }
  }

  // Of the points that come next, the one that is the first in the order asked for; null: there is none.
  const Point* first_of(const std::vector<std::size_t>& next) const {
    const Point* first = nullptr;
    for (std::size_t i = 0; i < points_.size(); ++i) {
      if (next[i] == points_[i].size()) continue;
      const Point& head = points_[i][next[i]];
      if (first == nullptr || (compiled_.ascending ? head.time < first->time : head.time > first->time)) first = &head;
    }
    return first;
  }

  const Plan& plan_;
  const Compiled& compiled_;
  const SelectList& list_;
  const OutputSeries& series_;
  Budget& budget_;
  const bool times_;
  const std::size_t width_;
  std::vector<std::vector<Point>> points_;  // by call
};

}  // namespace

Status read_calls(const Plan& plan, const SelectList& list, const OutputSeries& series, Budget& budget, SlotRows& out,
                  bool times) {
  return CallReader(plan, list, series, budget, times).read(out);
}

}  // namespace resmon::influxql
