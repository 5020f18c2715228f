// Rows into heads. A row is taken value by value: what does not fit its column is refused, counted and described, and
// costs only itself.

#include "store/row_taker.h"

#include <algorithm>
#include <bit>
#include <span>

#include "metric/pinned_types.h"

namespace resmon::store {

using metric::Cell;
using metric::FieldType;

namespace {

constexpr Cell kExponentMask = 0x7ff0000000000000U;

enum class Verdict { kTaken, kRefusedField, kNotExact, kNotFinite, kTooLong, kTooMuchText };

// What was refused of the rows of a batch. Descriptions are made only where they are kept.
class Refusals {
 public:
  Refusals(const metric::Batch& batch, WriteReport& report) : batch_(batch), report_(report) {}

  template <class Describe>
  void add(const metric::Row& row, std::uint64_t samples, const Describe& describe) {
    report_.refused_samples += samples;
    if (report_.first_refusal.empty()) report_.first_refusal = describe();
    const auto index = static_cast<std::size_t>(&row - batch_.rows().data());
    std::vector<RefusedRow>& rows = report_.refused_rows;
    if (rows.size() < WriteReport::kMostRows && (rows.empty() || rows.back().row != index))
      rows.push_back({index, describe(), 0});
    if (!rows.empty() && rows.back().row == index) rows.back().samples += samples;
  }

 private:
  const metric::Batch& batch_;
  WriteReport& report_;
};

std::uint64_t values_of(const metric::Batch& batch, const metric::Row& row) {
  std::uint64_t present = 0;
  for (const Cell word : batch.presence(row)) present += static_cast<std::uint64_t>(std::popcount(word));
  return present;
}

// Whether a value goes into its column; `cell` becomes what the column has. `text_bytes`: of the row's strings so far.
Verdict judge(const RowPlans::Target& target, FieldType offered, std::size_t most_text, Cell& cell,
              std::size_t& text_bytes) {
  if (target.refused) return Verdict::kRefusedField;
  if (target.converted) {
    const std::optional<Cell> converted = metric::convert_number(cell, offered, target.type);
    if (!converted) return Verdict::kNotExact;
    cell = *converted;
  }
  switch (target.type) {
    case FieldType::kFloat:
      return (cell & kExponentMask) == kExponentMask ? Verdict::kNotFinite : Verdict::kTaken;
    case FieldType::kString: {
      const std::size_t size = cell & 0xffffffffU;
      if (size > kMaxStringBytes) return Verdict::kTooLong;
      text_bytes += size;
      return text_bytes > most_text ? Verdict::kTooMuchText : Verdict::kTaken;
    }
    case FieldType::kBoolean:
      cell = cell != 0 ? 1 : 0;
      return Verdict::kTaken;
    default:
      return Verdict::kTaken;
  }
}

std::string describe(Verdict verdict, const metric::Schema& schema, std::size_t field, const RowPlans::Layout& layout) {
  const metric::Field& of = schema.fields[field];
  switch (verdict) {
    case Verdict::kNotExact:
      return describe_field(
          schema, of,
          describe_conflict(of.type, layout.targets[field].type) + ", which does not hold the value exactly");
    case Verdict::kNotFinite:
      return describe_field(schema, of, "not a finite number");
    case Verdict::kTooLong:
      return describe_field(schema, of, "longer than 1 MiB");
    case Verdict::kTooMuchText:
      return describe_field(schema, of, "too long for the size limit");
    default:
      return layout.refusal;
  }
}

}  // namespace

// Why none of a row's values is taken; nothing where some may be.
std::optional<std::string> RowTaker::refusal_of(const RowPlans::Plan* plan, const metric::Row& row) const {
  if (plan == nullptr) return "unknown schema " + std::to_string(row.schema);
  if (plan->group == nullptr) return plan->layout->refusal;
  const auto say = [&](std::string_view why) { return schemas_[row.schema].measurement + ": " + std::string(why); };
  if (row.fields != plan->layout->targets.size()) return say("a row that does not fit its schema");
  if (row.time < oldest_) return say("older than the retention");
  if (row.time <= horizon_) return say("older than what the size limit keeps");
  return std::nullopt;
}

void RowTaker::take_row(const metric::Batch& batch, const metric::Row& row, WriteReport& report) {
  const RowPlans::Plan* const plan = plans_.find(row.schema);
  Refusals refused(batch, report);
  if (const std::optional<std::string> refusal = refusal_of(plan, row)) {
    refused.add(row, values_of(batch, row), [&] { return *refusal; });
    return;
  }
  GroupState& group = *plan->group;
  const RowPlans::Layout& layout = *plan->layout;
  const std::span<const Cell> presence = batch.presence(row);
  const std::span<const Cell> values = batch.values(row);
  const std::vector<metric::Field>& fields = layout.fields;
  std::size_t text_bytes = 0;
  std::uint64_t taken = 0;
  row_.begin(group.head.slots().size(), batch.text());
  for (std::size_t word = 0; word < presence.size(); ++word) {
    for (Cell bits = presence[word]; bits != 0; bits &= bits - 1) {
      const std::size_t field = word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
      const RowPlans::Target& target = layout.targets[field];
      Cell cell = values[field];
      const Verdict verdict = judge(target, fields[field].type, heads_.most_bytes(), cell, text_bytes);
      if (verdict != Verdict::kTaken) {
        refused.add(row, 1, [&] { return describe(verdict, schemas_[row.schema], field, layout); });
        continue;
      }
      row_.set(target.slot, cell);
      ++taken;
    }
  }
  if (taken == 0) return;
  heads_.add_row(group, row.time, row_);
  report.stored_samples += taken;
}

WriteReport RowTaker::take(const metric::Batch& batch, UnixNanos oldest, UnixNanos horizon) {
  oldest_ = oldest;
  horizon_ = horizon;
  WriteReport report;
  // Each row touches memory of its own, which is mostly in no cache: it is asked for some rows ahead.
  constexpr std::size_t kAhead = 4;
  const std::span<const metric::Row> rows = batch.rows();
  const auto group_of = [&](std::size_t row) -> const GroupState* {
    return row < rows.size() ? plans_.group_of(rows[row].schema) : nullptr;
  };
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (const GroupState* const group = group_of(row + 3 * kAhead)) __builtin_prefetch(&group->head, 1);
    if (const GroupState* const group = group_of(row + 2 * kAhead)) group->head.prefetch_end();
    if (const GroupState* const group = group_of(row + kAhead)) group->head.prefetch_bytes();
    take_row(batch, rows[row], report);
  }
  stored_ += report.stored_samples;
  refused_ += report.refused_samples;
  return report;
}

}  // namespace resmon::store
