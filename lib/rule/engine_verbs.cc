// What each verb does to one row.

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "metric/number.h"
#include "rule/engine.h"
#include "rule/engine_work.h"
#include "tail/redact.h"

namespace resmon::rule {

namespace {

using metric::Cell;
using metric::FieldType;

// The value as `map` writes it.
std::string_view text_of(FieldType type, Cell cell, std::string_view arena, char (&buffer)[24]) {
  switch (type) {
    case FieldType::kString:
      return metric::as_string(cell, arena);
    case FieldType::kBoolean:
      return cell != 0 ? "true" : "false";
    case FieldType::kInteger: {
      const auto end = std::to_chars(buffer, buffer + sizeof buffer, metric::as_integer(cell)).ptr;
      return {buffer, static_cast<std::size_t>(end - buffer)};
    }
    default: {
      const auto end = std::to_chars(buffer, buffer + sizeof buffer, cell).ptr;
      return {buffer, static_cast<std::size_t>(end - buffer)};
    }
  }
}

double power_of_ten(std::int64_t exponent) {
  constexpr std::array kSmall{1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
  const auto at = static_cast<std::size_t>(exponent);
  return at < kSmall.size() ? kSmall[at] : std::pow(10.0, static_cast<double>(exponent));
}

std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) {
  hash ^= value;
  hash *= 0x9e3779b97f4a7c15ULL;
  return hash ^ (hash >> 32U);
}

}  // namespace

Engine::Fate Engine::apply(Step& step, Work& work) {
  switch (step.rule->verb) {
    case Verb::kKeep:
      return Fate::kDone;
    case Verb::kDrop:
    case Verb::kFilter:
      return Fate::kDropped;
    case Verb::kRound:
      round_values(step, work);
      return Fate::kOn;
    case Verb::kSample:
      return sample(step, work);
    case Verb::kDedup:
      return dedup(step, work);
    case Verb::kLimit:
      return limit(step, work);
    case Verb::kEvery:
    case Verb::kMerge:
      return fold(step, work);
    case Verb::kRedact:
      redact_values(step, work);
      return change(step, work);
    default:
      return change(step, work);
  }
}

Engine::Fate Engine::change(Step& step, Work& work) {
  Plan& plan = *step.plan;
  if (!step.planned) {
    std::vector<Column> columns;
    metric::Schema schema = planned(*step.rule, options_.place, work.shape->schema, columns);
    if (!plan.made) {
      plan.made = true;
      plan.columns = std::move(columns);
      plan.same_columns = schema.fields == work.shape->schema.fields &&
                          std::none_of(plan.columns.begin(), plan.columns.end(),
                                       [](const Column& one) { return one.map != nullptr || one.formula != nullptr; });
      const bool as_they_are = std::all_of(plan.columns.begin(), plan.columns.end(), [](const Column& one) {
        return one.map == nullptr && one.formula == nullptr && one.from != Column::kNone;
      });
      if (as_they_are)
        for (const Column& one : plan.columns) plan.picks.push_back(one.from);
    }
    step.target = schema.fields.empty() ? nullptr : shape_of(std::move(schema));
    step.planned = true;
  }
  if (step.target == nullptr) return Fate::kDropped;
  if (!plan.same_columns) fill(step, work, step.rule->verb == Verb::kDerive ? rates(step, work) : nullptr);
  work.shape = step.target;
  return Fate::kOn;
}

// The row's cells in the target's columns.
void Engine::fill(Step& step, Work& work, SeriesState* state) {
  work.own();
  const std::vector<metric::Field>& before = work.shape->schema.fields;
  cells_.assign(step.plan->columns.size(), 0);
  presence_.assign(metric::presence_words(step.plan->columns.size()), 0);
  const auto set = [&](std::size_t column, Cell cell) {
    cells_[column] = cell;
    presence_[column / 64] |= std::uint64_t{1} << (column % 64);
  };
  char buffer[24];
  std::size_t rate = 0;  // of the formulas' names
  for (std::size_t c = 0; c < step.plan->columns.size(); ++c) {
    const Column& column = step.plan->columns[c];
    if (column.formula != nullptr) {
      const auto value = column.formula->evaluate([&](std::size_t name, bool is_rate) -> std::optional<double> {
        const std::uint32_t f = column.operands[name];
        if (!work.has(f)) return std::nullopt;
        if (!is_rate) return metric::as_number(before[f].type, work.cells[f]);
        if (state == nullptr) return std::nullopt;
        const SeriesState::Rate& one = state->rates[rate + name];
        if (one.time != work.time || one.before_time == INT64_MIN || one.value < one.before) return std::nullopt;
        return (one.value - one.before) / (static_cast<double>(one.time - one.before_time) / 1e9);
      });
      rate += column.operands.size();
      if (value) set(c, metric::cell_of(*value));
      continue;
    }
    if (!work.has(column.from)) continue;
    if (column.map == nullptr) {
      set(c, work.cells[column.from]);
      continue;
    }
    const FieldType type = before[column.from].type;
    const std::string_view text = text_of(type, work.cells[column.from], work.text, buffer);
    const ValueMap::To* const to = column.map->find(text);
    if (column.map->type != FieldType::kString) {
      if (to != nullptr) set(c, to->cell);
    } else {
      // What is not in the table stays as it is. Never a view into the text that grows.
      set(c, work.add_text(to != nullptr ? to->text : std::string(text)));
    }
  }
  work.swap(presence_, cells_);
}

// What `rate` needs: the value before this one. Null: nothing needs it, or there is no room.
SeriesState* Engine::rates(const Step& step, Work& work) {
  bool wanted = false;
  std::size_t names = 0;
  for (const Column& column : step.plan->columns) {
    wanted = wanted || (column.formula != nullptr && column.formula->has_rate);
    names += column.operands.size();
  }
  if (!wanted) return nullptr;
  SeriesState* const state = tables_[step.index]->find(work.shape->key, work.moment.received);
  counters_[step.index].series.store(tables_[step.index]->size(), std::memory_order_relaxed);
  if (state == nullptr) {
    Counters::add(counters_[step.index].full, work.samples());
    return nullptr;
  }
  state->rates.resize(std::max(state->rates.size(), names));
  std::size_t at = 0;
  for (const Column& column : step.plan->columns)
    for (const std::uint32_t f : column.operands) {
      SeriesState::Rate& one = state->rates[at++];
      if (!work.has(f) || work.time < one.time) continue;
      if (work.time > one.time) {
        one.before = one.value;
        one.before_time = one.time;
      }
      one.value = metric::as_number(work.shape->schema.fields[f].type, work.cells[f]);
      one.time = work.time;
    }
  return state;
}

void Engine::round_values(const Step& step, Work& work) {
  const std::vector<metric::Field>& fields = work.shape->schema.fields;
  const std::span<Cell> cells = work.writable();
  const double scale = power_of_ten(std::abs(step.rule->number));
  const bool whole = step.rule->number < 0;
  for (const std::uint32_t f : step.plan->fields) {
    if (!work.has(f)) continue;
    const FieldType type = fields[f].type;
    if (type == FieldType::kFloat) {
      const double value = metric::as_float(cells[f]);
      const double rounded = whole ? std::round(value / scale) * scale : std::round(value * scale) / scale;
      if (std::isfinite(rounded)) cells[f] = metric::cell_of(rounded);
    } else if (type == FieldType::kInteger && whole) {
      const double rounded = std::round(static_cast<double>(metric::as_integer(cells[f])) / scale) * scale;
      if (std::abs(rounded) < 9e18) cells[f] = metric::cell_of(static_cast<std::int64_t>(rounded));
    }
  }
}

void Engine::redact_values(const Step& step, Work& work) const {
  for (const std::uint32_t f : step.plan->fields) {
    if (!work.has(f) || work.shape->schema.fields[f].type != FieldType::kString) continue;
    std::string text(metric::as_string(work.cells[f], work.text));
    if (step.rule->redactor->redact(text) > 0) work.set_text(f, text);
  }
}

Engine::Fate Engine::sample(const Step& step, Work& work) {
  SeriesState* const state = tables_[step.index]->find(work.shape->key, work.moment.received);
  counters_[step.index].series.store(tables_[step.index]->size(), std::memory_order_relaxed);
  if (state == nullptr) {
    Counters::add(counters_[step.index].full, work.samples());
    return Fate::kOn;
  }
  const auto n = static_cast<std::uint64_t>(step.rule->number);
  return state->count++ % n == 0 ? Fate::kOn : Fate::kDropped;
}

// A row of the same time as the newest, or of an earlier one, may be one that comes again because nobody has it yet.
Engine::Fate Engine::dedup(const Step& step, Work& work) {
  SeriesState* const state = tables_[step.index]->find(work.shape->key, work.moment.received);
  counters_[step.index].series.store(tables_[step.index]->size(), std::memory_order_relaxed);
  if (state == nullptr) {
    Counters::add(counters_[step.index].full, work.samples());
    return Fate::kOn;
  }
  std::uint64_t hash = 0;
  const std::vector<metric::Field>& fields = work.shape->schema.fields;
  for (std::size_t i = 0; i < step.plan->fields.size(); ++i) {
    const std::uint32_t f = step.plan->fields[i];
    if (!work.has(f)) continue;
    hash = mixed(hash, step.plan->name_hashes[i]);
    hash = mixed(hash, fields[f].type == FieldType::kString
                           ? std::hash<std::string_view>()(metric::as_string(work.cells[f], work.text))
                           : work.cells[f]);
  }
  if (work.time <= state->time) return Fate::kOn;
  state->time = work.time;
  const std::int64_t heartbeat = step.rule->span.count();
  if (state->sent != INT64_MIN && hash == state->values && (heartbeat == 0 || work.time - state->sent < heartbeat))
    return Fate::kDropped;
  state->sent = work.time;
  state->values = hash;
  return Fate::kOn;
}

Engine::Fate Engine::limit(const Step& step, Work& work) {
  constexpr std::int64_t kHostIdle = 3'600'000'000'000;
  auto& hosts = hosts_[step.index];
  const std::string& host = work.shape->host.empty() ? options_.context.host : work.shape->host;
  auto at = hosts.find(host);
  if (at == hosts.end() && hosts.size() < static_cast<std::size_t>(step.rule->max_series))
    at = hosts.emplace(host, SeriesTable(static_cast<std::size_t>(step.rule->number), kHostIdle)).first;
  const std::size_t known = at == hosts.end() ? 0 : at->second.size();
  const bool room = at != hosts.end() && at->second.find(work.shape->key, work.moment.received) != nullptr;
  if (at != hosts.end() && at->second.size() != known) {
    std::atomic<std::uint64_t>& series = counters_[step.index].series;
    series.store(series.load(std::memory_order_relaxed) + at->second.size() - known, std::memory_order_relaxed);
  }
  if (room) return Fate::kOn;
  Counters::add(counters_[step.index].full, work.samples());
  return Fate::kDropped;
}

Engine::Fate Engine::fold(Step& step, Work& work) {
  const Shape& shape = *work.shape;
  if (!step.planned) {
    std::vector<Column> ignored;
    step.base = planned(*step.rule, options_.place, shape.schema, ignored);
    step.base.fields = {};
    step.base_key = metric::group_key(step.base.measurement, step.base.tags);
    step.planned = true;
  }
  const Windows::RowIn row{step.base,           step.base_key, shape.host,
                           shape.schema.fields, work.time,     {work.moment.received, work.first},
                           work.presence,       work.cells,    work.text};
  const Windows::Taken taken = windows_[step.index]->add(row, step.place);
  if (taken == Windows::Taken::kYes || taken == Windows::Taken::kAgain) return Fate::kHeld;
  Counters::add(counters_[step.index].full, work.samples());
  return Fate::kDropped;
}

}  // namespace resmon::rule
