#include "collect/gather.h"

#include <algorithm>
#include <cmath>
#include <exception>

namespace resmon::collect {

namespace {

enum InternalField : std::size_t { kDurationSeconds, kSuccess, kFailures, kSkippedLines };
constexpr FieldSpec kInternal[] = {
    {"duration_seconds", kFloat}, {"success", kBoolean}, {"failures", kInteger}, {"skipped_lines", kInteger}};

Status guarded(Collector& collector, const GatherContext& context, metric::Batch& out) {
  try {
    return collector.gather(context, out);
  } catch (const std::exception& e) {
    return fail(ErrorKind::kInternal, std::string("exception: ") + e.what());
  }
}

// The multiple of `step` at or before `time`, also for times before 1970.
UnixNanos slot_of(UnixNanos time, UnixNanos step) {
  return time / step - (time % step < 0 ? 1 : 0);
}

}  // namespace

Result<std::unique_ptr<Gatherer>> Gatherer::make(GatherOptions options, metric::SchemaTable& schemas,
                                                 const Clock& clock) {
  if (options.interval.count() <= 0) return fail(ErrorKind::kInvalid, "the interval must be positive");
  for (const auto& [name, collector] : options.collectors) {
    const auto& all = registry();
    if (std::none_of(all.begin(), all.end(),
                     [&wanted = name](const CollectorInfo& info) { return info.name == wanted; }))
      return fail(ErrorKind::kInvalid, name + ": no such collector");
    if (collector.interval.count() < 0) return fail(ErrorKind::kInvalid, name + ": the interval must be positive");
  }
  return std::unique_ptr<Gatherer>(new Gatherer(std::move(options), schemas, clock));
}

Gatherer::Gatherer(GatherOptions options, metric::SchemaTable& schemas, const Clock& clock)
    : clock_(clock),
      report_itself_(options.report_itself),
      shared_(options.roots, std::move(options.statfs_function), std::move(options.device_function)) {
  const CollectorOptions defaults;
  for (const CollectorInfo& info : registry()) {
    const auto found = options.collectors.find(info.name);
    const CollectorOptions& wanted = found == options.collectors.end() ? defaults : found->second;
    if (!wanted.enabled) continue;
    // One that is slow by itself is never quicker than the client.
    const auto interval = wanted.interval.count() > 0 ? wanted.interval : std::max(info.interval, options.interval);
    collectors_.push_back(
        One{&info, info.make(options.roots, wanted, schemas, shared_), interval.count(),
            RowSchema(schemas, "internal_collector", {{"collector", std::string(info.name)}}, kInternal), INT64_MIN,
            Health{.name = info.name, .error = {}}, FailureLog("collector", info.name), SkipLog(info.name)});
  }
}

UnixNanos Gatherer::next_due(UnixNanos now) const {
  UnixNanos earliest = INT64_MAX;
  for (const One& one : collectors_) earliest = std::min(earliest, (slot_of(now, one.interval) + 1) * one.interval);
  return earliest;
}

void Gatherer::run(UnixNanos time, bool all, metric::Batch& out) {
  auto before = clock_.steady();
  GatherContext context{.time = time, .steady = before, .sequence = ++sequence_};
  for (One& one : collectors_) {
    const UnixNanos slot = slot_of(time, one.interval);
    if (!all && slot == one.slot) continue;
    one.slot = slot;
    context.skips = &one.skips;
    const Status status = guarded(*one.collector, context, out);
    const auto after = clock_.steady();
    one.health.duration_seconds = std::round(std::chrono::duration<double, std::micro>(after - before).count()) / 1e6;
    before = after;
    one.health.skipped_lines = one.skips.lines();
    note(one, status, after);
    if (!report_itself_ || !one.internal.ready()) continue;
    metric::RowWriter row = one.internal.add(out, time);
    row.set(kDurationSeconds, one.health.duration_seconds);
    row.set(kSuccess, one.health.success);
    row.set(kFailures, clip(one.health.failures));
    row.set(kSkippedLines, clip(one.health.skipped_lines));
  }
}

void Gatherer::note(One& one, const Status& status, std::chrono::steady_clock::time_point now) {
  Health& health = one.health;
  health.success = status.has_value();
  if (status) {
    if (!health.error.empty()) health.error.clear();
    one.log.works();
    return;
  }
  ++health.failures;
  health.error = status.error().message;
  one.log.failed(health.error, now);
}

std::vector<Gatherer::Health> Gatherer::health() const {
  std::vector<Health> all;
  for (const One& one : collectors_) all.push_back(one.health);
  return all;
}

}  // namespace resmon::collect
