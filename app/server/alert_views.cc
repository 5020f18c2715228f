#include "alert_views.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "fleet/series.h"

namespace resmon::server {

namespace {

using alert::AlertRecord;
using alert::AlertState;
using alert::Function;
using alert::Operand;
using alert::Rule;

constexpr std::int64_t kOneSecond = 1'000'000'000;
constexpr std::int64_t kHour = 3600 * kOneSecond;
constexpr std::size_t kChartPoints = 30;
constexpr std::int64_t kLongestSeed = kHour;           // of windows
constexpr std::string_view kOtherProcesses = "other";  // the sum of those that are not named (docs/schema.md)

std::string finite(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : "null";
}

std::string seconds_text(std::chrono::nanoseconds span) {
  return fmt::format("{}", std::chrono::duration<double>(span).count());
}

std::optional<store::Column> column_of(const store::Listing& listing, const std::string& field) {
  for (const store::Column& column : listing.columns())
    if (column.name == field && column.type != metric::FieldType::kString) return column;
  return std::nullopt;
}

// The stored series of the alert.
const store::Group* group_of(const store::Listing& listing, const AlertRecord& record) {
  std::vector<metric::Tag> wanted = record.tags;
  if (!record.host.empty()) wanted.push_back({"host", record.host});
  metric::normalise_tags(wanted);
  for (const store::Group* group : listing.groups())
    if (static_cast<const std::vector<metric::Tag>&>(group->tags) == wanted) return group;
  return nullptr;
}

std::vector<metric::Tag> own_tags(const metric::SharedList<metric::Tag>& tags) {
  return tags;
}

// What rules need of the past: which fields, how much of it.
struct Need {
  std::int64_t window = 0;
  std::int64_t forecast = 0;
};

std::map<std::pair<std::string, std::string>, Need> needs_of(const alert::Config& config) {
  std::map<std::pair<std::string, std::string>, Need> out;
  for (const Rule& rule : config.rules) {
    if (!rule.enabled) continue;
    for (const Operand& operand : rule.when.operands) {
      if (operand.window.count() == 0 || operand.function == Function::kLogs) continue;
      Need& need = out[{operand.selector.measurement, operand.field}];
      std::int64_t& longest = operand.function == Function::kForecast ? need.forecast : need.window;
      longest = std::max<std::int64_t>(longest, operand.window.count());
    }
  }
  return out;
}

}  // namespace

std::string alert_to_json(const AlertRecord& record, const Rule& rule, const alert::MessageItem& item, bool unknown,
                          const std::string& held_by) {
  return JsonObject()
      .text("id", item.key)
      .text("rule", record.rule)
      .text("severity", alert::severity_name(rule.severity))
      .text("host", record.host)
      .raw("tags", tags_json(item.tags))
      .text("state", unknown ? "unknown" : alert::state_name(record.state))
      .text("held_by", held_by)
      .raw("since", milliseconds_or_null(record.since))
      .raw("fired", milliseconds_or_null(record.fired))
      .raw("value", finite(record.value))
      .text("value_text", item.value)
      .text("limit_text", item.limit)
      .text("text", item.text)
      .text("help", rule.help)
      .raw("notified_at", milliseconds_or_null(record.notified ? record.notified_at : 0))
      .text("acknowledged_by", record.acknowledged_by)
      .raw("acknowledged_at", milliseconds_or_null(record.acknowledged_at))
      .finish();
}

std::string history_to_json(const alert::HistoryEntry& entry) {
  return JsonObject()
      .number("id", entry.id)
      .number("time", entry.time / 1'000'000)
      .text("rule", entry.rule)
      .text("host", entry.host)
      .raw("tags", tags_json(entry.tags))
      .text("severity", entry.severity)
      .text("state", entry.state)
      .raw("value", finite(entry.value))
      .text("value_text", entry.value_text)
      .text("limit_text", entry.limit_text)
      .raw("since", milliseconds_or_null(entry.since))
      .boolean("late", entry.late)
      .text("reason", entry.reason)
      .finish();
}

std::string json_texts(const std::vector<std::string>& all) {
  JsonArray out;
  for (const std::string& one : all) out.text(one);
  return out.finish();
}

bool has_data(const Rule& rule, const store::Reader& store) {
  return std::all_of(rule.when.operands.begin(), rule.when.operands.end(), [&](const alert::Operand& operand) {
    if (operand.selector.measurement.empty()) return true;
    const std::vector<store::Column> columns = store.columns(operand.selector.measurement);
    return operand.field.empty() ? !columns.empty()
                                 : std::any_of(columns.begin(), columns.end(), [&](const store::Column& column) {
                                     return column.name == operand.field;
                                   });
  });
}

std::string rule_to_json(const Rule& rule, const alert::Config& config, bool data) {
  JsonObject out;
  out.text("name", rule.name)
      .boolean("built_in", rule.built_in)
      .boolean("enabled", rule.enabled)
      .boolean("has_data", data)
      .text("when", rule.when.text)
      .text("hosts", rule.hosts.text())
      .text("severity", alert::severity_name(rule.severity))
      .raw("for_seconds", seconds_text(rule.wait))
      .raw("clear_for_seconds", seconds_text(rule.clear_wait))
      .raw("clear", rule.clear_limit ? finite(*rule.clear_limit) : "null")
      .text("clear_when", rule.clear ? rule.clear->text : "")
      .raw("unless", json_texts(rule.unless))
      .raw("notify", json_texts(rule.notify ? *rule.notify : config.notify))
      .raw("repeat_seconds", seconds_text(rule.repeat))
      .number("overrides", rule.overrides.size())
      .text("help", rule.help);
  return out.finish();
}

std::string replayed_to_json(const ReplayedAlert& one) {
  return JsonObject()
      .text("host", one.host)
      .raw("tags", tags_json(one.tags))
      .text("value_text", one.value)
      .text("limit_text", one.limit)
      .number("fired", one.fired / 1'000'000)
      .raw("ended", milliseconds_or_null(one.ended))
      .text("reason", one.reason)
      .finish();
}

JsonObject replay_to_json(const Replay& replay, const store::TimeRange& range) {
  return JsonObject()
      .number("from", range.first / 1'000'000)
      .number("to", range.last / 1'000'000)
      .number("fired", replay.fired)
      .number("hosts_fired", replay.hosts)
      .number("hosts", replay.looked_at)
      .raw("first_row", milliseconds_or_null(replay.first_row));
}

std::string silence_to_json(const alert::Silence& silence, UnixNanos now) {
  return JsonObject()
      .number("id", silence.id)
      .text("hosts", silence.hosts)
      .text("rule", silence.rule)
      .raw("begins", milliseconds_or_null(silence.begins))
      .raw("ends", milliseconds_or_null(silence.ends))
      .text("author", silence.author)
      .text("reason", silence.reason)
      .boolean("active", now >= silence.begins && now < silence.ends)
      .finish();
}

void add_alert_row(metric::Batch& batch, metric::SchemaTable& schemas, const alert::HistoryEntry& entry) {
  using metric::FieldType;
  static const std::vector<metric::Field> kFields = {{"state", FieldType::kString},
                                                     {"state_code", FieldType::kInteger},
                                                     {"value", FieldType::kFloat},
                                                     {"text", FieldType::kString}};
  std::vector<metric::Tag> tags = entry.tags;
  std::erase_if(tags, [](const metric::Tag& tag) { return tag.key == "rule" || tag.key == "severity"; });
  if (!entry.host.empty()) tags.push_back({"host", entry.host});
  tags.push_back({"rule", entry.rule});
  tags.push_back({"severity", entry.severity});
  metric::normalise_tags(tags);
  const auto id = schemas.intern({"alert", std::move(tags), kFields}, metric::SchemaTable::Room::kBeyondLimit);
  if (!id) return;
  metric::RowWriter row = batch.add(*id, kFields.size(), entry.time);
  row.set(0, std::string_view(entry.state));
  row.set(1, static_cast<std::int64_t>(entry.state == "firing" ? 1 : 0));
  if (std::isfinite(entry.value)) row.set(2, entry.value);
  const std::string text = entry.value_text + (entry.limit_text.empty() ? "" : " (" + entry.limit_text + ")");
  row.set(3, std::string_view(text));
}

std::string alert_link(const std::string& public_url, const AlertRecord& record) {
  if (public_url.empty()) return {};
  std::string base = public_url;
  while (!base.empty() && base.back() == '/') base.pop_back();
  if (record.host.empty()) return base + "/#/server";
  static constexpr std::string_view kPlain = "-_.~";
  std::string host;
  for (const char c : record.host) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       kPlain.find(c) != std::string_view::npos;
    host += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  const std::int64_t from = (record.since - kHour / 2) / 1'000'000;
  const std::int64_t to = (std::max(record.fired, record.ended) + kHour / 2) / 1'000'000;
  return fmt::format("{}/#/host/{}?from={}&to={}", base, host, from, to);
}

std::vector<double> recent_values(const store::Reader& store, const AlertRecord& record, const Rule& rule,
                                  UnixNanos now) {
  const Operand& operand = rule.when.operands[rule.when.comparisons[record.comparison].operand];
  const auto listing = store.listing(operand.selector.measurement);
  const auto column = column_of(*listing, operand.field);
  const store::Group* const group = group_of(*listing, record);
  if (!column || group == nullptr) return {};
  struct Sum {
    double sum = 0, first = 0, last = 0;
    int count = 0;
  };
  std::array<Sum, kChartPoints> sums{};
  const UnixNanos begin = now - kHour;
  const bool counter = operand.function == Function::kRate || operand.function == Function::kIncrease;
  const store::ColumnId id = column->id;
  (void)store.scan(group->id, {&id, 1}, {begin, now + 1}, false, [&](const store::Block& block) -> Status {
    for (std::size_t i = 0; i < block.times.size(); ++i) {
      if (!block.columns[0].has(i)) continue;
      const auto value = fleet::number_of(column->type, block.columns[0].cells[i]);
      const auto at =
          static_cast<std::size_t>((block.times[i] - begin) * static_cast<std::int64_t>(kChartPoints) / (kHour + 1));
      if (!value || at >= kChartPoints) continue;
      Sum& sum = sums[at];
      if (sum.count++ == 0) sum.first = *value;
      sum.last = *value;
      sum.sum += *value;
    }
    return {};
  });
  std::vector<double> out;
  for (const Sum& sum : sums)
    if (sum.count > 0) out.push_back(counter ? sum.last - sum.first : sum.sum / sum.count);
  return out;
}

std::vector<std::string> largest_processes(const store::Reader& store, const AlertRecord& record, UnixNanos now) {
  const auto listing = store.listing("procstat");
  const auto column = column_of(*listing, "cpu_usage");
  if (!column) return {};
  std::vector<std::pair<double, std::string>> all;
  const store::ColumnId id = column->id;
  for (const std::uint32_t place : listing->with_tag("host", record.host)) {
    const store::Group& group = *listing->groups()[place];
    std::optional<double> newest;
    (void)store.scan(group.id, {&id, 1}, {now - 180 * kOneSecond, now + 1}, false,
                     [&](const store::Block& block) -> Status {
                       for (std::size_t i = 0; i < block.times.size(); ++i)
                         if (block.columns[0].has(i))
                           newest = fleet::number_of(column->type, block.columns[0].cells[i]);
                       return {};
                     });
    const std::string_view name = store::tag_value(group.tags, "process_name");
    if (newest && !name.empty() && name != kOtherProcesses) all.emplace_back(*newest, std::string(name));
  }
  std::sort(all.rbegin(), all.rend());
  std::vector<std::string> out;
  for (std::size_t i = 0; i < std::min<std::size_t>(all.size(), 3); ++i)
    out.push_back(fmt::format("{} {:.0f} % CPU", all[i].second, all[i].first));
  return out;
}

std::size_t seed_engine(alert::Engine& engine, const store::Reader& store, UnixNanos now, std::size_t most,
                        const std::atomic<bool>& stopping, std::string_view host) {
  std::size_t values = 0;
  const auto enough = [&]() -> Status {
    return values < most && !stopping ? Status() : fail(ErrorKind::kLimit, "enough");
  };
  for (const auto& [what, need] : needs_of(engine.config())) {
    const auto& measurement = what.first;
    const auto& field = what.second;
    const auto listing = store.listing(measurement);
    const auto column = column_of(*listing, field);
    if (!column) continue;
    for (const store::Group* group : listing->groups()) {
      if (!enough()) return values;
      const std::vector<metric::Tag> tags = own_tags(group->tags);
      if (!host.empty() && store::tag_value(tags, "host") != host && store::tag_value(tags, "server") != host) continue;
      if (need.forecast > 0) {
        const store::WindowColumn wanted{column->id, column->type};
        store::WindowRequest request;
        request.group = group->id;
        request.columns = {&wanted, 1};
        request.aggregates = aggregate_bit(store::Aggregate::kSum) | aggregate_bit(store::Aggregate::kCount);
        request.range = {(now - need.forecast) / kHour * kHour, now / kHour * kHour};
        request.width = store::kHourWidth;
        (void)store.scan_windows(request, [&](const store::WindowBlock& block) -> Status {
          const auto& data = block.columns[0];
          for (std::size_t i = 0; i < block.starts.size(); ++i) {
            const auto sum =
                data.has(i) ? fleet::number_of(column->type, data.of(store::Aggregate::kSum)[i]) : std::nullopt;
            const auto count = data.has(i) ? data.of(store::Aggregate::kCount)[i] : 0;
            if (sum && count > 0)
              engine.seed(measurement, field, tags, block.starts[i], *sum / static_cast<double>(count));
            ++values;
          }
          return enough();
        });
      }
      if (need.window > 0) {
        const store::ColumnId id = column->id;
        (void)store.scan(group->id, {&id, 1}, {now - std::min(need.window, kLongestSeed), now + 1}, false,
                         [&](const store::Block& block) -> Status {
                           for (std::size_t i = 0; i < block.times.size(); ++i) {
                             if (!block.columns[0].has(i)) continue;
                             if (const auto value = fleet::number_of(column->type, block.columns[0].cells[i]))
                               engine.seed_window(measurement, field, tags, block.times[i], *value);
                             ++values;
                           }
                           return enough();
                         });
      }
    }
  }
  return values;
}

}  // namespace resmon::server
