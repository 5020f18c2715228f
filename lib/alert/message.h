#pragma once

// A message about alerts, independent of the channel. It is made once, stored in the outbox as JSON, and rendered for
// the channel when it is sent.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alert/engine.h"
#include "base/result.h"

namespace resmon::alert {

enum class MessageKind : std::uint8_t { kFiring, kResolved, kReminder, kEscalation, kTest, kNotice };
std::string_view message_kind_name(
    MessageKind kind);  // "firing", "resolved", "reminder", "escalation", "test", "notice"

// One alert in a message.
struct MessageItem {
  std::string key;  // AlertRecord::key, of hexadecimal digits: for receivers that tell alerts apart
  std::string host;
  std::vector<metric::Tag> tags;
  std::string text;   // "disk.used_percent is 95.2 % (>= 95 %)", and the reason of an end that is not the condition's
  std::string value;  // "95.2 %"
  std::string limit;  // ">= 95 %"
  UnixNanos since = 0;
  UnixNanos ended = 0;                 // 0: it goes on
  std::string chart;                   // a line of blocks, newest last; empty: none
  std::vector<double> points;          // what the line is made of, for channels that take pictures
  std::optional<double> chart_limit;   // to be drawn beside the points
  std::vector<std::string> processes;  // the largest, as "name 42 %"
  std::vector<std::string> errors;     // the host's last lines of log that are errors, oldest first
  std::string link;                    // to the page; empty: its address is not known

  std::string where() const;  // "web1 path=/var": the host and what tells the series apart
};

struct Message {
  MessageKind kind = MessageKind::kFiring;
  std::string rule;
  Severity severity = Severity::kWarning;
  std::string title;
  std::string help;
  UnixNanos time = 0;
  std::size_t alerts = 0;          // all that it is about; items are the first of them
  std::vector<MessageItem> items;  // kMostItems at most
  std::string link;

  std::string to_json() const;
  static Result<Message> from_json(std::string_view json);
  // Lines for people, title first.
  std::string plain_text() const;
};

// Several that wait for one channel as one: what is newest leads, and of an alert the newest state counts. REQUIRES:
// some, oldest first.
Message merge(std::vector<Message> all);

inline constexpr std::size_t kMostItems = 50;
inline constexpr std::size_t kDigestFrom = 6;  // so many are told in one line each

// "95.2 %", "3.1 GiB", "2 h 5 min", "17.3": by the unit of the limit and the name of the field.
std::string value_text(const Condition& when, std::uint32_t comparison, double value);
std::string duration_text(std::int64_t nanoseconds);  // "2 h 5 min", "40 s"
// Blocks of eight heights; empty for fewer than two values. The whole height is at least a tenth of the largest value,
// so that a value that hardly moves is a level line.
std::string sparkline(const std::vector<double>& values);
// Replaces {host}, {rule}, {value}, {limit}, {severity}, {since} and {TAG} by what they are of the item.
std::string fill_template(std::string_view text, const Rule& rule, const MessageItem& item);

// "2026-11-29T10:03:00Z"
std::string time_text(UnixNanos time);

}  // namespace resmon::alert
