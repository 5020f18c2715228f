#include "fleet/series.h"

#include <algorithm>

#include "metric/number.h"

namespace resmon::fleet {

namespace {

constexpr std::int64_t kMostJitter = 1'500'000'000;
constexpr std::int64_t kLongInterval = 600'000'000'000;

using Names = std::array<std::string_view, kMostFields>;
constexpr std::array<Names, kKinds> kNames = {{
    {"", "", ""},
    {"usage_active", "usage_idle", ""},
    {"used_percent", "", ""},
    {"used_percent", "", ""},
    {"used_percent", "", ""},
    {"bytes_recv", "bytes_sent", ""},
    {"avg10", "", ""},
    {"load1", "n_cpus", "uptime"},
    {"backlog_samples", "dropped_samples", ""},
}};

std::int64_t later_by(UnixNanos a, UnixNanos b) {
  std::int64_t difference = 0;
  return __builtin_sub_overflow(a, b, &difference) ? (a > b ? INT64_MAX : INT64_MIN) : difference;
}

// Telegraf leaves usage_active out unless it is told otherwise; it is all but idle.
std::optional<double> cpu_percent(const Series& series) {
  const Series::Reading* const active = series.reading(0);
  const Series::Reading* const idle = series.reading(1);
  if (active != nullptr && (idle == nullptr || active->time >= idle->time)) return active->value;
  if (idle != nullptr) return std::clamp(100 - idle->value, 0.0, 100.0);
  return std::nullopt;
}

std::optional<double> value_of(const Series& series, std::size_t field) {
  const Series::Reading* const reading = series.reading(field);
  return reading == nullptr ? std::nullopt : std::optional(reading->value);
}

std::optional<std::int64_t> whole_of(const Series& series, std::size_t field) {
  const auto value = value_of(series, field);
  if (!value) return std::nullopt;
  return static_cast<std::int64_t>(std::clamp(*value, -kMostWhole, kMostWhole));
}

void add_rate(std::optional<double>& sum, const Series& series, std::size_t field) {
  const Series::Reading* const reading = series.reading(field);
  if (reading != nullptr && reading->rate) sum = sum.value_or(0) + *reading->rate;
}

void keep_worst(std::optional<double>& worst, std::string& name, const Series& series) {
  const auto value = value_of(series, 0);
  if (!value || (worst && *worst >= *value)) return;
  worst = value;
  name = series.name();
}

// Bind mounts have their file system's numbers, read a moment apart: of equal ones the shortest path names the disk.
void keep_fullest(std::optional<double>& fullest, std::string& path, const Series& series) {
  constexpr double kEqual = 0.05;  // percent
  const auto value = value_of(series, 0);
  const std::string& name = series.name();
  if (!value || (fullest && *value < *fullest - kEqual)) return;
  if (fullest && *value <= *fullest + kEqual && name.size() >= path.size()) {
    fullest = std::max(*fullest, *value);
    return;
  }
  fullest = fullest ? std::max(*fullest, *value) : *value;
  path = name;
}

void put(const Series& series, Summary& summary) {
  const auto keep = [](auto& target, const auto& value) {
    if (value) target = value;
  };
  switch (series.kind()) {
    case Kind::kCpu:
      return keep(summary.cpu_percent, cpu_percent(series));
    case Kind::kMemory:
      return keep(summary.memory_percent, value_of(series, 0));
    case Kind::kSwap:
      return keep(summary.swap_percent, value_of(series, 0));
    case Kind::kSystem:
      keep(summary.load1, value_of(series, 0));
      keep(summary.n_cpus, whole_of(series, 1));
      return keep(summary.uptime_seconds, whole_of(series, 2));
    case Kind::kDisk:
      return keep_fullest(summary.disk_percent, summary.disk_path, series);
    case Kind::kPressure:
      return keep_worst(summary.pressure_percent, summary.pressure_resource, series);
    case Kind::kNetwork:
      add_rate(summary.network_receive_bytes_per_second, series, 0);
      return add_rate(summary.network_send_bytes_per_second, series, 1);
    case Kind::kClient:
    case Kind::kNothing:
      return;
  }
}

// The newest time, and the shortest interval, of the series of one kind or of all.
struct Newest {
  UnixNanos heard = 0;
  std::int64_t interval = 0;  // the shortest that is known
  void add(const Series& series) {
    heard = std::max(heard, series.heard());
    const std::int64_t its = series.interval().count();
    if (its > 0) interval = interval == 0 ? its : std::min(interval, its);
  }
};

std::int64_t first_positive(std::int64_t a, std::int64_t b, std::int64_t otherwise) {
  return a > 0 ? a : b > 0 ? b : otherwise;
}

bool counts(const Series& series, const Newest& kind, const Newest& host, std::chrono::nanoseconds base) {
  const std::int64_t known = first_positive(series.interval().count(), kind.interval, 0);
  // Rows of one gather may differ by a second or so: Telegraf rounds the time of each.
  const std::int64_t interval = first_positive(known, base.count(), kLongInterval);
  if (later_by(kind.heard, series.heard()) >= interval - std::min(interval / 4, kMostJitter)) return false;
  // The whole kind is gone. Other kinds may have an interval of their own, and come in other parts of a gather.
  const std::int64_t slow = std::min(first_positive(known, kLongInterval, 0), INT64_MAX / 4);
  return later_by(host.heard, series.heard()) <= slow * 5 / 2 + 5'000'000'000;
}

}  // namespace

const std::array<std::string_view, kMostFields>& field_names(Kind kind) {
  return kNames[static_cast<std::size_t>(kind)];
}

std::optional<double> number_of(metric::FieldType type, metric::Cell cell) {
  if (type == metric::FieldType::kString || type == metric::FieldType::kBoolean) return std::nullopt;
  return metric::as_number(type, cell);
}

Kind kind_of(const metric::Schema& schema) {
  const auto tagged = [&](std::string_view key, std::string_view value) {
    return std::any_of(schema.tags.begin(), schema.tags.end(),
                       [&](const metric::Tag& tag) { return tag.key == key && tag.value == value; });
  };
  const std::string& name = schema.measurement;
  if (name == "cpu") return tagged("cpu", "cpu-total") ? Kind::kCpu : Kind::kNothing;
  if (name == "mem") return Kind::kMemory;
  if (name == "swap") return Kind::kSwap;
  if (name == "disk") return Kind::kDisk;
  if (name == "net") return Kind::kNetwork;
  if (name == "pressure") return tagged("type", "some") ? Kind::kPressure : Kind::kNothing;
  if (name == "system") return Kind::kSystem;
  if (name == "internal_client") return Kind::kClient;
  return Kind::kNothing;
}

bool Series::begin_row(UnixNanos time, UnixNanos heard) {
  if (heard < heard_) return false;
  heard_ = heard;
  if (time < interval_.last()) interval_.restart(time);  // the sender's clock was set back
  interval_.seen(time);
  return true;
}

void Series::read(std::size_t field, UnixNanos time, double value) {
  Reading& reading = readings_[field];
  if (reading.time != time) {
    // Counters and times are the client's to choose: differences of doubles cannot overflow.
    const double seconds = (static_cast<double>(time) - static_cast<double>(reading.time)) / 1e9;
    reading.rate.reset();
    if (reading.time != 0 && seconds > 0 && value >= reading.value) reading.rate = (value - reading.value) / seconds;
  }
  reading.time = time;
  reading.value = value;
}

Digest digest_of(const std::vector<const Series*>& series, std::chrono::nanoseconds base) {
  std::array<Newest, kKinds> kinds;
  Newest host;
  for (const Series* one : series) {
    kinds[static_cast<std::size_t>(one->kind())].add(*one);
    host.add(*one);
  }
  Digest digest;
  // If two series of one kind cannot be added, such as after a change of the host's tags, the newer one counts.
  std::vector<const Series*> counting;
  for (const Series* one : series)
    if (counts(*one, kinds[static_cast<std::size_t>(one->kind())], host, base)) counting.push_back(one);
  std::stable_sort(counting.begin(), counting.end(),
                   [](const Series* a, const Series* b) { return a->heard() < b->heard(); });
  Newest living;
  for (const Series* one : counting) {
    put(*one, digest.summary);
    living.add(*one);
  }
  digest.interval = std::chrono::nanoseconds(living.interval);
  return digest;
}

}  // namespace resmon::fleet
