// A script can invent series without end (a pid as a tag is enough), and the client's table of schemas never forgets.
// So each script's lines are decoded against a small table of its own, whose limit is `max_series`; its ids are
// translated to the client's, where a series new to the script is interned with the configured tags. When the small
// table is full, further series are refused line by line, counted and named in the log; those it knows go on.

#include "collect/scripts.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "base/log.h"
#include "collect/failure_log.h"
#include "collect/row_schema.h"
#include "collect/script_process.h"
#include "lineproto/decoder.h"
#include "net/spawn.h"
#include "procfs/scan.h"

namespace resmon::collect {

namespace {

namespace asio = boost::asio;

enum ScriptField : std::size_t {
  kScriptDuration,
  kScriptSuccess,
  kScriptFailures,
  kTimeouts,
  kSkippedRuns,
  kRefusedLines,
  kRefusedValues,
  kOutputBytes,
  kScriptExitCode
};
constexpr FieldSpec kScriptFields[] = {
    {"duration_seconds", kFloat}, {"success", kBoolean},      {"failures", kInteger},
    {"timeouts", kInteger},       {"skipped_runs", kInteger}, {"refused_lines", kInteger},
    {"refused_values", kInteger}, {"output_bytes", kInteger}, {"exit_code", kInteger}};

enum PanelField : std::size_t { kPanelTitle, kPanelUnit, kPanelKind };
constexpr FieldSpec kPanel[] = {{"title", kString}, {"unit", kString}, {"kind", kString}};
constexpr auto kPanelEvery = std::chrono::hours(1);
constexpr std::size_t kMostTitleBytes = 128;

constexpr std::chrono::minutes kLongestSleep{1};
constexpr std::size_t kMostScripts = 100;

// The program's own environment is not handed on: it may hold a database's token.
std::vector<std::string> environment_of(const std::string& name, const ScriptOptions& options,
                                        std::chrono::nanoseconds interval, const std::string& host) {
  std::map<std::string, std::string> all = {
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
      {"LC_ALL", "C.UTF-8"},
      {"HOME", "/"},
      {"RESMON_SCRIPT", name},
      {"RESMON_HOST", host},
      {"RESMON_INTERVAL_SECONDS", std::to_string(std::max<std::int64_t>(1, interval.count() / 1'000'000'000))}};
  for (const auto& [key, value] : options.environment) all[key] = value;
  std::vector<std::string> out;
  for (const auto& [key, value] : all) out.push_back(key + '=' + value);
  return out;
}

// One script: its schedule, its process, its memory of series.
class Script {
 public:
  Script(const asio::any_io_executor& executor, std::string name, ScriptOptions options,
         std::chrono::nanoseconds interval, const std::string& host, metric::SchemaTable& schemas, const Clock& clock,
         const Scripts::Deliver& deliver)
      : clock_(clock),
        deliver_(deliver),
        schemas_(schemas),
        options_(std::move(options)),
        interval_(options_.interval.count() > 0 ? options_.interval : interval),
        shape_{options_.measurement.empty() ? name : options_.measurement, options_.tag_keys},
        format_(parse_script_format(options_.format).value_or(ScriptFormat::kAuto)),
        precision_(lineproto::parse_precision(options_.precision).value_or(lineproto::Precision::kNanosecond)),
        own_schemas_(static_cast<std::size_t>(options_.max_series)),
        decoder_(own_schemas_, {.line_bytes = 64U << 10U, .errors_kept = 1, .cache_bytes = 4U << 20U}),
        internal_(schemas, "internal_collector", {{"collector", "script." + name}}, kScriptFields),
        has_panel_(!options_.panel_title.empty() || !options_.panel_unit.empty() || !options_.panel_kind.empty()),
        timer_(executor),
        process_(std::make_shared<ScriptProcess>(executor)),
        log_("script", name) {
    command_.words = options_.command;
    command_.environment = environment_of(name, options_, interval_, host);
    command_.timeout = options_.timeout;
    command_.output_limit_bytes = static_cast<std::size_t>(options_.output_limit_bytes);
    health_.name = std::move(name);
  }

  void schedule() {
    const UnixNanos now = clock_.wall();
    due_ = next_aligned(now, interval_);
    sleep();
  }

  void run(UnixNanos time, std::function<void()> done) {
    if (process_->there()) {
      ++health_.skipped_runs;
      ScriptProcess::Outcome outcome;
      outcome.status = fail(ErrorKind::kUnavailable, "skipped: the previous run has not ended");
      report(time, outcome);
      if (done) done();
      return;
    }
    ++health_.runs;
    process_->start(command_, output_, [this, time, done = std::move(done)](ScriptProcess::Outcome outcome) {
      if (outcome.status) outcome.status = decode(time);
      report(time, outcome);
      if (done) done();
    });
  }

  void stop() {
    stopped_ = true;
    timer_.cancel();
    process_->kill();
  }

  const Scripts::Health& health() const { return health_; }

 private:
  // Long sleeps are cut up, because the wall clock may be set meanwhile.
  void sleep() {
    const UnixNanos left = due_ - clock_.wall();
    if (left > interval_.count()) return schedule();  // the clock was set back
    timer_.expires_after(std::clamp<std::chrono::nanoseconds>(std::chrono::nanoseconds(left), {}, kLongestSleep));
    timer_.async_wait([this](const boost::system::error_code& cancelled) {
      if (cancelled || stopped_) return;
      if (clock_.wall() < due_) return sleep();
      // Late by more than an interval, after a suspend: the sample is of now, not of when it was due.
      const UnixNanos now = clock_.wall();
      run(now - due_ >= interval_.count() ? now / interval_.count() * interval_.count() : due_, {});
      if (!stopped_) schedule();
    });
  }

  Status decode(UnixNanos time) {
    script_lines(format_, output_, shape_, lines_);
    own_.clear();
    const lineproto::DecodeOptions decode_options{.precision = precision_, .default_time = time};
    const lineproto::DecodeReport decoded = decoder_.decode(lines_.text, decode_options, own_);
    std::uint64_t refused = lines_.refused + decoded.refused_lines;
    std::string error = lines_.error;
    if (error.empty() && !decoded.errors.empty()) error = describe(decoded.errors.front());
    for (const metric::Row& row : own_.rows()) {
      if (row.time >= lineproto::kYear1971) {
        RESMON_TRY(copy(row));
      } else {
        ++refused;
        if (error.empty())
          error =
              lineproto::wrong_unit(own_schemas_[row.schema].measurement, row.time, precision_, "precision = \"*\"");
      }
    }
    note_values();
    health_.refused_lines += refused;
    if (refused == 0) return {};
    std::string text = std::to_string(refused) + (refused == 1 ? " line refused" : " lines refused");
    if (own_schemas_.size() >= static_cast<std::size_t>(options_.max_series)) text += " (max_series is reached)";
    return fail(ErrorKind::kInvalid, text + ": " + error);
  }

  // The decoder's words, with no more of the line than its first 80 bytes.
  std::string describe(const lineproto::LineError& error) const {
    constexpr std::size_t kShort = 200;
    if (error.message.size() <= kShort) return error.message;
    procfs::Lines lines(lines_.text);
    std::string_view line;
    for (std::uint64_t i = 0; i < error.line_number; ++i) lines.next(line);
    const std::size_t reason = error.message.rfind("': ");
    return "unable to parse " + procfs::quoted(line) +
           (reason == std::string::npos ? "" : ": " + error.message.substr(reason + 3, kShort));
  }

  void note_values() {
    health_.refused_values += lines_.left_out;
    if (lines_.left_out == 0 || std::exchange(told_values_, true)) return;
    log::info("collect", "a script prints values that are not finite numbers; their fields are left out",
              {{"script", health_.name}, {"values", lines_.left_out}});
  }

  Status copy(const metric::Row& row) {
    if (row.schema >= ids_.size()) ids_.resize(row.schema + 1);
    std::optional<metric::SchemaId>& id = ids_[row.schema];
    if (!id) {
      metric::Schema schema = own_schemas_[row.schema];
      std::vector<metric::Tag> tags;
      for (const auto& [key, value] : options_.tags) tags.push_back({key, value});
      for (const metric::Tag& tag : schema.tags) tags.push_back(tag);  // a later one wins: the script's own
      metric::normalise_tags(tags);
      schema.tags = std::move(tags);
      RESMON_ASSIGN(id, schemas_.intern(std::move(schema)));
    }
    metric::RowWriter writer = rows_.add(*id, row.fields, row.time);
    const std::vector<metric::Field>& fields = own_schemas_[row.schema].fields;
    for (std::size_t i = 0; i < row.fields; ++i) {
      if (!own_.has(row, i)) continue;
      if (fields[i].type == metric::FieldType::kString)
        writer.set(i, own_.string(row, i));
      else
        writer.set_cell(i, own_.value(row, i));
    }
    return {};
  }

  void report(UnixNanos time, const ScriptProcess::Outcome& outcome) {
    note(outcome);
    if (internal_.ready()) {
      metric::RowWriter row = internal_.add(rows_, time);
      row.set(kScriptDuration, std::round(std::chrono::duration<double, std::micro>(outcome.took).count()) / 1e6);
      row.set(kScriptSuccess, health_.error.empty());
      row.set(kScriptFailures, clip(health_.failures));
      row.set(kTimeouts, clip(health_.timeouts));
      row.set(kSkippedRuns, clip(health_.skipped_runs));
      row.set(kRefusedLines, clip(health_.refused_lines));
      row.set(kRefusedValues, clip(health_.refused_values));
      row.set(kOutputBytes, clip(outcome.output_bytes));
      row.set(kScriptExitCode, static_cast<std::int64_t>(outcome.exit_code));
    }
    if (has_panel_) add_panel(time);
    deliver_(rows_);
    rows_.clear();
  }

  // Once an hour, so that the newest day has it.
  void add_panel(UnixNanos time) {
    const auto now = clock_.steady();
    if (panel_ && now - panel_at_ < kPanelEvery) return;
    if (!panel_)
      panel_.emplace(schemas_, "script_panel", std::vector<metric::Tag>{{"measurement", shape_.measurement}}, kPanel);
    if (!panel_->ready()) return;
    panel_at_ = now;
    metric::RowWriter row = panel_->add(rows_, time);
    if (!options_.panel_title.empty()) row.set(kPanelTitle, std::string_view(options_.panel_title));
    if (!options_.panel_unit.empty()) row.set(kPanelUnit, std::string_view(options_.panel_unit));
    if (!options_.panel_kind.empty()) row.set(kPanelKind, std::string_view(options_.panel_kind));
  }

  void note(const ScriptProcess::Outcome& outcome) {
    if (outcome.timed_out) ++health_.timeouts;
    if (outcome.status) {
      health_.error.clear();
      log_.works();
      return;
    }
    ++health_.failures;
    health_.error = outcome.status.error().message;
    log_.failed(health_.error, clock_.steady());
  }

  const Clock& clock_;
  const Scripts::Deliver& deliver_;
  metric::SchemaTable& schemas_;
  const ScriptOptions options_;
  const std::chrono::nanoseconds interval_;
  const ScriptShape shape_;
  const ScriptFormat format_;
  const lineproto::Precision precision_;
  metric::SchemaTable own_schemas_;
  lineproto::LineDecoder decoder_;
  RowSchema internal_;
  const bool has_panel_;
  std::optional<RowSchema> panel_;  // none before the first row
  std::chrono::steady_clock::time_point panel_at_;
  std::vector<std::optional<metric::SchemaId>> ids_;  // of own_schemas_, in schemas_
  ScriptCommand command_;
  asio::steady_timer timer_;
  std::shared_ptr<ScriptProcess> process_;
  UnixNanos due_ = 0;
  std::string output_;
  ScriptLines lines_;
  bool told_values_ = false;
  metric::Batch own_;
  metric::Batch rows_;
  Scripts::Health health_;
  FailureLog log_;
  bool stopped_ = false;
};

class AllScripts final : public Scripts {
 public:
  AllScripts(const asio::any_io_executor& executor, Settings settings, metric::SchemaTable& schemas, Deliver deliver,
             const Clock& clock)
      : executor_(executor), clock_(clock), deliver_(std::move(deliver)) {
    for (auto& [name, options] : settings.scripts)
      if (options.enabled)
        scripts_.push_back(std::make_unique<Script>(executor, name, std::move(options), settings.interval,
                                                    settings.host, schemas, clock, deliver_));
  }
  ~AllScripts() override { stop(); }

  void begin() override {
    for (const auto& script : scripts_) script->schedule();
  }

  void run_once(std::function<void()> done) override {
    left_ = scripts_.size();
    if (left_ == 0) return net::post(executor_, std::move(done));
    const UnixNanos now = clock_.wall() / 1'000'000 * 1'000'000;
    for (const auto& script : scripts_)
      script->run(now, [this, done] {
        if (--left_ == 0) done();
      });
  }

  void stop() override {
    for (const auto& script : scripts_) script->stop();
  }

  std::vector<Health> health() const override {
    std::vector<Health> all;
    for (const auto& script : scripts_) all.push_back(script->health());
    return all;
  }

 private:
  asio::any_io_executor executor_;
  const Clock& clock_;
  Deliver deliver_;
  std::vector<std::unique_ptr<Script>> scripts_;
  std::size_t left_ = 0;
};

}  // namespace

Status ScriptOptions::check() const {
  if (command.empty() || command.front().empty()) return fail(ErrorKind::kInvalid, "command: nothing to run");
  for (const std::string& word : command)
    if (word.find('\0') != std::string::npos) return fail(ErrorKind::kInvalid, "command: contains a NUL byte");
  if (timeout.count() <= 0) return fail(ErrorKind::kInvalid, "timeout: must be positive");
  if (output_limit_bytes == 0) return fail(ErrorKind::kInvalid, "output_limit_bytes: must be positive");
  if (max_series <= 0) return fail(ErrorKind::kInvalid, "max_series: must be positive");
  if (!parse_script_format(format)) return fail(ErrorKind::kInvalid, "format: must be auto, influx, json or key_value");
  if (!lineproto::parse_precision(precision)) return fail(ErrorKind::kInvalid, "precision: must be ns, us, ms or s");
  if (panel_title.size() > kMostTitleBytes) return fail(ErrorKind::kInvalid, "panel.title: at most 128 bytes");
  for (const auto& [key, value] : tags)
    if (key == "host" || key == "time") return fail(ErrorKind::kInvalid, "tags." + key + ": this name is reserved");
  for (const auto& [key, value] : environment)
    if (key.empty() || key.find('=') != std::string::npos || value.find('\0') != std::string::npos)
      return fail(ErrorKind::kInvalid, "environment: a name is empty or has a '='");
  return {};
}

Result<std::unique_ptr<Scripts>> Scripts::make(const asio::any_io_executor& executor, Settings settings,
                                               metric::SchemaTable& schemas, Deliver deliver, const Clock& clock) {
  if (settings.scripts.size() > kMostScripts)
    return fail(ErrorKind::kLimit, "more than " + std::to_string(kMostScripts) + " scripts");
  for (const auto& [name, options] : settings.scripts)
    if (Status good = options.check(); !good) return fail(std::move(good).error().wrap("script." + name));
  return std::unique_ptr<Scripts>(
      std::make_unique<AllScripts>(executor, std::move(settings), schemas, std::move(deliver), clock));
}

}  // namespace resmon::collect
