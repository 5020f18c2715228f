// Floats that are decimal fractions (a percentage with two decimals) become integers times 10^-k, checked bit by bit,
// with one k for the chunk where possible.
//
// Columns that say the same thing: usage_active is 100 - usage_idle; used is total - available. The encoder looks for
// an earlier column (or two) that, added or taken away, leaves less than the column's own history does, and stores only
// what is left. References point backwards only, so reading cannot loop; a column and what it refers to are decoded
// once. Columns of the same presence can refer to each other.

#include "store/column_plan.h"

#include <algorithm>
#include <array>
#include <utility>

#include "store/decimal.h"
#include "store/window_derivation.h"
#include "store/windows.h"

namespace resmon::store {

namespace {

using metric::Cell;
using metric::FieldType;

std::optional<unsigned> decimals_needed(const std::vector<Cell>& cells) {
  unsigned decimals = 0;
  for (const Cell cell : cells) {
    while (!exact_decimal(metric::as_float(cell), decimals))
      if (++decimals > kMaxDecimals) return std::nullopt;
  }
  return decimals;
}

bool to_integers(ColumnPlan& plan, unsigned decimals) {
  plan.integers.resize(plan.present.size());
  for (std::size_t i = 0; i < plan.present.size(); ++i) {
    const auto exact = exact_decimal(metric::as_float(plan.present[i]), decimals);
    if (!exact) return false;
    plan.integers[i] = *exact;
  }
  plan.decimals = decimals;
  return true;
}

void gather_values(ColumnPlan& plan, std::size_t rows) {
  const RowColumn& column = *plan.column;
  plan.present.reserve(rows);
  for (std::size_t row = 0; row < rows; ++row)
    if (bit(column.presence, row)) plan.present.push_back(column.cells[row]);
  plan.whole = plan.present.size() == rows;
  switch (column.type) {
    case FieldType::kFloat:
      plan.decimals = decimals_needed(plan.present);
      break;
    case FieldType::kString:
      break;
    default:
      plan.integers.resize(plan.present.size());
      std::transform(plan.present.begin(), plan.present.end(), plan.integers.begin(),
                     [](Cell cell) { return static_cast<std::int64_t>(cell); });
  }
}

// One scale for all, so that columns can refer to each other; large values may need their own.
void scale_decimals(std::vector<ColumnPlan>& plans) {
  std::optional<unsigned> decimals;
  for (const ColumnPlan& plan : plans)
    if (plan.decimals) decimals = std::max(decimals.value_or(0), *plan.decimals);
  for (ColumnPlan& plan : plans) {
    if (!plan.decimals || to_integers(plan, *decimals)) continue;
    const std::optional<unsigned> own = decimals_needed(plan.present);
    plan.decimals.reset();
    if (!own || !to_integers(plan, *own)) plan.integers.clear();
  }
}

void combine_all(std::span<const std::int64_t> a, std::span<const std::int64_t> b, bool subtract,
                 std::vector<std::int64_t>& out) {
  out.resize(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) out[i] = combine(a[i], b[i], subtract);
}

// Finds who has the same presence. Of many that have presences of their own only the newest are compared.
void share_presences(std::vector<ColumnPlan>& plans) {
  constexpr std::size_t kCompared = 8;
  std::array<std::size_t, kCompared> newest{};
  std::size_t own = 0;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    plans[i].presence = plans[i].whole ? SIZE_MAX : i;
    if (plans[i].whole) continue;
    for (std::size_t k = 0; k < std::min(own, kCompared); ++k)
      if (plans[newest[k]].column->presence == plans[i].column->presence) plans[i].presence = newest[k];
    if (plans[i].presence == i) newest[own++ % kCompared] = i;
  }
}

bool comparable(const ColumnPlan& plan, const ColumnPlan& other) {
  return other.presence == plan.presence && !other.integers.empty() && other.decimals == plan.decimals;
}
// Aggregates of one column, or one aggregate of two.
bool alike(const ColumnPlan& plan, const ColumnPlan& other) {
  return plan.column->id / 8 == other.column->id / 8 || plan.column->id % 8 == other.column->id % 8;
}

// Columns that are equal: a counter that stands still in most windows has the same minimum, maximum and last value.
// Unlike other references this pays with few rows, too.
void find_equal(std::vector<ColumnPlan>& plans, bool windows) {
  constexpr std::size_t kCompared = 8;
  for (std::size_t i = 1; i < plans.size(); ++i) {
    ColumnPlan& plan = plans[i];
    if (plan.integers.empty()) continue;
    const std::int64_t first = plan.integers.front();
    if (first > -64 && first < 64 && plan.integers.front() == plan.integers.back() &&
        std::all_of(plan.integers.begin(), plan.integers.end(), [&](std::int64_t value) { return value == first; }))
      continue;  // is no longer than a reference
    for (std::size_t back = 1; back <= std::min(i, kCompared); ++back) {
      const ColumnPlan& other = plans[i - back];
      if (windows && !alike(plan, other)) continue;
      if (!comparable(plan, other) || plan.integers != other.integers) continue;
      // One that is equal to a third refers to that, and so does this: no reader follows a chain.
      plan.references.push_back(other.references.empty() ? static_cast<std::uint32_t>((i - back) << 1U | 1U)
                                                         : other.references.front());
      plan.residual.assign(plan.integers.size(), 0);
      plan.model.emplace();
      break;
    }
  }
}

// Gives each plan the references that pay. Greedy: the best single reference, then the best second. A stretch of rows
// from the middle stands for all; what looks good there is checked on all rows. Of windows only
// the aggregates of one column are compared, and one aggregate of all columns: there are five times as many columns,
// and little else to find.
void find_references(std::vector<ColumnPlan>& plans, bool windows) {
  constexpr std::size_t kStretch = 64;
  constexpr double kWorthLookingBits = 1.0;       // a value
  constexpr std::size_t kWorthLookingRows = 128;  // few rows are joined with others soon, and looking is dear
  std::vector<double> own(plans.size());
  std::vector<double> own_stretch(plans.size());
  const auto stretch = [&](const std::vector<std::int64_t>& values) {
    return std::span<const std::int64_t>(values).subspan((values.size() - kStretch) / 2, kStretch);
  };
  const auto worth_looking = [&](std::size_t i) {
    return own[i] > 0 && own[i] >= kWorthLookingBits * static_cast<double>(plans[i].integers.size());
  };
  for (std::size_t i = 0; i < plans.size(); ++i) {
    if (plans[i].integers.size() < kWorthLookingRows || !plans[i].references.empty()) continue;
    own_stretch[i] = choose_model(stretch(plans[i].integers)).bits;
    plans[i].model = choose_model(plans[i].integers);
    own[i] = plans[i].model->bits;
  }
  std::vector<std::int64_t> work;
  for (std::size_t i = 1; i < plans.size(); ++i) {
    ColumnPlan& plan = plans[i];
    if (!worth_looking(i)) continue;
    double best = own[i];
    double best_stretch = own_stretch[i];
    std::vector<std::int64_t> left = plan.integers;
    while (plan.references.size() < kMaxReferences) {
      std::optional<std::uint32_t> found;
      double found_bits = best_stretch * 0.85;
      for (std::size_t j = 0; j < i; ++j) {
        const ColumnPlan& other = plans[j];
        if (!worth_looking(j) || !comparable(plan, other) || (windows && !alike(plan, other))) continue;
        for (const bool subtract : {false, true}) {
          combine_all(stretch(left), stretch(other.integers), subtract, work);
          const double bits = choose_model(work).bits;
          if (bits >= found_bits) continue;
          found_bits = bits;
          found = static_cast<std::uint32_t>(j << 1U | (subtract ? 1U : 0U));
        }
      }
      if (!found) break;
      combine_all(left, plans[*found >> 1U].integers, (*found & 1U) != 0, work);
      const IntegerModel model = choose_model(work);
      // A reference costs readers of this column a second column: it has to earn that.
      if (model.bits > best * 0.85) break;
      best = model.bits;
      plan.model = model;
      best_stretch = found_bits;
      left.swap(work);
      plan.references.push_back(*found);
    }
    if (!plan.references.empty()) plan.residual = std::move(left);
  }
}

// The aggregates that plan i is derived from, where they are there and have the same presence and scale.
std::optional<Sources> find_sources(const std::vector<ColumnPlan>& plans, std::size_t i) {
  const ColumnPlan& plan = plans[i];
  const std::span<const Aggregate> wanted = sources_of(plan.column->id);
  if (wanted.empty()) return std::nullopt;
  Sources sources;
  for (std::size_t j = i - std::min(i, kAggregateCount - 1); j < i && sources.count < wanted.size(); ++j) {
    const ColumnPlan& other = plans[j];
    const ColumnId count = window_column(other.column->id / 8, Aggregate::kCount);
    const bool same_scale = other.decimals == plan.decimals || other.column->id == count;
    if (other.column->id == window_column(plan.column->id / 8, wanted[sources.count]) &&
        other.presence == plan.presence && !other.integers.empty() && same_scale)
      sources.add(other.integers);
  }
  if (sources.count < wanted.size()) return std::nullopt;
  return sources;
}

// Minima and sums that are shorter as what is left after what the other aggregates let expect.
void derive_windows(std::vector<ColumnPlan>& plans) {
  // Readers of the column then decode the others, too, which has to pay as with references. Of a counter, whose windows
  // end with their maximum, hardly anybody asks for the mean.
  constexpr double kWorthIt = 0.85;
  constexpr double kWorthItOfCounters = 0.97;
  constexpr std::size_t kFewest = 3;
  bool counter = false;
  std::vector<std::int64_t> left;
  for (std::size_t i = 1; i < plans.size(); ++i) {
    ColumnPlan& plan = plans[i];
    if (plan.column->id == window_column(plan.column->id / 8, Aggregate::kLast))
      counter = plan.integers == plans[i - 1].integers;
    if (plan.integers.size() < kFewest) continue;
    const std::optional<Sources> sources = find_sources(plans, i);
    if (!sources) continue;
    if (!plan.model) plan.model = choose_model(plan.integers);
    if (plan.model->bits == 0) continue;
    subtract_expected(*sources, plan.integers, left);
    const IntegerModel model = choose_model(left);
    if (model.bits > plan.model->bits * (counter ? kWorthItOfCounters : kWorthIt)) continue;
    plan.model = model;
    plan.references.clear();
    plan.residual = left;
    plan.derived = true;
  }
}

}  // namespace

std::vector<ColumnPlan> plan_columns(const Rows& rows, bool windows) {
  std::vector<ColumnPlan> plans(rows.columns.size());
  for (std::size_t i = 0; i < plans.size(); ++i) {
    plans[i].column = &rows.columns[i];
    gather_values(plans[i], rows.size());
  }
  std::erase_if(plans, [](const ColumnPlan& plan) { return plan.present.empty(); });
  if (windows)
    std::sort(plans.begin(), plans.end(), [](const ColumnPlan& a, const ColumnPlan& b) {
      return stored_id(a.column->id) < stored_id(b.column->id);
    });
  scale_decimals(plans);
  share_presences(plans);
  find_equal(plans, windows);
  find_references(plans, windows);
  if (windows) derive_windows(plans);
  return plans;
}

}  // namespace resmon::store
