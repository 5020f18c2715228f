#include "syslog_reader.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "influxql/plan/compile.h"
#include "logs/scan.h"
#include "syslog_schema.h"

namespace resmon::server {

namespace {

using logline::Level;

constexpr store::GroupId kFirstGroup = 0xf000'0000U;  // the store gives out small ones
constexpr std::size_t kMostSeries = 20'000;
constexpr std::size_t kMostMinutes = 1'000'000;  // of all series together
constexpr std::size_t kFirstPage = 256;
constexpr std::size_t kLargestPage = 4096;
constexpr std::int64_t kDay = 24 * store::kHourWidth;

// Whether a statement reads the measurement by its name, and what of its time.
bool reads_syslog(const influxql::Select& select, const influxql::Compiled& compiled, store::TimeRange& range) {
  bool reads = false;
  for (std::size_t i = 0; i < select.sources.size(); ++i) {
    const influxql::Source& source = select.sources[i];
    if (source.subquery) {
      const auto& inner = i < compiled.subqueries.size() ? compiled.subqueries[i] : nullptr;
      if (inner && reads_syslog(*source.subquery, *inner, range)) reads = true;
    } else if (source.name == kSyslogMeasurement) {
      reads = true;
      range.first = std::min(range.first, compiled.min_time);
      range.last = std::max(range.last, compiled.max_time == INT64_MAX ? INT64_MAX : compiled.max_time + 1);
    }
  }
  return reads;
}

bool names_syslog(const influxql::Show& show) {
  const auto named = [](const influxql::Source& source) { return source.name == kSyslogMeasurement; };
  return std::any_of(show.sources.begin(), show.sources.end(), named) ||
         (show.with_measurement && named(*show.with_measurement));
}

std::string_view field_of(const logs::FoundLine& line, std::string_view name) {
  for (const auto& [key, value] : line.fields)
    if (key == name) return value;
  return {};
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out += '"';
}

}  // namespace

struct SyslogReader::Series {
  store::Group group;
  std::string host;
  std::string hostname;  // empty: as the host
  std::string unit;
  std::string facility;
  Level level = Level::kNone;
  std::unordered_map<std::int64_t, std::uint64_t> minutes;  // lines in each
};

SyslogReader::SyslogReader(const store::Reader& base, logs::Store* lines, std::string_view text,
                           const influxql::Parameters& params, UnixNanos now, logs::Bounds bounds)
    : base_(base), range_{INT64_MAX, INT64_MIN}, bounds_(std::move(bounds)) {
  if (lines == nullptr || !base.columns(kSyslogMeasurement).empty()) return;
  const auto statements = influxql::parse(text, params);
  if (!statements) return;
  const influxql::ZoneLoader zones = influxql::load_system_zone;
  for (const influxql::Statement& statement : *statements) {
    const auto* select = std::get_if<influxql::Select>(&statement);
    if (const auto* explain = std::get_if<influxql::Explain>(&statement)) select = &explain->select;
    if (std::holds_alternative<influxql::Delete>(statement)) return;  // of the store's rows
    if (select != nullptr) {
      const auto compiled = influxql::compile(*select, {now, &zones});
      if (compiled && reads_syslog(*select, **compiled, range_)) asked_ = true;
    } else if (const auto* show = std::get_if<influxql::Show>(&statement); show != nullptr && names_syslog(*show)) {
      asked_ = true;
      range_.first = std::min(range_.first, now - kDay);
      range_.last = INT64_MAX;
    }
  }
  lines_ = lines;
}

SyslogReader::~SyslogReader() = default;

std::vector<std::string> SyslogReader::measurements() const {
  constexpr auto kFirstLineWait = std::chrono::milliseconds(500);
  std::vector<std::string> out = base_.measurements();
  if (lines_ == nullptr) return out;
  const auto has_lines = [&] {
    const logs::Stats stats = lines_->stats();
    return stats.head_lines + stats.block_lines > 0;
  };
  // The first line may be acknowledged and still on its way to the store.
  if (!has_lines()) lines_->catch_up(std::chrono::steady_clock::now() + kFirstLineWait);
  if (has_lines())
    out.insert(std::lower_bound(out.begin(), out.end(), kSyslogMeasurement), std::string(kSyslogMeasurement));
  return out;
}

std::vector<store::Column> SyslogReader::columns(std::string_view measurement) const {
  if (lines_ == nullptr || measurement != kSyslogMeasurement) return base_.columns(measurement);
  std::vector<store::Column> out;
  for (store::ColumnId i = 0; i < kSyslogColumns; ++i) out.push_back({i, kSyslogFields[i].name, kSyslogFields[i].type});
  return out;
}

std::shared_ptr<const store::Listing> SyslogReader::listing(std::string_view measurement) const {
  if (lines_ == nullptr || measurement != kSyslogMeasurement) return base_.listing(measurement);
  std::vector<const store::Group*> groups;
  if (asked_) {
    std::call_once(found_, [this] { find_series(); });
    for (const Series& series : series_) groups.push_back(&series.group);
    std::sort(groups.begin(), groups.end(), [](const store::Group* a, const store::Group* b) {
      return static_cast<const std::vector<metric::Tag>&>(a->tags) <
             static_cast<const std::vector<metric::Tag>&>(b->tags);
    });
  }
  return std::make_shared<const store::Listing>(columns(measurement), std::move(groups));
}

void SyslogReader::find_series() const {
  std::unordered_map<std::string, std::size_t> known;
  std::size_t minutes = 0;
  const logs::Query everything = logs::Query::parse("").value();
  logs::Scope scope;
  scope.start = range_.first;
  scope.end = range_.last;
  logs::Scan scan(*lines_, everything, scope, bounds_);
  const auto columns = static_cast<logs::ColumnSet>(logs::column_bit(logs::kLevelsAndCuts) |
                                                    logs::column_bit(logs::kUnits) | logs::column_bit(logs::kFields));
  std::string key;
  const auto take = [&](const logs::Candidate& candidate, logs::CandidateLines& lines, std::size_t i) {
    const logline::Line line = lines.line(i);
    const std::string_view hostname = line_field(line, "hostname");
    const std::string_view facility = line_field(line, "facility");
    key.assign(*candidate.host).push_back('\0');
    key.append(hostname).push_back('\0');
    key.append(line.unit).push_back('\0');
    key.append(facility).push_back(static_cast<char>(line.level));
    const auto [at, fresh] = known.try_emplace(key, series_.size());
    if (fresh) {
      Series series;
      series.host = *candidate.host;
      series.hostname = hostname;
      series.unit = line.unit;
      series.facility = facility;
      series.level = line.level;
      series.group = {kFirstGroup + static_cast<store::GroupId>(series_.size()), syslog_tags(series.host, line)};
      series_.push_back(std::move(series));
    }
    const std::int64_t time = lines.time(i);
    const std::int64_t minute = time / store::kMinuteWidth - (time % store::kMinuteWidth < 0 ? 1 : 0);
    std::uint64_t& count = series_[at->second].minutes[minute];
    minutes += count++ == 0 ? 1U : 0U;
  };
  scan.visit(columns, take, nullptr, [&] { return series_.size() >= kMostSeries || minutes >= kMostMinutes; });
  error_ = scan.effort.partial;
  if (series_.size() >= kMostSeries || minutes >= kMostMinutes) error_ = "there are too many series or minutes";
  if (!error_.empty()) error_ = "syslog: " + error_ + "; ask for less time";
}

logs::SearchRequest SyslogReader::request_for(const Series& series, store::TimeRange range, bool descending) const {
  logs::SearchRequest request;
  std::string text = "level:" + std::string(logline::level_name(series.level));
  // The unit is compared in full below: this is what block filters can use.
  if (!series.unit.empty()) text += " unit:" + in_quotes(series.unit);
  auto query = logs::Query::parse(text);
  request.query = query ? std::move(*query) : logs::Query::parse("").value();
  request.scope.start = range.first;
  request.scope.end = range.last;
  request.scope.exact_host = series.host;
  request.direction = descending ? logs::Direction::kNewestFirst : logs::Direction::kOldestFirst;
  request.limit = kFirstPage;
  request.bounds = bounds_;
  return request;
}

// Found lines as rows, and as the block that a visitor gets.
class SyslogReader::Rows {
 public:
  Rows(const Series& series, std::span<const store::ColumnId> columns, bool descending)
      : series_(series), columns_(columns), descending_(descending) {}

  void take(std::vector<logs::FoundLine>& lines) {
    times_.clear();
    rows_.clear();
    for (logs::FoundLine& line : lines) {
      if (line.level != series_.level || line.unit != series_.unit || field_of(line, "hostname") != series_.hostname ||
          field_of(line, "facility") != series_.facility)
        continue;
      // A series has one row of a time, and a log may have many lines of one second: each is a nanosecond on.
      UnixNanos time = line.time;
      if (last_) time = descending_ ? std::min(time, *last_ - 1) : std::max(time, *last_ + 1);
      last_ = time;
      times_.push_back(time);
      rows_.push_back(std::move(line));
    }
    if (!descending_) return;
    std::reverse(times_.begin(), times_.end());
    std::reverse(rows_.begin(), rows_.end());
  }

  Status give(const store::BlockVisitor& visit) const {
    if (rows_.empty()) return {};
    struct Data {
      std::vector<metric::Cell> cells;
      std::vector<std::uint64_t> presence;
      std::string text;
    };
    std::vector<Data> data(columns_.size());
    std::vector<store::Block::ColumnData> views;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      Data& column = data[c];
      column.cells.resize(rows_.size());
      column.presence.resize((rows_.size() + 63) / 64);
      for (std::size_t r = 0; r < rows_.size(); ++r) {
        if (!fill(columns_[c], rows_[r], column.cells[r], column.text)) continue;
        column.presence[r / 64] |= 1ULL << (r % 64);
      }
      views.push_back({column.cells, column.presence, column.text});
    }
    return visit({times_, views});
  }

 private:
  static bool fill(store::ColumnId column, const logs::FoundLine& found, metric::Cell& cell, std::string& text) {
    std::vector<logline::Field> fields;
    for (const auto& [name, value] : found.fields) fields.push_back({name, value});
    logline::Line line;
    line.time = found.time;
    line.level = found.level;
    line.pid = found.pid;
    line.message = found.message;
    line.fields = fields;
    const SyslogValue value = syslog_value(static_cast<SyslogColumn>(column), line);
    if (value.number) {
      cell = metric::cell_of(*value.number);
      return true;
    }
    if (value.text.empty() && column != kSyslogMessage) return false;
    cell = metric::string_cell(text.size(), value.text.size());
    text += value.text;
    return true;
  }

  const Series& series_;
  const std::span<const store::ColumnId> columns_;
  const bool descending_;
  std::optional<UnixNanos> last_;
  std::vector<UnixNanos> times_;
  std::vector<logs::FoundLine> rows_;
};

Status SyslogReader::scan(store::GroupId group, std::span<const store::ColumnId> columns, store::TimeRange range,
                          bool descending, const store::BlockVisitor& visit) const {
  if (group < kFirstGroup || lines_ == nullptr) return base_.scan(group, columns, range, descending, visit);
  if (!error_.empty()) return fail(ErrorKind::kLimit, error_);
  const Series& series = series_[group - kFirstGroup];
  logs::SearchRequest request = request_for(series, range, descending);
  Rows rows(series, columns, descending);
  while (true) {
    RESMON_ASSIGN(logs::Found found, logs::search(*lines_, request));
    const bool stuck = found.lines.empty() && !found.effort.partial.empty();
    rows.take(found.lines);
    RESMON_TRY(rows.give(visit));
    if (stuck) return fail(ErrorKind::kLimit, "syslog: " + found.effort.partial + "; ask for less time");
    if (found.cursor.empty()) return {};
    request.cursor = found.cursor;
    request.limit = std::min(request.limit * 4, kLargestPage);
  }
}

Status SyslogReader::scan_windows(const store::WindowRequest& request, const store::WindowVisitor& visit) const {
  if (request.group < kFirstGroup || lines_ == nullptr) return base_.scan_windows(request, visit);
  if (!error_.empty()) return fail(ErrorKind::kLimit, error_);
  const Series& series = series_[request.group - kFirstGroup];
  const auto always_there = [&](const store::WindowColumn& column) {
    return column.id == kSyslogMessage || column.id == kSyslogTimestamp ||
           (column.id == kSyslogSeverityCode && series.level != Level::kNone) ||
           (column.id == kSyslogFacilityCode && facility_code(series.facility) >= 0);
  };
  if (request.aggregates != store::aggregate_bit(store::Aggregate::kCount) ||
      !std::all_of(request.columns.begin(), request.columns.end(), always_there))
    return Reader::scan_windows(request, visit);
  std::map<UnixNanos, std::uint64_t> windows;
  for (const auto& [minute, count] : series.minutes) {
    const UnixNanos start = minute * store::kMinuteWidth;
    if (start < request.range.first || start >= request.range.last) continue;
    UnixNanos rest = start % request.width;
    if (rest < 0) rest += request.width;
    windows[start - rest] += count;
  }
  if (windows.empty()) return {};
  std::vector<UnixNanos> starts;
  std::vector<metric::Cell> counts;
  for (const auto& [start, count] : windows) {
    starts.push_back(start);
    counts.push_back(count);
  }
  std::vector<std::uint64_t> presence((starts.size() + 63) / 64);
  for (std::size_t i = 0; i < starts.size(); ++i) presence[i / 64] |= 1ULL << (i % 64);
  store::WindowBlock::ColumnData column;
  column.cells[static_cast<std::size_t>(store::Aggregate::kCount)] = counts;
  column.presence = presence;
  const std::vector<store::WindowBlock::ColumnData> all(request.columns.size(), column);
  return visit({starts, all});
}

}  // namespace resmon::server
