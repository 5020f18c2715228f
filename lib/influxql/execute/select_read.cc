#include <algorithm>

#include "influxql/execute/select_internal.h"
#include "influxql/function/leaf_input.h"
#include "influxql/parse/time_text.h"

// Reading one output series. All groups that belong to it are scanned one after the other, each once, with just the
// columns that the select list and the condition name; every leaf takes its column from the block.

namespace resmon::influxql {
namespace {

// Stops a scan that has all it needs. Not an error: recognised by its text and dropped.
constexpr std::string_view kEnough = "\x01 enough";

Status enough(Status status) {
  if (!status && status.error().message == kEnough) return {};
  return status;
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

Status read_raw(const Plan& plan, const SelectList& list, const OutputSeries& series, Budget& budget, SlotRows& out) {
  const Compiled& c = *plan.compiled;
  const std::size_t width = list.references.size();
  // OFFSET without LIMIT leaves one row of what is stored, and all of a subquery, as in InfluxDB.
  const bool stored =
      std::any_of(series.members.begin(), series.members.end(), [](const Member& m) { return m.table->is_stored(); });
  const std::int64_t lone = c.select.offset > 0 && stored ? 1 : 0;
  const auto limit = static_cast<std::uint64_t>(c.select.limit > 0 ? c.select.limit : lone);
  // No group needs to give more rows than the answer can show.
  const std::uint64_t wanted = limit > 0 ? limit + static_cast<std::uint64_t>(c.select.offset) : UINT64_MAX;

  struct Row {
    UnixNanos time;
    std::size_t first_cell;
  };
  std::vector<Row> rows;
  std::vector<Cell> cells;
  for (const Member& member : series.members) {
    const ReferenceReader reader(list.references, *member.table);
    if (reader.columns().empty() && member.table->is_stored()) continue;
    std::vector<int> columns = reader.columns();
    const std::size_t filter_columns = columns.size();
    if (member.filtered) {
      columns.insert(columns.end(), member.filter->columns().begin(), member.filter->columns().end());
    }
    const std::vector<metric::Tag>& tags = member.table->tags(member.series);
    std::uint64_t taken = 0;
    std::vector<std::uint64_t> pass;
    const auto visit = [&](const store::Block& block) -> Status {
      RESMON_TRY(budget.rows(block.times.size()));
      if (member.filtered) member.filter->pass(block, filter_columns, tags, pass);
      std::uint64_t bytes = 0;
      const std::size_t count = block.times.size();
      for (std::size_t i = 0; i < count && taken < wanted; ++i) {
        const std::size_t row = c.ascending ? i : count - 1 - i;
        if (member.filtered && (pass[row / 64] >> (row % 64) & 1U) == 0) continue;
        // Every row of a subquery counts, also one of nothing but nulls.
        if (member.table->is_stored() && !reader.any_field(block, 0, row)) continue;
        rows.push_back({block.times[row], cells.size()});
        for (std::size_t r = 0; r < width; ++r) cells.push_back(reader.read(r, block, 0, row, tags));
        ++taken;
        bytes += sizeof(Row) + width * sizeof(Cell);
      }
      RESMON_TRY(budget.buffer(bytes));
      if (taken >= wanted) return fail(ErrorKind::kInternal, std::string(kEnough));
      return {};
    };
    const TimeSpan span = member.bounded ? list.reads : TimeSpan{kMinTime, kMaxTime};
    RESMON_TRY(enough(member.table->scan(member.series, columns, span.first, span.last, !c.ascending, visit)));
  }
  // Rows of one time go by their texts, as InfluxDB has it, then by group.
  const bool in_order =
      std::all_of(series.members.begin(), series.members.end(), [](const Member& m) { return m.in_order; });
  if (in_order)
    std::stable_sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
      if (a.time != b.time) return c.ascending ? a.time < b.time : a.time > b.time;
      for (std::size_t i = 0; i < width; ++i) {
        const auto* x = std::get_if<std::string>(&cells[a.first_cell + i]);
        const auto* y = std::get_if<std::string>(&cells[b.first_cell + i]);
        if (x != nullptr && y != nullptr && *x != *y) return c.ascending ? *x < *y : *y < *x;
      }
      return false;
    });
  const std::size_t from = std::min(static_cast<std::size_t>(c.select.offset), rows.size());
  const std::size_t to = limit > 0 ? std::min<std::size_t>(from + limit, rows.size()) : rows.size();
  for (std::size_t i = from; i < to; ++i) {
    out.times.push_back(rows[i].time);
    const auto first = cells.begin() + static_cast<std::ptrdiff_t>(rows[i].first_cell);
    out.cells.insert(out.cells.end(), std::make_move_iterator(first),
                     std::make_move_iterator(first + static_cast<std::ptrdiff_t>(width)));
  }
  budget.release(rows.size() * (sizeof(Row) + width * sizeof(Cell)));
  return {};
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
    return enough(member_.table->scan(member_.series, columns_, span.first, span.last, newest_first, visit));
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
    return fail(ErrorKind::kInternal, std::string(kEnough));
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
};

// Feeds every member's rows to the leaves.
Status feed(const Plan& plan, const SelectList& list, const OutputSeries& series,
            std::vector<std::unique_ptr<Leaf>>& leaves, Budget& budget) {
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
    RESMON_TRY(windows.chooses ? feeder.chosen_window(windows) : feeder.windows(windows));
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

Status read_calls(const Plan& plan, const SelectList& list, const OutputSeries& series, Budget& budget, SlotRows& out) {
  const Compiled& c = *plan.compiled;
  std::vector<std::unique_ptr<Leaf>> leaves;
  for (const CallPlan& call : list.calls) leaves.push_back(make_leaf(call.leaf, budget));
  RESMON_TRY(feed(plan, list, series, leaves, budget));

  std::vector<std::vector<Point>> points(list.calls.size());
  for (std::size_t i = 0; i < list.calls.size(); ++i) {
    const CallPlan& call = list.calls[i];
    RESMON_ASSIGN(points[i], leaves[i]->finish());
    leaves[i].reset();
    std::vector<Point>& mine = points[i];
    if (!c.ascending) {
      std::reverse(mine.begin(), mine.end());
      const Function function = call.leaf.function;
      if (function == Function::kTop || function == Function::kBottom || function == Function::kSample)
        ascend_within_windows(mine, call.leaf.windows);
    }
    if (call.fills) {
      RESMON_ASSIGN(mine, fill(std::move(mine), call.fill, call.leaf.windows, call.span.first, call.span.last,
                               c.ascending, budget));
    }
    for (const TransformSpec& spec : call.transforms) {
      RESMON_ASSIGN(mine, transform(mine, spec, c.ascending, budget));
    }
    // LIMIT and OFFSET count each function's own points.
    if (c.select.offset > 0) {
      mine.erase(mine.begin(),
                 mine.begin() + std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(mine.size()), c.select.offset));
    }
    if (c.select.limit > 0 && mine.size() > static_cast<std::uint64_t>(c.select.limit)) {
      mine.resize(static_cast<std::size_t>(c.select.limit));
    }
  }

  // Points of one time make one row; a function without one gives the fill value.
  const std::size_t calls = list.calls.size();
  const std::size_t width = calls + list.references.size();
  std::vector<Cell> defaults(width);
  if (c.fill == Fill::kNumber) {
    for (std::size_t i = 0; i < width; ++i) {
      const Expr& number = *c.select.fill_value;
      const bool whole = number.is(Expr::Kind::kInteger);
      switch (list.slot_types[i]) {
        case DataType::kInteger:
          defaults[i] = whole ? number.integer : whole_part(number.number);
          break;
        case DataType::kFloat:
          defaults[i] = whole ? static_cast<double>(number.integer) : number.number;
          break;
        case DataType::kUnknown:
          break;
        default:
          defaults[i] = whole ? Cell{number.integer} : Cell{number.number};
          break;
      }
    }
  }
  // Functions of the same windows mostly have points of the same times: nothing to bring together.
  bool aligned = width == calls && c.fill != Fill::kPrevious;
  for (std::size_t i = 1; aligned && i < calls; ++i)
    aligned = std::equal(points[0].begin(), points[0].end(), points[i].begin(), points[i].end(),
                         [](const Point& a, const Point& b) { return a.time == b.time; });
  if (aligned) {
    out.times.reserve(points[0].size());
    out.cells.reserve(points[0].size() * calls);
    for (std::size_t r = 0; r < points[0].size(); ++r) {
      out.times.push_back(points[0][r].time);
      for (std::size_t i = 0; i < calls; ++i) {
        Cell& value = points[i][r].value;
        out.cells.push_back(is_null(value) ? defaults[i] : std::move(value));
      }
    }
    return {};
  }
  std::vector<std::size_t> next(calls, 0);
  std::vector<Cell> row(width);
  for (;;) {
    const Point* first = nullptr;
    for (std::size_t i = 0; i < calls; ++i) {
      if (next[i] == points[i].size()) continue;
      const Point& head = points[i][next[i]];
      if (first == nullptr || (c.ascending ? head.time < first->time : head.time > first->time)) first = &head;
    }
    if (first == nullptr) return {};
    const UnixNanos time = first->time;
    if (c.fill != Fill::kPrevious) row = defaults;
    for (std::size_t i = 0; i < calls; ++i) {
      if (next[i] == points[i].size() || points[i][next[i]].time != time) continue;
      const Point& point = points[i][next[i]++];
      if (!is_null(point.value)) row[i] = point.value;
      if (point.extras == nullptr) continue;
      for (std::size_t r = 0; r < list.references.size(); ++r) {
        const Cell& extra = (*point.extras)[r];
        if (!is_null(extra)) row[calls + r] = extra;
      }
    }
    out.times.push_back(time);
    out.cells.insert(out.cells.end(), row.begin(), row.end());
  }
}

}  // namespace resmon::influxql
