#pragma once

// The content of alerts.toml: rules, channels, maintenance windows. docs/alerts.md is the reference.
// Reading reports all errors of a file together, each as "path:line:column: key: reason".

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "alert/expression.h"
#include "base/clock.h"
#include "base/result.h"
#include "fleet/search.h"
#include "influxql/parse/zone.h"
#include "metric/name_doubt.h"

namespace resmon::alert {

enum class Severity : std::uint8_t { kInfo, kWarning, kCritical };
std::string_view severity_name(Severity severity);  // "info", "warning", "critical"

// Replaces parts of a rule for some hosts; of several that match, the last counts.
struct Override {
  fleet::Search hosts;
  std::optional<double> limit;  // of the rule's first comparison
  std::optional<double> clear;
  std::optional<std::chrono::nanoseconds> wait;
  std::optional<bool> enabled;
};

struct Rule {
  std::string name;
  bool built_in = false;
  bool enabled = true;
  Condition when;
  // When it ends: at another limit of the first comparison, by a condition of its own, or (neither) when `when` is no
  // longer true.
  std::optional<double> clear_limit;
  std::optional<Condition> clear;
  fleet::Search hosts;
  std::chrono::nanoseconds wait{0};        // `for`
  std::chrono::nanoseconds clear_wait{0};  // `clear_for`
  Severity severity = Severity::kWarning;
  std::vector<std::string> unless;                 // names of rules and of maintenance windows
  std::optional<std::vector<std::string>> notify;  // names of channels; absent: the file's own `notify`
  std::chrono::nanoseconds repeat{0};              // 0: never
  std::chrono::nanoseconds escalate_after{0};      // 0: never
  std::vector<std::string> escalate;               // names of channels
  std::string message;                             // a template; empty: a sentence made of the condition
  std::string help;                                // what to do about it, one sentence
  std::vector<Override> overrides;

  bool about_silence() const { return when.comparisons.size() == 1 && when.operands[0].function == Function::kSilent; }
};

enum class ChannelKind : std::uint8_t {
  kWebhook,
  kNtfy,
  kGotify,
  kSlack,
  kMattermost,
  kDiscord,
  kTelegram,
  kMatrix,
  kPushover,
  kTeams,
  kPagerduty,
  kAlertmanager,
  kSmtp,
  kExec,
};
std::string_view channel_kind_name(ChannelKind kind);
std::optional<ChannelKind> parse_channel_kind(std::string_view name);

// A destination of messages. docs/alerts.md lists the members that each kind uses.
struct Channel {
  std::string name;
  ChannelKind kind = ChannelKind::kWebhook;
  std::string url;  // http, https, smtp or smtps; of kinds with one well-known server it is filled in
  std::string token, token_file;
  std::string secret, secret_file;  // webhook: signs the body
  std::string username;
  std::string password, password_file;
  std::string topic;  // ntfy
  std::string chat;   // telegram: chat id; matrix: room; pushover: user key
  std::string format = "json";
  std::string from;
  std::vector<std::string> to;
  std::vector<std::string> command;  // exec: program and arguments
  std::string tls = "starttls";      // smtp: starttls, tls or none
  std::string tls_ca_file;
  Severity least = Severity::kInfo;
  bool resolved = true;
  std::int64_t most_per_hour = 30;
  std::chrono::nanoseconds timeout{std::chrono::seconds(10)};

  // The url without what may be secret in it, for people.
  std::string place() const;
};

// Fills a channel from a Shoutrrr or Apprise URL: "ntfy://host/topic", "discord://token@id" and so on. kInvalid: no URL
// of a kind that is built in. The text never appears in the error.
Status read_channel_url(std::string_view url, Channel& channel);

// A time of the week, or one span, in which no messages are sent.
struct Maintenance {
  std::string name;
  fleet::Search hosts;
  std::vector<std::string> rules;  // empty: all
  unsigned days = 0x7f;            // bit 0: Monday
  std::int64_t from_minute = 0;    // of the day, local time
  std::int64_t to_minute = 0;      // not after `from`: ends on the next day
  std::shared_ptr<const influxql::Zone> zone;
  UnixNanos begins = 0;  // once, from here to `ends`; 0: every week
  UnixNanos ends = 0;

  bool holds(UnixNanos time) const;
};

struct Heartbeat {
  std::string url;  // empty: none
  std::chrono::nanoseconds every{std::chrono::minutes(1)};
};

struct Config {
  std::vector<Rule> rules;  // the built-in ones first, as changed by the file
  std::vector<Channel> channels;
  std::vector<std::string> notify;
  std::vector<std::string> group_by;  // tags of hosts or series: alerts that differ in one are never in one message
  std::vector<Maintenance> maintenance;
  Heartbeat heartbeat;
  std::vector<metric::NameDoubt> doubts;  // of conditions in the file

  const Rule* rule(std::string_view name) const;
  const Channel* channel(std::string_view name) const;
  const Maintenance* window(std::string_view name) const;
};

// The built-in rules as TOML, as docs/alerts.md lists them.
std::string_view default_rules();

// Reads the built-in rules and then `toml`, whose tables change rules of the same name key by key. Secret files are not
// read. kInvalid with one error a line, up to ten.
Result<Config> read_config(std::string_view toml, const std::string& path_for_errors,
                           const influxql::ZoneLoader& zones = influxql::load_system_zone);

}  // namespace resmon::alert
