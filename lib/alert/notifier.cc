#include "alert/notifier.h"

#include <fmt/format.h>

#include <algorithm>

namespace resmon::alert {

namespace {

constexpr std::int64_t kGroupWithin = 30'000'000'000;
constexpr std::size_t kMostGroups = 10'000;
constexpr std::int64_t kNoticeBefore = 900'000'000'000;  // the end of a silence
constexpr std::int64_t kNoticeFrom = 3'600'000'000'000;  // shorter silences end without one

std::string hexadecimal(std::string_view bytes) {
  // FNV-1a: short, stable, and good enough to tell a few thousand alerts apart.
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return fmt::format("{:016x}", hash);
}

// "mdstat.DisksActive / DisksTotal"
std::string quantity_of(const Condition& when, const Comparison& comparison) {
  const Operand& operand = when.operands[comparison.operand];
  std::string out = operand.selector.measurement + "." + operand.field;
  if (comparison.divisor >= 0) out += " / " + when.operands[static_cast<std::size_t>(comparison.divisor)].field;
  return out;
}

void sort_items(Message& message) {
  std::sort(message.items.begin(), message.items.end(), [](const MessageItem& a, const MessageItem& b) {
    return std::pair(a.host, a.where()) < std::pair(b.host, b.where());
  });
}

}  // namespace

bool covers(const Silence& silence, std::string_view rule, const fleet::Host& host, UnixNanos now) {
  return now >= silence.begins && now < silence.ends && matches_pattern(rule, silence.rule) &&
         fleet::Search(silence.hosts).matches(host);
}

std::string Notifier::held_by(std::string_view rule, const fleet::Host& host, UnixNanos now,
                              const std::vector<Silence>& silences) const {
  if (fleet::is_paused(host)) return "paused";
  for (const Silence& silence : silences)
    if (covers(silence, rule, host, now)) return "silenced";
  for (const Maintenance& window : engine_.config().maintenance) {
    const bool meant =
        window.rules.empty() || std::find(window.rules.begin(), window.rules.end(), rule) != window.rules.end();
    if (meant && window.hosts.matches(host) && window.holds(now)) return "maintenance " + window.name;
  }
  return {};
}

std::string Notifier::held_by(const Alert& alert, UnixNanos now, const std::vector<Silence>& silences) const {
  const Rule& rule = engine_.config().rules[alert.rule];
  const fleet::Host& host = alert.host->view;
  if (std::string held = held_by(rule.name, host, now, silences); !held.empty()) return held;
  for (const std::string& other : rule.unless) {
    if (const Maintenance* const window = engine_.config().window(other))
      if (window->hosts.matches(host) && window->holds(now)) return "unless " + other;
    if (const Alert* const same = engine_.find(other, host.name, alert.tags)) {
      if (same->state == AlertState::kFiring) return "unless " + other;
      continue;  // of this very series it does not fire
    }
    for (const Alert* const one : engine_.active())
      if (one->host == alert.host && one->state == AlertState::kFiring &&
          engine_.config().rules[one->rule].name == other)
        return "unless " + other;
  }
  return {};
}

namespace {

// Before a silence ends, one message lists the alerts that it still holds back, if there are any.
void notice_before_end(std::vector<Outgoing>& out,
                       std::map<std::tuple<std::uint32_t, MessageKind, std::string>, UnixNanos>& sent,
                       const Engine& engine, const Notifier& notifier, const Silence& silence, UnixNanos now) {
  const std::tuple key{static_cast<std::uint32_t>(silence.id), MessageKind::kNotice, std::string()};
  if (now < silence.begins || now >= silence.ends || silence.ends - now > kNoticeBefore ||
      silence.ends - silence.begins < kNoticeFrom) {
    if (now >= silence.ends) sent.erase(key);
    return;
  }
  if (sent.contains(key)) return;
  Message message;
  std::map<std::string, Severity> channels;
  for (const Alert* const alert : engine.active()) {
    const Rule& rule = engine.config().rules[alert->rule];
    if (alert->state != AlertState::kFiring || !covers(silence, rule.name, alert->host->view, now)) continue;
    message.severity = message.alerts == 0 ? rule.severity : std::max(message.severity, rule.severity);
    ++message.alerts;
    if (message.items.size() < kMostItems) message.items.push_back(notifier.item(*alert));
    for (const std::string& name : rule.notify ? *rule.notify : engine.config().notify)
      channels[name] = std::max(channels.try_emplace(name, rule.severity).first->second, rule.severity);
  }
  if (message.alerts == 0) return;
  message.kind = MessageKind::kNotice;
  message.rule = silence.rule;
  message.time = now;
  message.title = fmt::format("A silence ends at {}: {} alert{} still firing", time_text(silence.ends), message.alerts,
                              message.alerts == 1 ? " is" : "s are");
  message.help =
      fmt::format("Silenced by {}{}. {}", silence.author, silence.reason.empty() ? "" : ": " + silence.reason,
                  "Their messages are sent then, unless the alerts have ended or are silenced again.");
  for (const auto& [name, severity] : channels)
    if (const Channel* const channel = engine.config().channel(name); channel != nullptr && severity >= channel->least)
      out.push_back({name, message});
  sent[key] = now;
}

}  // namespace

std::vector<Outgoing> Notifier::run(UnixNanos now, const std::vector<Silence>& silences) {
  std::map<GroupKey, Group> groups;
  for (Alert* const alert : engine_.active()) {
    const Rule& rule = engine_.config().rules[alert->rule];
    const bool firing = alert->state == AlertState::kFiring;
    const bool told = alert->notified;
    if (!firing && !(told && alert->state == AlertState::kOk)) continue;
    MessageKind kind = firing ? MessageKind::kFiring : MessageKind::kResolved;
    if (firing && told) {
      const bool unknown = alert->host->silent && !rule.about_silence();
      if (alert->acknowledged != nullptr || unknown) continue;
      if (rule.escalate_after.count() > 0 && !alert->escalated &&
          now - alert->first_notified_at >= rule.escalate_after.count())
        kind = MessageKind::kEscalation;
      else if (rule.repeat.count() > 0 && now - alert->notified_at >= rule.repeat.count())
        kind = MessageKind::kReminder;
      else
        continue;
    }
    if (!alert->fresh) continue;
    if (!held_by(*alert, now, silences).empty()) {
      if (kind == MessageKind::kResolved) alert->notified = false;
      continue;
    }
    groups[{alert->rule, kind, group_of(alert->tags, &alert->host->view)}].alerts.push_back(alert);
  }
  std::vector<Outgoing> out;
  for (auto& [key, group] : groups) {
    UnixNanos& sent = sent_[key];
    if (sent != 0 && now - sent < kGroupWithin && now >= sent) continue;
    const auto& [number, kind, together] = key;
    const Rule& rule = engine_.config().rules[number];
    if (channels_of(kind, rule).empty()) {
      if (kind == MessageKind::kResolved)
        for (Alert* const alert : group.alerts) alert->notified = false;
      continue;
    }
    sent = now;
    put_out(out, kind, rule, group.alerts, now);
  }
  // Tags come and go; what is older than a group lasts is of no use.
  if (sent_.size() > kMostGroups)
    std::erase_if(sent_, [&](const auto& one) {
      return std::get<1>(one.first) != MessageKind::kNotice && now - one.second >= kGroupWithin;
    });
  put_out_departed(out, now, silences);
  for (const Silence& silence : silences) notice_before_end(out, sent_, engine_, *this, silence, now);
  engine_.settle();
  return out;
}

const std::vector<std::string>& Notifier::channels_of(MessageKind kind, const Rule& rule) const {
  if (kind == MessageKind::kEscalation) return rule.escalate;
  return rule.notify ? *rule.notify : engine_.config().notify;
}

void Notifier::put_out(std::vector<Outgoing>& out, MessageKind kind, const Rule& rule,
                       const std::vector<Alert*>& alerts, UnixNanos now) {
  const Message made = message(kind, rule, alerts, now);
  std::vector<std::string> names = channels_of(kind, rule);
  // Whom an escalation called is told of the end.
  const bool escalated = std::any_of(alerts.begin(), alerts.end(), [](const Alert* alert) { return alert->escalated; });
  if (kind == MessageKind::kResolved && escalated)
    for (const std::string& name : rule.escalate)
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  for (const std::string& name : names) {
    const Channel* const channel = engine_.config().channel(name);
    if (channel == nullptr || rule.severity < channel->least) continue;
    if (kind == MessageKind::kResolved && !channel->resolved) continue;
    out.push_back({name, made});
  }
  for (Alert* const alert : alerts) {
    alert->notified = kind != MessageKind::kResolved;
    alert->notified_at = now;
    if (kind == MessageKind::kFiring) alert->first_notified_at = now;
    if (kind == MessageKind::kEscalation) alert->escalated = true;
  }
}

MessageItem item_of(const AlertRecord& record, const Condition& when) {
  MessageItem out;
  out.key = hexadecimal(record.key());
  out.host = record.host;
  out.tags = record.tags;
  out.since = record.since;
  out.ended = record.state == AlertState::kOk ? record.ended : 0;
  if (when.comparisons.empty()) return out;
  const std::uint32_t which = record.comparison < when.comparisons.size() ? record.comparison : 0;
  const Comparison& shown = when.comparisons[which];
  const Operand& operand = when.operands[shown.operand];
  // Of an alert that ended for another reason than its condition, the value is what it was last.
  const bool over = out.ended != 0 && record.reason.empty();
  const std::string_view is = out.ended == 0 || over ? "is" : "was";
  const std::string_view again = over ? " again" : "";
  const std::string_view limit_name = out.ended == 0 ? "" : "limit ";
  if (operand.function == Function::kSilent) {
    out.value = duration_text(static_cast<std::int64_t>(record.value * 1e9));
    out.text = over ? "is back" : "no data since " + time_text(record.since);
  } else if (operand.function == Function::kLogs) {
    out.value = fmt::format("{:.0f} lines", record.value);
    out.limit = fmt::format("{} {:.0f} in {}", compare_text(shown.compare), record.limit,
                            duration_text(operand.window.count()));
    out.text = fmt::format("{:.0f} log lines {} {}{} ({}{})", record.value,
                           out.ended == 0 || over ? "match" : "matched", operand.query, again, limit_name, out.limit);
  } else if (shown.is_text) {
    out.value = record.value_text;
    out.limit = fmt::format("{} {}", compare_text(shown.compare), shown.text);
  } else {
    out.value = value_text(when, which, record.value);
    out.limit = fmt::format("{} {}", compare_text(shown.compare), value_text(when, which, record.limit));
  }
  if (out.text.empty() && out.value.empty()) out.text = quantity_of(when, shown);
  if (out.text.empty())
    out.text = fmt::format("{} {} {}{} ({}{})", quantity_of(when, shown), is, out.value, again, limit_name, out.limit);
  if (out.ended != 0 && !record.reason.empty()) out.text += ": " + record.reason;
  return out;
}

MessageItem Notifier::item(const AlertRecord& record, const Condition& when, const fleet::Host* host) const {
  MessageItem out = item_of(record, when);
  // Tags that the host has of its own tell nothing of the series.
  if (host != nullptr)
    std::erase_if(out.tags, [&](const metric::Tag& tag) {
      return std::find(host->tags.begin(), host->tags.end(), tag) != host->tags.end();
    });
  return out;
}

MessageItem Notifier::item(const Alert& alert) const {
  const Rule& rule = engine_.config().rules[alert.rule];
  const AlertRecord record = engine_.record(alert);
  MessageItem out = item(record, rule.when, &alert.host->view);
  if (!rule.message.empty() && out.ended == 0) out.text = fill_template(rule.message, rule, out);
  if (context_.link) out.link = context_.link(record, rule);
  return out;
}

// Alerts that ended because their rule went: one message for each rule, to the channels that it had.
void Notifier::put_out_departed(std::vector<Outgoing>& out, UnixNanos now, const std::vector<Silence>& silences) {
  std::map<std::pair<std::string, std::string>, std::vector<AlertRecord>> groups;
  for (AlertRecord& record : engine_.take_departed()) {
    const fleet::Host* const known = engine_.hosts().view(record.host);
    fleet::Host named;
    named.name = record.host;
    if (!held_by(record.rule, known != nullptr ? *known : named, now, silences).empty()) continue;
    groups[{record.rule, group_of(record.tags, known)}].push_back(std::move(record));
  }
  for (const auto& [key, records] : groups) {
    Rule rule;
    rule.name = key.first;
    rule.severity = records[0].severity;
    rule.when = parse_condition(records[0].when).condition;
    Message made;
    made.kind = MessageKind::kResolved;
    made.rule = rule.name;
    made.severity = rule.severity;
    made.time = now;
    made.alerts = records.size();
    std::vector<std::string> names;
    UnixNanos since = INT64_MAX;
    for (const AlertRecord& record : records) {
      since = std::min(since, record.since);
      for (const std::string& name : record.channels)
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
      if (made.items.size() >= kMostItems) continue;
      made.items.push_back(item(record, rule.when, engine_.hosts().view(record.host)));
      if (context_.link) made.items.back().link = context_.link(record, rule);
    }
    sort_items(made);
    made.title = title(MessageKind::kResolved, rule, made, since);
    if (made.items.size() == 1) made.link = made.items[0].link;
    for (const std::string& name : names) {
      const Channel* const channel = engine_.config().channel(name);
      if (channel == nullptr || !channel->resolved || rule.severity < channel->least) continue;
      out.push_back({name, made});
    }
  }
}

// The values of the tags that part messages.
std::string Notifier::group_of(const std::vector<metric::Tag>& series, const fleet::Host* host) const {
  std::string out;
  for (const std::string& key : engine_.config().group_by) {
    const auto value_in = [&](const std::vector<metric::Tag>& tags) -> const std::string* {
      for (const metric::Tag& tag : tags)
        if (tag.key == key) return &tag.value;
      return nullptr;
    };
    const std::string* value = value_in(series);
    if (value == nullptr && host != nullptr) value = value_in(host->tags);
    out += (value == nullptr ? std::string() : *value) + '\1';
  }
  return out;
}

// " (site=north)": what the hosts of one message have in common and others do not, because that may be the cause.
std::string Notifier::common_tags(const std::vector<Alert*>& alerts) const {
  std::vector<metric::Tag> common = alerts[0]->host->view.tags;
  bool several = false;
  for (const Alert* const alert : alerts) {
    const fleet::Host& host = alert->host->view;
    several = several || host.name != alerts[0]->host->view.name;
    std::erase_if(common, [&](const metric::Tag& tag) {
      return std::find(host.tags.begin(), host.tags.end(), tag) == host.tags.end();
    });
  }
  std::erase_if(common, [&](const metric::Tag& tag) { return engine_.hosts().all_have(tag); });
  if (!several || common.empty()) return {};
  std::string out;
  for (std::size_t i = 0; i < std::min<std::size_t>(common.size(), 3); ++i)
    out += (out.empty() ? "" : ", ") + common[i].key + "=" + common[i].value;
  return " (" + out + ")";
}

void Notifier::add_details(MessageItem& item, const Alert& alert, const Rule& rule) const {
  const AlertRecord record = engine_.record(alert);
  if (context_.last_errors && !record.host.empty()) item.errors = context_.last_errors(record);
  if (rule.about_silence()) return;
  if (context_.recent) {
    item.points = context_.recent(record, rule);
    item.chart = sparkline(item.points);
    const Comparison& shown = rule.when.comparisons[record.comparison];
    const Function function = rule.when.operands[shown.operand].function;
    const bool as_it_is = function == Function::kLast || function == Function::kMean || function == Function::kMax ||
                          function == Function::kMin || function == Function::kLogs;
    if (!item.points.empty() && as_it_is && shown.divisor < 0)
      item.chart_limit = record.comparison == 0 ? limit_of(alert) : shown.limit;
  }
  if (context_.largest_processes && !record.host.empty()) item.processes = context_.largest_processes(record);
}

Message Notifier::message(MessageKind kind, const Rule& rule, const std::vector<Alert*>& alerts, UnixNanos now) const {
  Message out;
  out.kind = kind;
  out.rule = rule.name;
  out.severity = rule.severity;
  out.help = rule.help;
  out.time = now;
  out.alerts = alerts.size();
  const bool digest = alerts.size() >= kDigestFrom;
  UnixNanos since = INT64_MAX;
  for (const Alert* const alert : alerts) {
    since = std::min(since, alert->since);
    if (out.items.size() >= kMostItems) continue;
    out.items.push_back(item(*alert));
    if (digest || kind == MessageKind::kResolved) continue;
    add_details(out.items.back(), *alert, rule);
  }
  sort_items(out);
  out.title = title(kind, rule, out, since);
  if (alerts.size() > 1) out.title += common_tags(alerts);
  if (out.items.size() == 1) out.link = out.items[0].link;
  return out;
}

std::string Notifier::title(MessageKind kind, const Rule& rule, const Message& message, UnixNanos since) const {
  std::string hosts = message.items.size() == 1 ? message.items[0].where() : std::string();
  if (hosts.empty()) {
    std::vector<std::string> names;
    for (const MessageItem& item : message.items) names.push_back(item.host);
    names.erase(std::unique(names.begin(), names.end()), names.end());
    hosts = names.size() == 1 && !names[0].empty()
                ? fmt::format("{}, {} series", names[0], message.alerts)
                : fmt::format("{} hosts", std::max(names.size(), rule.about_silence() ? message.alerts : 0));
  }
  const MessageItem& first = message.items[0];
  switch (kind) {
    case MessageKind::kResolved:
      return message.items.size() == 1 ? fmt::format("Resolved: {} on {} after {}", rule.name, hosts,
                                                     duration_text(first.ended - first.since))
                                       : fmt::format("Resolved: {} on {}", rule.name, hosts);
    case MessageKind::kReminder:
    case MessageKind::kEscalation:
      return fmt::format("{}: {} on {} since {}",
                         kind == MessageKind::kReminder ? "Still firing" : "Nobody acknowledged", rule.name, hosts,
                         time_text(since));
    default:
      break;
  }
  if (rule.about_silence() && message.alerts >= kDigestFrom)
    return fmt::format("{} of {} hosts silent since {}", message.alerts,
                       std::max(engine_.silence().expected_hosts(), message.alerts), time_text(since));
  if (rule.about_silence()) return fmt::format("{} silent since {}", hosts, time_text(since));
  return fmt::format("{}: {} on {}{}", severity_name(rule.severity), rule.name, hosts,
                     message.items.size() == 1 && !first.value.empty() ? ": " + first.value : "");
}

}  // namespace resmon::alert
