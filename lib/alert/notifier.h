#pragma once

// Decides which messages are sent, when, and to which channels. It scans the engine's active alerts and keeps no list
// of its own: an alert that fires and is not marked as sent is sent at the next scan, also after a kill.
//
// The first alert of a rule is sent at once; further alerts of the rule within 30 s follow in one message. A message
// lists up to kMostItems alerts. An alert that a silence, a maintenance window or `unless` covers waits; its message is
// sent when they end, if it still fires. The end of an alert is sent if its begin was, unless a silence covers it then;
// of an alert whose rule is gone, to the channels that the rule had.
// Not thread-safe.

#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "alert/engine.h"
#include "alert/message.h"

namespace resmon::alert {

// Messages of what `hosts` and `rule` select wait from `begins` to `ends`.
struct Silence {
  std::int64_t id = 0;
  std::string hosts;       // a fleet search
  std::string rule = "*";  // a pattern
  UnixNanos begins = 0;
  UnixNanos ends = 0;
  std::string author;
  std::string reason;
};
bool covers(const Silence& silence, std::string_view rule, const fleet::Host& host, UnixNanos now);

// Callbacks of the notifier. All are optional.
struct MessageContext {
  std::function<std::string(const AlertRecord&, const Rule&)> link;            // to the page
  std::function<std::vector<double>(const AlertRecord&, const Rule&)> recent;  // for the small chart
  std::function<std::vector<std::string>(const AlertRecord&)> largest_processes;
  std::function<std::vector<std::string>(const AlertRecord&)> last_errors;  // of the host's log, oldest first
};

struct Outgoing {
  std::string channel;
  Message message;
};

// What a message says of one alert, without its rule's own text, chart and link. `when`: the rule's condition.
MessageItem item_of(const AlertRecord& record, const Condition& when);

class Notifier {
 public:
  // Both must outlive the notifier.
  Notifier(Engine& engine, MessageContext context) : engine_(engine), context_(std::move(context)) {}

  // The messages that are due now; their alerts are marked as sent.
  std::vector<Outgoing> run(UnixNanos now, const std::vector<Silence>& silences);
  // Why no message about it is sent now: "silenced", "maintenance", "unless disk-full"; empty: one may be sent.
  std::string held_by(const Alert& alert, UnixNanos now, const std::vector<Silence>& silences) const;
  MessageItem item(const Alert& alert) const;

 private:
  struct Group {
    std::vector<Alert*> alerts;
  };
  void put_out(std::vector<Outgoing>& out, MessageKind kind, const Rule& rule, const std::vector<Alert*>& alerts,
               UnixNanos now);
  Message message(MessageKind kind, const Rule& rule, const std::vector<Alert*>& alerts, UnixNanos now) const;
  void put_out_departed(std::vector<Outgoing>& out, UnixNanos now, const std::vector<Silence>& silences);
  std::string held_by(std::string_view rule, const fleet::Host& host, UnixNanos now,
                      const std::vector<Silence>& silences) const;
  MessageItem item(const AlertRecord& record, const Condition& when, const fleet::Host* host) const;
  std::string title(MessageKind kind, const Rule& rule, const Message& message, UnixNanos since) const;
  std::string group_of(const std::vector<metric::Tag>& tags, const fleet::Host* host) const;
  std::string common_tags(const std::vector<Alert*>& alerts) const;
  void add_details(MessageItem& item, const Alert& alert, const Rule& rule) const;
  const std::vector<std::string>& channels_of(MessageKind kind, const Rule& rule) const;

  Engine& engine_;
  const MessageContext context_;
  using GroupKey = std::tuple<std::uint32_t, MessageKind, std::string>;
  std::map<GroupKey, UnixNanos> sent_;  // by rule, of a notice by silence: the newest
};

}  // namespace resmon::alert
