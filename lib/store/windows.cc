// Windows are made in two places, when chunks are sealed and when a read finds no tier, and must come out equal, bit by
// bit, or an answer would depend on what happens to be sealed. So there is one folder for both, and everything in it
// depends only on the window's own rows.
//
// That rules out adding floats into a running sum that began before the window, and it leaves the question which sum.
// Most floats are percentages with two decimals. Added as doubles they give 0.30000000000000004, which takes eight
// bytes in a chunk where 0.3 takes one; so decimal fractions are added as integers and divided once. The result is the
// correctly rounded sum, nearer to the truth than what adding row by row gives.

#include "store/windows.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "store/decimal.h"

namespace resmon::store {

using metric::Cell;
using metric::FieldType;

namespace {

constexpr std::size_t kShownAtOnce = 1024;

template <class T>
T value_of(Cell cell) {
  return std::bit_cast<T>(cell);
}

// Adds `value` to scaled × 10^-decimals, with as many decimals as it takes; not exact where that is too many, or too
// much.
void add_decimal(double value, unsigned& decimals, std::int64_t& scaled, bool& exact) {
  // Mostly there are two, and looking for fewer first would cost a division each. What is a whole number of hundredths
  // and of tens of them has fewer.
  constexpr double kSurelyExact = 1e12;
  std::optional<std::int64_t> whole;
  if (decimals < 2 && std::abs(value) < kSurelyExact && (whole = exact_decimal(value, 2))) {
    const unsigned needed = *whole % 10 != 0 ? 2 : *whole % 100 != 0 ? 1 : 0;
    for (; decimals < needed; ++decimals)
      if (__builtin_mul_overflow(scaled, 10, &scaled)) exact = false;
    for (unsigned more = decimals; more < 2; ++more) *whole /= 10;
  } else {
    whole = exact_decimal(value, decimals);
    while (!whole && decimals < kMaxDecimals) {
      ++decimals;
      if (__builtin_mul_overflow(scaled, 10, &scaled)) exact = false;
      whole = exact_decimal(value, decimals);
    }
  }
  if (!whole || __builtin_add_overflow(scaled, *whole, &scaled)) exact = false;
}

}  // namespace

UnixNanos window_start(UnixNanos time, UnixNanos width) {
  UnixNanos into = time % width;
  if (into < 0) into += width;
  UnixNanos start = 0;
  return __builtin_sub_overflow(time, into, &start) ? INT64_MIN : start;
}

WindowFolder::WindowFolder(std::span<const WindowColumn> columns, unsigned aggregates, UnixNanos width)
    : aggregates_(aggregates), width_(width), folded_(columns.size()) {
  for (std::size_t i = 0; i < columns.size(); ++i) folded_[i].column = columns[i];
}

template <class T>
void WindowFolder::fold(Folded& folded, const Block::ColumnData& data, std::size_t from, std::size_t to) const {
  constexpr bool kFloat = std::is_same_v<T, double>;
  // Half of a window's columns are asked for one thing only: the loop carries what is wanted and no more.
  const bool sums = wants(Aggregate::kSum);
  const bool extremes = wants(Aggregate::kMin) || wants(Aggregate::kMax);
  std::uint64_t count = folded.count;
  T least = value_of<T>(folded.min);
  T greatest = value_of<T>(folded.max);
  for (std::size_t row = from; row < to; ++row) {
    if (!data.has(row)) continue;
    const Cell cell = data.cells[row];
    const T value = value_of<T>(cell);
    if (extremes) {
      if (count == 0 || value < least) least = value;
      if (count == 0 || value > greatest) greatest = value;
    }
    if (sums) {
      if constexpr (kFloat) {
        folded.plain += value;
        if (folded.exact) add_decimal(value, folded.decimals, folded.scaled, folded.exact);
      } else {
        folded.whole += cell;
      }
    }
    folded.last = cell;
    ++count;
  }
  folded.count = count;
  folded.min = std::bit_cast<Cell>(least);
  folded.max = std::bit_cast<Cell>(greatest);
}

void WindowFolder::add(const Block& block) {
  const std::size_t rows = block.times.size();
  for (std::size_t from = 0; from < rows;) {
    const UnixNanos start = window_start(block.times[from], width_);
    if (open_ && start != start_) close_window();
    open_ = true;
    start_ = start;
    std::size_t to = from + 1;
    // At the lowest time a window may be cut short.
    const auto within = [&](UnixNanos time) {
      return start == INT64_MIN ? window_start(time, width_) == start
                                : static_cast<std::uint64_t>(time) - static_cast<std::uint64_t>(start) <
                                      static_cast<std::uint64_t>(width_);
    };
    while (to < rows && within(block.times[to])) ++to;
    for (std::size_t c = 0; c < folded_.size(); ++c) {
      Folded& folded = folded_[c];
      const Block::ColumnData& data = block.columns[c];
      switch (folded.column.type) {
        case FieldType::kFloat:
          fold<double>(folded, data, from, to);
          break;
        case FieldType::kInteger:
          fold<std::int64_t>(folded, data, from, to);
          break;
        default: {
          fold<std::uint64_t>(folded, data, from, to);
          if (folded.column.type != FieldType::kString) break;
          for (std::size_t row = to; row-- > from;) {
            if (!data.has(row)) continue;
            folded.text = metric::as_string(data.cells[row], data.text);
            break;
          }
        }
      }
    }
    from = to;
  }
}

Cell WindowFolder::sum_of(const Folded& folded) {
  if (folded.column.type != FieldType::kFloat) return folded.whole;
  return metric::cell_of(folded.exact && std::abs(folded.scaled) <= kMaxExactWhole
                             ? static_cast<double>(folded.scaled) / decimal_power(folded.decimals)
                             : folded.plain);
}

void WindowFolder::close_window() {
  open_ = false;
  const std::size_t window = starts_.size();
  bool any = false;
  for (Folded& folded : folded_) {
    if (folded.count == 0) continue;
    folded.presence.resize(window / 64 + 1);
    set_bit(folded.presence, window);
    const auto put = [&](Aggregate aggregate, Cell cell) {
      if (!has_aggregate(folded.column.type, aggregate)) return;
      std::vector<Cell>& cells = folded.cells[static_cast<std::size_t>(aggregate)];
      cells.resize(window);
      cells.push_back(cell);
      any = true;
    };
    if (wants(Aggregate::kMin)) put(Aggregate::kMin, folded.min);
    if (wants(Aggregate::kMax)) put(Aggregate::kMax, folded.max);
    if (wants(Aggregate::kCount)) put(Aggregate::kCount, folded.count);
    if (wants(Aggregate::kLast) && folded.column.type == FieldType::kString) {
      put(Aggregate::kLast, metric::string_cell(folded.arena.size(), folded.text.size()));
      folded.arena += folded.text;
    } else if (wants(Aggregate::kLast)) {
      put(Aggregate::kLast, folded.last);
    }
    if (wants(Aggregate::kSum)) put(Aggregate::kSum, sum_of(folded));
    folded.count = 0;
    folded.whole = 0;
    folded.plain = 0;
    folded.scaled = 0;
    folded.decimals = 0;
    folded.exact = true;
  }
  if (any)
    starts_.push_back(start_);
  else
    for (Folded& folded : folded_)
      if (window < folded.presence.size() * 64) folded.presence[window / 64] &= ~(std::uint64_t{1} << (window % 64));
}

Rows WindowFolder::take(bool keep_open) {
  if (open_ && !keep_open) close_window();
  Rows rows;
  rows.times = std::move(starts_);
  starts_ = {};
  const std::size_t windows = rows.times.size();
  for (Folded& folded : folded_) {
    folded.presence.resize((windows + 63) / 64);
    const bool any = std::any_of(folded.presence.begin(), folded.presence.end(), [](auto word) { return word != 0; });
    for (std::size_t a = 0; a < kAggregateCount; ++a) {
      const auto aggregate = static_cast<Aggregate>(a);
      if (!any || !wants(aggregate) || !has_aggregate(folded.column.type, aggregate)) continue;
      RowColumn column;
      column.id = window_column(folded.column.id, aggregate);
      column.type = aggregate_type(folded.column.type, aggregate);
      column.cells = std::move(folded.cells[a]);
      column.cells.resize(windows);
      column.presence = folded.presence;
      if (column.type == FieldType::kString) column.text = folded.arena;
      rows.columns.push_back(std::move(column));
    }
    folded.cells = {};
    folded.presence = {};
    folded.arena = {};
  }
  std::sort(rows.columns.begin(), rows.columns.end(),
            [](const RowColumn& a, const RowColumn& b) { return a.id < b.id; });
  return rows;
}

std::vector<ColumnId> wanted_window_columns(const WindowRequest& request) {
  std::vector<ColumnId> ids;
  for (const WindowColumn& column : request.columns)
    for (std::size_t a = 0; a < kAggregateCount; ++a)
      if (const auto aggregate = static_cast<Aggregate>(a);
          (request.aggregates & aggregate_bit(aggregate)) != 0 && has_aggregate(column.type, aggregate))
        ids.push_back(window_column(column.id, aggregate));
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

Status show_windows(const Rows& windows, const WindowRequest& request, const WindowVisitor& visit) {
  if (windows.times.empty() || windows.columns.empty()) return {};
  static const std::vector<std::uint64_t> kNothing(kShownAtOnce / 64);
  const std::vector<ColumnId> ids = wanted_window_columns(request);
  std::vector<WindowBlock::ColumnData> data(request.columns.size());
  // Presence words are shared out at their own boundaries.
  static_assert(kShownAtOnce % 64 == 0);
  for (std::size_t from = 0; from < windows.size(); from += kShownAtOnce) {
    const std::size_t count = std::min(kShownAtOnce, windows.size() - from);
    for (std::size_t c = 0; c < data.size(); ++c) {
      data[c] = {};
      data[c].presence = {kNothing.data(), (count + 63) / 64};
      for (std::size_t a = 0; a < kAggregateCount; ++a) {
        const ColumnId id = window_column(request.columns[c].id, static_cast<Aggregate>(a));
        const RowColumn* const column = std::binary_search(ids.begin(), ids.end(), id) ? windows.find(id) : nullptr;
        if (column == nullptr) continue;
        data[c].cells[a] = std::span(column->cells).subspan(from, count);
        data[c].presence = std::span(column->presence).subspan(from / 64, (count + 63) / 64);
        if (column->type == FieldType::kString) data[c].text = column->text;
      }
    }
    RESMON_TRY(visit(WindowBlock{std::span(windows.times).subspan(from, count), data}));
  }
  return {};
}

Status Reader::scan_windows(const WindowRequest& request, const WindowVisitor& visit) const {
  std::vector<ColumnId> columns;
  for (const WindowColumn& column : request.columns) columns.push_back(column.id);
  WindowFolder folder(request.columns, request.aggregates, request.width);
  RESMON_TRY(scan(request.group, columns, request.range, false, [&](const Block& block) -> Status {
    folder.add(block);
    return folder.closed_windows() < kShownAtOnce ? Status() : show_windows(folder.take(true), request, visit);
  }));
  return show_windows(folder.take(), request, visit);
}

}  // namespace resmon::store
