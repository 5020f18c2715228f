#include "influxql/execute/select.h"

#include <algorithm>
#include <set>

#include "influxql/execute/select_internal.h"
#include "influxql/parse/time_text.h"

// Running a SELECT: subqueries become tables; tags decide which groups take part and which output series each belongs
// to; then every output series is read by itself (select_read.cc), so that memory is that of one series and of the
// answer.

namespace resmon::influxql {
namespace {

// `few`: the statement around it wants no more.
Result<std::vector<Rows>> run(const Plan& plan, const Few* few, Budget& budget);

// A subquery runs within the time that the outer query asks for, and groups by what the outer one groups by too.
Result<std::vector<std::shared_ptr<const Table>>> answer_of(const Plan& outer, const SelectList& list,
                                                            const TimeSpan& span, const Plan& inner, Budget& budget) {
  Plan narrowed = inner;
  narrowed.compiled = std::make_shared<Compiled>(*inner.compiled);
  Compiled& c = *narrowed.compiled;
  c.ascending = outer.compiled->ascending;
  c.min_time = std::max(c.own_min_time, span.first);
  c.max_time = std::min(c.own_max_time, span.last);
  narrowed.readable = list.readable;
  std::set<std::string> dimensions(narrowed.dimensions.begin(), narrowed.dimensions.end());
  dimensions.insert(outer.dimensions.begin(), outer.dimensions.end());
  narrowed.dimensions.assign(dimensions.begin(), dimensions.end());
  const std::optional<Few> few = few_of(outer, list);
  RESMON_ASSIGN(std::vector<Rows> rows, run(narrowed, few ? &*few : nullptr, budget));
  std::vector<std::string> columns;
  for (const Plan::Output& output : inner.outputs) columns.push_back(output.base);
  return tables_of(std::move(rows), columns, c.ascending, c.raw || c.interval > 0);
}

// The spans of time that a subquery has to run within: mostly one, but functions under a transform ask for more.
std::vector<TimeSpan> spans_of(const Plan& plan, const SelectList& list) {
  if (list.calls.empty()) return {{plan.compiled->min_time, plan.compiled->max_time}};
  std::vector<TimeSpan> out;
  for (const CallPlan& call : list.calls) {
    if (std::find(out.begin(), out.end(), call.span) == out.end()) out.push_back(call.span);
  }
  return out;
}

struct Found {
  std::shared_ptr<const Table> table;
  TimeSpan span;  // of a subquery's answer: what it ran within
};

std::vector<OutputSeries> group(const Plan& plan, const Found& found, const Filter& filter, bool stored) {
  const Table& table = *found.table;
  std::map<std::vector<std::string>, std::vector<Member>> by_tags;
  const auto candidates = filter.candidates();
  const auto take = [&](std::size_t i) {
    const std::vector<metric::Tag>& tags = table.tags(i);
    const Filter::Verdict verdict = candidates && candidates->exact ? Filter::Verdict::kAll : filter.judge(tags);
    if (verdict == Filter::Verdict::kNone) return;
    std::vector<std::string> key;
    key.reserve(plan.dimensions.size());
    for (const std::string& dimension : plan.dimensions) key.emplace_back(tag_value(tags, dimension));
    by_tags[std::move(key)].push_back(
        {&table, &filter, i, verdict == Filter::Verdict::kSome, table.in_order(), stored, found.span});
  };
  if (candidates)
    std::for_each(candidates->series.begin(), candidates->series.end(), take);
  else
    for (std::size_t i = 0; i < table.series(); ++i) take(i);
  std::vector<OutputSeries> out;
  for (auto& [values, members] : by_tags) {
    OutputSeries series{table.name(), {}, std::move(members)};
    for (std::size_t i = 0; i < values.size(); ++i) series.tags.push_back({plan.dimensions[i], values[i]});
    out.push_back(std::move(series));
  }
  // SLIMIT counts the series that the tags choose, whether or not they have rows in the range of time.
  const Select& select = plan.compiled->select;
  if (stored && (select.series_limit > 0 || select.series_offset > 0)) {
    const auto from = std::min(static_cast<std::size_t>(select.series_offset), out.size());
    out.erase(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(from));
    // SOFFSET without SLIMIT leaves nothing, as in InfluxDB.
    if (out.size() > static_cast<std::uint64_t>(select.series_limit))
      out.resize(static_cast<std::size_t>(select.series_limit));
  }
  return out;
}

bool before(const OutputSeries& a, const OutputSeries& b) {
  if (a.name != b.name) return a.name < b.name;
  return std::lexicographical_compare(a.tags.begin(), a.tags.end(), b.tags.begin(), b.tags.end(),
                                      [](const metric::Tag& x, const metric::Tag& y) { return x.value < y.value; });
}

// What the rows will hold as part of the answer, a column of times included.
std::uint64_t answer_bytes(const SlotRows& rows, std::size_t outputs) {
  std::uint64_t bytes = rows.times.size() * (outputs + 1) * sizeof(Cell);
  for (const Cell& cell : rows.cells) {
    if (const auto* text = std::get_if<std::string>(&cell)) bytes += text->size();
  }
  return bytes;
}

// Reads output series, each by itself: any thread.
class Reading {
 public:
  Reading(const Plan& plan, const SelectList& list, Budget& budget)
      : plan_(plan),
        list_(list),
        budget_(budget),
        slots_(list.calls.size() + list.references.size()),
        as_read_(list.outputs.size() == slots_) {
    for (std::size_t i = 0; as_read_ && i < slots_; ++i)
      as_read_ = list.outputs[i].single_slot() == static_cast<int>(i);
  }

  // No value where the series has none. REQUIRES: chooses_one()
  Status read(const OutputSeries& series, Candidate& out) const {
    RESMON_TRY(budget_.series(series.members.size()));
    SlotRows rows;
    RESMON_TRY(read_calls(plan_, list_, series, budget_, rows, false));
    if (rows.times.empty()) return {};
    out.value = std::move(rows.cells[0]);
    out.time = rows.times[0];
    return {};
  }

  // Leaves `out` without rows where the series has none. `again`: it was read before, as a candidate.
  Status read(OutputSeries& series, bool again, Rows& out) const {
    if (!again) RESMON_TRY(budget_.series(series.members.size()));
    SlotRows rows;
    RESMON_TRY(plan_.compiled->raw ? read_raw(plan_, list_, series, budget_, rows)
                                   : read_calls(plan_, list_, series, budget_, rows));
    if (rows.times.empty()) return {};
    RESMON_TRY(budget_.points(rows.times.size(), answer_bytes(rows, plan_.outputs.size())));
    if (plan_.compiled->raw) fill_rows(rows);
    out = Rows{std::move(series.name), std::move(series.tags), std::move(rows.times), {}};
    if (as_read_) {
      out.cells = std::move(rows.cells);
      return {};
    }
    out.cells.reserve(out.times.size() * plan_.outputs.size());
    for (std::size_t r = 0; r < out.times.size(); ++r) {
      const std::span<const Cell> row(rows.cells.data() + r * slots_, slots_);
      for (const RowExpr& output : list_.outputs) {
        const int slot = output.single_slot();
        if (slot >= 0) {
          out.cells.push_back(row[static_cast<std::size_t>(slot)]);
        } else {
          out.cells.push_back(output.evaluate(row));
        }
      }
    }
    return {};
  }

 private:
  // fill() of rows as they were written: of what is missing in them.
  void fill_rows(SlotRows& rows) const {
    const Compiled& c = *plan_.compiled;
    if (c.fill == Fill::kNumber) {
      std::vector<Cell> values;
      for (std::size_t slot = 0; slot < slots_; ++slot)
        values.push_back(fill_cell(*c.select.fill_value, list_.slot_types[slot]));
      for (std::size_t k = 0; k < rows.cells.size(); ++k)
        if (is_null(rows.cells[k])) rows.cells[k] = values[k % slots_];
    } else if (c.fill == Fill::kPrevious) {
      for (std::size_t k = slots_; k < rows.cells.size(); ++k) {
        if (is_null(rows.cells[k])) rows.cells[k] = rows.cells[k - slots_];
      }
    }
  }

  const Plan& plan_;
  const SelectList& list_;
  Budget& budget_;
  const std::size_t slots_;
  bool as_read_;  // the outputs are the slots, one for one
};

// Without a field that exists, there is nothing to read: tags alone have no rows.
bool has_fields(const Plan& plan, const SelectList& list) {
  const auto known = [](DataType type) { return type != DataType::kUnknown && type != DataType::kAnyField; };
  return std::any_of(list.calls.begin(), list.calls.end(),
                     [&](const CallPlan& call) { return known(call.leaf.type); }) ||
         (plan.compiled->raw && std::any_of(list.references.begin(), list.references.end(),
                                            [&](const Reference& reference) { return known(reference.type); }));
}

// The output series in the answer's order, with what their members are read from and filtered by.
struct Sources {
  std::vector<std::shared_ptr<const Table>> tables;
  std::vector<std::unique_ptr<Filter>> filters;
  std::vector<OutputSeries> series;
};

// Two subqueries can give the same series: their rows belong together. REQUIRES: `series` are in order
std::vector<OutputSeries> joined(std::vector<OutputSeries> series) {
  std::vector<OutputSeries> out;
  for (OutputSeries& one : series) {
    if (!out.empty() && !before(out.back(), one) && !before(one, out.back()))
      out.back().members.insert(out.back().members.end(), one.members.begin(), one.members.end());
    else
      out.push_back(std::move(one));
  }
  return out;
}

Result<Sources> find_sources(const Plan& plan, const SelectList& list, Budget& budget) {
  const Compiled& c = *plan.compiled;
  Sources out;
  for (const Plan::Source& source : plan.sources) {
    std::vector<Found> found;
    if (source.table != nullptr) {
      found.push_back({source.table, {}});
    } else {
      for (const TimeSpan& span : spans_of(plan, list)) {
        RESMON_ASSIGN(const auto tables, answer_of(plan, list, span, *source.subquery, budget));
        for (const std::shared_ptr<const Table>& table : tables) found.push_back({table, span});
      }
    }
    for (const Found& one : found) {
      out.filters.push_back(std::make_unique<Filter>(c.condition, *one.table));
      for (OutputSeries& some : group(plan, one, *out.filters.back(), source.table != nullptr))
        out.series.push_back(std::move(some));
      out.tables.push_back(one.table);
    }
  }
  std::stable_sort(out.series.begin(), out.series.end(), before);
  if (!c.ascending) std::reverse(out.series.begin(), out.series.end());
  out.series = joined(std::move(out.series));
  return out;
}

// Tells each stored table which of its series will be read.
void expect_series(const Sources& sources) {
  for (const std::shared_ptr<const Table>& table : sources.tables) {
    std::vector<std::size_t> expected;
    for (const OutputSeries& one : sources.series)
      for (const Member& member : one.members)
        if (member.table == table.get()) expected.push_back(member.series);
    if (table->is_stored()) table->expect(expected);
  }
}

// Calls read(i) for each series on all threads.
template <class Read>
Status read_each(Budget& budget, std::size_t series, const Read& read) {
  std::vector<Status> statuses(series);
  for_each_index(budget.helpers(), series, [&](std::size_t i) {
    statuses[i] = read(i);
    return static_cast<bool>(statuses[i]);
  });
  for (Status& status : statuses) RESMON_TRY(std::move(status));
  return {};
}

// Leaves the series that may be among the few.
Status keep_few(const Few& few, const Reading& reading, Budget& budget, std::vector<OutputSeries>& series) {
  std::vector<Candidate> candidates(series.size());
  RESMON_TRY(read_each(budget, series.size(), [&](std::size_t i) {
    candidates[i].series = i;
    return reading.read(series[i], candidates[i]);
  }));
  std::erase_if(candidates, [](const Candidate& one) { return is_null(one.value); });
  keep_best(few, candidates);
  std::vector<OutputSeries> kept;
  for (const Candidate& one : candidates) kept.push_back(std::move(series[one.series]));
  series = std::move(kept);
  return {};
}

Result<std::vector<Rows>> run(const Plan& plan, const Few* few, Budget& budget) {
  std::vector<Rows> answer;
  if (plan.outputs.empty()) return answer;
  RESMON_ASSIGN(const SelectList list, take_apart(plan));
  if (!has_fields(plan, list)) return answer;
  RESMON_ASSIGN(Sources sources, find_sources(plan, list, budget));
  expect_series(sources);
  const Reading reading(plan, list, budget);
  const bool some = few != nullptr && chooses_one(plan, list, sources.series, *few);
  if (some) RESMON_TRY(keep_few(*few, reading, budget, sources.series));
  std::vector<Rows> read(sources.series.size());
  RESMON_TRY(
      read_each(budget, read.size(), [&](std::size_t i) { return reading.read(sources.series[i], some, read[i]); }));
  for (Rows& rows : read)
    if (!rows.times.empty()) answer.push_back(std::move(rows));
  return answer;
}

}  // namespace

Result<std::vector<Rows>> run(const Plan& plan, Budget& budget) {
  return run(plan, nullptr, budget);
}

}  // namespace resmon::influxql
