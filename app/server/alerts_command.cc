#include "alerts_command.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "alert/message.h"
#include "alert_replay.h"
#include "alert_views.h"
#include "base/exit_code.h"
#include "base/file.h"
#include "base/json_text.h"
#include "command_tools.h"
#include "config/units.h"
#include "fleet/fleet.h"
#include "fleet_memory.h"
#include "flush_request.h"
#include "influxql/parse/time_text.h"
#include "logs/archive.h"
#include "logs/query.h"
#include "options.h"
#include "program/program.h"
#include "rules.h"
#include "store/store.h"

namespace resmon::server {

namespace {

constexpr const char* kAlertsName = "resmon-server";

struct AlertsCommand {
  Options options;
  config::Settings settings{"server"};
  std::vector<std::string> words;
  std::string since = "30d";
  std::string host;
  bool json = false;
};

// How long before `now`, or a time.
Result<UnixNanos> begin_of(const std::string& since, UnixNanos now) {
  if (const auto span = config::parse_duration(since); span && span->count() > 0 && span->count() < now)
    return now - span->count();
  const auto time = influxql::parse_time(since, nullptr);
  if (!time || time->seconds <= 0 || time->seconds > now / 1'000'000'000)
    return fail(
        ErrorKind::kInvalid,
        "--since: '" + since + "' is neither a span such as 30d or 12h nor a time in the past such as 2026-01-02");
  return time->seconds * 1'000'000'000 + time->nanos;
}

std::string where(const ReplayedAlert& one) {
  std::string out = one.host.empty() ? "server" : one.host;
  for (const metric::Tag& tag : one.tags) out += " " + tag.key + "=" + tag.value;
  return printable(out);
}

void print_text(const std::string& rule, const Replay& replay, const store::TimeRange& range) {
  for (const ReplayedAlert& one : replay.alerts) {
    std::printf("%s  %s", alert::time_text(one.fired).c_str(), where(one).c_str());
    if (!one.value.empty()) std::printf("  %s (limit %s)", printable(one.value).c_str(), one.limit.c_str());
    if (one.ended == 0)
      std::printf("  fires at the end\n");
    else
      std::printf("  for %s%s%s\n", alert::duration_text(one.ended - one.fired).c_str(),
                  one.reason.empty() ? "" : ", then: ", one.reason.c_str());
  }
  const auto number = [](std::uint64_t n) { return static_cast<unsigned long long>(n); };
  if (replay.fired > replay.alerts.size()) std::printf("and %llu more\n", number(replay.fired - replay.alerts.size()));
  std::printf("%s: would have fired %llu times on %llu of %llu hosts since %s\n", rule.c_str(), number(replay.fired),
              number(replay.hosts), number(replay.looked_at), alert::time_text(range.first).c_str());
  if (replay.rows == 0)
    std::printf("no sample of it is stored since then\n");
  else if (replay.first_row - range.first > 3'600'000'000'000)
    std::printf("its oldest stored sample is of %s\n", alert::time_text(replay.first_row).c_str());
}

void print_json(const std::string& rule, const Replay& replay, const store::TimeRange& range) {
  JsonArray alerts;
  for (const ReplayedAlert& one : replay.alerts) alerts.raw(replayed_to_json(one));
  const std::string text = replay_to_json(replay, range)
                               .text("rule", rule)
                               .number("rows", replay.rows)
                               .raw("alerts", alerts.finish())
                               .finish();
  std::printf("%s\n", text.c_str());
}

// Of blocks, and of the journal, which has the newest lines until their block is full.
std::map<std::string, std::vector<UnixNanos>> archived_lines(const std::string& directory, const std::string& text,
                                                             const store::TimeRange& range) {
  std::map<std::string, std::vector<UnixNanos>> out;
  const auto query = logs::Query::parse(text);
  if (!query) return out;
  (void)logs::read_archive(
      directory, [&](const std::string& host, const std::string& source, const logline::Line& line) -> Status {
        if (line.time >= range.first && line.time <= range.last && query->matches(host, source, line))
          out[host].push_back(line.time);
        return {};
      });
  for (auto& [host, times] : out) std::sort(times.begin(), times.end());
  return out;
}

struct Replayed {
  Replay replay;
  store::TimeRange range;
  std::uint64_t damaged = 0;
};

Result<Replayed> replay(const AlertsCommand& command, const alert::Config& config) {
  const std::string& rule = command.words[1];
  if (config.rule(rule) == nullptr) return fail(ErrorKind::kNotFound, "there is no rule '" + printable(rule) + "'");
  const UnixNanos now = Clock::system().wall();
  Replayed out;
  RESMON_ASSIGN(out.range.first, begin_of(command.since, now));
  out.range.last = now;
  metric::SchemaTable schemas;
  const store::Options options = command.options.store_options();
  RESMON_ASSIGN(const std::unique_ptr<store::Store> opened, open_flushed(options, schemas));
  fleet::Fleet fleet(schemas, Clock::system());
  FleetMemory(options.directory + "/hosts.json", fleet).load();
  ReplayRequest request{config, rule, out.range, command.host, fleet.hosts(), {}, {}};
  request.lines = [&](const std::string& query) {
    return archived_lines(command.options.logs_options().directory, query, out.range);
  };
  RESMON_ASSIGN(out.replay, replay_rule(request, *opened));
  out.damaged = opened->stats().damaged_chunks;
  return out;
}

int test_rule(const AlertsCommand& command) {
  const auto config = alert_rules(command.options);  // its errors are like those of the configuration
  if (!config) return program::complain(kAlertsName, config.error(), kExitConfiguration);
  const auto done = replay(command, *config);
  if (!done) {
    const bool usage = done.error().kind == ErrorKind::kInvalid || done.error().kind == ErrorKind::kNotFound;
    return program::complain(kAlertsName, Error(done.error()).wrap("alerts test"), usage ? kExitUsage : kExitFailed);
  }
  if (command.json)
    print_json(command.words[1], done->replay, done->range);
  else
    print_text(command.words[1], done->replay, done->range);
  return end_with_damage("alerts test", done->damaged);
}

}  // namespace

int run_alerts_command(int argc, char** argv) {
  AlertsCommand command;
  command.options.declare(command.settings);
  program::Program program({std::string(kAlertsName) + " alerts", RESMON_VERSION,
                            "Lists when an alert rule would have fired in the stored history.",
                            "Examples:\n"
                            "  resmon-server alerts test disk-full --config server.toml --since 7d\n"
                            "  resmon-server alerts test busy --set alerts.rules_file=draft.toml --host web1\n"
                            "Rows are evaluated at their own times, without silences, maintenance windows\n"
                            "and `unless`. The server may keep running; nothing is written or sent.\n"
                            "Exit codes: 0 done, 1 failed, 2 usage, 3 configuration or rules file,\n"
                            "  5 damaged chunks were left out"},
                           command.settings);
  program.words(&command.words, "test RULE");
  program.option("--since", &command.since, "SPAN|TIME", "Where to begin: a span or a time (default 30d)");
  program.option("--host", &command.host, "NAME", "On this host only");
  program.flag("--json", &command.json, "For programs");
  if (const auto code = program.start(argc, argv, [&] { return command.options.check(); })) return *code;
  if (command.words.size() != 2 || command.words[0] != "test")
    return program::complain(kAlertsName, Error{ErrorKind::kInvalid, "alerts: the usage is: alerts test RULE"},
                             kExitUsage);
  command.options.log.level = "warn";
  if (Status applied = command.options.log.apply(); !applied)
    return program::complain(kAlertsName, applied.error(), kExitConfiguration);
  return test_rule(command);
}

}  // namespace resmon::server
