#include "alert_logs.h"

#include <algorithm>

#include "alert/message.h"
#include "base/json_text.h"
#include "base/log.h"

namespace resmon::server {

namespace {

constexpr std::int64_t kLogSecond = 1'000'000'000;
constexpr std::int64_t kTellAll = 5 * kLogSecond;
constexpr std::int64_t kMostLate = 600 * kLogSecond;
constexpr std::size_t kSeedLines = 1'000'000;
constexpr std::size_t kSearchLines = 10'000;
constexpr std::size_t kErrorLines = 5;
constexpr std::size_t kErrorBytes = 200;
constexpr std::size_t kRecentParts = 30;
constexpr std::size_t kMostHosts = 100'000;  // of one query
using std::chrono::steady_clock;

// Calls `visit` with each line, oldest first.
template <class Visit>
void each_line(logs::Store& store, const logs::Query& query, logs::Scope scope, steady_clock::time_point until,
               std::size_t most, const Visit& visit) {
  logs::SearchRequest request;
  request.query = query;
  request.scope = std::move(scope);
  request.direction = logs::Direction::kOldestFirst;
  request.limit = kSearchLines;
  request.bounds.until = until;
  for (std::size_t seen = 0; seen < most;) {
    const auto found = logs::search(store, request);
    if (!found) return;
    for (const logs::FoundLine& line : found->lines) visit(line);
    seen += found->lines.size();
    if (found->cursor.empty() || found->lines.empty() || steady_clock::now() >= until) return;
    request.cursor = found->cursor;
  }
}

}  // namespace

void LineCounter::use(const alert::Engine& engine, UnixNanos now) {
  queries_.clear();
  tail_.reset();
  told_ = told_all_ = 0;
  if (engine.log_operands().empty()) return;
  if (store_ == nullptr) {
    for (const alert::LogOperand& one : engine.log_operands())
      if (const alert::Rule& rule = engine.config().rules[one.rule]; !rule.built_in)
        log::warn("alerts", "a rule about log lines never fires: logs.enabled is false", {{"rule", rule.name}});
    return;
  }
  tail_ = store_->follow();
  if (!tail_) log::error("alerts", "rules about log lines do not work: too many readers follow the log", {});
  for (const alert::LogOperand& operand : engine.log_operands()) {
    auto query = logs::Query::parse(operand.what->query);
    if (!query) continue;  // the rule's reader has checked it
    Query one{operand, *std::move(query), 1, 0, {}};
    one.width = std::max<std::int64_t>(operand.what->window.count() / kWindowSlots, 1);
    one.slots = kWindowSlots + std::clamp<std::int64_t>(kMostLate / one.width, 1, kMostLateSlots);
    seed(one, now);
    queries_.push_back(std::move(one));
  }
}

void LineCounter::seed(Query& one, UnixNanos now) {
  logs::Scope scope;
  scope.start = now - one.slots * one.width;
  scope.end = now + 1;
  each_line(*store_, one.query, scope, steady_clock::now() + std::chrono::seconds(2), kSeedLines,
            [&](const logs::FoundLine& line) {
              if (Counts* const counts = add(one, line.host, line.time, now)) counts->late_from = counts->newest;
            });
}

// Null: it is too late, or one of too many hosts.
LineCounter::Counts* LineCounter::add(Query& one, std::string_view host, UnixNanos time, UnixNanos now) {
  const std::int64_t slot = std::min(time, now) / one.width;  // a clock that is ahead
  if (slot <= now / one.width - one.slots) return nullptr;
  auto found = one.hosts.find(host);
  if (found == one.hosts.end()) {
    if (one.hosts.size() >= kMostHosts) return nullptr;
    found = one.hosts.emplace(std::string(host), Counts{}).first;
    found->second.slots.assign(static_cast<std::size_t>(one.slots), 0);
  }
  Counts& counts = found->second;
  move_on(one, counts, now);
  ++counts.slots[static_cast<std::size_t>(slot % one.slots)];
  counts.late_from = counts.fresh ? std::min(counts.late_from, slot) : slot;
  counts.fresh = true;
  return &counts;
}

void LineCounter::move_on(const Query& one, Counts& counts, UnixNanos now) {
  const std::int64_t newest = now / one.width;
  if (newest - counts.newest >= one.slots) std::fill(counts.slots.begin(), counts.slots.end(), 0);
  for (std::int64_t slot = std::max(counts.newest + 1, newest - one.slots + 1); slot <= newest; ++slot)
    counts.slots[static_cast<std::size_t>(slot % one.slots)] = 0;
  counts.newest = std::max(counts.newest, newest);
}

// Of the windows that have a line that was not told yet, and of the newest one.
double LineCounter::most_lines(const Query& one, const Counts& counts) {
  const std::int64_t oldest = counts.newest - one.slots + 1;
  const std::int64_t first_end = counts.fresh ? std::clamp(counts.late_from, oldest, counts.newest) : counts.newest;
  const auto lines = [&](std::int64_t slot) -> double {
    return slot < oldest ? 0 : counts.slots[static_cast<std::size_t>(slot % one.slots)];
  };
  double sum = 0;
  for (std::int64_t slot = first_end - kWindowSlots + 1; slot <= first_end; ++slot) sum += lines(slot);
  double most = sum;
  for (std::int64_t end = first_end + 1; end <= counts.newest; ++end) {
    sum += lines(end) - lines(end - kWindowSlots);
    // Beyond the last window that it is in, a late line says nothing about the past.
    if (end < counts.late_from + kWindowSlots || end == counts.newest) most = std::max(most, sum);
  }
  return most;
}

void LineCounter::take(UnixNanos now) {
  std::uint64_t dropped = 0;
  for (const logs::Arrival& arrival : tail_->take(dropped)) {
    const logline::Lines& lines = *arrival.lines;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const logline::Line line = lines[i];
      for (Query& one : queries_)
        if (one.query.matches(arrival.host, lines.source(), line)) (void)add(one, arrival.host, line.time, now);
    }
  }
  if (dropped == 0) return;
  // Too many at once to be followed: they are stored.
  for (Query& one : queries_) {
    one.hosts.clear();
    seed(one, now);
  }
}

bool LineCounter::run(alert::Engine& engine, UnixNanos now) {
  if (queries_.empty() || !tail_) return false;
  if (now >= told_ && now - told_ < kLogSecond) return false;
  told_ = now;
  take(now);
  const bool all = now < told_all_ || now - told_all_ >= kTellAll;
  if (all) told_all_ = now;
  for (Query& one : queries_) {
    for (auto it = one.hosts.begin(); it != one.hosts.end();) {
      if (!all && !it->second.fresh) {
        ++it;
        continue;
      }
      Counts& counts = it->second;
      move_on(one, counts, now);
      // What is not judged now, because the host's first sample has not come yet, is told again.
      if (engine.observe_lines(one.operand, it->first, now, most_lines(one, counts))) counts.fresh = false;
      const bool empty = std::all_of(counts.slots.begin(), counts.slots.end(), [](std::uint32_t n) { return n == 0; });
      it = empty ? one.hosts.erase(it) : std::next(it);
    }
    if (!all) continue;
    // What fires from before a start, and whose lines are over.
    std::vector<std::string> quiet;
    for (const alert::Alert* const alert : engine.active()) {
      const std::string& host = alert->host->view.name;
      if (alert->rule == one.operand.rule && !one.hosts.contains(host)) quiet.push_back(host);
    }
    for (const std::string& host : quiet) engine.observe_lines(one.operand, host, now, 0);
  }
  return true;
}

std::vector<std::string> last_errors(logs::Store& store, const std::string& host, UnixNanos now) {
  const auto query = logs::Query::parse("level:>=error");
  if (!query) return {};
  logs::SearchRequest request;
  request.query = *query;
  request.scope.start = now - 900 * kLogSecond;
  request.scope.end = now + 60 * kLogSecond;
  request.scope.exact_host = host;
  request.limit = kErrorLines;
  request.bounds.until = steady_clock::now() + std::chrono::milliseconds(200);
  const auto found = logs::search(store, request);
  if (!found) return {};
  std::vector<std::string> out;
  for (auto line = found->lines.rbegin(); line != found->lines.rend(); ++line) {
    std::string text = alert::time_text(line->time).substr(11, 8) + " ";
    if (!line->unit.empty()) text += line->unit.substr(0, 60) + ": ";
    text += line->message.substr(0, kErrorBytes);
    out.push_back(printable(text));
  }
  return out;
}

std::vector<double> recent_lines(logs::Store& store, const std::string& text, const std::string& host, UnixNanos now) {
  const auto query = logs::Query::parse(text);
  if (!query) return {};
  constexpr std::int64_t kStep = 3600 * kLogSecond / static_cast<std::int64_t>(kRecentParts);
  logs::Scope scope;
  scope.start = now / kStep * kStep - (static_cast<std::int64_t>(kRecentParts) - 1) * kStep;
  scope.end = now + 1;
  scope.exact_host = host;
  logs::Bounds bounds;
  bounds.until = steady_clock::now() + std::chrono::milliseconds(200);
  std::vector<double> out;
  for (const auto& bucket : logs::histogram(store, *query, scope, kStep, bounds).buckets) {
    double sum = 0;
    for (const std::uint64_t level : bucket) sum += static_cast<double>(level);
    out.push_back(sum);
  }
  return out;
}

std::map<std::string, std::vector<UnixNanos>> line_times(logs::Store& store, const std::string& text,
                                                         const std::string& host, UnixNanos from, UnixNanos to,
                                                         steady_clock::time_point until) {
  std::map<std::string, std::vector<UnixNanos>> out;
  const auto query = logs::Query::parse(text);
  if (!query) return out;
  logs::Scope scope;
  scope.start = from;
  scope.end = to;
  scope.exact_host = host;
  each_line(store, *query, scope, until, kSeedLines,
            [&](const logs::FoundLine& line) { out[line.host].push_back(line.time); });
  return out;
}

}  // namespace resmon::server
