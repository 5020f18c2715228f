// A row is loaded once, goes through the steps of its schema, and where a step changes the schema, goes on with the
// steps of the new one. Schemas in between are the engine's own and never in the table: only what comes out is.

#include "rule/engine.h"

#include <algorithm>
#include <utility>

#include "rule/engine_work.h"

namespace resmon::rule {

namespace {

constexpr std::int64_t kIdle = 3'600'000'000'000;  // what is remembered of a series is forgotten after it

bool has_table(Verb verb) {
  return verb == Verb::kSample || verb == Verb::kDedup || verb == Verb::kDerive;
}

std::string fields_key(const metric::Schema& schema) {
  std::string key;
  for (const metric::Field& field : schema.fields) {
    key += '\0';
    key += static_cast<char>('0' + static_cast<int>(field.type));
    key += field.name;
  }
  return key;
}

void copy_row(const metric::Batch& in, const metric::Row& row, metric::SchemaId id, bool texts,
              const metric::Schema& schema, metric::Batch& out) {
  metric::RowWriter writer = out.add(id, row.fields, row.time);
  writer.set_presence(in.presence(row));
  const std::span<const metric::Cell> from = in.values(row);
  std::copy(from.begin(), from.end(), writer.values().begin());
  if (!texts) return;
  for (std::size_t f = 0; f < row.fields; ++f)
    if (schema.fields[f].type == metric::FieldType::kString && in.has(row, f)) writer.set(f, in.string(row, f));
}

// A new row in the cells of one that is no longer in the list, where they suffice: no batch grows then. All cells are
// to be set.
metric::RowWriter row_in(metric::Batch& batch, const metric::Row* hole, metric::SchemaId schema, std::size_t fields,
                         UnixNanos time) {
  if (hole == nullptr || fields > hole->fields) return batch.add(schema, fields, time);
  batch.put_back({schema, static_cast<std::uint32_t>(fields), time, hole->first_cell});
  return {batch, hole->first_cell, fields};
}

}  // namespace

Engine::Engine(Config config, metric::SchemaTable& schemas, EngineOptions options)
    : config_(std::move(config)),
      schemas_(schemas),
      options_(std::move(options)),
      windows_(config_.rules.size()),
      tables_(config_.rules.size()),
      hosts_(config_.rules.size()),
      work_(std::make_unique<Work>()),
      made_(std::make_unique<Work>()),
      counters_(std::make_unique<Counters[]>(config_.rules.size())) {
  for (std::size_t i = 0; i < config_.rules.size(); ++i) {
    const Rule& rule = config_.rules[i];
    if (rule.verb == Verb::kEvery || rule.verb == Verb::kMerge) windows_[i] = std::make_unique<Windows>(i, rule);
    any_windows_ = any_windows_ || windows_[i] != nullptr;
    if (has_table(rule.verb))
      tables_[i] = std::make_unique<SeriesTable>(static_cast<std::size_t>(rule.max_series),
                                                 std::max(kIdle, 2 * rule.span.count()));
  }
}

Engine::~Engine() = default;

Engine::Way Engine::learn(metric::SchemaId id) {
  if (id >= known_.size()) {
    known_.resize(std::max<std::size_t>(schemas_.id_bound(), id + std::size_t{1}));
    ways_.resize(known_.size());
  }
  Known& found = known_[id];
  const metric::Schema& schema = schemas_[id];
  found = Known();
  ways_[id] = {schemas_.generation(id), Way::kAsIs};
  found.texts = std::any_of(schema.fields.begin(), schema.fields.end(),
                            [](const metric::Field& field) { return field.type == metric::FieldType::kString; });
  if (std::any_of(config_.rules.begin(), config_.rules.end(), [&](const Rule& rule) {
        Step step;
        Plan plan;
        return may_apply(rule, schema, options_.context, step, plan);
      })) {
    found.shape = shape_of(schema);
    found.shape->id = id;
    found.shape->generation = ways_[id].generation;
    ways_[id].way = found.shape->dropped_at_once ? Way::kDrop : Way::kRun;
    found.rule = static_cast<std::uint32_t>(found.shape->steps.empty() ? 0 : found.shape->steps.front().index);
    found.counted = !found.shape->steps.empty() && found.shape->steps.front().used;
  }
  return ways_[id].way;
}

Shape* Engine::shape_of(metric::Schema schema) {
  const std::string fields = fields_key(schema);
  std::string group = metric::group_key(schema.measurement, schema.tags);
  const auto [at, fresh] = shapes_.try_emplace(group + fields);
  if (!fresh) return at->second.get();
  at->second = std::make_unique<Shape>();
  Shape& shape = *at->second;
  shape.key = std::move(group);
  if (const std::string* const host = tag_of(schema, "host")) shape.host = *host;
  for (std::uint32_t f = 0; f < schema.fields.size(); ++f)
    if (schema.fields[f].type == metric::FieldType::kString) shape.texts.push_back(f);
  for (std::size_t i = 0; i < config_.rules.size(); ++i) {
    Step step;
    Plan plan;
    step.index = static_cast<std::uint32_t>(i);
    if (!may_apply(config_.rules[i], schema, options_.context, step, plan)) continue;
    const auto [kept, is_new] = plans_.try_emplace(std::to_string(i) + fields);
    if (is_new) {
      kept->second = std::make_unique<Plan>(std::move(plan));
      shape_bytes_ += sizeof(Plan) + kept->first.size() + 32 * schema.fields.size();
    }
    step.plan = kept->second.get();
    shape.steps.push_back(std::move(step));
  }
  shape_bytes_ += sizeof(Shape) + 4 * at->first.size() + shape.steps.size() * sizeof(Step);
  if (!shape.steps.empty()) {
    const Step& first = shape.steps.front();
    const bool whole = first.rule->conditions.empty() && first.rule->fields.empty();
    shape.dropped_at_once = first.unselected || (first.rule->verb == Verb::kDrop && whole);
  }
  shape.schema = std::move(schema);
  return &shape;
}

// Only between batches: rows on their way have pointers to shapes.
void Engine::forget_shapes() {
  shapes_.clear();
  plans_.clear();
  known_.clear();
  ways_.clear();
  shape_bytes_ = 0;
  for (std::size_t i = 0; i < config_.rules.size(); ++i)
    if (counts_schemas(i)) counters_[i].series = 0;
}

bool Engine::touches(const metric::Batch& batch) {
  return std::any_of(batch.rows().begin(), batch.rows().end(),
                     [this](const metric::Row& row) { return way(row.schema) != Way::kAsIs; });
}

// Of a row that its first rule takes as a whole: drops it, or passes it on. It need not be loaded.
void Engine::count_whole(Known& of, const metric::Batch& in, const metric::Row& row, bool goes_on) {
  std::uint64_t samples = 0;
  for (const metric::Cell word : in.presence(row)) samples += static_cast<std::uint64_t>(std::popcount(word));
  Counters& counters = counters_[of.rule];
  Counters::add(counters.in, samples);
  Counters::add(goes_on ? counters.out : counters.dropped, samples);
  if (std::exchange(of.counted, true)) return;
  if (!std::exchange(of.shape->steps.front().used, true)) Counters::add(counters.series, 1);
}

void Engine::begin(Moment moment) {
  if (shape_bytes_ > options_.cache_bytes) forget_shapes();
  work_->moment = moment;
  work_->first = moment.position;
}

void Engine::end_batch(metric::Batch& out) {
  if (any_windows_) finish(out, [](Windows& windows, const Windows::Emit& emit) { windows.end_batch(emit); });
}

void Engine::process(const metric::Batch& in, std::size_t first, std::size_t last, Moment moment, metric::Batch& out) {
  begin(moment);
  out.pin(in.pin());
  for (std::size_t i = first; i < last; ++i) {
    const metric::Row& row = in.rows()[i];
    const Way way_of_row = way(row.schema);
    Known& of = known_[row.schema];
    if (trace_row_) trace_row_(row);
    if (way_of_row == Way::kAsIs) {
      copy_row(in, row, row.schema, of.texts, schemas_[row.schema], out);
      continue;
    }
    if (way_of_row == Way::kDrop && !trace_) {
      count_whole(of, in, row, false);
      continue;
    }
    work_->borrow(in, row, *of.shape, nullptr);
    run(*work_, 0, out);
  }
  end_batch(out);
}

// Rows that get other columns have them in their own cells, or behind all others; what they had before is no longer
// counted.
bool Engine::edit(metric::Batch& batch, std::vector<std::size_t>* row_ends, Moment moment) {
  begin(moment);
  touched_.clear();
  for (std::size_t i = 0; i < batch.rows().size(); ++i) {
    const metric::SchemaId id = batch.rows()[i].schema;
    if (way(id) == Way::kAsIs) continue;
    __builtin_prefetch(&known_[id]);
    touched_.push_back(static_cast<std::uint32_t>(i));
  }
  if (touched_.empty()) return false;
  std::vector<metric::Row> rows = batch.take_rows(std::move(spare_rows_));
  std::vector<std::size_t> whole{rows.size()};
  std::size_t i = 0, next = 0;
  const auto put_back_until = [&](std::size_t end) {
    for (; i < end; ++i) batch.put_back(rows[i]);
  };
  for (std::size_t& end : row_ends != nullptr ? *row_ends : whole) {
    for (; next < touched_.size() && touched_[next] < end; ++next) {
      prefetch(rows, next);
      put_back_until(touched_[next]);
      edit_row(rows[i++], batch);
    }
    put_back_until(end);
    end_batch(batch);
    end = batch.rows().size();
  }
  spare_rows_ = std::move(rows);
  return true;
}

void Engine::edit_row(metric::Row& row, metric::Batch& batch) {
  const metric::SchemaId id = row.schema;
  Known& of = known_[id];
  if (of.target_generation != 0 && !schemas_.touch(of.target, of.target_generation)) settle(id);
  switch (ways_[id].way) {
    case Way::kAsIs:
      break;
    case Way::kDrop:
      count_whole(of, batch, row, false);
      batch.uncount(row);
      break;
    case Way::kSchema:
      count_whole(of, batch, row, true);
      row.schema = of.target;
      batch.put_back(row);
      break;
    case Way::kPick:
      pick(of, row, batch);
      break;
    case Way::kRun:
      work_->borrow(batch, row, *of.shape, &batch);
      run(*work_, 0, batch);
      if (!std::exchange(of.settled, true)) settle(id);
      break;
  }
}

// What later rows need is on its way while this one is looked at.
void Engine::prefetch(const std::vector<metric::Row>& rows, std::size_t at) const {
  const auto shape_at = [&](std::size_t which) -> const Shape* {
    if (which >= touched_.size()) return nullptr;
    const metric::SchemaId id = rows[touched_[which]].schema;
    return ways_[id].way == Way::kRun ? known_[id].shape : nullptr;
  };
  const auto fetch = [](const void* from, std::size_t bytes) {
    for (std::size_t line = 0; line < bytes; line += 64) __builtin_prefetch(static_cast<const char*>(from) + line);
  };
  if (const Shape* const shape = shape_at(at + 4)) fetch(shape, 2 * 64);
  if (const Shape* const shape = shape_at(at + 2)) fetch(shape->steps.data(), 64);
}

// The cells of the columns that stay. Strings stay where they are.
void Engine::pick(Known& of, const metric::Row& row, metric::Batch& batch) {
  const std::span<const metric::Cell> there = batch.presence(row), values = batch.values(row);
  presence_.assign(metric::presence_words(of.columns), 0);
  cells_.resize(of.columns);
  std::uint64_t after = 0;
  for (std::uint32_t c = 0; c < of.columns; ++c) {
    const std::uint32_t from = of.picks[c];
    const std::uint64_t is_there = there[from / 64] >> (from % 64) & 1U;
    cells_[c] = values[from];  // 0 where it is absent
    presence_[c / 64] |= is_there << (c % 64);
    after += is_there;
  }
  const std::size_t all = batch.samples();
  batch.uncount(row);
  const std::uint64_t before = all - batch.samples();
  if (after != 0) {
    metric::RowWriter writer = row_in(batch, &row, of.target, of.columns, row.time);
    writer.set_presence(presence_);
    std::copy(cells_.begin(), cells_.end(), writer.values().begin());
  }
  Counters& counters = counters_[of.rule];
  Counters::add(counters.in, before);
  Counters::add(counters.out, after);
  Counters::add(counters.dropped, before - after);
}

// What happens to all rows of the shape, if that is simple; kRun: they have to go through the rules.
Engine::Way Engine::way_of(const Shape& shape) {
  if (shape.dropped_at_once) return Way::kDrop;
  if (shape.steps.size() != 1) return Way::kRun;
  const Step& step = shape.steps.front();
  if (!step.rule->fields.empty() || !step.rule->conditions.empty() || !changes_schema(step.rule->verb) ||
      step.rule->verb == Verb::kRedact || !step.planned || step.target == nullptr)
    return Way::kRun;
  const std::vector<Step>& next = step.target->steps;
  if (std::any_of(next.begin(), next.end(), [&](const Step& one) { return one.index > step.index; })) return Way::kRun;
  return step.plan->same_columns ? Way::kSchema : step.plan->picks.empty() ? Way::kRun : Way::kPick;
}

// After a row went through its rules: whether the next need to.
void Engine::settle(metric::SchemaId id) {
  Known& of = known_[id];
  Way& its = ways_[id].way;
  its = way_of(*of.shape);
  of.target_generation = 0;
  if (its != Way::kSchema && its != Way::kPick) return;
  Shape& target = *of.shape->steps.front().target;
  if (!place(target)) {
    its = Way::kRun;
    return;
  }
  of.target = target.id;
  of.target_generation = target.generation;
  of.columns = static_cast<std::uint32_t>(target.schema.fields.size());
  of.picks = of.shape->steps.front().plan->picks.data();
}

// Its id in the table. False: the table is full, and counts it.
bool Engine::place(Shape& shape) {
  if (shape.generation != 0 && schemas_.touch(shape.id, shape.generation)) return true;
  const auto id = schemas_.intern(shape.schema, options_.room);
  if (!id) return false;
  shape.id = *id;
  shape.generation = schemas_.generation(*id);
  return true;
}

void Engine::advance(UnixNanos now, metric::Batch& out) {
  if (!any_windows_) return;
  out.pin(schemas_);
  finish(out, [now](Windows& windows, const Windows::Emit& emit) { windows.close_until(now, emit); });
}

void Engine::flush(metric::Batch& out) {
  out.pin(schemas_);
  finish(out, [](Windows& windows, const Windows::Emit& emit) { windows.close_all(emit); });
}

// In the order of the rules: what one makes may go into a later one.
void Engine::finish(metric::Batch& out, const std::function<void(Windows&, const Windows::Emit&)>& close) {
  for (std::size_t i = 0; i < windows_.size(); ++i) {
    if (!windows_[i]) continue;
    close(*windows_[i], [&](const Windows::Bucket& bucket) { emit_window(i, bucket, out); });
    counters_[i].series.store(windows_[i]->series(), std::memory_order_relaxed);
  }
}

void Engine::emit_window(std::size_t rule, const Windows::Bucket& bucket, metric::Batch& out) {
  const Windows& windows = *windows_[rule];
  Work& work = *made_;
  for (const auto& [key, entry] : bucket.entries) {
    metric::Schema schema = entry.base;
    schema.fields = windows.fields_of(entry);
    work.reset(*shape_of(std::move(schema)));
    work.time = bucket.start;
    work.moment = {0, bucket.last};
    work.first = bucket.first;
    work.folded = config_.rules[rule].verb == Verb::kEvery;
    windows.values_of(
        entry, [&](std::size_t field, metric::Cell cell) { work.set(field, cell); },
        [&](std::size_t field, std::string_view text) { work.set_text(field, text); });
    Counters::add(counters_[rule].out, work.samples());
    if (trace_) tell(rule, Trace::Fate::kMade, work);
    run(work, rule + 1, out);
  }
}

bool Engine::applies(const Step& step, const Work& work) const {
  const Rule& rule = *step.rule;
  if (!rule.fields.empty() &&
      std::none_of(step.plan->fields.begin(), step.plan->fields.end(), [&](std::uint32_t f) { return work.has(f); }))
    return false;
  for (std::size_t c = 0; c < rule.conditions.size(); ++c) {
    const auto holds = [&](std::uint32_t f) {
      return work.has(f) && rule.conditions[c].holds(work.shape->schema.fields[f].type, work.cells[f], work.text);
    };
    if (std::none_of(step.plan->condition_fields[c].begin(), step.plan->condition_fields[c].end(), holds)) return false;
  }
  return true;
}

void Engine::run(Work& work, std::size_t from, metric::Batch& out) {
  std::size_t at = 0;
  std::uint64_t before = work.samples();
  while (at < work.shape->steps.size()) {
    Step& step = work.shape->steps[at++];
    if (step.index < from) continue;
    from = step.index + 1;
    const bool filter = step.rule->verb == Verb::kFilter;
    const bool holds = !step.unselected && applies(step, work);
    if (filter ? holds : !holds) continue;
    if (step.rule->verb == Verb::kEvery && work.folded) continue;
    const std::size_t index = step.index;
    Counters& counters = counters_[index];
    Counters::add(counters.in, before);
    if (!std::exchange(step.used, true) && counts_schemas(index)) Counters::add(counters.series, 1);
    const Shape* const shape = work.shape;
    const Fate fate = apply(step, work);
    const std::uint64_t after = fate == Fate::kDropped || fate == Fate::kHeld ? 0 : work.samples();
    Counters::add(counters.out, after);
    if (fate != Fate::kHeld) Counters::add(counters.dropped, before > after ? before - after : 0);
    const bool gone = fate == Fate::kDropped || (after == 0 && fate != Fate::kHeld);
    if (trace_)
      tell(index,
           gone                  ? Trace::Fate::kDropped
           : fate == Fate::kHeld ? Trace::Fate::kHeld
           : fate == Fate::kDone ? Trace::Fate::kKept
                                 : Trace::Fate::kChanged,
           work);
    if (gone || fate == Fate::kHeld) return work.leave();
    if (fate == Fate::kDone) break;
    before = after;
    if (work.shape != shape) at = 0;
  }
  append(work, out);
}

void Engine::append(Work& work, metric::Batch& out) {
  Shape& shape = *work.shape;
  if (work.samples() == 0 || !place(shape)) return work.leave();
  if (work.in != nullptr) {  // with its columns as they were
    if (work.editor == nullptr) return copy_row(*work.in, *work.row, shape.id, !shape.texts.empty(), shape.schema, out);
    metric::Row row = *work.row;
    row.schema = shape.id;
    return out.put_back(row);
  }
  metric::RowWriter writer = row_in(out, std::exchange(work.hole, nullptr), shape.id, work.cells.size(), work.time);
  writer.set_presence(work.presence);
  std::copy(work.cells.begin(), work.cells.end(), writer.values().begin());
  for (const std::uint32_t f : shape.texts)
    if (work.has(f)) writer.set(f, metric::as_string(work.cells[f], work.text));
}

void Engine::tell(std::size_t rule, Trace::Fate fate, const Work& work) {
  metric::Batch row;
  metric::RowWriter writer = row.add(0, work.cells.size(), work.time);
  writer.set_presence(work.presence);
  std::copy(work.cells.begin(), work.cells.end(), writer.values().begin());
  for (const std::uint32_t f : work.shape->texts)
    if (work.has(f)) writer.set(f, metric::as_string(work.cells[f], work.text));
  trace_({rule, fate, &work.shape->schema, &row});
}

std::vector<ClosedWindow> Engine::take_closed() {
  std::vector<ClosedWindow> out;
  for (const auto& windows : windows_) {
    if (!windows) continue;
    auto closed = windows->take_closed();
    std::move(closed.begin(), closed.end(), std::back_inserter(out));
  }
  return out;
}

std::uint64_t Engine::oldest_position() const {
  std::uint64_t oldest = UINT64_MAX;
  for (const auto& windows : windows_)
    if (windows) oldest = std::min(oldest, windows->oldest_position());
  return oldest;
}

void Engine::restore(const ClosedWindow& window) {
  if (window.rule < windows_.size() && windows_[window.rule]) windows_[window.rule]->restore(window);
}

std::vector<ClosedWindow> Engine::pasts() const {
  std::vector<ClosedWindow> out;
  for (std::size_t i = 0; i < windows_.size(); ++i)
    if (windows_[i])
      for (auto& [host, newest] : windows_[i]->pasts()) out.push_back({i, host, newest, 0, 0});
  return out;
}

void Engine::restore_newest(std::size_t rule, const std::string& host, UnixNanos newest) {
  if (rule < windows_.size() && windows_[rule]) windows_[rule]->restore_newest(host, newest);
}

std::vector<RuleStats> Engine::stats() const {
  std::vector<RuleStats> out;
  for (std::size_t i = 0; i < config_.rules.size(); ++i) {
    const Counters& one = counters_[i];
    out.push_back({config_.rules[i].name, one.in.load(std::memory_order_relaxed),
                   one.out.load(std::memory_order_relaxed), one.dropped.load(std::memory_order_relaxed),
                   one.full.load(std::memory_order_relaxed), one.series.load(std::memory_order_relaxed)});
  }
  return out;
}

}  // namespace resmon::rule
