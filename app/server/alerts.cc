#include "alerts.h"

#include <pthread.h>

#include <algorithm>
#include <boost/asio/strand.hpp>

#include "alert_views.h"
#include "base/file.h"
#include "base/log.h"
#include "fleet/fleet.h"
#include "ingest/log.h"
#include "logs/store.h"
#include "net/spawn.h"
#include "notify/deliver.h"
#include "options.h"
#include "rules.h"
#include "storage.h"
#include "store/store.h"

namespace resmon::server {

namespace asio = boost::asio;
using alert::AlertRecord;
using std::chrono::milliseconds;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kAlertTickEvery = 2 * kSecond;
constexpr std::int64_t kKeepEvery = 10 * kSecond;
constexpr std::int64_t kKeepChanges = kSecond / 5;  // a storm of changes is kept together
constexpr std::int64_t kHouseEvery = 2 * kSecond;
constexpr std::int64_t kGiveUpAfter = 24 * 3600 * kSecond;
constexpr int kReadAtOnce = 64;
constexpr double kBurst = 10;  // messages of a channel at once
constexpr std::size_t kDueAtOnce = 200;
constexpr std::size_t kMostUnkept = 100'000;
constexpr std::size_t kSeedRows = 20'000'000;

UnixNanos wall() {
  return Clock::system().wall();
}

}  // namespace

void Alerts::Bell::ring() {
  const MutexLock lock(mutex);
  ringing = true;
  rung.notify_one();
}

Alerts::Alerts(const Options& options, Storage& storage, const fleet::Fleet& hosts, asio::any_io_executor network,
               asio::any_io_executor pool)
    : options_(options),
      storage_(storage),
      hosts_(hosts),
      network_(std::move(network)),
      pool_(std::move(pool)),
      rules_file_(options.alerts_rules_file),
      lines_(std::make_unique<LineCounter>(storage.logs())) {}

Alerts::~Alerts() {
  stop();
}

Result<alert::Config> Alerts::read_rules() {
  rules_mark_ = file_mark(rules_file_);
  RESMON_ASSIGN(const std::string text, rules_text());
  return alert::read_config(text, rules_file_);
}

// It need not exist.
Result<std::string> Alerts::rules_text() const {
  if (file_mark(rules_file_) == 0) return std::string();
  return read_file(rules_file_, 1U << 20U);
}

Status Alerts::open() {
  const MutexLock lock(mutex_);
  RESMON_ASSIGN(alert::Config config, read_rules());
  RESMON_ASSIGN(book_, alert::Book::open(options_.store_directory + "/alerts.db"));
  RESMON_ASSIGN(const alert::Book::Kept kept, book_->load());
  RESMON_ASSIGN(silences_, book_->silences());
  RESMON_ASSIGN(reader_, storage_.journal().add_reader("alerts", ingest::LogReader::Loss::kOldest));
  use(std::move(config), kept.alerts);
  mark_.log = storage_.journal().id();
  if (kept.mark && kept.mark->log == mark_.log) {
    mark_ = *kept.mark;
  } else {
    // The past of a log that was never read for alerts is not told.
    mark_.position = storage_.journal().durable_position();
    mark_.samples = storage_.journal().samples();
    mark_.received = wall();
  }
  reader_->start_after({mark_.position, mark_.samples, mark_.received});
  reader_->on_readable([bell = bell_] { bell->ring(); });
  return {};
}

void Alerts::use(alert::Config config, const std::vector<AlertRecord>& kept) {
  auto made = std::make_unique<Rules>();
  made->config = std::move(config);
  made->engine = std::make_unique<alert::Engine>(made->config, storage_.schemas());
  if (rules_)
    made->engine->take_over(*rules_->engine, wall());
  else
    made->engine->restore(kept, wall());
  made->notifier = std::make_unique<alert::Notifier>(*made->engine, context());
  rules_ = std::move(made);
  for (const std::string& one : doubtful_names(rules_->config, options_, &storage_.store()))
    log::warn("alerts", "an alert rule names what is not known", {{"reason", one}});
  // Of most rows only the times are needed.
  reader_->want_only([engine = rules_->engine.get()](metric::SchemaId id) { return engine->reads(id); });
}

alert::MessageContext Alerts::context() {
  alert::MessageContext out;
  out.link = [this](const AlertRecord& record, const alert::Rule&) {
    return alert_link(options_.http_public_url, record);
  };
  out.recent = [this](const AlertRecord& record, const alert::Rule& rule) {
    const alert::Operand& first = rule.when.operands[rule.when.comparisons[record.comparison].operand];
    if (first.function != alert::Function::kLogs) return recent_values(storage_.store(), record, rule, wall());
    return storage_.logs() == nullptr ? std::vector<double>()
                                      : recent_lines(*storage_.logs(), first.query, record.host, wall());
  };
  if (storage_.logs() != nullptr)
    out.last_errors = [this](const AlertRecord& record) { return last_errors(*storage_.logs(), record.host, wall()); };
  out.largest_processes = [this](const AlertRecord& record) {
    return largest_processes(storage_.store(), record, wall());
  };
  return out;
}

void Alerts::start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "alerts");
    run();
  });
}

void Alerts::stop() {
  stopping_ = true;
  bell_->ring();
  if (thread_.joinable()) thread_.join();
}

// A changed file counts from now on. One with errors changes nothing and is complained of once.
void Alerts::reload_if_changed() {
  if (file_mark(rules_file_) == rules_mark_) return;
  auto config = read_rules();
  if (!config) {
    rules_error_ = config.error().message;
    log::error("alerts", "the rules file cannot be loaded; the previous rules stay in force",
               {{"reason", rules_error_}});
    return;
  }
  rules_error_.clear();
  use(*std::move(config));
  seed();
  changed_ = true;
  look();  // alerts of rules that are gone ended
  log::info("alerts", "the rules file has changed",
            {{"rules", rules_->config.rules.size()}, {"channels", rules_->config.channels.size()}});
}

// Reads the stored samples that forecasts and windows need.
void Alerts::seed() {
  const auto begin = std::chrono::steady_clock::now();
  const std::size_t values = seed_engine(*rules_->engine, storage_.store(), mark_.received, kSeedRows, stopping_);
  log::info("alerts", "rules warmed up with stored samples",
            {{"values", values},
             {"seconds", std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count()}});
  lines_->use(*rules_->engine, wall());
}

void Alerts::run() {
  {
    const MutexLock lock(mutex_);
    seed();
  }
  tick();  // hosts are known then, as alerts whose rules were removed meanwhile need for their message
  while (!stopping_) {
    read_some();
    tick();
    count_lines();
    {
      const MutexLock lock(mutex_);
      take_outcomes();
      if (wall() - house_at_ >= kHouseEvery) {
        house_at_ = wall();
        reload_if_changed();
        const UnixNanos now = wall();
        std::erase_if(silences_, [&](const alert::Silence& one) { return one.ends < now - kSilencesKept; });
        write_rows();
        beat();
      }
      deliver();
    }
    const auto until = std::chrono::steady_clock::now() + milliseconds(250);
    const MutexLock lock(bell_->mutex);
    while (!bell_->ringing && !stopping_)
      if (!bell_->rung.wait_until(bell_->mutex, until)) break;
    bell_->ringing = false;
  }
  const MutexLock lock(mutex_);
  changed_ = true;
  keep();
  write_rows();
}

// As long as what changed cannot be kept nothing more is read: the log has it.
void Alerts::read_some() {
  const MutexLock lock(mutex_);
  for (int i = 0; i < kReadAtOnce && trouble_.empty() && !stopping_; ++i) {
    const ingest::Entry* const entry = reader_->try_next();
    if (entry == nullptr) break;
    rules_->engine->observe(*entry->batch, entry->received);
    const ingest::Progress& progress = reader_->progress();
    mark_ = {mark_.log, progress.position, progress.samples, progress.received};
    entry->batch->clear();  // pins nothing while waiting
    if (rules_->engine->has_transitions()) look();
    if (i + 1 == kReadAtOnce) bell_->ring();
  }
}

void Alerts::count_lines() {
  const MutexLock lock(mutex_);
  if (lines_->run(*rules_->engine, wall())) look();
}

void Alerts::tick() {
  const UnixNanos now = wall();
  if (now >= ticked_at_ && now - ticked_at_ < kAlertTickEvery) {
    const MutexLock lock(mutex_);
    look();
    return;
  }
  ticked_at_ = now;
  const std::vector<fleet::Host> hosts = hosts_.hosts_to_watch();
  const MutexLock lock(mutex_);
  rules_->engine->tick(now, hosts);
  look();
}

void Alerts::look() {
  const UnixNanos now = wall();
  for (const alert::Transition& one : rules_->engine->take_transitions()) {
    unkept_history_.push_back(history_entry(one));
    changed_ = true;
  }
  for (const std::string& notice : rules_->engine->take_notices()) log::info("alerts", notice);
  for (alert::Outgoing& one : rules_->notifier->run(now, silences_)) {
    log::info("alerts", one.message.title, {{"channel", one.channel}});
    unkept_messages_.push_back(std::move(one));
    changed_ = true;
  }
  if (unkept_history_.size() > kMostUnkept)
    unkept_history_.erase(unkept_history_.begin(), unkept_history_.end() - kMostUnkept);
  if (now < kept_at_ || now - kept_at_ >= (changed_ ? kKeepChanges : kKeepEvery)) keep();
}

void Alerts::keep() {
  std::vector<AlertRecord> records;
  for (const alert::Alert* one : rules_->engine->active()) records.push_back(rules_->engine->record(*one));
  const UnixNanos now = wall();
  kept_at_ = now;
  Status kept = book_->keep(mark_, records, unkept_history_, unkept_messages_, now);
  if (!kept) {
    if (trouble_.empty())
      log::error("alerts", "alerts cannot be written to disk; no message is sent until they can",
                 {{"reason", kept.error().message}});
    trouble_ = kept.error().message;
    return;
  }
  if (!std::exchange(trouble_, "").empty()) log::info("alerts", "alerts are written to disk again");
  unkept_history_.clear();
  unkept_messages_.clear();
  changed_ = false;
  reader_->commit(mark_.position);
}

// Changes of state as rows of `alert`, for queries, dashboards and sinks. The same row twice is the same row.
void Alerts::write_rows() {
  auto rows = book_->unstored(500);
  if (!rows || rows->empty()) return;
  metric::Batch batch;
  batch.pin(storage_.schemas());
  for (const alert::HistoryEntry& one : *rows) add_alert_row(batch, storage_.schemas(), one);
  if (auto appended = storage_.journal().append(batch, wall()); !appended) return;  // full: later
  if (Status noted = book_->stored(rows->back().id); !noted)
    log::debug("alerts", "rows are written again", {{"reason", noted.error().message}});
}

void Alerts::take_outcomes() {
  std::vector<Outcome> all;
  {
    const MutexLock lock(bell_->mutex);
    all.swap(bell_->outcomes);
  }
  const UnixNanos now = wall();
  for (const Outcome& one : all) {
    if (one.ids.empty()) {
      beating_ = false;
      Delivery& heart = deliveries_["heartbeat"];
      if (!one.status && heart.failing_since == 0)
        log::error("alerts", "the heartbeat fails", {{"reason", one.status.error().message}});
      heart.failing_since = one.status ? 0 : heart.failing_since != 0 ? heart.failing_since : now;
      heart.last_error = one.status ? "" : one.status.error().message;
      continue;
    }
    Delivery& delivery = deliveries_[one.channel];
    delivery.busy = false;
    if (one.status) {
      if (delivery.failing_since != 0) log::info("alerts", "a channel works again", {{"channel", one.channel}});
      delivery.failing_since = 0;
      delivery.last_error.clear();
      delivery.last_sent = now;
      delivery.sent += one.ids.size();
      (void)book_->delivered(one.ids);
      continue;
    }
    ++delivery.failed;
    delivery.last_error = one.status.error().message;
    if (delivery.failing_since == 0) {
      delivery.failing_since = now;
      log::error("alerts", "a message could not be delivered; it is retried",
                 {{"channel", one.channel}, {"reason", delivery.last_error}});
    }
    if (now - one.created > kGiveUpAfter) {
      delivery.given_up += one.ids.size();
      log::error("alerts", "messages were dropped: not delivered within a day",
                 {{"channel", one.channel}, {"messages", one.ids.size()}});
      (void)book_->delivered(one.ids);
    } else {
      (void)book_->failed(one.ids, now + alert::retry_wait(one.attempts), delivery.last_error);
    }
  }
}

void Alerts::deliver() {
  const UnixNanos now = wall();
  auto due = book_->due(now, kDueAtOnce);
  if (!due) return;
  std::map<std::string, std::vector<alert::OutboxEntry>> by_channel;
  for (alert::OutboxEntry& entry : *due) by_channel[entry.channel].push_back(std::move(entry));
  for (auto& [name, entries] : by_channel) {
    const alert::Channel* const channel = rules_->config.channel(name);
    Delivery& delivery = deliveries_[name];
    if (channel == nullptr) {
      std::vector<std::int64_t> ids;
      for (const alert::OutboxEntry& entry : entries) ids.push_back(entry.id);
      log::warn("alerts", "messages of a channel that is no longer configured were dropped",
                {{"channel", name}, {"messages", ids.size()}});
      (void)book_->delivered(ids);
      continue;
    }
    const double a_second = static_cast<double>(channel->most_per_hour) / 3600;
    const double most = std::min(kBurst, static_cast<double>(channel->most_per_hour));
    if (delivery.filled == 0)
      delivery.tokens = most;
    else
      delivery.tokens =
          std::min(most, delivery.tokens +
                             a_second * static_cast<double>(std::max<std::int64_t>(now - delivery.filled, 0)) / 1e9);
    delivery.filled = now;
    if (delivery.busy || delivery.tokens < 1) continue;
    delivery.tokens -= 1;
    // Many that wait are one message, so that the newest of them is not hours late.
    if (entries.size() <= 3 || delivery.tokens >= 1) entries.resize(1);
    deliver(name, std::move(entries));
  }
}

// Told to the thread of the alerts, as what has become of it.
asio::awaitable<void> Alerts::note(asio::awaitable<Status> delivery, Outcome outcome, std::shared_ptr<Bell> bell) {
  try {
    outcome.status = co_await std::move(delivery);
  } catch (...) {
    outcome.status = Status(fail(ErrorKind::kInternal, "it ended with an exception"));
  }
  {
    const MutexLock lock(bell->mutex);
    bell->outcomes.push_back(std::move(outcome));
  }
  bell->ring();
}

void Alerts::deliver(const std::string& name, std::vector<alert::OutboxEntry> entries) {
  Outcome outcome;
  outcome.channel = name;
  outcome.attempts = entries[0].attempts;
  outcome.created = entries[0].created;
  std::vector<alert::Message> messages;
  for (const alert::OutboxEntry& entry : entries) {
    outcome.ids.push_back(entry.id);
    if (auto message = alert::Message::from_json(entry.message)) messages.push_back(*std::move(message));
  }
  if (messages.empty()) {
    (void)book_->delivered(outcome.ids);
    return;
  }
  deliveries_[name].busy = true;
  const auto executor = asio::make_strand(network_);
  net::start(executor,
             note(notify::deliver(executor, pool_, *rules_->config.channel(name), alert::merge(std::move(messages))),
                  std::move(outcome), bell_));
}

// Told to an outside watcher that this server runs; what it does not hear any more it tells by itself.
void Alerts::beat() {
  const alert::Heartbeat& heartbeat = rules_->config.heartbeat;
  const UnixNanos now = wall();
  if (heartbeat.url.empty() || beating_ || !trouble_.empty() ||
      (now >= beat_at_ && now - beat_at_ < heartbeat.every.count()))
    return;
  beat_at_ = now;
  beating_ = true;
  const auto executor = asio::make_strand(network_);
  net::start(executor, note(notify::call(executor, heartbeat.url), Outcome(), bell_));
}

alert::HistoryEntry Alerts::history_entry(const alert::Transition& transition) const {
  alert::HistoryEntry out;
  out.time = transition.time;
  out.rule = transition.alert.rule;
  out.host = transition.alert.host;
  out.tags = transition.alert.tags;
  out.severity = alert::severity_name(transition.alert.severity);
  out.state = alert::state_name(transition.alert.state);
  out.value = transition.alert.value;
  out.since = transition.alert.since;
  out.late = transition.late;
  out.reason = transition.reason;
  // Of a rule that is gone, or has changed since, its condition is in the record.
  const alert::Rule* const rule = rules_->config.rule(out.rule);
  const alert::MessageItem item =
      rule != nullptr && rule->when.text == transition.alert.when
          ? alert::item_of(transition.alert, rule->when)
          : alert::item_of(transition.alert, alert::parse_condition(transition.alert.when).condition);
  out.value_text = item.value;
  out.limit_text = item.limit;
  return out;
}

}  // namespace resmon::server
