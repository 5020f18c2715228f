// The part of Alerts that serves the HTTP routes: lists, silences, acknowledgements, test messages.

#include "alert_views.h"
#include "alerts.h"
#include "base/log.h"
#include "options.h"
#include "rules.h"
#include "storage.h"
#include "store/store.h"

namespace resmon::server {

using alert::AlertState;

std::string Alerts::alert_json(const alert::Alert& one, UnixNanos now) const {
  const alert::Rule& rule = rules_->config.rules[one.rule];
  const bool unknown = one.host->silent && !rule.about_silence();
  return alert_to_json(rules_->engine->record(one), rule, rules_->notifier->item(one), unknown,
                       rules_->notifier->held_by(one, now, silences_));
}

std::string Alerts::active_json() {
  const UnixNanos now = Clock::system().wall();
  const MutexLock lock(mutex_);
  JsonArray alerts, channels;
  for (const alert::Alert* one : rules_->engine->active())
    if (one->state != AlertState::kOk) alerts.raw(alert_json(*one, now));
  for (const alert::Channel& channel : rules_->config.channels) {
    const Delivery& delivery = deliveries_[channel.name];
    channels.raw(JsonObject()
                     .text("name", channel.name)
                     .text("kind", alert::channel_kind_name(channel.kind))
                     .text("place", channel.place())
                     .number("sent", delivery.sent)
                     .number("failed", delivery.failed)
                     .number("given_up", delivery.given_up)
                     .raw("last_sent", milliseconds_or_null(delivery.last_sent))
                     .raw("failing_since", milliseconds_or_null(delivery.failing_since))
                     .text("last_error", delivery.last_error)
                     .finish());
  }
  const Delivery& heart = deliveries_["heartbeat"];
  return JsonObject()
             .number("server_time", now / 1'000'000)
             .raw("alerts", alerts.finish())
             .raw("channels", channels.finish())
             .number("waiting_messages", book_->waiting().value_or(0))
             .text("rules_error", rules_error_)
             .raw("rules_warnings", json_texts(doubtful_names(rules_->config, options_, &storage_.store())))
             .text("trouble", trouble_)
             .text("heartbeat_error", heart.last_error)
             .finish() +
         "\n";
}

Result<std::string> Alerts::history_json(std::int64_t before, std::size_t most, const std::string& host,
                                         const std::string& rule) {
  const MutexLock lock(mutex_);
  if (!unkept_history_.empty()) keep();  // whoever sees an alert fire finds it here
  RESMON_ASSIGN(const auto entries, book_->history(before, most, host, rule));
  JsonArray out;
  for (const alert::HistoryEntry& one : entries) out.raw(history_to_json(one));
  return JsonObject().raw("history", out.finish()).finish() + "\n";
}

std::string Alerts::rules_json() {
  const MutexLock lock(mutex_);
  JsonArray out;
  const store::Reader& store = storage_.store();
  for (const alert::Rule& rule : rules_->config.rules)
    out.raw(rule_to_json(rule, rules_->config, has_data(rule, store)));
  return JsonObject()
             .text("file", rules_file_)
             .text("error", rules_error_)
             .raw("warnings", json_texts(doubtful_names(rules_->config, options_, &store)))
             .raw("rules", out.finish())
             .finish() +
         "\n";
}

Result<std::string> Alerts::silences_json() {
  const UnixNanos now = Clock::system().wall();
  const MutexLock lock(mutex_);
  JsonArray out;
  for (const alert::Silence& one : silences_) out.raw(silence_to_json(one, now));
  return JsonObject().raw("silences", out.finish()).finish() + "\n";
}

Result<std::int64_t> Alerts::add_silence(alert::Silence silence) {
  const MutexLock lock(mutex_);
  RESMON_TRY(book_->forget_silences(Clock::system().wall() - kSilencesKept));
  RESMON_ASSIGN(silence.id, book_->add_silence(silence));
  silences_.push_back(silence);
  log::info("alerts", "silenced",
            {{"hosts", silence.hosts}, {"rule", silence.rule}, {"by", silence.author}, {"reason", silence.reason}});
  return silence.id;
}

Status Alerts::end_silence(std::int64_t id) {
  const MutexLock lock(mutex_);
  const UnixNanos now = Clock::system().wall();
  RESMON_ASSIGN(const bool ended, book_->end_silence(id, now));
  if (!ended) return fail(ErrorKind::kNotFound, "no such silence, or it has ended");
  for (alert::Silence& one : silences_)
    if (one.id == id) one.ends = now;
  return {};
}

Status Alerts::acknowledge(const std::string& id, const std::string& author) {
  const MutexLock lock(mutex_);
  for (alert::Alert* const one : rules_->engine->active()) {
    if (one->state != AlertState::kFiring || rules_->notifier->item(*one).key != id) continue;
    one->acknowledged =
        std::make_unique<alert::Acknowledgement>(alert::Acknowledgement{author, Clock::system().wall()});
    changed_ = true;
    keep();
    return trouble_.empty() ? Status() : fail(ErrorKind::kUnavailable, trouble_);
  }
  return fail(ErrorKind::kNotFound, "no alert with this id fires; the list of alerts has their ids");
}

Status Alerts::send_test(const std::string& channel, const std::string& author) {
  const MutexLock lock(mutex_);
  reload_if_changed();  // who has just written a channel tries it at once
  if (rules_->config.channel(channel) == nullptr)
    return fail(ErrorKind::kNotFound, "the rules file defines no channel '" + channel.substr(0, 64) + "'" +
                                          (rules_error_.empty() ? "" : "; it has errors: " + rules_error_));
  alert::Message message;
  message.kind = alert::MessageKind::kTest;
  message.severity = alert::Severity::kInfo;
  message.rule = "test";
  message.title = "Test message of resmon";
  message.help = "Asked for by " + author + ". Messages to the channel " + channel + " arrive here.";
  message.time = Clock::system().wall();
  message.link = options_.http_public_url;
  unkept_messages_.push_back({channel, std::move(message)});
  changed_ = true;
  keep();
  bell_->ring();
  return trouble_.empty() ? Status() : fail(ErrorKind::kUnavailable, trouble_);
}

Alerts::Stats Alerts::stats() {
  const MutexLock lock(mutex_);
  Stats out;
  out.engine = rules_->engine->stats();
  for (const alert::Alert* one : rules_->engine->active()) out.firing += one->state == AlertState::kFiring ? 1U : 0U;
  for (const auto& [name, delivery] : deliveries_) {
    out.sent += delivery.sent;
    out.failed += delivery.failed;
    out.given_up += delivery.given_up;
  }
  out.dropped = book_->dropped();
  out.waiting = book_->waiting().value_or(0);
  return out;
}

}  // namespace resmon::server
