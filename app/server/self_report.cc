#include "self_report.h"

#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "app.h"
#include "base/log.h"
#include "ingest/log.h"
#include "inputs.h"
#include "listeners.h"
#include "net/spawn.h"
#include "server_metrics.h"
#include "sink/sink.h"
#include "sinks.h"
#include "storage.h"

namespace resmon::server {

namespace {

std::string machine_name() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "unknown";
  return name;
}

}  // namespace

SelfReport::SelfReport(App& app, boost::asio::io_context& context, std::chrono::nanoseconds interval)
    : app_(app), timer_(context), interval_(interval) {}

void SelfReport::start() {
  const metric::Tag server{"server", machine_name()};
  server_ = {"internal_server", {server}, server_fields()};
  arm();
}

void SelfReport::stop() {
  net::post(timer_.get_executor(), [this] { timer_.cancel(); });
}

// At round times, as clients sample, so that all that is drawn together has the same times.
void SelfReport::arm() {
  const std::int64_t step = interval_.count();
  timer_.expires_after(std::chrono::nanoseconds(step - Clock::system().wall() % step));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || app_.stopping()) return;
    write();
    arm();
  });
}

void SelfReport::write() {
  const UnixNanos now = Clock::system().wall();
  const UnixNanos time = now / interval_.count() * interval_.count();
  metric::Batch batch;
  batch.pin(app_.storage().schemas());
  const auto intern = [&](metric::Schema schema) {
    return app_.storage().schemas().intern(std::move(schema), metric::SchemaTable::Room::kBeyondLimit).value();
  };
  const metric::Tag server = server_.tags[0];
  const auto add = [&](const std::string& measurement, std::vector<metric::Tag> tags, const auto& stats,
                       const auto& of) {
    tags.push_back(server);
    metric::add_stats(stats, of, intern(metric::stat_schema(measurement, std::move(tags), stats)), time, batch);
  };
  metric::RowWriter row = batch.add(intern(server_), server_.fields.size(), time);
  set_server_fields(ServerReading(app_), row);
  for (const SinkUnit& unit : app_.sinks().units()) {
    const SinkReading reading(unit);
    add("internal_sink", {{"sink", reading.stats.name}}, sink_stats(), reading);
  }
  for (const door::DoorStats& stats : app_.listeners().inputs().stats())
    add("internal_input", {{"input", stats.name}}, door::door_stats(), stats);
  for (const auto& [place, rules] : read_rules(app_))
    for (const rule::RuleStats& one : rules)
      add("internal_rule", {{"place", place}, {"rule", one.name}}, rule::rule_stats(), one);
  // A log that is full makes clients wait; what the server says of itself is not worth waiting for.
  if (auto appended = app_.storage().journal().append(batch, now); !appended)
    log::debug("server", "its own numbers were not taken", {{"reason", appended.error().message}});
}

}  // namespace resmon::server
