#include "sinks.h"

#include <algorithm>
#include <thread>

#include "base/log.h"
#include "ingest/log.h"
#include "line_source.h"
#include "log_source.h"
#include "logs/store.h"
#include "net/spawn.h"
#include "options.h"
#include "rule_source.h"
#include "sink/sink.h"
#include "startup.h"
#include "storage.h"

namespace resmon::server {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

const std::string kSinkPrefix = "sink.";  // of the names of sinks' cursors
constexpr auto kSinkPatience = milliseconds(5000);

void wait_until_stopped(const sink::Sink& sink, steady_clock::time_point until) {
  while (sink.stats().state != sink::State::kStopped && steady_clock::now() < until)
    std::this_thread::sleep_for(milliseconds(5));
}

}  // namespace

Sinks::Sinks(const Options& options, Storage& storage, boost::asio::any_io_executor executor)
    : options_(options), storage_(storage), executor_(std::move(executor)) {}

Sinks::~Sinks() = default;

Status Sinks::make() {
  for (const sink::SinkOptions& options : options_.sinks)
    if (options.kind != "loki") RESMON_TRY(make_unit(options));
  return make_line_units();
}

Status Sinks::make_unit(const sink::SinkOptions& options) {
  SinkUnit unit;
  RESMON_ASSIGN(unit.reader,
                storage_.journal().add_reader(kSinkPrefix + options.name, ingest::LogReader::Loss::kOldest));
  unit.source = std::make_unique<LogSource>(executor_, *unit.reader);
  sink::Source* source = unit.source.get();
  if (const auto rules = options_.sink_rules.find(options.name);
      rules != options_.sink_rules.end() && !rules->second.empty()) {
    unit.rules = std::make_unique<RuleSource>(*unit.source, rules->second, storage_.schemas(),
                                              options_.store_directory + "/sink-" + options.name + ".windows",
                                              storage_.journal().id());
    source = unit.rules.get();
  }
  auto made = sink::Sink::make(executor_, options, storage_.schemas(), *source);
  if (!made) return fail(std::move(made).error().wrap("sink." + options.name));
  unit.sink = std::move(*made);
  units_.push_back(std::move(unit));
  return {};
}

Status Sinks::make_line_units() {
  for (const sink::SinkOptions& given : options_.sinks) {
    const auto found = options_.sink_lines.find(given.name);
    const std::string query = found == options_.sink_lines.end() ? std::string() : found->second;
    if (query.empty() && given.kind != "loki") continue;
    if (storage_.logs() == nullptr)
      log::warn("sink", "no log lines are sent: logs.enabled is false, so the server stores none",
                {{"name", given.name}});
    else
      RESMON_TRY(make_line_unit(given, query));
  }
  if (storage_.logs() == nullptr) return {};
  for (const journal::ReaderStats& gone : storage_.logs()->forget_others(kSinkPrefix))
    log::warn("sink", "gets no more log lines: its backlog is dropped",
              {{"name", gone.name.substr(kSinkPrefix.size())}, {"records", gone.backlog_records}});
  return {};
}

Status Sinks::make_line_unit(const sink::SinkOptions& given, const std::string& query) {
  sink::SinkOptions options = given;
  options.resend_window = {};  // lines that come twice are two lines in some databases
  if (options.kind != "loki") {
    options.name += " lines";
    options.refused_file.insert(std::min(options.refused_file.rfind('.'), options.refused_file.size()), "-lines");
  }
  LineSinkUnit unit;
  auto parsed = logs::Query::parse(query == "*" ? "" : query);
  if (!parsed) return fail(std::move(parsed).error().wrap("sink." + given.name + ".lines"));
  RESMON_ASSIGN(unit.reader, storage_.logs()->add_reader(kSinkPrefix + given.name));
  unit.source = std::make_unique<LineSource>(executor_, *unit.reader, storage_.schemas(), std::move(*parsed),
                                             options.kind == "loki");
  auto made = sink::Sink::make(executor_, options, storage_.schemas(), *unit.source);
  if (!made) return fail(std::move(made).error().wrap("sink." + given.name));
  unit.sink = std::move(*made);
  line_units_.push_back(std::move(unit));
  return {};
}

void Sinks::forget_removed() {
  for (const journal::ReaderStats& gone : storage_.journal().forget_others(kSinkPrefix)) {
    removed_.push_back({gone.name.substr(kSinkPrefix.size()), gone.backlog_records});
    log::warn("sink", "no longer configured; its backlog in the journal is dropped",
              {{"name", removed_.back().name}, {"entries", gone.backlog_records}});
  }
}

void Sinks::start() {
  for (const SinkUnit& unit : units_) net::start(unit.sink->executor(), unit.sink->run());
  for (const LineSinkUnit& unit : line_units_) net::start(unit.sink->executor(), unit.sink->run());
}

void Sinks::renew_pins() {
  for (const SinkUnit& unit : units_) {
    unit.source->renew_pin();
    if (unit.rules) unit.rules->renew_pin();
  }
  for (const LineSinkUnit& unit : line_units_) unit.source->renew_pin();
}

void Sinks::drain(steady_clock::time_point latest) {
  const Step step("sinks drained");
  for (const SinkUnit& unit : units_) unit.sink->stop(kSinkPatience);
  for (const LineSinkUnit& unit : line_units_) unit.sink->stop(kSinkPatience);
  const auto until = std::min(steady_clock::now() + kSinkPatience + milliseconds(500), latest);
  for (const SinkUnit& unit : units_) wait_until_stopped(*unit.sink, until);
  for (const LineSinkUnit& unit : line_units_) wait_until_stopped(*unit.sink, until);
  for (const SinkUnit& unit : units_)
    if (const auto left = unit.reader->stats(); left.backlog_entries > 0)
      log::info("sink", "stopped; undelivered samples stay in the journal",
                {{"sink", unit.sink->stats().name}, {"samples", left.backlog_samples}});
}

}  // namespace resmon::server
