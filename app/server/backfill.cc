#include "backfill.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/json_text.h"
#include "block_rows.h"

namespace resmon::server {

namespace {

constexpr UnixNanos kBackfillStep = store::kHourWidth;
constexpr std::size_t kBackfillBatchRows = 2000;
constexpr std::size_t kBackfillBatchBytes = 1U << 20U;

// Where the step that `time` is in ends.
UnixNanos step_end(UnixNanos time) {
  const UnixNanos into = ((time % kBackfillStep) + kBackfillStep) % kBackfillStep;
  return time > INT64_MAX - kBackfillStep ? INT64_MAX : time - into + kBackfillStep;
}

}  // namespace

Backfill::Backfill(const store::Reader& reader, metric::SchemaTable& schemas, const rule::Config& rules)
    : reader_(reader) {
  // What is stored was accepted: it is not refused because the table is full.
  if (!rules.empty())
    rules_ = std::make_unique<rule::Engine>(
        rules, schemas, rule::EngineOptions{rule::Place::kSink, {}, metric::SchemaTable::Room::kBeyondLimit});
}

Result<std::unique_ptr<Backfill>> Backfill::plan(const store::Reader& reader, metric::SchemaTable& schemas,
                                                 store::TimeRange range, const std::vector<std::string>& hosts,
                                                 const rule::Config& rules, const std::function<bool()>& go_on) {
  std::unique_ptr<Backfill> made(new Backfill(reader, schemas, rules));
  std::set<std::string, std::less<>> unseen(hosts.begin(), hosts.end());
  const std::set<std::string, std::less<>> wanted = unseen;
  for (const std::string& measurement : reader.measurements()) {
    Table table;
    table.measurement = measurement;
    for (const store::Column& column : reader.columns(measurement)) {
      table.ids.push_back(column.id);
      table.fields.push_back({column.name, column.type});
    }
    for (const store::Group* const group : reader.groups(measurement)) {
      if (!go_on()) return fail(ErrorKind::kUnavailable, "stopped before anything was sent");
      if (!wanted.empty()) {
        const std::string_view host = store::tag_value(group->tags, "host");
        if (!wanted.contains(host)) continue;
        if (const auto found = unseen.find(host); found != unseen.end()) unseen.erase(found);
      }
      Series one{made->tables_.size(), group->id, 0, {}};
      RESMON_ASSIGN(one.range, made->extent(table, group->id, range));
      if (one.range.first == one.range.last) continue;
      RESMON_ASSIGN(one.schema, schemas.intern({measurement, group->tags, table.fields}));
      made->work_ += static_cast<double>(one.range.last - one.range.first);
      made->series_.push_back(one);
    }
    made->tables_.push_back(std::move(table));
  }
  if (!unseen.empty())
    return fail(ErrorKind::kNotFound, "--hosts: the store has no samples of '" + printable(*unseen.begin()) + "'");
  if (!made->series_.empty()) {
    made->range_ = made->series_.front().range;
    for (const Series& one : made->series_)
      made->range_ = {std::min(made->range_.first, one.range.first), std::max(made->range_.last, one.range.last)};
  }
  made->at_ = made->counted_until_ = made->range_.first;
  return made;
}

// Of the group's rows in `range`; empty without any.
Result<store::TimeRange> Backfill::extent(const Table& table, store::GroupId group, store::TimeRange range) const {
  store::TimeRange found{0, 0};
  for (const bool newest : {false, true}) {
    bool any = false;
    const Status scanned = reader_.scan(group, table.ids, range, newest, [&](const store::Block& block) -> Status {
      if (block.times.empty()) return {};
      any = true;
      (newest ? found.last : found.first) = newest ? block.times.back() + 1 : block.times.front();
      return fail(ErrorKind::kLimit, "one block is enough");
    });
    if (!any && !scanned) return fail(Error(scanned.error()));
    if (!any) return store::TimeRange{0, 0};
  }
  return found;
}

Result<bool> Backfill::run(BackfillSource& source, std::chrono::steady_clock::duration settle,
                           const BackfillSource::Watch& watch) {
  using Next = BackfillSource::Next;
  at_ = range_.first;
  while (true) {
    Next next = Next::kGoOn;
    if (at_ < range_.last) {
      const store::TimeRange hour{at_, std::min(step_end(at_), range_.last)};
      RESMON_ASSIGN(next, read_hour(hour, source, watch));
      if (next == Next::kGoOn) {
        at_ = hour.last;
        source.mark(at_);
      }
    } else {
      next = source.finish(settle, watch);
      if (next == Next::kGoOn) return true;
    }
    if (next == Next::kStop) return false;
    if (next == Next::kRewind) at_ = source.restart();
  }
}

Result<BackfillSource::Next> Backfill::read_hour(store::TimeRange hour, BackfillSource& source,
                                                 const BackfillSource::Watch& watch) {
  using Next = BackfillSource::Next;
  batch_ = std::make_shared<metric::Batch>();
  hour_rows_ = 0;
  Next next = Next::kGoOn;
  for (const Series& one : series_) {
    const store::TimeRange range{std::max(hour.first, one.range.first), std::min(hour.last, one.range.last)};
    if (range.first >= range.last) continue;
    if (!watch()) return Next::kStop;
    const Table& table = tables_[one.table];
    const Status scanned = reader_.scan(one.group, table.ids, range, false, [&](const store::Block& block) -> Status {
      for (std::size_t row = 0; row < block.times.size(); ++row) {
        append_row(*batch_, one.schema, table.fields, block, row);
        if (batch_->rows().size() < kBackfillBatchRows && batch_->memory_bytes() < kBackfillBatchBytes) continue;
        next = hand_over(source, watch);
        if (next != Next::kGoOn) return fail(ErrorKind::kUnavailable, "stopped");
      }
      return {};
    });
    if (next != Next::kGoOn) return next;
    if (!scanned) return fail(Error(scanned.error()));
  }
  next = hand_over(source, watch);
  if (next == Next::kGoOn && hour.last > counted_until_) {
    counted_until_ = hour.last;
    rows_ += hour_rows_;
  }
  return next;
}

BackfillSource::Next Backfill::hand_over(BackfillSource& source, const BackfillSource::Watch& watch) {
  hour_rows_ += batch_->rows().size();
  if (rules_ && !batch_->empty()) rules_->edit(*batch_, nullptr, {Clock::system().wall(), 0});
  if (batch_->empty()) return BackfillSource::Next::kGoOn;
  return source.put(std::exchange(batch_, std::make_shared<metric::Batch>()), watch);
}

double Backfill::done() const {
  double read = 0;
  for (const Series& one : series_)
    read += static_cast<double>(std::clamp(at_, one.range.first, one.range.last) - one.range.first);
  return work_ == 0 ? 1 : read / work_;
}

}  // namespace resmon::server
