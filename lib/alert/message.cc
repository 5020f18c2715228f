#include "alert/message.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cmath>

#include "base/json_members.h"
#include "influxql/parse/time_text.h"

namespace resmon::alert {

namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 6> kMessageKinds{"firing",     "resolved", "reminder",
                                                        "escalation", "test",     "notice"};
constexpr std::int64_t kSecondNanos = 1'000'000'000;

json::object to_object(const MessageItem& item) {
  json::object tags;
  for (const metric::Tag& tag : item.tags) tags[tag.key] = tag.value;
  json::array processes;
  for (const std::string& one : item.processes) processes.emplace_back(one);
  json::array points, errors;
  for (const double one : item.points) points.emplace_back(one);
  for (const std::string& one : item.errors) errors.emplace_back(one);
  json::object out{{"key", item.key},
                   {"host", item.host},
                   {"tags", std::move(tags)},
                   {"text", item.text},
                   {"value", item.value},
                   {"limit", item.limit},
                   {"since", item.since},
                   {"ended", item.ended},
                   {"chart", item.chart},
                   {"link", item.link},
                   {"processes", std::move(processes)},
                   {"points", std::move(points)},
                   {"errors", std::move(errors)}};
  if (item.chart_limit) out["chart_limit"] = *item.chart_limit;
  return out;
}

std::vector<std::string> texts_of(const json::object& object, std::string_view key) {
  std::vector<std::string> out;
  each_element(object, key, [&](const json::value& one) {
    if (one.is_string()) out.emplace_back(one.get_string());
  });
  return out;
}

std::optional<double> number_of(const json::value& value) {
  if (!value.is_number()) return std::nullopt;
  return value.to_number<double>();
}

MessageItem item_of(const json::object& object) {
  MessageItem item;
  item.key = text_member(object, "key");
  item.host = text_member(object, "host");
  each_text(object, "tags", [&](std::string key, std::string value) {
    item.tags.push_back({std::move(key), std::move(value)});
  });
  item.text = text_member(object, "text");
  item.value = text_member(object, "value");
  item.limit = text_member(object, "limit");
  item.since = integer_member(object, "since");
  item.ended = integer_member(object, "ended");
  item.chart = text_member(object, "chart");
  item.link = text_member(object, "link");
  item.processes = texts_of(object, "processes");
  item.errors = texts_of(object, "errors");
  each_element(object, "points", [&](const json::value& one) {
    if (const auto number = number_of(one)) item.points.push_back(*number);
  });
  if (const json::value* const limit = object.if_contains("chart_limit")) item.chart_limit = number_of(*limit);
  return item;
}

std::string number_text(double value) {
  return std::abs(value) >= 100 || value == std::floor(value) ? fmt::format("{:.0f}", value)
                                                              : fmt::format("{:.3g}", value);
}

std::string bytes_text(double value) {
  static constexpr std::array<const char*, 6> kUnits{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  std::size_t unit = 0;
  while (std::abs(value) >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return number_text(value) + " " + kUnits[unit];
}

}  // namespace

std::string_view message_kind_name(MessageKind kind) {
  return kMessageKinds[static_cast<std::size_t>(kind)];
}

std::string time_text(UnixNanos time) {
  std::string text;
  influxql::append_rfc3339(text, time / kSecondNanos * kSecondNanos, nullptr);
  return text;
}

std::string duration_text(std::int64_t nanoseconds) {
  const std::int64_t seconds = std::max<std::int64_t>(nanoseconds / kSecondNanos, 0);
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 7200) return fmt::format("{} min", seconds / 60);
  if (seconds < 172'800) return fmt::format("{} h {} min", seconds / 3600, seconds % 3600 / 60);
  return fmt::format("{} d {} h", seconds / 86'400, seconds % 86'400 / 3600);
}

std::string value_text(const Condition& when, std::uint32_t comparison, double value) {
  if (when.comparisons.empty()) return number_text(value);
  const Comparison& shown = when.comparisons[comparison];
  const Operand& operand = when.operands[shown.operand];
  if (std::isinf(value)) return "never";
  if (operand.function == Function::kForecast || operand.function == Function::kAbsent ||
      operand.function == Function::kSilent)
    return duration_text(static_cast<std::int64_t>(std::min(value, 9e9) * 1e9));
  static constexpr std::array<std::string_view, 7> kTimes{"ms", "s", "m", "h", "d", "us", "ns"};
  if (std::find(kTimes.begin(), kTimes.end(), shown.unit) != kTimes.end())
    return duration_text(static_cast<std::int64_t>(std::min(std::abs(value), 9e9) * 1e9));
  const bool rate = operand.function == Function::kRate;
  if (shown.unit.find_first_of("bB") != std::string::npos && shown.unit.size() <= 3)
    return bytes_text(value) + (rate ? "/s" : "");
  const bool percent = shown.unit == "%" || (shown.divisor < 0 && operand.field.ends_with("percent"));
  return number_text(value) + (percent ? " %" : rate ? "/s" : "");
}

std::string sparkline(const std::vector<double>& values) {
  if (values.size() < 2) return {};
  static constexpr std::array<const char*, 8> kBlocks{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  constexpr double kLeastSpan = 0.1;  // of the largest value
  const double span = std::max(*most - *least, std::max(std::abs(*most), std::abs(*least)) * kLeastSpan);
  std::string out;
  for (const double value : values)
    out += kBlocks[span > 0 ? std::min<std::size_t>(static_cast<std::size_t>((value - *least) / span * 8), 7) : 0];
  return out;
}

std::string MessageItem::where() const {
  std::string out = host;
  for (const metric::Tag& tag : tags) out += (out.empty() ? "" : " ") + tag.key + "=" + tag.value;
  return out;
}

std::string fill_template(std::string_view text, const Rule& rule, const MessageItem& item) {
  std::string out;
  while (!text.empty()) {
    const std::size_t open = text.find('{');
    out += text.substr(0, open);
    if (open == std::string_view::npos) break;
    text.remove_prefix(open);
    const std::size_t close = text.find('}');
    if (close == std::string_view::npos) return out.append(text);
    const std::string_view name = text.substr(1, close - 1);
    if (name == "host") {
      out += item.host;
    } else if (name == "rule") {
      out += rule.name;
    } else if (name == "value") {
      out += item.value;
    } else if (name == "limit") {
      out += item.limit;
    } else if (name == "severity") {
      out += severity_name(rule.severity);
    } else if (name == "since") {
      out += time_text(item.since);
    } else {
      const auto tag =
          std::find_if(item.tags.begin(), item.tags.end(), [&](const metric::Tag& one) { return one.key == name; });
      out += tag != item.tags.end() ? std::string_view(tag->value) : text.substr(0, close + 1);
    }
    text.remove_prefix(close + 1);
  }
  return out;
}

std::string Message::to_json() const {
  json::array list;
  for (const MessageItem& item : items) list.emplace_back(to_object(item));
  return json::serialize(json::object{{"kind", std::string(message_kind_name(kind))},
                                      {"rule", rule},
                                      {"severity", std::string(severity_name(severity))},
                                      {"title", title},
                                      {"help", help},
                                      {"time", time},
                                      {"alerts", static_cast<std::int64_t>(alerts)},
                                      {"items", std::move(list)},
                                      {"link", link}});
}

Result<Message> Message::from_json(std::string_view text) {
  const auto parsed = parse_json_object(text);
  if (!parsed) return fail(ErrorKind::kDamaged, "a message in the outbox is not a JSON object");
  const json::object& object = *parsed;
  Message out;
  for (std::size_t i = 0; i < kMessageKinds.size(); ++i)
    if (text_member(object, "kind") == kMessageKinds[i]) out.kind = static_cast<MessageKind>(i);
  out.rule = text_member(object, "rule");
  for (const Severity one : {Severity::kInfo, Severity::kWarning, Severity::kCritical})
    if (text_member(object, "severity") == severity_name(one)) out.severity = one;
  out.title = text_member(object, "title");
  out.help = text_member(object, "help");
  out.time = integer_member(object, "time");
  out.alerts = static_cast<std::size_t>(std::max<std::int64_t>(integer_member(object, "alerts"), 0));
  out.link = text_member(object, "link");
  each_element(object, "items", [&](const json::value& item) {
    if (item.is_object()) out.items.push_back(item_of(item.get_object()));
  });
  return out;
}

Message merge(std::vector<Message> all) {
  Message out = std::move(all.back());
  all.pop_back();
  if (all.empty()) return out;
  out.title = fmt::format("{} messages, the newest: {}", all.size() + 1, out.title);
  const auto add = [&](MessageItem& item) {
    const bool known =
        std::any_of(out.items.begin(), out.items.end(), [&](const MessageItem& one) { return one.key == item.key; });
    if (!known && out.items.size() < kMostItems) out.items.push_back(std::move(item));
  };
  for (auto it = all.rbegin(); it != all.rend(); ++it) {
    out.severity = std::max(out.severity, it->severity);
    out.alerts += it->alerts;
    for (MessageItem& item : it->items) add(item);
  }
  // Good news only where all of it is.
  if (out.kind == MessageKind::kResolved &&
      std::any_of(out.items.begin(), out.items.end(), [](const MessageItem& one) { return one.ended == 0; }))
    out.kind = MessageKind::kFiring;
  return out;
}

std::string Message::plain_text() const {
  std::string out = title + "\n";
  for (const MessageItem& item : items) {
    out += "\n" + item.where() + (item.where().empty() ? "" : ": ") + item.text + "\n";
    if (items.size() >= kDigestFrom) continue;
    out += item.ended != 0 ? fmt::format("from {} to {}, {}\n", time_text(item.since), time_text(item.ended),
                                         duration_text(item.ended - item.since))
                           : fmt::format("since {}\n", time_text(item.since));
    if (!item.chart.empty()) out += item.chart + "\n";
    for (const std::string& one : item.processes) out += "  " + one + "\n";
    if (!item.errors.empty()) out += "Last errors in its log:\n";
    for (const std::string& one : item.errors) out += "  " + one + "\n";
    if (!item.link.empty() && item.link != link) out += item.link + "\n";
  }
  if (alerts > items.size()) out += fmt::format("\nand {} more\n", alerts - items.size());
  if (!help.empty() && kind != MessageKind::kResolved) out += "\n" + help + "\n";
  if (!link.empty()) out += "\n" + link + "\n";
  return out;
}

}  // namespace resmon::alert
