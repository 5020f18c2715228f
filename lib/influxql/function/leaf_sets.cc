#include <unordered_map>

#include "influxql/function/leaf_input.h"
#include "influxql/function/leaf_kinds.h"

namespace resmon::influxql {
namespace {

// distinct() and count(distinct()).
class DistinctLeaf final : public Leaf {
 public:
  DistinctLeaf(const LeafSpec& spec, Budget& budget) : spec_(spec), budget_(budget), states_(budget) {}

  Status add(const LeafInput& given) override {
    const ConvertedColumn converted(given, spec_.type);
    const LeafInput& in = converted.input();
    return for_runs(in, spec_.windows, [&](UnixNanos begin, std::size_t from, std::size_t to) -> Status {
      State* state = nullptr;
      Status status;
      std::uint64_t bytes = 0;
      for_present(in, from, to, [&](std::size_t row) {
        if (state == nullptr && (state = states_.at(begin, status)) == nullptr) return;
        const metric::Cell cell = in.column.cells[row];
        std::string key;
        if (spec_.type == DataType::kString) {
          key = metric::as_string(cell, in.column.text);
        } else {
          key.assign(reinterpret_cast<const char*>(&cell), sizeof(cell));
        }
        const auto [at, fresh] = state->first_seen.try_emplace(std::move(key), in.times[row]);
        if (fresh) bytes += 64 + at->first.size();
        if (in.times[row] < at->second) at->second = in.times[row];
      });
      if (status) return budget_.buffer(bytes);
      return status;
    });
  }

  Result<std::vector<Point>> finish() override {
    std::vector<Point> out;
    for (auto& [begin, state] : states_.all()) {
      if (spec_.function == Function::kCountDistinct) {
        out.push_back({begin, static_cast<std::int64_t>(state.first_seen.size()), nullptr});
        continue;
      }
      std::vector<std::pair<UnixNanos, Cell>> values;
      for (const auto& [key, time] : state.first_seen) {
        if (spec_.type == DataType::kString) {
          values.emplace_back(time, key);
        } else {
          metric::Cell cell = 0;
          std::copy_n(key.data(), sizeof(cell), reinterpret_cast<char*>(&cell));
          values.emplace_back(time, to_cell(cell, spec_.type, {}));
        }
      }
      std::sort(values.begin(), values.end());
      for (auto& [time, value] : values) out.push_back({begin, std::move(value), nullptr});
    }
    return out;
  }

 private:
  struct State {
    std::unordered_map<std::string, UnixNanos> first_seen;
  };
  const LeafSpec spec_;
  Budget& budget_;
  ByWindow<State> states_;
};

// top() and bottom(): the best few of each window, kept sorted, best first; with tags, the best of each value of the
// tags.
class TopLeaf final : public Leaf {
 public:
  TopLeaf(const LeafSpec& spec, Budget& budget) : spec_(spec), budget_(budget), states_(budget) {}

  Status add(const LeafInput& given) override {
    const ConvertedColumn converted(given, spec_.type);
    const LeafInput& in = converted.input();
    return for_runs(in, spec_.windows, [&](UnixNanos begin, std::size_t from, std::size_t to) -> Status {
      RESMON_ASSIGN(State* const state, states_.at(begin));
      std::uint64_t bytes = 0;
      for_present(in, from, to, [&](std::size_t row) {
        Entry entry{in.times[row], in.column.cells[row], nullptr};
        if (spec_.by_tags) {
          const auto [at, fresh] = state->by_tags.try_emplace(std::string(in.tag_group), entry);
          if (!fresh && !better(entry, at->second)) return;
          if (fresh) bytes += 128 + in.tag_group.size();
          at->second = entry;
          if (spec_.wants_extras) at->second.extras = in.extras(row);
          return;
        }
        std::vector<Entry>& best = state->best;
        if (best.size() == spec_.count && !better(entry, best.back())) return;
        if (best.size() == spec_.count) best.pop_back();
        if (spec_.wants_extras) entry.extras = in.extras(row);
        bytes += 64;
        best.insert(std::upper_bound(best.begin(), best.end(), entry,
                                     [this](const Entry& a, const Entry& b) { return better(a, b); }),
                    std::move(entry));
      });
      return budget_.buffer(bytes);
    });
  }

  Result<std::vector<Point>> finish() override {
    std::vector<Point> out;
    for (auto& [begin, state] : states_.all()) {
      std::vector<Entry>& best = state.best;
      for (auto& [tags, entry] : state.by_tags) best.push_back(std::move(entry));
      std::stable_sort(best.begin(), best.end(), [this](const Entry& a, const Entry& b) { return better(a, b); });
      if (best.size() > spec_.count) best.resize(spec_.count);
      std::stable_sort(best.begin(), best.end(), [](const Entry& a, const Entry& b) { return a.time < b.time; });
      for (Entry& entry : best)
        out.push_back({entry.time, to_cell(entry.cell, spec_.type, {}), std::move(entry.extras)});
    }
    return out;
  }

 private:
  struct Entry {
    UnixNanos time = 0;
    metric::Cell cell = 0;
    Extras extras;
  };
  struct State {
    std::vector<Entry> best;
    std::map<std::string, Entry> by_tags;
  };

  bool better(const Entry& a, const Entry& b) const {
    const bool top = spec_.function == Function::kTop;
    switch (spec_.type) {
      case DataType::kFloat:
        if (metric::as_float(a.cell) != metric::as_float(b.cell)) {
          return (metric::as_float(a.cell) > metric::as_float(b.cell)) == top;
        }
        break;
      case DataType::kInteger:
        if (a.cell != b.cell) return (metric::as_integer(a.cell) > metric::as_integer(b.cell)) == top;
        break;
      default:
        if (a.cell != b.cell) return (a.cell > b.cell) == top;
    }
    return a.time < b.time;
  }

  const LeafSpec spec_;
  Budget& budget_;
  ByWindow<State> states_;
};

}  // namespace

std::unique_ptr<Leaf> make_distinct_leaf(const LeafSpec& spec, Budget& budget) {
  return std::make_unique<DistinctLeaf>(spec, budget);
}
std::unique_ptr<Leaf> make_top_leaf(const LeafSpec& spec, Budget& budget) {
  return std::make_unique<TopLeaf>(spec, budget);
}

std::unique_ptr<Leaf> make_leaf(const LeafSpec& spec, Budget& budget) {
  switch (spec.function) {
    case Function::kMedian:
    case Function::kMode:
    case Function::kPercentile:
    case Function::kIntegral:
    case Function::kValues:
    case Function::kSample:
      return make_values_leaf(spec, budget);
    case Function::kDistinct:
    case Function::kCountDistinct:
      return make_distinct_leaf(spec, budget);
    case Function::kTop:
    case Function::kBottom:
      return make_top_leaf(spec, budget);
    default:
      return make_stream_leaf(spec, budget);
  }
}

bool accepts(Function function, DataType type) {
  switch (type) {
    case DataType::kFloat:
    case DataType::kInteger:
    case DataType::kUnsigned:
      return true;
    case DataType::kBoolean:
      if (function == Function::kMin || function == Function::kMax) return true;
      [[fallthrough]];
    case DataType::kString:
      switch (function) {
        case Function::kCount:
        case Function::kFirst:
        case Function::kLast:
        case Function::kMode:
        case Function::kDistinct:
        case Function::kCountDistinct:
        case Function::kValues:
        case Function::kSample:
          return true;
        default:
          return false;
      }
    default:
      return false;
  }
}

}  // namespace resmon::influxql
