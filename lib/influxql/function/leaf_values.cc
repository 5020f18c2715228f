#include <iterator>
#include <random>

#include "influxql/function/leaf_input.h"
#include "influxql/function/leaf_kinds.h"

// Functions that need the values of a window side by side, and the plain stream of values for transforms. Values are
// kept as 16 to 24 bytes each against the query's memory bound, put in order of time at the end (groups come one after
// the other), and cut into windows.

namespace resmon::influxql {
namespace {

struct Sample {
  UnixNanos time = 0;
  metric::Cell cell = 0;
  std::uint32_t extras = 0;  // index into extras_, from 1
};

bool less(metric::Cell a, metric::Cell b, DataType type, std::string_view text) {
  switch (type) {
    case DataType::kFloat:
      return metric::as_float(a) < metric::as_float(b);
    case DataType::kInteger:
      return metric::as_integer(a) < metric::as_integer(b);
    case DataType::kString:
      return metric::as_string(a, text) < metric::as_string(b, text);
    default:
      return a < b;
  }
}

double number(metric::Cell cell, DataType type) {
  switch (type) {
    case DataType::kInteger:
      return static_cast<double>(metric::as_integer(cell));
    case DataType::kUnsigned:
      return static_cast<double>(cell);
    default:
      return metric::as_float(cell);
  }
}

using Samples = std::vector<Sample>;

class ValuesLeaf final : public Leaf {
 public:
  ValuesLeaf(const LeafSpec& spec, Budget& budget) : spec_(spec), budget_(budget) {}

  Status add(const LeafInput& given) override {
    const ConvertedColumn converted(given, spec_.type);
    const LeafInput& in = converted.input();
    const std::size_t before = samples_.size();
    for_present(in, in.begin, in.end, [&](std::size_t row) {
      Sample sample{in.times[row], in.column.cells[row], 0};
      if (spec_.type == DataType::kString) {
        const std::string_view text = metric::as_string(sample.cell, in.column.text);
        sample.cell = metric::string_cell(text_.size(), text.size());
        text_ += text;
      }
      if (spec_.wants_extras) {
        extras_.push_back(in.extras(row));
        sample.extras = static_cast<std::uint32_t>(extras_.size());
      }
      if (in.in_order && !samples_.empty() && sample.time < samples_.back().time) sorted_ = false;
      samples_.push_back(sample);
    });
    const std::size_t per_sample = sizeof(Sample) + (spec_.wants_extras ? 100 : 0);
    return budget_.buffer((samples_.size() - before) * per_sample);
  }

  Result<std::vector<Point>> finish() override {
    if (!sorted_) {
      std::stable_sort(samples_.begin(), samples_.end(),
                       [](const Sample& a, const Sample& b) { return a.time < b.time; });
    }
    std::vector<Point> out;
    if (spec_.function == Function::kValues) {
      out.reserve(samples_.size());
      for (const Sample& sample : samples_) out.push_back(point(sample, sample.time));
    } else if (spec_.function == Function::kIntegral) {
      integral(out);
    } else {
      std::uint64_t buckets = 0;
      for (std::size_t from = 0; from < samples_.size();) {
        RESMON_TRY(budget_.buckets(++buckets));
        const Windows::Window window = spec_.windows.containing(samples_[from].time);
        std::size_t to = from + 1;
        while (to < samples_.size() && samples_[to].time < window.end) ++to;
        reduce(window.begin, from, to, out);
        from = to;
      }
    }
    budget_.release(samples_.size() * sizeof(Sample));
    return out;
  }

 private:
  Point point(const Sample& sample, UnixNanos time) const {
    return {time, to_cell(sample.cell, spec_.type, text_), sample.extras > 0 ? extras_[sample.extras - 1] : nullptr};
  }

  void reduce(UnixNanos begin, std::size_t from, std::size_t to, std::vector<Point>& out) {
    const auto first = samples_.begin() + static_cast<std::ptrdiff_t>(from);
    const auto last = samples_.begin() + static_cast<std::ptrdiff_t>(to);
    const std::size_t count = to - from;
    const auto by_value = [this](const Sample& a, const Sample& b) { return less(a.cell, b.cell, spec_.type, text_); };
    switch (spec_.function) {
      case Function::kPercentile: {
        const double rank = std::floor(static_cast<double>(count) * spec_.percentile / 100 + 0.5) - 1;
        if (!(rank >= 0) || rank >= static_cast<double>(count)) return;
        const auto chosen = first + static_cast<std::ptrdiff_t>(rank);
        std::nth_element(first, chosen, last, [&](const Sample& a, const Sample& b) {
          if (by_value(a, b)) return true;
          return !by_value(b, a) && a.time < b.time;
        });
        out.push_back(point(*chosen, spec_.own_time ? chosen->time : begin));
        return;
      }
      case Function::kMedian: {
        const auto middle = first + static_cast<std::ptrdiff_t>(count / 2);
        std::nth_element(first, middle, last, by_value);
        double value = number(middle->cell, spec_.type);
        if (count % 2 == 0) {
          const double low = number(std::max_element(first, middle, by_value)->cell, spec_.type);
          value = low + (value - low) / 2;
        }
        out.push_back({begin, value, nullptr});
        return;
      }
      case Function::kMode:
        out.push_back({begin, to_cell(mode(first, last), spec_.type, text_), nullptr});
        return;
      case Function::kSample: {
        Samples chosen;
        std::sample(first, last, std::back_inserter(chosen), spec_.count, dice_);
        for (const Sample& sample : chosen) out.push_back(point(sample, sample.time));
        return;
      }
      default:
        return;
    }
  }

  // The value that is there most often; where none is there twice, the least. Of values that are there equally often,
  // as InfluxDB has it for the few that it sorts by insertion: the greater one where it begins no later than the other
  // ends.
  metric::Cell mode(Samples::iterator first, Samples::iterator last) const {
    const auto by_value = [this](const Sample& a, const Sample& b) { return less(a.cell, b.cell, spec_.type, text_); };
    std::stable_sort(first, last, by_value);
    if (spec_.type == DataType::kBoolean) return (first + (last - first) / 2)->cell;  // true where half of them are
    metric::Cell best = first->cell;
    UnixNanos best_time = first->time;
    std::size_t most = 0;
    for (auto at = first; at != last;) {
      auto next = at;
      while (next != last && !by_value(*at, *next)) ++next;
      const auto frequency = static_cast<std::size_t>(next - at);
      const bool repeats = frequency > 1 || at == first;
      if (repeats && (frequency > most || (frequency == most && at->time <= best_time))) {
        best = at->cell;
        best_time = (next - 1)->time;
        most = frequency;
      }
      at = next;
    }
    return best;
  }

  // The area under the line through the values; where a window ends between two of them, the line is cut there.
  void integral(std::vector<Point>& out) {
    if (samples_.empty()) return;
    const double unit = static_cast<double>(spec_.unit);
    Windows::Window window = spec_.windows.containing(samples_.front().time);
    UnixNanos time = samples_.front().time;
    double value = number(samples_.front().cell, spec_.type);
    double sum = 0;
    for (std::size_t i = 1; i < samples_.size(); ++i) {
      const UnixNanos next = samples_[i].time;
      const double next_value = number(samples_[i].cell, spec_.type);
      if (next == time) {
        value = next_value;
        continue;
      }
      if (spec_.windows.interval > 0 && next >= window.end) {
        if (time != window.end) {
          const double slope = (next_value - value) / static_cast<double>(next - time);
          const double at_end = value + slope * static_cast<double>(window.end - time);
          sum += 0.5 * (at_end + value) * static_cast<double>(window.end - time) / unit;
          value = at_end;
          time = window.end;
        }
        out.push_back({window.begin, sum, nullptr});
        window = spec_.windows.containing(next);
        sum = 0;
      }
      sum += 0.5 * (next_value + value) * static_cast<double>(next - time) / unit;
      time = next;
      value = next_value;
    }
    // The last window has no area when its only value lies on its edge.
    if (spec_.windows.interval > 0 && time == window.begin) return;
    // InfluxDB stamps the lone area under floats with 0, whatever the lower bound; that under integers as any
    // aggregate.
    const bool zero = spec_.windows.interval == 0 && spec_.type == DataType::kFloat;
    out.push_back({zero ? 0 : window.begin, sum, nullptr});
  }

  const LeafSpec spec_;
  Budget& budget_;
  Samples samples_;
  std::vector<Extras> extras_;
  std::string text_;
  bool sorted_ = true;
  std::mt19937_64 dice_;  // the same each time: a query that is asked again has the same answer
};

}  // namespace

std::unique_ptr<Leaf> make_values_leaf(const LeafSpec& spec, Budget& budget) {
  return std::make_unique<ValuesLeaf>(spec, budget);
}

}  // namespace resmon::influxql
