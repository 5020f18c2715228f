#pragma once

// Rows, hosts and times for tests of rules.

#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "alert/engine.h"
#include "alert/notifier.h"

namespace resmon::alert {

inline constexpr std::int64_t kTestSecond = 1'000'000'000;
inline constexpr UnixNanos kTestStart = 1'780'000'000 * kTestSecond;

inline const std::vector<metric::Tag> kTestRoot{{"host", "web1"}, {"path", "/"}};
inline constexpr const char* kTestDisk =
    "[rule.disk]\nwhen = 'disk.used_percent > 90'\nclear = 85\nfor = \"10s\"\nclear_for = \"10s\"\n";

// These rules alone, without the built-in ones: their numbers begin with 0.
inline Config only_rules(std::string_view toml) {
  auto made = read_config(toml, "alerts.toml");
  if (!made) throw std::runtime_error(made.error().message);
  std::erase_if(made->rules, [](const Rule& rule) { return rule.built_in; });
  return *std::move(made);
}

// A server with its rules, its hosts and a clock that the test moves.
class TestHouse {
 public:
  explicit TestHouse(std::string_view toml, std::string_view rules_to_keep = "") {
    rules_to_keep_ = rules_to_keep;
    config_ = read(toml);
    restart();
  }

  // As a kill and a start: what was kept is brought back.
  void restart() {
    std::vector<AlertRecord> kept;
    if (engine_)
      for (const Alert* alert : engine_->active()) kept.push_back(engine_->record(*alert));
    notifier_.reset();
    engine_ = std::make_unique<Engine>(config_, schemas_);
    engine_->restore(kept, now);
    notifier_ = std::make_unique<Notifier>(*engine_, MessageContext{});
    collect();
  }
  // As a restart with another rules file.
  void restart(std::string_view toml) {
    std::vector<AlertRecord> kept;
    for (const Alert* alert : engine_->active()) kept.push_back(engine_->record(*alert));
    notifier_.reset();
    engine_.reset();
    config_ = read(toml);
    engine_ = std::make_unique<Engine>(config_, schemas_);
    engine_->restore(kept, now);
    notifier_ = std::make_unique<Notifier>(*engine_, MessageContext{});
    collect();
  }
  // As a change of the rules file.
  void reload(std::string_view toml) {
    auto config = std::make_unique<Config>(read(toml));
    auto engine = std::make_unique<Engine>(*config, schemas_);
    engine->take_over(*engine_, now);
    notifier_.reset();
    engine_ = std::move(engine);
    reloaded_ = std::move(config);
    notifier_ = std::make_unique<Notifier>(*engine_, MessageContext{});
    collect();
  }

  void add_host(const std::string& name, std::vector<metric::Tag> tags = {}) {
    fleet::Host host;
    host.name = name;
    host.tags = std::move(tags);
    host.interval = std::chrono::seconds(5);
    host.last_seen = now;
    hosts.push_back(std::move(host));
  }

  // A row of one field, of now; `age` seconds older when it is late. Where no rule reads it, without the field, as the
  // server's reader has it.
  void row(const std::string& measurement, std::vector<metric::Tag> tags, const std::string& field, double value,
           std::int64_t age_seconds = 0) {
    metric::normalise_tags(tags);
    metric::Batch batch;
    batch.pin(schemas_);
    const auto id =
        schemas_.intern({measurement, tags, std::vector<metric::Field>{{field, metric::FieldType::kFloat}}});
    const UnixNanos time = now - age_seconds * kTestSecond;
    if (engine_->reads(id.value()))
      batch.add(id.value(), 1, time).set(0, value);
    else
      batch.add(id.value(), 0, time);
    engine_->observe(batch, now);
    collect();
  }
  void text_row(const std::string& measurement, std::vector<metric::Tag> tags, const std::string& field,
                std::string_view value) {
    metric::normalise_tags(tags);
    metric::Batch batch;
    batch.pin(schemas_);
    const auto id =
        schemas_.intern({measurement, tags, std::vector<metric::Field>{{field, metric::FieldType::kString}}});
    batch.add(id.value(), 1, now).set(0, value);
    engine_->observe(batch, now);
    collect();
  }

  // How full web1's disk is, every five seconds.
  void disk(double used_percent, int times = 1) {
    for (int i = 0; i < times; ++i) {
      pass(5);
      row("disk", kTestRoot, "used_percent", used_percent);
    }
  }

  // Time passes, a second at a time; hosts in `up` are heard of.
  void pass(std::int64_t seconds, bool heard = true) {
    for (std::int64_t i = 0; i < seconds; ++i) {
      now += kTestSecond;
      for (fleet::Host& host : hosts) {
        if (heard && !silent.contains(host.name)) host.last_seen = now;
        const std::int64_t silence = now - host.last_seen;
        host.state = silence <= 12 * kTestSecond   ? fleet::State::kUp
                     : silence <= 40 * kTestSecond ? fleet::State::kLate
                                                   : fleet::State::kDown;
      }
      engine_->tick(now, hosts);
      collect();
    }
  }

  void collect() {
    for (Transition& one : engine_->take_transitions()) history.push_back(std::move(one));
    for (std::string& one : engine_->take_notices()) notices.push_back(std::move(one));
    for (Outgoing& one : notifier_->run(now, silences)) {
      told.push_back(one.channel);
      messages.push_back(std::move(one.message));
    }
  }

  std::vector<std::string> titles() const {
    std::vector<std::string> out;
    for (const Message& message : messages) out.push_back(message.title);
    return out;
  }
  Engine& engine() { return *engine_; }
  Notifier& notifier() { return *notifier_; }
  metric::SchemaTable& schemas() { return schemas_; }

  UnixNanos now = kTestStart;
  std::vector<fleet::Host> hosts;
  std::set<std::string> silent;
  std::vector<Silence> silences;
  std::vector<Transition> history;
  std::vector<std::string> notices;
  std::vector<Message> messages;
  std::vector<std::string> told;  // the channel of each

 private:
  Config read(std::string_view toml) const {
    const std::string own(toml);
    const std::size_t tables = std::min(own.find('['), own.size());  // what is before them is the file's own
    std::string all = "notify = \"phone\"\n" + own.substr(0, tables) +
                      "[channel.phone]\nkind = \"ntfy\"\ntopic = \"x\"\n" + own.substr(tables);
    auto made = read_config(all, "alerts.toml");
    if (!made) throw std::runtime_error(made.error().message);
    // Without built-in rules that a test does not name.
    if (rules_to_keep_ != "all")
      for (Rule& rule : made->rules)
        if (rule.built_in && rules_to_keep_.find(rule.name) == std::string::npos) rule.enabled = false;
    return *std::move(made);
  }

  metric::SchemaTable schemas_;
  std::string rules_to_keep_;
  Config config_;
  std::unique_ptr<Config> reloaded_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Notifier> notifier_;
};

}  // namespace resmon::alert
