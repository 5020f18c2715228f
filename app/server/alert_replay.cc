// An engine of its own for each host, so that memory is bounded by one host's rows of a quarter of a day. Rows of
// several series meet in order of time, and time itself passes in steps, because silence and absence are what no row
// says. Another series of the host tells that it reports at all, where it has one.

#include "alert_replay.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "alert/engine.h"
#include "alert/notifier.h"
#include "alert_views.h"
#include "block_rows.h"
#include "metric/batch.h"

namespace resmon::server {

namespace {

constexpr std::int64_t kReplayStep = 20'000'000'000;  // below the engine's bound for a pause
constexpr std::int64_t kReplayPart = 6LL * 3600 * 1'000'000'000;
constexpr std::int64_t kUsualInterval = 5'000'000'000;
constexpr std::size_t kReplaySeed = 20'000'000;
constexpr const char* kReplayPresence[] = {"system", "cpu", "mem", "internal_client"};

// The stored columns that the rule reads of one series.
struct ReplaySeries {
  const store::Group* group = nullptr;
  std::string measurement;
  std::vector<store::Column> columns;
};

class HostReplay {
 public:
  HostReplay(const ReplayRequest& request, const alert::Config& config, const store::Reader& store, fleet::Host host,
             bool is_server)
      : request_(request), store_(store), host_(std::move(host)), is_server_(is_server), engine_(config, schemas_) {
    for (const alert::Rule& rule : config.rules) {
      if (!rule.enabled || rule.when.comparisons.empty()) continue;
      const alert::Compare compare = rule.when.comparisons[0].compare;
      downwards_ = compare == alert::Compare::kLess || compare == alert::Compare::kLessEqual;
    }
  }

  // False: it took too long, and what was found so far is not the whole of it.
  Result<bool> run(const std::vector<ReplaySeries>& series, Replay& out) {
    const std::atomic<bool> stopping{false};
    seed_engine(engine_, store_, request_.range.first, kReplaySeed, stopping, host_.name);
    host_.last_seen = request_.range.first;
    tick(request_.range.first);
    for (UnixNanos at = request_.range.first; at < request_.range.last; at += kReplayPart) {
      RESMON_TRY(read_part(series, {at, std::min(at + kReplayPart, request_.range.last)}));
      pass(std::min(at + kReplayPart, request_.range.last), out);
      if (std::chrono::steady_clock::now() >= request_.until) return at + kReplayPart >= request_.range.last;
    }
    return true;
  }

  // For each query of the rule, in order of time.
  void use_lines(std::vector<std::vector<UnixNanos>> times) { lines_ = std::move(times); }

  // The series that fired most often, or that came nearest to it.
  std::optional<ChartedAlert> chart() {
    std::optional<ChartedAlert> best;
    for (auto& [key, one] : charts_)
      if (!best || charts_before(*best, one)) best = std::move(one);
    return best;
  }
  // Whether `b` says more than `a`.
  bool charts_before(const ChartedAlert& a, const ChartedAlert& b) const {
    if (a.fired != b.fired) return a.fired < b.fired;
    const double worst_a = worst(a.values), worst_b = worst(b.values);
    if (std::isnan(worst_a) || std::isnan(worst_b)) return std::isnan(worst_a) && !std::isnan(worst_b);
    return downwards_ ? worst_b < worst_a : worst_b > worst_a;
  }

 private:
  struct Place {
    UnixNanos time = 0;
    std::uint32_t series = 0;
    std::uint32_t row = 0;
  };

  Status read_part(const std::vector<ReplaySeries>& series, const store::TimeRange& range) {
    rows_.assign(series.size(), {});
    order_.clear();
    for (std::uint32_t s = 0; s < series.size(); ++s) {
      metric::Schema schema{series[s].measurement, series[s].group->tags, {}};
      std::vector<store::ColumnId> ids;
      std::vector<metric::Field> fields;
      for (const store::Column& column : series[s].columns) {
        ids.push_back(column.id);
        fields.push_back({column.name, column.type});
      }
      schema.fields = fields;
      RESMON_ASSIGN(const metric::SchemaId id, schemas_.intern(std::move(schema)));
      metric::Batch& batch = rows_[s];
      RESMON_TRY(store_.scan(series[s].group->id, ids, range, false, [&](const store::Block& block) -> Status {
        for (std::size_t row = 0; row < block.times.size(); ++row) {
          order_.push_back({block.times[row], s, static_cast<std::uint32_t>(batch.rows().size())});
          append_row(batch, id, fields, block, row);
        }
        return {};
      }));
    }
    std::sort(order_.begin(), order_.end(), [](const Place& a, const Place& b) {
      return std::tie(a.time, a.series, a.row) < std::tie(b.time, b.series, b.row);
    });
    return {};
  }

  void pass(UnixNanos end, Replay& out) {
    metric::Batch some;
    auto next = order_.begin();
    while (ticked_ < end) {
      const UnixNanos until = std::min(ticked_ + kReplayStep, end);
      some.clear();
      some.pin(schemas_);
      for (; next != order_.end() && next->time < until; ++next) copy_row(rows_[next->series], next->row, some);
      if (!some.empty()) {
        if (out.first_row == 0 || some.rows().front().time < out.first_row) out.first_row = some.rows().front().time;
        out.rows += some.rows().size();
        host_.last_seen = some.rows().back().time;
        engine_.observe(some, host_.last_seen);
        collect(out);
      }
      tick(until);
      if (!lines_.empty()) count_lines(until);
      note_values(until);
      collect(out);
    }
  }

  void copy_row(const metric::Batch& from, std::uint32_t place, metric::Batch& to) const {
    const metric::Row& row = from.rows()[place];
    const metric::Schema& schema = schemas_[row.schema];
    metric::RowWriter writer = to.add(row.schema, row.fields, row.time);
    for (std::size_t field = 0; field < row.fields; ++field) {
      if (!from.has(row, field)) continue;
      if (schema.fields[field].type == metric::FieldType::kString)
        writer.set(field, from.string(row, field));
      else
        writer.set_cell(field, from.value(row, field));
    }
  }

  double worst(const std::vector<double>& values) const {
    double out = std::numeric_limits<double>::quiet_NaN();
    for (const double one : values)
      if (std::isnan(out) || (downwards_ ? one < out : one > out)) out = one;
    return out;
  }

  void count_lines(UnixNanos now) {
    const auto& operands = engine_.log_operands();
    for (std::size_t i = 0; i < std::min(operands.size(), lines_.size()); ++i) {
      const std::vector<UnixNanos>& times = lines_[i];
      const auto end = std::upper_bound(times.begin(), times.end(), now);
      const auto begin = std::upper_bound(times.begin(), end, now - operands[i].what->window.count());
      engine_.observe_lines(operands[i], host_.name, now, static_cast<double>(end - begin));
    }
  }

  void note_values(UnixNanos now) {
    if (request_.chart_parts == 0) return;
    const std::int64_t width = request_.range.last - request_.range.first;
    const auto part = static_cast<std::size_t>(
        std::clamp<double>(static_cast<double>(now - 1 - request_.range.first) / static_cast<double>(width), 0, 1) *
        static_cast<double>(request_.chart_parts));
    engine_.alerts().each([&](const alert::Alert& one) {
      const auto value = engine_.shown_value(one);
      if (!value || !std::isfinite(*value)) return;
      ChartedAlert& chart = charts_[&one];
      if (chart.values.empty()) {
        const alert::AlertRecord record = engine_.record(one);
        chart.host = record.host;
        chart.tags = record.tags;
        chart.limit = alert::limit_of(one);
        chart.values.assign(request_.chart_parts, std::numeric_limits<double>::quiet_NaN());
      }
      double& known = chart.values[std::min(part, request_.chart_parts - 1)];
      if (std::isnan(known) || (downwards_ ? *value < known : *value > known)) known = *value;
    });
  }

  void tick(UnixNanos now) {
    ticked_ = now;
    if (is_server_) return engine_.tick(now, {});
    const std::int64_t interval = host_.interval.count() > 0 ? host_.interval.count() : kUsualInterval;
    host_.state = now - host_.last_seen > 6 * interval + 10'000'000'000 ? fleet::State::kDown : fleet::State::kUp;
    engine_.tick(now, {host_});
  }

  void collect(Replay& out) {
    for (const alert::Transition& one : engine_.take_transitions()) {
      const std::string key = one.alert.key();
      const bool firing = one.alert.state == alert::AlertState::kFiring;
      if (firing) {
        ++out.fired;
        if (const alert::Alert* const found = engine_.find(one.alert.rule, one.alert.host, one.alert.tags);
            found != nullptr && charts_.contains(found))
          ++charts_[found].fired;
      }
      if (firing && out.alerts.size() < kMostReplayed) {
        ReplayedAlert made{one.alert.host, one.alert.tags, {}, {}, one.time, 0, {}};
        if (const alert::Alert* const found = engine_.find(one.alert.rule, one.alert.host, one.alert.tags)) {
          const alert::MessageItem item = notifier_.item(*found);
          made.value = item.value;
          made.limit = item.limit;
        }
        open_[key] = out.alerts.size();
        out.alerts.push_back(std::move(made));
      } else if (const auto at = open_.find(key); one.alert.state == alert::AlertState::kOk && at != open_.end()) {
        out.alerts[at->second].ended = one.time;
        out.alerts[at->second].reason = one.reason;
        open_.erase(at);
      }
    }
    (void)engine_.take_notices();
  }

  const ReplayRequest& request_;
  const store::Reader& store_;
  fleet::Host host_;
  const bool is_server_;
  metric::SchemaTable schemas_;
  alert::Engine engine_;
  alert::Notifier notifier_{engine_, {}};
  std::vector<metric::Batch> rows_;  // by series
  std::vector<Place> order_;
  std::map<std::string, std::size_t> open_;    // by key: where in Replay::alerts
  std::vector<std::vector<UnixNanos>> lines_;  // by operand, in the engine's order
  std::map<const alert::Alert*, ChartedAlert> charts_;
  bool downwards_ = false;  // smaller values fire
  UnixNanos ticked_ = 0;
};

// The series that the rule reads, by host; "\1" begins the name of a server. Hosts that are known and have none of them
// are in it, too, where the rule is about their silence.
std::map<std::string, std::vector<ReplaySeries>> series_by_host(const alert::Rule& rule, const store::Reader& store,
                                                                const ReplayRequest& request) {
  std::map<std::string, std::set<std::string>> fields;  // by measurement
  for (const alert::Operand& operand : rule.when.operands)
    if (!operand.selector.measurement.empty()) fields[operand.selector.measurement].insert(operand.field);
  std::map<std::string, std::vector<ReplaySeries>> out;
  for (const auto& [measurement, wanted] : fields) {
    const auto listing = store.listing(measurement);
    std::vector<store::Column> columns;
    for (const store::Column& column : listing->columns())
      if (wanted.contains(column.name)) columns.push_back(column);
    if (columns.empty()) continue;
    for (const store::Group* const group : listing->groups()) {
      const std::string_view host = store::tag_value(group->tags, "host");
      const std::string_view server = store::tag_value(group->tags, "server");
      if (host.empty() && server.empty()) continue;
      if (!request.host.empty() && host != request.host) continue;
      out[host.empty() ? "\1" + std::string(server) : std::string(host)].push_back({group, measurement, columns});
    }
  }
  const bool of_lines = std::any_of(rule.when.operands.begin(), rule.when.operands.end(),
                                    [](const alert::Operand& one) { return one.function == alert::Function::kLogs; });
  if (rule.about_silence() || of_lines)
    for (const fleet::Host& host : request.known)
      if (request.host.empty() || host.name == request.host) out[host.name];
  return out;
}

// A series that says that the host reports.
void add_presence(const std::string& host, const store::Reader& store, std::vector<ReplaySeries>& series) {
  for (const char* const measurement : kReplayPresence) {
    const auto listing = store.listing(measurement);
    const auto places = listing->with_tag("host", host);
    if (places.empty() || listing->columns().empty()) continue;
    const store::Group* const group = listing->groups()[places[0]];
    for (const ReplaySeries& one : series)
      if (one.group == group) return;
    series.push_back({group, measurement, listing->columns()});  // a row may have any of them
    return;
  }
}

}  // namespace

Result<Replay> replay_rule(const ReplayRequest& request, const store::Reader& store) {
  alert::Config config = request.config;
  const alert::Rule* rule = nullptr;
  for (alert::Rule& one : config.rules) {
    one.enabled = one.name == request.rule;
    if (one.enabled)
      rule = &one;
    else
      one.overrides.clear();  // which may switch it on again
  }
  if (rule == nullptr) return fail(ErrorKind::kNotFound, "there is no rule '" + request.rule + "'");
  Replay out;
  auto all = series_by_host(*rule, store, request);
  std::vector<std::map<std::string, std::vector<UnixNanos>>> lines;
  for (const alert::Operand& operand : rule->when.operands)
    if (operand.function == alert::Function::kLogs && request.lines) lines.push_back(request.lines(operand.query));
  std::uint64_t done = 0;
  for (auto& [name, series] : all) {
    if (request.progress) request.progress(done++, all.size());
    const bool is_server = name.starts_with('\1');
    fleet::Host host;
    host.name = is_server ? name.substr(1) : name;
    for (const fleet::Host& known : request.known)
      if (!is_server && known.name == name) host = known;
    if (!is_server && !rule->hosts.matches(host)) continue;
    if (!is_server) add_presence(name, store, series);
    ++out.looked_at;
    if (out.partial) continue;  // only counted
    const std::uint64_t before = out.fired;
    HostReplay replay(request, config, store, std::move(host), is_server);
    std::vector<std::vector<UnixNanos>> here;
    for (auto& by_host : lines) here.push_back(std::move(by_host[name]));
    replay.use_lines(std::move(here));
    RESMON_ASSIGN(const bool whole, replay.run(series, out));
    ++out.replayed;
    out.partial = !whole || std::chrono::steady_clock::now() >= request.until;
    if (out.fired > before) ++out.hosts;
    if (auto chart = replay.chart(); chart && (out.charts.empty() || replay.charts_before(out.charts[0], *chart)))
      out.charts.assign(1, *std::move(chart));
  }
  std::stable_sort(out.alerts.begin(), out.alerts.end(),
                   [](const ReplayedAlert& a, const ReplayedAlert& b) { return a.fired < b.fired; });
  return out;
}

}  // namespace resmon::server
