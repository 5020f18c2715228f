// Rules as an editor sees and changes them: the file is the truth, and comments stay.

#include <sys/stat.h>

#include <cmath>
#include <filesystem>
#include <set>

#include "alert/rule_text.h"
#include "alert_replay.h"
#include "alert_views.h"
#include "alerts.h"
#include "base/file.h"
#include "base/log.h"
#include "fleet/fleet.h"
#include "logs/store.h"
#include "storage.h"
#include "store/store.h"

namespace resmon::server {

namespace {

constexpr int kMostPreviews = 2;  // at once
constexpr std::chrono::seconds kPreviewTime{4};
constexpr std::size_t kPreviewAlerts = 200;
constexpr std::size_t kPreviewParts = 240;
constexpr std::size_t kLargestRules = 1U << 20U;

// One of those that try now, as long as it lives.
class PreviewTurn {
 public:
  explicit PreviewTurn(std::atomic<int>& all) : all_(all), number_(all.fetch_add(1)) {}
  ~PreviewTurn() { --all_; }
  PreviewTurn(const PreviewTurn&) = delete;
  PreviewTurn& operator=(const PreviewTurn&) = delete;
  int number() const { return number_; }

 private:
  std::atomic<int>& all_;
  const int number_;
};

std::string mistakes_json(const std::vector<alert::RuleMistake>& mistakes) {
  JsonArray out;
  for (const alert::RuleMistake& one : mistakes)
    out.raw(JsonObject().number("line", one.line).number("column", one.column).text("reason", one.reason).finish());
  const alert::RuleMistake& first = mistakes[0];
  const std::string place = first.line == 0 ? "" : fmt::format("line {}, column {}: ", first.line, first.column);
  return JsonObject().text("error", place + first.reason).raw("mistakes", out.finish()).finish() + "\n";
}

// Without the blanks at its end, which an editor may or may not keep.
std::string without_end(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ' || text.back() == '\r')) text.pop_back();
  return text;
}

std::string chart_json(const ChartedAlert& chart) {
  JsonArray values;
  for (const double one : chart.values) values.raw(std::isfinite(one) ? fmt::format("{}", one) : "null");
  return JsonObject()
      .text("host", chart.host)
      .raw("tags", tags_json(chart.tags))
      .raw("limit", std::isfinite(chart.limit) ? fmt::format("{}", chart.limit) : "null")
      .raw("values", values.finish())
      .finish();
}

std::string replay_json(const Replay& replay, const store::TimeRange& range) {
  JsonArray alerts;
  for (std::size_t i = 0; i < std::min(replay.alerts.size(), kPreviewAlerts); ++i) {
    // The newest are what one remembers.
    const ReplayedAlert& one = replay.alerts[replay.alerts.size() - 1 - i];
    alerts.raw(replayed_to_json(one));
  }
  return replay_to_json(replay, range)
             .raw("mistakes", "[]")
             .number("hosts_replayed", replay.replayed)
             .boolean("partial", replay.partial)
             .raw("alerts", alerts.finish())
             .raw("chart", replay.charts.empty() ? "null" : chart_json(replay.charts[0]))
             .finish() +
         "\n";
}

}  // namespace

Result<std::string> Alerts::rule_text_json(const std::string& name) {
  RESMON_ASSIGN(const std::string toml, rules_text());
  RESMON_ASSIGN(const alert::RulePlace place, alert::find_rule_text(toml, name));
  const std::string built_in = alert::default_rule_text(name);
  if (!place.found && built_in.empty()) return fail(ErrorKind::kNotFound, "there is no rule of this name");
  return JsonObject()
             .text("name", name)
             .text("file", rules_file_)
             .boolean("in_file", place.found)
             .text("text", toml.substr(place.begin, place.end - place.begin))
             .text("built_in", built_in)
             .finish() +
         "\n";
}

Result<std::string> Alerts::preview_rule_json(const std::string& name, const std::string& text,
                                              std::chrono::nanoseconds span) {
  RESMON_ASSIGN(const std::string toml, rules_text());
  const alert::RuleDraft draft = alert::draft_rule(toml, name, text);
  if (!draft.mistakes.empty()) return mistakes_json(draft.mistakes);
  const PreviewTurn turn(previews_);
  if (turn.number() >= kMostPreviews)
    return fail(ErrorKind::kLimit, "other users try rules at the moment: try again soon");
  const UnixNanos now = Clock::system().wall();
  ReplayRequest request{draft.config, name, {now - span.count(), now}, {}, hosts_.hosts(), {}, {}};
  request.until = std::chrono::steady_clock::now() + kPreviewTime;
  request.chart_parts = kPreviewParts;
  if (storage_.logs() != nullptr)
    request.lines = [&](const std::string& query) {
      return line_times(*storage_.logs(), query, {}, request.range.first, request.range.last, request.until);
    };
  const auto replay = replay_rule(request, storage_.store());
  if (!replay) return fail(replay.error().kind, replay.error().message);
  return replay_json(*replay, request.range);
}

Alerts::RuleWritten Alerts::write_rule(const std::string& name, const std::string& text, const std::string& was,
                                       const std::string& author) {
  using Kind = RuleWritten::Kind;
  const MutexLock lock(mutex_);
  const auto toml = rules_text();
  if (!toml) return {Kind::kFailed, toml.error().message};
  const auto place = alert::find_rule_text(*toml, name);
  if (!place) return {Kind::kFailed, place.error().message};
  if (without_end(toml->substr(place->begin, place->end - place->begin)) != without_end(was))
    return {Kind::kChanged, "somebody else changed this rule: load it again"};
  const alert::RuleDraft draft = alert::draft_rule(*toml, name, text);
  if (!draft.mistakes.empty()) return {Kind::kRefused, mistakes_json(draft.mistakes)};
  if (draft.toml.size() > kLargestRules) return {Kind::kFailed, "the file would be larger than 1 MiB"};
  struct stat info {};
  std::error_code error;
  const std::string path = std::filesystem::weakly_canonical(rules_file_, error).string();  // not a link in its place
  const unsigned mode = ::stat(rules_file_.c_str(), &info) == 0 ? info.st_mode & 0777U : 0600U;
  if (Status written = write_file_atomically(error ? rules_file_ : path, draft.toml, mode); !written)
    return {Kind::kFailed, "the server cannot write the rules file (" + written.error().message +
                               "): change it by hand, or set alerts.rules_file to a file in a directory that the "
                               "server's user may write, such as store.directory"};
  log::info("alerts", text.empty() ? "a rule was removed from the file" : "a rule was changed in the file",
            {{"rule", name}, {"by", author}});
  reload_if_changed();
  bell_->ring();
  return {Kind::kDone, {}};
}

std::string Alerts::silence_preview_json(const alert::Silence& silence) {
  const UnixNanos now = Clock::system().wall();
  const fleet::Search search(silence.hosts);
  std::uint64_t hosts_selected = 0;
  for (const fleet::Host& host : hosts_.hosts()) hosts_selected += search.matches(host) ? 1U : 0U;
  const MutexLock lock(mutex_);
  std::uint64_t alerts = 0;
  std::set<std::string> hosts;
  for (const alert::Alert* const one : rules_->engine->active()) {
    const fleet::Host& host = one->host->view;
    if (one->state != alert::AlertState::kFiring ||
        !alert::matches_pattern(rules_->config.rules[one->rule].name, silence.rule) || !search.matches(host))
      continue;
    ++alerts;
    hosts.insert(host.name);
  }
  std::uint64_t rules = 0;
  for (const alert::Rule& rule : rules_->config.rules)
    if (rule.enabled && alert::matches_pattern(rule.name, silence.rule)) ++rules;
  return JsonObject()
             .number("server_time", now / 1'000'000)
             .number("alerts", alerts)
             .number("hosts", hosts.size())
             .number("hosts_selected", hosts_selected)
             .number("rules_selected", rules)
             .finish() +
         "\n";
}

}  // namespace resmon::server
