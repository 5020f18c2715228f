#pragma once

// How leaves walk over a block: runs of rows in one window, then the rows of a run that count.

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "influxql/function/leaf.h"
#include "metric/number.h"

namespace resmon::influxql {

// f(window begin, first row, end row) for each run of rows in the same window.
template <class F>
Status for_runs(const LeafInput& in, const Windows& windows, const F& f) {
  std::size_t row = in.begin;
  while (row < in.end) {
    const Windows::Window window = windows.containing(in.times[row]);
    std::size_t stop = in.end;
    if (in.times[in.end - 1] >= window.end) {
      const auto from = in.times.begin() + static_cast<std::ptrdiff_t>(row);
      const auto to = in.times.begin() + static_cast<std::ptrdiff_t>(in.end);
      // Windows are mostly much shorter than blocks: gallop before bisecting.
      std::size_t step = 8;
      while (row + step < in.end && in.times[row + step] < window.end) step *= 2;
      const auto upper = row + step < in.end ? from + static_cast<std::ptrdiff_t>(step) : to;
      stop = static_cast<std::size_t>(std::lower_bound(from, upper, window.end) - in.times.begin());
    }
    RESMON_TRY(f(window.begin, row, std::max(stop, row + 1)));
    row = std::max(stop, row + 1);  // at the end of time a window may end where it begins
  }
  return {};
}

// f(row) for each row of [begin, end) that has a value and passes.
template <class F>
void for_present(const LeafInput& in, std::size_t begin, std::size_t end, const F& f) {
  while (begin < end) {
    const std::size_t word = begin / 64;
    const std::size_t first = begin % 64;
    const std::size_t last = std::min<std::size_t>(64, end - word * 64);
    std::uint64_t bits = in.column.presence[word];
    if (in.pass != nullptr) bits &= in.pass[word];
    bits &= ~0ULL << first;
    if (last < 64) bits &= (1ULL << last) - 1;
    if (bits == ~0ULL) {
      for (std::size_t row = word * 64; row < word * 64 + 64; ++row) f(row);
    } else {
      for (; bits != 0; bits &= bits - 1) f(word * 64 + static_cast<std::size_t>(std::countr_zero(bits)));
    }
    begin = word * 64 + last;
  }
}

// The value of a cell of the column's type as one of the leaf's type, for numbers.
inline metric::Cell convert(metric::Cell cell, metric::FieldType from, DataType to) {
  using metric::FieldType;
  double value = 0;
  switch (from) {
    case FieldType::kFloat:
      value = metric::as_float(cell);
      break;
    case FieldType::kInteger:
      if (to == DataType::kUnsigned) return cell;
      value = static_cast<double>(metric::as_integer(cell));
      break;
    case FieldType::kUnsigned:
      if (to == DataType::kInteger) return cell;
      value = static_cast<double>(cell);
      break;
    default:
      return cell;
  }
  switch (to) {
    case DataType::kFloat:
      return metric::cell_of(value);
    case DataType::kInteger:
      return std::fabs(value) < 9.2e18 ? metric::cell_of(static_cast<std::int64_t>(value)) : metric::cell_of(INT64_MIN);
    case DataType::kUnsigned:
      return value >= 0 && value < 1.8e19 ? static_cast<std::uint64_t>(value) : 0;
    default:
      return cell;
  }
}

// A column whose stored type is not what is read: numbers are converted, anything else is taken for absent.
class ConvertedColumn {
 public:
  ConvertedColumn(const LeafInput& in, DataType to) : input_(in) {
    if (data_type_of(in.type) == to) return;
    if (!is_number(in.type) || !is_number(to)) {
      presence_.assign(in.column.presence.size(), 0);
      input_.column.presence = presence_;
      return;
    }
    cells_.reserve(in.column.cells.size());
    for (const metric::Cell cell : in.column.cells) cells_.push_back(convert(cell, in.type, to));
    input_.column.cells = cells_;
  }
  const LeafInput& input() const { return input_; }

 private:
  LeafInput input_;
  std::vector<metric::Cell> cells_;
  std::vector<std::uint64_t> presence_;
};

inline Cell to_cell(metric::Cell cell, DataType type, std::string_view text) {
  switch (type) {
    case DataType::kFloat:
      return metric::as_float(cell);
    case DataType::kInteger:
      return metric::as_integer(cell);
    case DataType::kUnsigned:
      return static_cast<std::uint64_t>(cell);
    case DataType::kBoolean:
      return metric::as_boolean(cell);
    case DataType::kString:
      return std::string(metric::as_string(cell, text));
    default:
      return {};
  }
}

// A value of a column as one of another type: numbers are converted. What has no such value is null where the column is
// stored; the rows of a subquery keep it as it is, as in InfluxDB.
inline bool castable(metric::FieldType from, DataType to) {
  return data_type_of(from) == to || (is_number(from) && is_number(to));
}
inline Cell cast_cell(metric::Cell cell, metric::FieldType from, DataType to, std::string_view text, bool stored) {
  if (data_type_of(from) != to && is_number(from) && is_number(to)) return to_cell(convert(cell, from, to), to, text);
  return castable(from, to) || !stored ? to_cell(cell, data_type_of(from), text) : Cell{};
}

// State by window, in order. Rows mostly come in order too, so the last window is looked at first, then the next, and a
// new one goes behind all others. Windows that come late (of the second group of a series, where the first had none)
// are kept aside until the end, so that no order of rows makes this slow. The state is good until the next at().
template <class State>
class ByWindow {
 public:
  using Entry = std::pair<UnixNanos, State>;

  explicit ByWindow(Budget& budget) : budget_(budget) {}
  ByWindow(const ByWindow&) = delete;
  ByWindow& operator=(const ByWindow&) = delete;
  ~ByWindow() { budget_.release(charged_ * kStateBytes); }

  Result<State*> at(UnixNanos begin) {
    if (last_ < states_.size() && states_[last_].first == begin) return &states_[last_].second;
    if (last_ + 1 < states_.size() && states_[last_ + 1].first == begin) return &states_[++last_].second;
    if (states_.empty() || states_.back().first < begin) {
      RESMON_TRY(charge());
      last_ = states_.size();
      states_.emplace_back(begin, State{});
      return &states_.back().second;
    }
    const auto found = std::lower_bound(states_.begin(), states_.end(), begin,
                                        [](const Entry& entry, UnixNanos wanted) { return entry.first < wanted; });
    if (found->first == begin) {
      last_ = static_cast<std::size_t>(found - states_.begin());
      return &found->second;
    }
    if (const auto late = late_.find(begin); late != late_.end()) return &late->second;
    RESMON_TRY(charge());
    return &late_[begin];
  }

  // The same for loops over values: null where it cannot be had, with the first reason in `status`.
  State* at(UnixNanos begin, Status& status) {
    auto found = at(begin);
    if (found) return *found;
    if (status) status = fail(std::move(found).error());
    return nullptr;
  }

  // All of them, in order.
  std::vector<Entry>& all() {
    if (late_.empty()) return states_;
    const auto first = static_cast<std::ptrdiff_t>(states_.size());
    for (auto& [begin, state] : late_) states_.emplace_back(begin, std::move(state));
    late_.clear();
    std::inplace_merge(states_.begin(), states_.begin() + first, states_.end(),
                       [](const Entry& a, const Entry& b) { return a.first < b.first; });
    return states_;
  }

 private:
  static constexpr std::uint64_t kStateBytes = sizeof(State) + 6 * sizeof(void*);  // and a tree's node

  // Some at a time, and never more than as many as there are: the budget is shared with other threads.
  Status charge() {
    const std::size_t count = states_.size() + late_.size();
    RESMON_TRY(budget_.buckets(count + 1));
    if (count < charged_) return {};
    const std::size_t more = std::clamp<std::size_t>(count, 1, 64);
    RESMON_TRY(budget_.buffer(more * kStateBytes));
    charged_ += more;
    return {};
  }

  Budget& budget_;
  std::vector<Entry> states_;  // ascending
  std::map<UnixNanos, State> late_;
  std::size_t last_ = 0;
  std::size_t charged_ = 0;
};

}  // namespace resmon::influxql
