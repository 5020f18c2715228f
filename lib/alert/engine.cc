#include "alert/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "alert/engine_host.h"
#include "fleet/series.h"

namespace resmon::alert {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::ptrdiff_t kAlertsToShareTagsWith = 32;  // the newest of a host
constexpr std::int64_t kLate = 60 * kSecond;           // at least; three intervals where they are longer

}  // namespace

std::string_view state_name(AlertState state) {
  switch (state) {
    case AlertState::kOk:
      return "ok";
    case AlertState::kPending:
      return "pending";
    case AlertState::kFiring:
      return "firing";
  }
  return "ok";
}

std::size_t AlertHash::operator()(const AlertKey& key) const {
  std::size_t hash = std::hash<const void*>()(key.host) * 31 + key.rule;
  for (const metric::Tag& tag : *key.tags)
    hash = (hash ^ std::hash<std::string>()(tag.key) ^ (std::hash<std::string>()(tag.value) << 1U)) * 1099511628211ULL;
  return hash;
}

std::size_t AlertHash::operator()(const std::unique_ptr<Alert>& alert) const {
  return (*this)(AlertKey{alert->rule, alert->host, &alert->tags.items()});
}

bool AlertEqual::operator()(const AlertKey& key, const std::unique_ptr<Alert>& alert) const {
  return key.rule == alert->rule && key.host == alert->host && *key.tags == alert->tags.items();
}

std::string AlertRecord::key() const {
  return key_of(rule, host, tags);
}

Engine::Engine(const Config& config, const metric::SchemaTable& schemas, EngineLimits limits)
    : config_(config), schemas_(schemas), limits_(limits) {
  for (const Rule& rule : config_.rules) rule_marks_.push_back(rule_mark_of(rule));
  for (std::uint32_t r = 0; r < config_.rules.size(); ++r) {
    const Rule& rule = config_.rules[r];
    if (!used(rule)) continue;
    for (std::uint32_t o = 0; o < rule.when.operands.size(); ++o)
      if (const Operand& operand = rule.when.operands[o]; operand.function == Function::kLogs)
        log_operands_.push_back({r, o, &operand});
      else if (operand.function != Function::kSilent)
        by_measurement_[operand.selector.measurement].emplace_back(r, o);
    if (rule.about_silence()) silence_rules_.push_back(r);
  }
}

Engine::~Engine() = default;

bool Engine::used(const Rule& rule) const {
  return rule.enabled || std::any_of(rule.overrides.begin(), rule.overrides.end(),
                                     [](const Override& one) { return one.enabled.value_or(false); });
}

Engine::Host& Engine::host(std::string_view name, bool is_server) {
  const std::string key = is_server ? "\1" + std::string(name) : std::string(name);
  auto& found = hosts_[key];
  if (!found) {
    found = std::make_unique<Host>();
    found->is_server = is_server;
    found->view.name = std::string(name);
    select_rules(*found);
  }
  return *found;
}

// Which rules look at the host, and with which limits.
void Engine::select_rules(Host& host) {
  host.rules.resize(config_.rules.size());
  for (std::size_t r = 0; r < config_.rules.size(); ++r) {
    const Rule& rule = config_.rules[r];
    RuleOnHost& out = host.rules[r];
    const Comparison* const first = rule.when.comparisons.empty() ? nullptr : rule.when.comparisons.data();
    out.selected = rule.enabled && rule.hosts.matches(host.view);
    out.limit = first != nullptr ? first->limit : 0;
    out.clear = rule.clear_limit;
    out.wait = rule.wait.count();
    for (const Override& change : rule.overrides) {
      if (!change.hosts.matches(host.view)) continue;
      if (change.enabled) out.selected = *change.enabled && rule.hosts.matches(host.view);
      if (change.limit) out.limit = *change.limit;
      if (change.limit && !change.clear) out.clear.reset();
      if (change.clear) out.clear = *change.clear;
      if (change.wait) out.wait = change.wait->count();
    }
  }
}

Alert* Engine::alert_of(Host& host, std::uint32_t rule, const std::vector<metric::Tag>& tags) {
  if (const auto it = alerts_.find(AlertKey{rule, &host, &tags}); it != alerts_.end()) return it->get();
  if (alerts_.size() >= limits_.alerts) {
    ++refused_;
    return nullptr;
  }
  auto made = std::make_unique<Alert>();
  made->rule = rule;
  made->host = &host;
  const auto newest = host.alerts.end() - std::min<std::ptrdiff_t>(std::ssize(host.alerts), kAlertsToShareTagsWith);
  const auto same =
      std::find_if(newest, host.alerts.end(), [&](const Alert* one) { return one->tags.items() == tags; });
  made->tags = same != host.alerts.end() ? (*same)->tags : metric::SharedList<metric::Tag>(tags);
  made->tracks.resize(config_.rules[rule].when.operands.size());
  Alert* const alert = made.get();
  alerts_.insert(std::move(made));
  host.alerts.push_back(alert);
  return alert;
}

const Engine::Plan& Engine::plan_of(metric::SchemaId id) {
  if (plans_.size() <= id) {
    const std::size_t size = std::max<std::size_t>(std::size_t{id} + 1, plans_.size() + plans_.size() / 8);
    plans_.reserve(size);  // exactly: there is one for each schema of the server
    plans_.resize(size);
  }
  Plan& plan = plans_[id];
  const std::uint32_t generation = schemas_.generation(id);
  if (plan.generation != generation) {
    plan = Plan();
    plan.generation = generation;
    make_plan(plan, schemas_[id]);
  }
  return plan;
}

void Engine::make_plan(Plan& plan, const metric::Schema& schema) {
  const std::vector<metric::Tag>& all = schema.tags;
  const std::string_view name = tag_of(all, "host");
  const std::string_view server = tag_of(all, "server");
  if ((name.empty() && server.empty()) || schema.measurement == "alert") return;
  Host& host = this->host(name.empty() ? server : name, name.empty());
  plan.host = &host;
  const auto found = by_measurement_.find(schema.measurement);
  if (found == by_measurement_.end()) return;
  const std::vector<metric::Tag> tags = without(all, "host");
  for (const auto& [rule, operand] : found->second) plan_operand(plan, schema, host, rule, operand, tags);
}

void Engine::plan_operand(Plan& plan, const metric::Schema& schema, Host& host, std::uint32_t rule, std::uint32_t which,
                          const std::vector<metric::Tag>& tags) {
  const Condition& when = config_.rules[rule].when;
  const Operand& operand = when.operands[which];
  std::uint32_t field = 0;
  while (field < schema.fields.size() && schema.fields[field].name != operand.field) ++field;
  if (field == schema.fields.size()) return;
  if (operand.function == Function::kReplaced) {
    plan_replaced(plan, host, rule, which, tags, field);
    return;
  }
  if (!operand.selector.matches(tags)) return;
  Step step;
  step.field = field;
  step.type = schema.fields[field].type;
  if (operand.selector == when.operands[0].selector) {
    step.alert = alert_of(host, rule, tags);
    if (step.alert == nullptr) return;
    auto& track = step.alert->tracks[which];
    if (!track) track = std::make_unique<Track>(operand);
    step.track = track.get();
  } else {
    step.track = &host.side(rule, which, operand, series_key(tags));
  }
  plan.steps.push_back(step);
}

// A series that the filters take is the alert's; one that differs in the one tag only tells what was there before.
void Engine::plan_replaced(Plan& plan, Host& host, std::uint32_t rule, std::uint32_t which,
                           const std::vector<metric::Tag>& tags, std::uint32_t field) {
  const Operand& operand = config_.rules[rule].when.operands[which];
  const auto others_match = [&] {
    Selector rest = operand.selector;
    std::erase_if(rest.filters, [&](const TagFilter& filter) { return filter.key == operand.tag; });
    return rest.matches(tags);
  };
  Step step;
  step.field = field;
  const bool own = operand.selector.matches(tags);
  if (!own && !others_match()) return;
  step.other = &host.others[key_of(std::to_string(rule), std::to_string(which), without(tags, operand.tag))];
  if (own) {
    step.alert = alert_of(host, rule, tags);
    if (step.alert == nullptr) return;
    auto& track = step.alert->tracks[which];
    if (!track) track = std::make_unique<Track>(operand);
    step.track = track.get();
  }
  plan.steps.push_back(step);
}

bool Engine::observe_lines(const LogOperand& operand, std::string_view name, UnixNanos now, double count) {
  const auto found = hosts_.find(name);
  if (found == hosts_.end()) return false;  // the fleet does not know it
  Host& host = *found->second;
  if (host.silent || host.unheard) return false;
  if (!host.rules[operand.rule].selected) return true;
  const Condition& when = config_.rules[operand.rule].when;
  if (operand.what->selector != when.operands[0].selector) {
    host.side(operand.rule, operand.operand, *operand.what, {}).add(now, count);
    return true;
  }
  // A host without such lines and without an alert needs none.
  static const std::vector<metric::Tag> kNoTags;
  if (count <= 0 && !alerts_.contains(AlertKey{operand.rule, &host, &kNoTags})) return true;
  Alert* const alert = alert_of(host, operand.rule, {});
  if (alert == nullptr) return true;
  auto& track = alert->tracks[operand.operand];
  if (!track) track = std::make_unique<Track>(*operand.what);
  if (!track->add(now, count)) return true;
  if (alert->time != 0) alert->gap = now - alert->time;
  alert->time = now;
  if (!std::exchange(alert->dirty, true)) dirty_.push_back(alert);
  evaluate_dirty(now);
  return true;
}

bool Engine::all_have(const metric::Tag& tag) const {
  return std::all_of(hosts_.begin(), hosts_.end(), [&](const auto& one) {
    const Host& host = *one.second;
    if (host.is_server || !host.in_fleet) return true;
    return std::find(host.view.tags.begin(), host.view.tags.end(), tag) != host.view.tags.end();
  });
}

bool Engine::reads(metric::SchemaId id) {
  return !plan_of(id).steps.empty();
}

void Engine::observe(const metric::Batch& batch, UnixNanos received) {
  UnixNanos time = 0;
  for (const metric::Row& row : batch.rows()) {
    const Plan& plan = plan_of(row.schema);
    if (plan.host == nullptr) continue;
    if (row.time != time) {
      evaluate_dirty(received);
      time = row.time;
    }
    // A clock that is ahead must not make all that comes after look late.
    const UnixNanos heard = std::min(row.time, received);
    plan.host->newest = std::max(plan.host->newest, heard);
    if (!plan.steps.empty()) read_row(batch, row, plan);
  }
  evaluate_dirty(received);
}

void Engine::read_row(const metric::Batch& batch, const metric::Row& row, const Plan& plan) {
  for (const Step& step : plan.steps) {
    if (!batch.has(row, step.field)) continue;
    if (step.other != nullptr && step.track == nullptr) {
      *step.other = std::max(*step.other, row.time);
      continue;
    }
    bool added = false;
    if (step.other != nullptr) {
      added = step.track->add(row.time, 0);
      // Once it took another's place it keeps it, until that one comes back.
      if (added) step.alert->replaced = *step.other != 0 && *step.other < row.time;
    } else if (step.type == metric::FieldType::kString) {
      added = step.track->add_text(row.time, batch.string(row, step.field));
    } else if (const auto value = fleet::number_of(step.type, batch.value(row, step.field))) {
      added = step.track->add(row.time, *value);
    }
    if (!added) {
      ++late_rows_;
      continue;
    }
    if (step.alert == nullptr) continue;
    Alert& alert = *step.alert;
    if (row.time > alert.time) {
      if (alert.time != 0) alert.gap = row.time - alert.time;
      alert.time = row.time;
    }
    if (!std::exchange(alert.dirty, true)) dirty_.push_back(&alert);
  }
}

void Engine::evaluate_dirty(UnixNanos received) {
  for (Alert* const alert : dirty_) {
    alert->dirty = false;
    Host& host = *static_cast<Host*>(alert->host);
    const bool late = received - alert->time > std::max(kLate, 3 * host.interval());
    evaluate(*alert, alert->time, late);
    if (!late) host.late_over = true;
  }
  dirty_.clear();
}

std::optional<double> Engine::value_of(const Alert& alert, std::uint32_t operand, const Track& track) const {
  const Host& host = *static_cast<const Host*>(alert.host);
  switch (config_.rules[alert.rule].when.operands[operand].function) {
    case Function::kAbsent:
      return track.time() == 0 ? std::nullopt : std::optional(static_cast<double>(host.newest - track.time()) / 1e9);
    case Function::kReplaced:
      return track.time() == 0 ? std::nullopt : std::optional(alert.replaced ? 1.0 : 0.0);
    default:
      return track.value();
  }
}

Engine::Truth Engine::compare(const Alert& alert, const Comparison& comparison, const Track& track,
                              const Track* divisor, double limit) const {
  if (comparison.is_text) {
    if (!track.has_text()) return Truth::kUnknown;
    return (track.text() == comparison.text) == (comparison.compare == Compare::kEqual) ? Truth::kTrue : Truth::kFalse;
  }
  auto value = track.has_text() ? std::nullopt : value_of(alert, comparison.operand, track);
  if (value && comparison.divisor >= 0) {
    const auto by =
        divisor == nullptr ? std::nullopt : value_of(alert, static_cast<std::uint32_t>(comparison.divisor), *divisor);
    if (!by || std::abs(*by) < 1e-300) return Truth::kUnknown;
    value = *value / *by;
  }
  if (!value) return Truth::kUnknown;
  return compares(comparison.compare, *value, limit) ? Truth::kTrue : Truth::kFalse;
}

// For another series than the alert's own, any series of the host counts.
Engine::Truth Engine::compare(const Alert& alert, const Comparison& comparison, double limit) const {
  const auto track_of = [&](std::int32_t operand) -> const Track* {
    return operand < 0 ? nullptr : alert.tracks[static_cast<std::size_t>(operand)].get();
  };
  const Condition& when = config_.rules[alert.rule].when;
  if (when.operands[comparison.operand].selector == when.operands[0].selector) {
    const Track* const track = track_of(static_cast<std::int32_t>(comparison.operand));
    return track == nullptr ? Truth::kUnknown : compare(alert, comparison, *track, track_of(comparison.divisor), limit);
  }
  const Host& host = *static_cast<const Host*>(alert.host);
  Truth out = Truth::kUnknown;
  for (const Host::Side& side : host.sides) {
    if (side.rule != alert.rule || side.operand != comparison.operand) continue;
    const Track* divisor = nullptr;
    for (const Host::Side& other : host.sides)
      if (comparison.divisor >= 0 && other.rule == alert.rule &&
          other.operand == static_cast<std::uint32_t>(comparison.divisor) && other.series == side.series)
        divisor = other.track.get();
    const Truth one = compare(alert, comparison, *side.track, divisor, limit);
    if (one == Truth::kTrue) return one;
    if (one == Truth::kFalse) out = one;
  }
  return out;
}

Engine::Truth Engine::truth(const Alert& alert, const Condition& condition, std::optional<double> first_limit) const {
  Truth values[kMostComparisons * 2];
  for (std::size_t i = 0; i < condition.nodes.size(); ++i) {
    const ConditionNode& node = condition.nodes[i];
    if (node.kind == ConditionNode::Kind::kComparison) {
      const Comparison& one = condition.comparisons[node.left];
      values[i] = compare(alert, one, node.left == 0 && first_limit ? *first_limit : one.limit);
      continue;
    }
    const Truth left = values[node.left], right = values[node.right];
    const Truth decides = node.kind == ConditionNode::Kind::kAnd ? Truth::kFalse : Truth::kTrue;
    const Truth otherwise = node.kind == ConditionNode::Kind::kAnd ? Truth::kTrue : Truth::kFalse;
    values[i] = left == decides || right == decides                   ? decides
                : left == Truth::kUnknown || right == Truth::kUnknown ? Truth::kUnknown
                                                                      : otherwise;
  }
  return condition.nodes.empty() ? Truth::kUnknown : values[condition.nodes.size() - 1];
}

Engine::Truth Engine::cleared(const Alert& alert) const {
  const Rule& rule = config_.rules[alert.rule];
  const RuleOnHost& here = static_cast<const Host*>(alert.host)->rules[alert.rule];
  if (rule.clear) return truth(alert, *rule.clear, std::nullopt);
  // What is written as `clear = 85` means "no longer above 85".
  switch (truth(alert, rule.when, here.clear ? *here.clear : here.limit)) {
    case Truth::kTrue:
      return Truth::kFalse;
    case Truth::kFalse:
      return Truth::kTrue;
    default:
      return Truth::kUnknown;
  }
}

// The first comparison of the alert's own series that holds, of a condition that does.
std::uint32_t Engine::first_true(const Alert& alert, const Condition& condition, double first_limit) const {
  for (std::uint32_t i = 0; i < condition.comparisons.size(); ++i) {
    const Comparison& one = condition.comparisons[i];
    if (alert.tracks[one.operand] == nullptr) continue;
    if (compare(alert, one, i == 0 ? first_limit : one.limit) == Truth::kTrue) return i;
  }
  return 0;
}

std::optional<double> Engine::shown_value(const Alert& alert) const {
  const Condition& when = config_.rules[alert.rule].when;
  const Comparison& shown = when.comparisons[alert.comparison];
  const Track* const track = alert.tracks[shown.operand].get();
  if (track == nullptr || shown.is_text) return std::nullopt;
  auto value = value_of(alert, shown.operand, *track);
  if (value && shown.divisor >= 0) {
    const Track* const by = alert.tracks[static_cast<std::size_t>(shown.divisor)].get();
    const auto divisor = by == nullptr ? std::nullopt : by->value();
    value = divisor && std::abs(*divisor) > 1e-300 ? std::optional(*value / *divisor) : std::nullopt;
  }
  return value;
}

void Engine::evaluate(Alert& alert, UnixNanos time, bool late) {
  ++evaluations_;
  Host& host = *static_cast<Host*>(alert.host);
  const RuleOnHost& here = host.rules[alert.rule];
  const Rule& rule = config_.rules[alert.rule];
  if (!here.selected) {
    // After a start the host's tags are not known before the first tick: whether it is selected is not, either.
    const bool known = host.in_fleet || host.is_server;
    if (known && alert.state != AlertState::kOk) end(alert, time, late, "the rule no longer covers it");
    return;
  }
  const UnixNanos before = std::exchange(alert.evaluated, time);
  const Truth now = truth(alert, rule.when, here.limit);
  if (now == Truth::kFalse && alert.state == AlertState::kOk) {
    if (alert.notified && !late) alert.fresh = true;
    return;
  }
  if (now == Truth::kUnknown && alert.state != AlertState::kFiring) return;
  if (now == Truth::kTrue) alert.comparison = first_true(alert, rule.when, here.limit);
  if (const auto value = shown_value(alert)) alert.value = *value;
  switch (alert.state) {
    case AlertState::kPending:
      if (now == Truth::kFalse) {
        change(alert, AlertState::kOk, time, late);
        break;
      }
      // Without samples the state in between is unknown: `for` begins again.
      if (time - before > std::max(kLate, 3 * host.interval() + 3 * alert.gap)) alert.since = time;
      if (time - alert.since >= here.wait) change(alert, AlertState::kFiring, time, late);
      break;
    case AlertState::kOk:
      alert.since = time;
      change(alert, here.wait == 0 ? AlertState::kFiring : AlertState::kPending, time, late);
      break;
    case AlertState::kFiring:
      if (!late) alert.fresh = true;
      if (cleared(alert) != Truth::kTrue) {
        alert.clear_since = 0;
        break;
      }
      if (alert.clear_since == 0) alert.clear_since = time;
      if (time - alert.clear_since >= rule.clear_wait.count()) end(alert, time, late, {});
      break;
  }
}

void Engine::activate(Alert& alert) {
  if (!std::exchange(alert.listed, true)) active_.push_back(&alert);
}

void Engine::end(Alert& alert, UnixNanos time, bool late, std::string reason) {
  change(alert, AlertState::kOk, time, late, std::move(reason));
}

void Engine::change(Alert& alert, AlertState to, UnixNanos time, bool late, std::string reason) {
  const AlertState from = std::exchange(alert.state, to);
  activate(alert);
  if (to == AlertState::kPending) return;
  if (to == AlertState::kOk && from != AlertState::kFiring) return;
  alert.fresh = !late;
  alert.clear_since = 0;
  alert.end_reason.reset();
  if (to == AlertState::kFiring) {
    alert.fired = time;
    alert.ended = 0;
    if (!alert.notified) {
      alert.acknowledged.reset();
      alert.escalated = false;
      alert.first_notified_at = 0;
    }
  } else {
    alert.ended = time;
    if (!reason.empty()) alert.end_reason = std::make_unique<std::string>(reason);
  }
  transitions_.push_back({record(alert), from, time, late, std::move(reason)});
  if (!late) return;
  Host& host = *static_cast<Host*>(alert.host);
  if (host.late_count++ == 0) host.late_from = time;
  host.late_to = time;
  host.late_over = false;
}

AlertRecord Engine::record(const Alert& alert) const {
  const Host& host = *static_cast<const Host*>(alert.host);
  AlertRecord out;
  out.rule = config_.rules[alert.rule].name;
  out.host = host.shown_name();
  out.tags = alert.tags;
  out.state = alert.state;
  out.since = alert.since;
  out.fired = alert.fired;
  out.ended = alert.ended;
  out.comparison = alert.comparison;
  out.value = alert.value;
  const Comparison& shown = config_.rules[alert.rule].when.comparisons[alert.comparison];
  if (shown.is_text && alert.tracks[shown.operand]) out.value_text = alert.tracks[shown.operand]->text();
  out.limit = alert.comparison == 0 ? host.rules[alert.rule].limit : shown.limit;
  out.notified = alert.notified;
  out.notified_at = alert.notified_at;
  out.first_notified_at = alert.first_notified_at;
  out.escalated = alert.escalated;
  if (alert.acknowledged) {
    out.acknowledged_by = alert.acknowledged->by;
    out.acknowledged_at = alert.acknowledged->at;
  }
  if (alert.end_reason) out.reason = *alert.end_reason;
  out.evaluated = alert.evaluated;
  out.gap = alert.gap;
  out.clear_since = alert.clear_since;
  const Rule& rule = config_.rules[alert.rule];
  out.rule_mark = rule_marks_[alert.rule];
  out.when = rule.when.text;
  out.severity = rule.severity;
  out.channels = rule.notify ? *rule.notify : config_.notify;
  // Whom an escalation called is told of the end.
  if (alert.escalated)
    for (const std::string& name : rule.escalate)
      if (std::find(out.channels.begin(), out.channels.end(), name) == out.channels.end()) out.channels.push_back(name);
  return out;
}

std::vector<Transition> Engine::take_transitions() {
  return std::exchange(transitions_, {});
}

std::vector<std::string> Engine::take_notices() {
  return std::exchange(notices_, {});
}

Alert* Engine::find(std::string_view rule, std::string_view host, const std::vector<metric::Tag>& tags) {
  const auto known =
      std::find_if(config_.rules.begin(), config_.rules.end(), [&](const Rule& one) { return one.name == rule; });
  const auto on = host.empty() ? hosts_.find("\1" + std::string(tag_of(tags, "server"))) : hosts_.find(host);
  if (known == config_.rules.end() || on == hosts_.end()) return nullptr;
  const auto it =
      alerts_.find(AlertKey{static_cast<std::uint32_t>(known - config_.rules.begin()), on->second.get(), &tags});
  return it == alerts_.end() ? nullptr : it->get();
}

const fleet::Host* Engine::host_view(const Alert& alert) const {
  return &static_cast<const Host*>(alert.host)->view;
}

const fleet::Host* Engine::host_view(std::string_view name) const {
  const auto it = hosts_.find(name);
  return it == hosts_.end() ? nullptr : &it->second->view;
}

bool Engine::host_silent(const Alert& alert) const {
  return static_cast<const Host*>(alert.host)->silent;
}

bool Engine::host_silent(std::string_view name) const {
  const auto it = hosts_.find(name);
  return it != hosts_.end() && it->second->silent;
}

double Engine::limit_of(const Alert& alert) const {
  return static_cast<const Host*>(alert.host)->rules[alert.rule].limit;
}

void Engine::settle() {
  std::erase_if(active_, [](Alert* alert) {
    const bool done = alert->state == AlertState::kOk && !alert->notified;
    if (done) alert->listed = false;
    return done;
  });
}

EngineStats Engine::stats() const {
  EngineStats out;
  out.hosts = hosts_.size();
  out.alerts = alerts_.size();
  out.active = active_.size();
  out.evaluations = evaluations_;
  out.refused = refused_;
  out.late_rows = late_rows_;
  return out;
}

}  // namespace resmon::alert
