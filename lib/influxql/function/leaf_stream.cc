#include <functional>
#include <limits>

#include "influxql/function/leaf_input.h"
#include "influxql/function/leaf_kinds.h"
#include "influxql/parse/time_text.h"

// Functions that need only a few numbers a window: whatever the range, memory is one State a window. The inner loops
// run over one window's rows of one block with their sums in registers.

namespace resmon::influxql {
namespace {

struct State {
  std::uint64_t count = 0;
  double sum = 0;
  std::uint64_t whole_sum = 0;       // of integers, wrapping
  double mean = 0, squares = 0;      // Welford's running mean and sum of squared distances from it
  metric::Cell best = 0, other = 0;  // the chosen value, or the least and greatest for spread
  UnixNanos best_time = 0;
  Extras extras;
};

struct TextState {
  std::uint64_t count = 0;
  UnixNanos best_time = 0;
  std::string text;
  Extras extras;
};

template <class T>
T value_of(metric::Cell cell) {
  return std::bit_cast<T>(cell);
}

template <class T>
class StreamLeaf final : public Leaf {
 public:
  StreamLeaf(const LeafSpec& spec, Budget& budget) : spec_(spec), states_(budget) {}

  Status add(const LeafInput& given) override {
    const ConvertedColumn converted(given, spec_.type);
    const LeafInput& in = converted.input();
    return for_runs(in, spec_.windows, [&](UnixNanos begin, std::size_t from, std::size_t to) -> Status {
      switch (spec_.function) {
        case Function::kCount:
          return add_count(in, begin, from, to);
        case Function::kSum:
        case Function::kMean:
          return add_sum(in, begin, from, to);
        case Function::kStddev:
          return add_deviation(in, begin, from, to);
        case Function::kSpread:
          return add_spread(in, begin, from, to);
        default:
          return choose(in, begin, from, to);
      }
    });
  }

  Status add_windows(const WindowInput& in) override {
    using store::Aggregate;
    Windows::Window window;
    State* state = nullptr;
    for (std::size_t i = 0; i < in.starts.size(); ++i) {
      if (!in.column.has(i)) continue;
      const UnixNanos start = in.starts[i];
      if (state == nullptr || start >= window.end) {
        // Usually the next one.
        const bool follows = state != nullptr && spec_.windows.zone == nullptr && start == window.end &&
                             start < kMaxTime - spec_.windows.interval;
        window = follows ? Windows::Window{start, start + spec_.windows.interval} : spec_.windows.containing(start);
        RESMON_ASSIGN(state, states_.at(window.begin));
      }
      const auto cell = [&](Aggregate aggregate) { return in.column.of(aggregate)[i]; };
      const bool fresh = state->count == 0;
      switch (spec_.function) {
        case Function::kCount:
          state->count += cell(Aggregate::kCount);
          break;
        case Function::kSum:
        case Function::kMean:
          state->count += spec_.function == Function::kMean ? cell(Aggregate::kCount) : 1;
          if constexpr (std::is_same_v<T, double>) {
            state->sum += value_of<double>(cell(Aggregate::kSum));
          } else {
            state->whole_sum += cell(Aggregate::kSum);
          }
          break;
        case Function::kMin:
          choose_extreme(*state, cell(Aggregate::kMin), start, std::less<T>());
          break;
        case Function::kMax:
          choose_extreme(*state, cell(Aggregate::kMax), start, std::greater<T>());
          break;
        case Function::kLast:
          if (fresh || state->best_time <= start) choose_window(*state, cell(Aggregate::kLast), start);
          break;
        default: {  // kSpread
          const metric::Cell low = cell(Aggregate::kMin);
          const metric::Cell high = cell(Aggregate::kMax);
          if (fresh || value_of<T>(low) < value_of<T>(state->best)) state->best = low;
          if (fresh || value_of<T>(state->other) < value_of<T>(high)) state->other = high;
          state->count = 1;
          break;
        }
      }
    }
    return {};
  }

  bool satisfied() const override { return chosen_; }

  Result<std::vector<Point>> finish() override {
    std::vector<Point> out;
    out.reserve(states_.all().size());
    for (auto& [begin, state] : states_.all()) {
      Point point{begin, {}, std::move(state.extras)};
      if (spec_.own_time) point.time = state.best_time;
      point.value = result(state);
      out.push_back(std::move(point));
    }
    return out;
  }

 private:
  // Rows of one window. Its state is made when the first value is met: a window without one has no row.
  Status add_count(const LeafInput& in, UnixNanos begin, std::size_t from, std::size_t to) {
    std::uint64_t count = 0;
    for_present(in, from, to, [&](std::size_t) { ++count; });
    if (count == 0) return {};
    RESMON_ASSIGN(State* const state, states_.at(begin));
    state->count += count;
    return {};
  }

  Status add_sum(const LeafInput& in, UnixNanos begin, std::size_t from, std::size_t to) {
    std::uint64_t count = 0;
    double sum = 0;
    std::uint64_t whole = 0;
    for_present(in, from, to, [&](std::size_t row) {
      ++count;
      if constexpr (std::is_same_v<T, double>) {
        sum += value_of<double>(in.column.cells[row]);
      } else {
        whole += in.column.cells[row];
      }
    });
    if (count == 0) return {};
    RESMON_ASSIGN(State* const state, states_.at(begin));
    state->count += count;
    state->sum += sum;
    state->whole_sum += whole;
    return {};
  }

  Status add_deviation(const LeafInput& in, UnixNanos begin, std::size_t from, std::size_t to) {
    std::uint64_t count = 0;
    double mean = 0, squares = 0;
    for_present(in, from, to, [&](std::size_t row) {
      const double v = static_cast<double>(value_of<T>(in.column.cells[row]));
      ++count;
      const double distance = v - mean;
      mean += distance / static_cast<double>(count);
      squares += distance * (v - mean);
    });
    if (count == 0) return {};
    RESMON_ASSIGN(State* const state, states_.at(begin));
    merge_deviation(*state, count, mean, squares);
    return {};
  }

  Status add_spread(const LeafInput& in, UnixNanos begin, std::size_t from, std::size_t to) {
    bool any = false;
    T low{}, high{};
    for_present(in, from, to, [&](std::size_t row) {
      const T v = value_of<T>(in.column.cells[row]);
      if (!any || v < low) low = v;
      if (!any || high < v) high = v;
      any = true;
    });
    if (!any) return {};
    RESMON_ASSIGN(State* const state, states_.at(begin));
    if (state->count == 0 || low < value_of<T>(state->best)) state->best = std::bit_cast<metric::Cell>(low);
    if (state->count == 0 || value_of<T>(state->other) < high) state->other = std::bit_cast<metric::Cell>(high);
    state->count = 1;
    return {};
  }

  // Of equal ones the earliest.
  template <class Better>
  static void choose_extreme(State& state, metric::Cell cell, UnixNanos start, const Better& better) {
    const T mine = value_of<T>(cell);
    const T theirs = value_of<T>(state.best);
    if (state.count == 0 || better(mine, theirs) || (mine == theirs && start < state.best_time))
      choose_window(state, cell, start);
  }

  static void choose_window(State& state, metric::Cell value, UnixNanos start) {
    state.count = 1;
    state.best = value;
    state.best_time = start;
  }

  static void merge_deviation(State& state, std::uint64_t count, double mean, double squares) {
    const double a = static_cast<double>(state.count);
    const double b = static_cast<double>(count);
    const double distance = mean - state.mean;
    state.count += count;
    state.mean += distance * b / (a + b);
    state.squares += squares + distance * distance * a * b / (a + b);
  }

  // min, max, first, last. Of equal extremes the earliest is chosen; of first or last values at one time, the greatest.
  Status choose(const LeafInput& in, UnixNanos begin, std::size_t from, std::size_t to) {
    constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();
    std::size_t best = kNone;
    const auto value = [&](std::size_t row) { return value_of<T>(in.column.cells[row]); };
    switch (spec_.function) {
      case Function::kMin:
        for_present(in, from, to,
                    [&](std::size_t row) { best = best == kNone || value(row) < value(best) ? row : best; });
        break;
      case Function::kMax:
        for_present(in, from, to,
                    [&](std::size_t row) { best = best == kNone || value(best) < value(row) ? row : best; });
        break;
      case Function::kFirst:
        for_present(in, from, to, [&](std::size_t row) {
          if (best == kNone || (in.times[row] == in.times[best] && value(best) < value(row))) best = row;
        });
        break;
      default:
        for_present(in, from, to, [&](std::size_t row) {
          if (best == kNone || in.times[row] > in.times[best] || value(best) < value(row)) best = row;
        });
        break;
    }
    if (best == kNone) return {};
    chosen_ = true;
    RESMON_ASSIGN(State* const state, states_.at(begin));
    const T mine = value(best);
    const T theirs = value_of<T>(state->best);
    const UnixNanos time = in.times[best];
    bool better = state->count == 0;
    if (!better) {
      switch (spec_.function) {
        case Function::kMin:
          better = mine < theirs || (mine == theirs && time < state->best_time);
          break;
        case Function::kMax:
          better = theirs < mine || (mine == theirs && time < state->best_time);
          break;
        case Function::kFirst:
          better = time < state->best_time || (time == state->best_time && theirs < mine);
          break;
        default:
          better = time > state->best_time || (time == state->best_time && theirs < mine);
          break;
      }
    }
    if (!better) return {};
    state->count = 1;
    state->best = in.column.cells[best];
    state->best_time = time;
    if (spec_.wants_extras) state->extras = in.extras(best);
    return {};
  }

  Cell result(const State& state) const {
    const auto typed = [&](metric::Cell cell) { return to_cell(cell, spec_.type, {}); };
    switch (spec_.function) {
      case Function::kCount:
        return static_cast<std::int64_t>(state.count);
      case Function::kSum:
        if constexpr (std::is_same_v<T, double>) return state.sum;
        return typed(state.whole_sum);
      case Function::kMean:
        if constexpr (std::is_same_v<T, double>) return state.sum / static_cast<double>(state.count);
        return static_cast<double>(std::bit_cast<T>(state.whole_sum)) / static_cast<double>(state.count);
      case Function::kStddev:
        // Of one value: not a number, as 0 / 0 is, and unlike a window without values.
        if (state.count < 2) return std::numeric_limits<double>::quiet_NaN();
        return std::sqrt(state.squares / static_cast<double>(state.count - 1));
      case Function::kSpread:
        if constexpr (std::is_same_v<T, double>) return value_of<T>(state.other) - value_of<T>(state.best);
        return typed(state.other - state.best);
      default:
        return typed(state.best);
    }
  }

  const LeafSpec spec_;
  ByWindow<State> states_;
  bool chosen_ = false;
};

// count, first and last of strings.
class TextLeaf final : public Leaf {
 public:
  TextLeaf(const LeafSpec& spec, Budget& budget) : spec_(spec), states_(budget) {}

  Status add(const LeafInput& given) override {
    const ConvertedColumn converted(given, spec_.type);
    const LeafInput& in = converted.input();
    return for_runs(in, spec_.windows, [&](UnixNanos begin, std::size_t from, std::size_t to) -> Status {
      TextState* state = nullptr;
      Status status;
      for_present(in, from, to, [&](std::size_t row) {
        if (state == nullptr && (state = states_.at(begin, status)) == nullptr) return;
        const bool fresh = state->count++ == 0;
        if (spec_.function == Function::kCount) return;
        const std::string_view text = metric::as_string(in.column.cells[row], in.column.text);
        const UnixNanos time = in.times[row];
        const bool sooner = spec_.function == Function::kFirst ? time < state->best_time : time > state->best_time;
        if (!fresh && !sooner && (time != state->best_time || text <= state->text)) return;
        state->text = text;
        state->best_time = time;
        if (spec_.wants_extras) state->extras = in.extras(row);
      });
      return status;
    });
  }

  Result<std::vector<Point>> finish() override {
    std::vector<Point> out;
    for (auto& [begin, state] : states_.all()) {
      Point point{spec_.own_time ? state.best_time : begin, {}, std::move(state.extras)};
      if (spec_.function == Function::kCount) {
        point.value = static_cast<std::int64_t>(state.count);
      } else {
        point.value = std::move(state.text);
      }
      out.push_back(std::move(point));
    }
    return out;
  }

 private:
  const LeafSpec spec_;
  ByWindow<TextState> states_;
};

}  // namespace

Status Leaf::add_windows(const WindowInput& /*input*/) {
  return fail(ErrorKind::kInternal, "a function of rows was given windows");
}

unsigned window_aggregates(const LeafSpec& spec) {
  using store::Aggregate;
  using store::aggregate_bit;
  if (!is_number(spec.type)) return 0;
  switch (spec.function) {
    case Function::kCount:
      return aggregate_bit(Aggregate::kCount);
    case Function::kSum:
      return aggregate_bit(Aggregate::kSum);
    case Function::kMean:
      return aggregate_bit(Aggregate::kSum) | aggregate_bit(Aggregate::kCount);
    case Function::kMin:
      return aggregate_bit(Aggregate::kMin);
    case Function::kMax:
      return aggregate_bit(Aggregate::kMax);
    case Function::kSpread:
      return aggregate_bit(Aggregate::kMin) | aggregate_bit(Aggregate::kMax);
    case Function::kLast:
      return aggregate_bit(Aggregate::kLast);
    default:
      return 0;
  }
}

std::unique_ptr<Leaf> make_stream_leaf(const LeafSpec& spec, Budget& budget) {
  switch (spec.type) {
    case DataType::kFloat:
      return std::make_unique<StreamLeaf<double>>(spec, budget);
    case DataType::kInteger:
      return std::make_unique<StreamLeaf<std::int64_t>>(spec, budget);
    case DataType::kString:
      return std::make_unique<TextLeaf>(spec, budget);
    default:
      return std::make_unique<StreamLeaf<std::uint64_t>>(spec, budget);  // unsigned, and booleans as 0 and 1
  }
}

}  // namespace resmon::influxql
