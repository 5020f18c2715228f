// The built-in rules are TOML like an administrator's, and are read first by the same code. A rule of the same name in
// the file changes a built-in rule key by key.

#include <fmt/format.h>

#include <algorithm>

#include "alert/rules.h"
#include "config/nearest.h"
#include "config/table_reader.h"
#include "config/toml_tree.h"
#include "influxql/parse/time_text.h"

namespace resmon::alert {

namespace {

using config::Complaints;
using config::Node;
using config::TableReader;
using std::chrono::hours;

constexpr std::size_t kMostRules = 1000;
constexpr std::size_t kMostChannels = 100;
const std::vector<std::string> kSeverities{"info", "warning", "critical"};
const std::vector<std::string> kDays{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

bool good_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

// A number, or a text such as "90%" or "48h" that the reader of expressions takes as one.
bool read_limit(TableReader& reader, std::string_view key, double& target) {
  const Node* const found = reader.node(key);
  if (found == nullptr) return false;
  std::string unit;
  if (found->kind != Node::Kind::kText) return reader.number(key, target);
  if (parse_limit(found->text, target, unit)) return true;
  reader.complain(*found, key, "must be a number, such as 90 or \"2GiB\" or \"24h\"");
  return false;
}

class ConfigReader {
 public:
  ConfigReader(Config& out, Complaints& complaints, const influxql::ZoneLoader& zones, bool built_in)
      : out_(out), complaints_(complaints), zones_(zones), built_in_(built_in) {}

  void read(const Node& root) {
    TableReader top(root, "", complaints_);
    top.texts("notify", out_.notify);
    top.texts("group_by", out_.group_by);
    if (const Node* const heartbeat = table(top, "heartbeat")) read_heartbeat(*heartbeat);
    each(top, "channel", kMostChannels, [&](const Node& node) { read_channel(node); });
    each(top, "rule", kMostRules, [&](const Node& node) { read_rule(node); });
    each(top, "maintenance", kMostChannels, [&](const Node& node) { read_maintenance(node); });
    top.finish();
    check_names(top);
  }

 private:
  const Node* table(TableReader& reader, std::string_view key) {
    const Node* const node = reader.node(key);
    if (node == nullptr || node->kind == Node::Kind::kTable) return node;
    reader.complain(*node, key, fmt::format("is a table: [{}]", key));
    return nullptr;
  }

  void each(TableReader& top, std::string_view key, std::size_t most, const auto& read_one) {
    const Node* const all = table(top, key);
    if (all == nullptr) return;
    for (const Node& member : all->members) {
      if (member.kind != Node::Kind::kTable || !good_name(member.key)) {
        top.complain(member, key,
                     fmt::format("is a table of tables: [{}.NAME]; a name has letters of ASCII, digits, "
                                 "'-' and '_', at most 64",
                                 key));
        continue;
      }
      if (all->members.size() > most) {
        top.complain(member, key, fmt::format("more than {} of them", most));
        return;
      }
      read_one(member);
    }
  }

  void read_heartbeat(const Node& node) {
    TableReader reader(node, "heartbeat", complaints_);
    reader.text("url", out_.heartbeat.url);
    if (!out_.heartbeat.url.empty() && !out_.heartbeat.url.starts_with("http://") &&
        !out_.heartbeat.url.starts_with("https://"))
      reader.complain_here("url must begin with http:// or https://");
    reader.duration("every", out_.heartbeat.every, hours(24));
    if (out_.heartbeat.every < std::chrono::seconds(10)) reader.complain_here("every must be 10s or more");
    reader.finish();
  }

  std::optional<Condition> condition(TableReader& reader, std::string_view key) {
    std::string text;
    const Node* const node = reader.node(key);
    if (node == nullptr || !reader.text(key, text)) return std::nullopt;
    ParsedCondition parsed = parse_condition(text);
    if (!parsed.ok) {
      reader.complain_in(*node, key, parsed.error.at, parsed.error.reason);
      return std::nullopt;
    }
    for (const Operand& operand : parsed.condition.operands) find_doubts(reader, *node, key, text, operand);
    return std::move(parsed.condition);
  }

  // At the first place of the text that has the name.
  void find_doubts(const TableReader& reader, const Node& node, std::string_view key, const std::string& text,
                   const Operand& operand) {
    const std::string& measurement = operand.selector.measurement;
    const auto add = [&](const std::string& field, const std::string& reason, std::size_t at) {
      if (reason.empty()) return;
      Complaints place(complaints_.file());
      const std::size_t offset = at == std::string::npos ? 0 : at;
      place.add(node.value_line, node.value_column + 1 + static_cast<std::uint32_t>(offset),
                fmt::format("{}.{}", reader.path(), key), reason);
      out_.doubts.push_back({{measurement}, field, place.text()});
    };
    if (measurement.empty()) return;
    add("", metric::doubt_about_measurement(measurement), text.find(measurement));
    if (operand.field.empty()) return;
    const std::size_t dot = text.find("." + operand.field, text.find(measurement));
    add(operand.field, metric::doubt_about_field(measurement, operand.field), dot == std::string::npos ? dot : dot + 1);
  }

  void read_rule(const Node& node) {
    TableReader reader(node, "rule." + node.key, complaints_);
    auto known = std::find_if(out_.rules.begin(), out_.rules.end(), [&](const Rule& r) { return r.name == node.key; });
    const bool is_new = known == out_.rules.end();
    if (is_new) {
      out_.rules.emplace_back();
      known = out_.rules.end() - 1;
      known->name = node.key;
      known->built_in = built_in_;
    }
    Rule& rule = *known;
    if (auto when = condition(reader, "when")) {
      rule.when = std::move(*when);
      rule.clear.reset();
      rule.clear_limit.reset();
    } else if (is_new && reader.node("when") == nullptr)
      reader.complain_here("a rule needs `when`");
    read_clear(reader, rule);
    std::string hosts;
    if (reader.text("hosts", hosts)) rule.hosts = fleet::Search(hosts);
    reader.duration("for", rule.wait, hours(24 * 30));
    reader.duration("clear_for", rule.clear_wait, hours(24 * 30));
    if (const auto severity = reader.choice("severity", kSeverities)) rule.severity = static_cast<Severity>(*severity);
    reader.texts("unless", rule.unless);
    std::vector<std::string> notify;
    if (reader.texts("notify", notify)) rule.notify = std::move(notify);
    reader.duration("repeat", rule.repeat, hours(24 * 30));
    reader.duration("escalate_after", rule.escalate_after, hours(24 * 30));
    reader.texts("escalate", rule.escalate);
    reader.text("message", rule.message);
    reader.text("help", rule.help);
    reader.boolean("enabled", rule.enabled);
    if (rule.escalate_after.count() > 0 && rule.escalate.empty())
      reader.complain_here("escalate_after needs `escalate`, the channels");
    read_overrides(reader, rule);
    reader.finish();
  }

  void read_clear(TableReader& reader, Rule& rule) {
    const Node* const node = reader.node("clear");
    if (node == nullptr) return;
    double limit = 0;
    std::string unit;
    const bool number = node->kind != Node::Kind::kText || parse_limit(node->text, limit, unit);
    if (!number) {
      rule.clear_limit.reset();
      rule.clear = condition(reader, "clear");
    } else if (read_limit(reader, "clear", limit)) {
      rule.clear.reset();
      rule.clear_limit = limit;
      if (!rule.when.comparisons.empty()) check_clear(reader, *node, rule.when.comparisons[0], limit);
    }
  }

  void check_clear(TableReader& reader, const Node& node, const Comparison& first, double limit) {
    const bool upwards = first.compare == Compare::kGreater || first.compare == Compare::kGreaterEqual;
    const bool downwards = first.compare == Compare::kLess || first.compare == Compare::kLessEqual;
    if ((upwards && limit > first.limit) || (downwards && limit < first.limit))
      reader.complain(node, "clear",
                      "is on the wrong side of the limit of `when`: the alert would end before it begins");
    if (!upwards && !downwards) reader.complain(node, "clear", "a number needs a `when` that begins with > >= < or <=");
  }

  void read_overrides(TableReader& reader, Rule& rule) {
    const Node* const all = reader.node("override");
    if (all == nullptr) return;
    rule.overrides.clear();
    if (all->kind != Node::Kind::kArray || all->items.size() > 64) {
      reader.complain(*all, "override",
                      fmt::format("is an array of at most 64 tables: [[{}.override]]", reader.path()));
      return;
    }
    for (const Node& item : all->items) {
      if (item.kind != Node::Kind::kTable) {
        reader.complain(item, "override", "is a table");
        continue;
      }
      TableReader one(item, reader.path() + ".override", complaints_);
      Override made;
      std::string hosts;
      if (!one.text("hosts", hosts)) one.complain_here("an override needs `hosts`");
      made.hosts = fleet::Search(hosts);
      double number = 0;
      if (read_limit(one, "limit", number)) made.limit = number;
      if (read_limit(one, "clear", number)) made.clear = number;
      std::chrono::nanoseconds wait{};
      if (one.duration("for", wait, hours(24 * 30))) made.wait = wait;
      bool enabled = true;
      if (one.boolean("enabled", enabled)) made.enabled = enabled;
      one.finish();
      rule.overrides.push_back(std::move(made));
    }
  }

  void read_channel(const Node& node) {
    TableReader reader(node, "channel." + node.key, complaints_);
    Channel channel;
    channel.name = node.key;
    const Node* const url = reader.node("url");
    std::string url_text;
    reader.text("url", url_text);
    std::string kind;
    if (reader.text("kind", kind)) {
      const auto known = parse_channel_kind(kind);
      if (!known)
        complain_of_kind(reader, kind);
      else
        channel.kind = *known;
      channel.url = url_text;
    } else if (url != nullptr) {
      if (Status read = read_channel_url(url_text, channel); !read) reader.complain(*url, "url", read.error().message);
    } else {
      reader.complain_here("a channel needs `kind`, or a `url` that implies it, such as \"ntfy://ntfy.sh/topic\"");
    }
    reader.text("token", channel.token);
    reader.text("token_file", channel.token_file);
    reader.text("secret", channel.secret);
    reader.text("secret_file", channel.secret_file);
    reader.text("username", channel.username);
    reader.text("password", channel.password);
    reader.text("password_file", channel.password_file);
    reader.text("topic", channel.topic);
    reader.text("chat", channel.chat);
    if (const auto format = reader.choice("format", {"json", "alertmanager"}))
      channel.format = *format == 0 ? "json" : "alertmanager";
    reader.text("from", channel.from);
    reader.texts("to", channel.to);
    reader.texts("command", channel.command);
    const std::vector<std::string> tls{"starttls", "tls", "none"};
    if (const auto chosen = reader.choice("tls", tls)) channel.tls = tls[*chosen];
    reader.text("tls_ca_file", channel.tls_ca_file);
    if (const auto least = reader.choice("severity", kSeverities)) channel.least = static_cast<Severity>(*least);
    reader.boolean("resolved", channel.resolved);
    reader.integer("most_per_hour", channel.most_per_hour, 1, 10'000);
    reader.duration("timeout", channel.timeout, std::chrono::minutes(5));
    if (channel.timeout < std::chrono::milliseconds(100)) reader.complain_here("timeout must be 100ms or more");
    reader.finish();
    check_channel(reader, channel);
    std::erase_if(out_.channels, [&](const Channel& known) { return known.name == channel.name; });
    out_.channels.push_back(std::move(channel));
  }

  void complain_of_kind(TableReader& reader, const std::string& kind) {
    std::vector<std::string> all;
    for (int i = 0; i <= static_cast<int>(ChannelKind::kExec); ++i)
      all.emplace_back(channel_kind_name(static_cast<ChannelKind>(i)));
    const std::string* const near = config::nearest(kind, all);
    std::string reason = "unknown kind of channel";
    if (near != nullptr) reason += "; did you mean " + *near + "?";
    reader.complain(*reader.node("kind"), "kind", reason);
  }

  // The required keys of each kind.
  void check_channel(TableReader& reader, Channel& channel) {
    const auto need = [&](bool given, const char* what) {
      if (!given) reader.complain_here(fmt::format("{} needs {}", channel_kind_name(channel.kind), what));
    };
    const bool token = !channel.token.empty() || !channel.token_file.empty();
    const auto well_known = [&](const char* url) {
      if (channel.url.empty()) channel.url = url;
    };
    switch (channel.kind) {
      case ChannelKind::kNtfy:
        well_known("https://ntfy.sh");
        need(!channel.topic.empty(), "`topic`");
        break;
      case ChannelKind::kTelegram:
        well_known("https://api.telegram.org");
        need(token && !channel.chat.empty(), "`token` or `token_file`, and `chat`");
        break;
      case ChannelKind::kPushover:
        well_known("https://api.pushover.net");
        need(token && !channel.chat.empty(), "`token` or `token_file`, and `chat`, the user key");
        break;
      case ChannelKind::kPagerduty:
        well_known("https://events.pagerduty.com");
        need(token, "`token` or `token_file`, the routing key");
        break;
      case ChannelKind::kGotify:
        need(!channel.url.empty() && token, "`url` and `token` or `token_file`");
        break;
      case ChannelKind::kMatrix:
        need(!channel.url.empty() && token && !channel.chat.empty(),
             "`url`, `token` or `token_file`, and `chat`, the room");
        break;
      case ChannelKind::kSmtp:
        need(!channel.url.empty() && !channel.from.empty() && !channel.to.empty(), "`url`, `from` and `to`");
        break;
      case ChannelKind::kExec:
        need(!channel.command.empty() && channel.command[0].starts_with('/'),
             "`command` with the full path of a program");
        return;
      default:
        need(!channel.url.empty(), "`url`");
    }
    const bool http = channel.url.starts_with("http://") || channel.url.starts_with("https://");
    const bool mail = channel.url.starts_with("smtp://") || channel.url.starts_with("smtps://");
    if (!channel.url.empty() && !(channel.kind == ChannelKind::kSmtp ? mail : http))
      reader.complain_here(channel.kind == ChannelKind::kSmtp ? "url must begin with smtp:// or smtps://"
                                                              : "url must begin with http:// or https://");
  }

  void read_maintenance(const Node& node) {
    TableReader reader(node, "maintenance." + node.key, complaints_);
    Maintenance made;
    made.name = node.key;
    std::string text;
    if (reader.text("hosts", text)) made.hosts = fleet::Search(text);
    reader.texts("rules", made.rules);
    std::vector<std::string> days;
    if (reader.texts("days", days)) {
      made.days = 0;
      for (const std::string& day : days) {
        const auto at = std::find(kDays.begin(), kDays.end(), day);
        if (at == kDays.end())
          reader.complain(*reader.node("days"), "days", "must be a list of mon, tue, wed, thu, fri, sat and sun");
        else
          made.days |= 1U << static_cast<unsigned>(at - kDays.begin());
      }
    }
    std::string zone = "UTC";
    reader.text("zone", zone);
    auto loaded = zones_(zone);
    if (!loaded)
      reader.complain_here("zone: " + loaded.error().message);
    else
      made.zone = *loaded;
    std::string first;
    if (reader.text("from", first) && first.find('-') != std::string::npos)
      read_once(reader, made);
    else
      read_weekly(reader, made);
    reader.finish();
    out_.maintenance.push_back(std::move(made));
  }

  // `from` and `to` are dates: "2026-12-01 22:00", local time of the zone.
  void read_once(TableReader& reader, Maintenance& made) {
    const auto time = [&](std::string_view key, UnixNanos& target) {
      std::string text;
      if (!reader.text(key, text)) {
        reader.complain_here(fmt::format("maintenance needs `{}`, as \"2026-12-01 22:00\"", key));
        return;
      }
      // Seconds may be left out.
      if (std::count(text.begin(), text.end(), ':') == 1) text += ":00";
      const auto parsed = influxql::parse_time(text, made.zone.get());
      if (!parsed)
        reader.complain(*reader.node(key), key, "must be a date and time, such as \"2026-12-01 22:00\"");
      else
        target = parsed->seconds * 1'000'000'000 + parsed->nanos;
    };
    time("from", made.begins);
    time("to", made.ends);
    if (made.begins != 0 && made.ends != 0 && made.ends <= made.begins)
      reader.complain(*reader.node("to"), "to", "must be after `from`");
    if (reader.node("days") != nullptr)
      reader.complain(*reader.node("days"), "days", "is for windows of every week, whose `from` is a time of day");
  }

  void read_weekly(TableReader& reader, Maintenance& made) {
    const auto minute = [&](std::string_view key, std::int64_t& target) {
      std::string clock;
      if (!reader.text(key, clock)) {
        reader.complain_here(fmt::format("maintenance needs `{}`, such as \"03:30\"", key));
        return;
      }
      int hour = -1, minutes = -1, end = 0;
      if (std::sscanf(clock.c_str(), "%2d:%2d%n", &hour, &minutes, &end) != 2 || hour < 0 || hour > 24 || minutes < 0 ||
          minutes > 59 || hour * 60 + minutes > 24 * 60 || static_cast<std::size_t>(end) != clock.size())
        reader.complain(*reader.node(key), key, "must be a time of day, such as \"03:30\"");
      target = hour * 60 + minutes;
    };
    minute("from", made.from_minute);
    minute("to", made.to_minute);
  }

  // Names that lead nowhere.
  void check_names(TableReader& top) {
    const auto check = [&](const std::vector<std::string>& names, bool of_channels, const std::string& where,
                           bool windows = false) {
      for (const std::string& name : names) {
        if (of_channels ? out_.channel(name) != nullptr : out_.rule(name) != nullptr) continue;
        if (windows && out_.window(name) != nullptr) continue;
        std::vector<std::string> all;
        for (const Channel& one : out_.channels)
          if (of_channels) all.push_back(one.name);
        for (const Rule& one : out_.rules)
          if (!of_channels) all.push_back(one.name);
        for (const Maintenance& one : out_.maintenance)
          if (windows) all.push_back(one.name);
        const std::string* const near = config::nearest(name, all);
        top.complain_here(fmt::format("{}: there is no {} '{}'{}", where,
                                      of_channels ? "channel"
                                      : windows   ? "rule or maintenance window"
                                                  : "rule",
                                      name, near != nullptr ? "; did you mean " + *near + "?" : ""));
      }
    };
    check(out_.notify, true, "notify");
    for (const Rule& rule : out_.rules) {
      const std::string where = "rule." + rule.name;
      if (rule.notify) check(*rule.notify, true, where + ".notify");
      check(rule.escalate, true, where + ".escalate");
      check(rule.unless, false, where + ".unless", true);
    }
    for (const Maintenance& one : out_.maintenance) check(one.rules, false, "maintenance." + one.name + ".rules");
  }

  Config& out_;
  Complaints& complaints_;
  const influxql::ZoneLoader& zones_;
  const bool built_in_;
};

// Afterwards the comparisons of `clear` count in the operands of `when`, which are all that is followed.
void share_operands(Condition& when, Condition& clear) {
  std::vector<std::uint32_t> place;
  for (Operand& operand : clear.operands) {
    const auto known = std::find(when.operands.begin(), when.operands.end(), operand);
    place.push_back(static_cast<std::uint32_t>(known - when.operands.begin()));
    if (known == when.operands.end()) when.operands.push_back(std::move(operand));
  }
  clear.operands.clear();
  for (Comparison& comparison : clear.comparisons) {
    comparison.operand = place[comparison.operand];
    if (comparison.divisor >= 0)
      comparison.divisor = static_cast<std::int32_t>(place[static_cast<std::size_t>(comparison.divisor)]);
  }
}

}  // namespace

std::string_view severity_name(Severity severity) {
  return kSeverities[static_cast<std::size_t>(severity)];
}

const Rule* Config::rule(std::string_view name) const {
  for (const Rule& rule : rules)
    if (rule.name == name) return &rule;
  return nullptr;
}

const Channel* Config::channel(std::string_view name) const {
  for (const Channel& channel : channels)
    if (channel.name == name) return &channel;
  return nullptr;
}

const Maintenance* Config::window(std::string_view name) const {
  for (const Maintenance& one : maintenance)
    if (one.name == name) return &one;
  return nullptr;
}

// The window of yesterday may reach into today.
bool Maintenance::holds(UnixNanos time) const {
  if (begins != 0) return time >= begins && time < ends;
  const std::int64_t local = time / 1'000'000'000 + (zone ? zone->offset_seconds(time) : 0);
  const std::int64_t day = local >= 0 ? local / 86400 : (local - 86399) / 86400;
  const std::int64_t minute = (local - day * 86400) / 60;
  const auto on = [&](std::int64_t which) {
    const auto weekday = static_cast<unsigned>(((which + 3) % 7 + 7) % 7);  // 1 January 1970 was a Thursday
    return (days >> weekday & 1U) != 0;
  };
  if (from_minute < to_minute) return on(day) && minute >= from_minute && minute < to_minute;
  return (on(day) && minute >= from_minute) || (on(day - 1) && minute < to_minute);
}

Result<Config> read_config(std::string_view toml, const std::string& path_for_errors,
                           const influxql::ZoneLoader& zones) {
  Config out;
  out.rules.reserve(64);
  RESMON_ASSIGN(const Node built_in, config::parse_toml(default_rules(), "built-in rules"));
  Complaints own("built-in rules");
  ConfigReader(out, own, zones, true).read(built_in);
  if (own.any()) return fail(ErrorKind::kInternal, own.text());
  RESMON_ASSIGN(const Node root, config::parse_toml(toml, path_for_errors));
  Complaints complaints(path_for_errors);
  ConfigReader(out, complaints, zones, false).read(root);
  if (complaints.any()) return fail(ErrorKind::kInvalid, complaints.text());
  for (Rule& rule : out.rules)
    if (rule.clear) share_operands(rule.when, *rule.clear);
  return out;
}

}  // namespace resmon::alert
