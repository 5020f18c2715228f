#include "otlp/rows.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "metric/pinned_types.h"
#include "otlp/semantic_table.h"
#include "otlp/values.h"

namespace resmon::otlp {

namespace {

constexpr std::size_t kMostNameBytes = 1000;

// The attributes of the table's metrics, of both generations of names.
constexpr std::array<std::string_view, 19> kStateKeys = {"state",
                                                         "direction",
                                                         "status",
                                                         "cpu.mode",
                                                         "system.cpu.state",
                                                         "system.memory.state",
                                                         "linux.memory.slab.state",
                                                         "system.paging.state",
                                                         "system.paging.direction",
                                                         "disk.io.direction",
                                                         "network.io.direction",
                                                         "system.filesystem.state",
                                                         "system.process.status",
                                                         "process.state",
                                                         "process.cpu.state",
                                                         "container.cpu.state",
                                                         "system.device.state",
                                                         "system.network.state",
                                                         "network.direction"};

std::string_view first_of(const Attributes& attributes, std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys)
    if (const std::string_view value = attributes.get(key); !value.empty()) return value;
  return {};
}

void add_tag(std::vector<metric::Tag>& tags, std::string_view key, std::string_view value) {
  if (!value.empty()) tags.push_back({std::string(key), std::string(value)});
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// A device without its folder, as the other rows of `disk` have it.
std::string_view device_name(std::string_view device) {
  return device.starts_with("/dev/") ? device.substr(5) : device;
}

void add_part(std::vector<metric::Tag>& tags, Part part, const Attributes& resource, const Attributes& point) {
  switch (part) {
    case Part::kNone:
      return;
    case Part::kCpu: {
      const std::string_view cpu = first_of(point, {"cpu", "cpu.logical_number", "system.cpu.logical_number"});
      add_tag(tags, "cpu", cpu.empty() ? "cpu-total" : all_digits(cpu) ? "cpu" + std::string(cpu) : std::string(cpu));
      return;
    }
    case Part::kDisk:
      return add_tag(tags, "name", device_name(first_of(point, {"system.device", "device"})));
    case Part::kFileSystem:
      add_tag(tags, "path", first_of(point, {"system.filesystem.mountpoint", "mountpoint"}));
      add_tag(tags, "device", device_name(first_of(point, {"system.device", "device"})));
      add_tag(tags, "fstype", first_of(point, {"system.filesystem.type", "type"}));
      return add_tag(tags, "mode", first_of(point, {"system.filesystem.mode", "mode"}));
    case Part::kInterface:
      return add_tag(tags, "interface", first_of(point, {"network.interface.name", "system.device", "device"}));
    case Part::kProcess:
      add_tag(tags, "process_name", first_of(resource, {"process.executable.name", "process.command"}));
      add_tag(tags, "user", resource.get("process.owner"));
      return add_tag(tags, "process.pid", resource.get("process.pid"));
    case Part::kContainer:
    case Part::kContainerCpu:
    case Part::kContainerDisk:
    case Part::kContainerInterface:
      add_tag(tags, "container_name", first_of(resource, {"container.name", "container.id"}));
      if (part == Part::kContainerCpu) add_tag(tags, "cpu", "cpu-total");
      if (part == Part::kContainerDisk) add_tag(tags, "device", "total");
      if (part == Part::kContainerInterface)
        add_tag(tags, "network", first_of(point, {"network.interface.name", "interface"}));
  }
}

std::string bound_text(double bound) {
  return number_text(bound);
}

}  // namespace

bool is_kept(std::string_view attribute) {
  for (const std::string_view prefix : {"telemetry.", "process.", "os.", "host."})
    if (attribute.starts_with(prefix)) return false;
  return true;
}

void MetricRows::refuse(const Metric& metric, const std::string& why) {
  ++report_.refused;
  if (report_.first_refusal.empty()) report_.first_refusal = "metric " + metric.name.substr(0, 200) + ": " + why;
}

MetricRows::Row& MetricRows::row_of(std::string measurement, std::vector<metric::Tag> tags, UnixNanos time) {
  metric::normalise_tags(tags);
  const auto [found, made] =
      known_.emplace(metric::group_key(measurement, tags) + " " + std::to_string(time), rows_.size());
  if (made) {
    Row& row = rows_.emplace_back();
    row.schema.measurement = std::move(measurement);
    row.schema.tags = std::move(tags);
    row.time = time;
  }
  return rows_[found->second];
}

void MetricRows::set(Row& row, std::string field, double value) {
  Value out;
  const auto pinned = metric::pinned_type(row.schema.measurement, field);
  if (pinned == metric::FieldType::kInteger && std::abs(value) < 9.2e18) {
    out.type = metric::FieldType::kInteger;
    out.cell = metric::cell_of(static_cast<std::int64_t>(std::llround(value)));
  } else {
    out.cell = metric::cell_of(value);
  }
  out.field = std::move(field);
  row.values.push_back(std::move(out));
}

// "" or why the point is refused.
std::string MetricRows::add_number(Row& row, const Metric& metric, const Point& point) {
  if (!point.has_value) return "a point without a value";
  set(row, metric.kind == Kind::kSum && metric.temporality == Temporality::kDelta ? "delta" : "value", point.value);
  return "";
}

std::string MetricRows::add_histogram(Row& row, const Metric& metric, const Point& point) {
  const auto finite = [](const std::optional<double>& value) { return value && std::isfinite(*value); };
  set(row, "count", static_cast<double>(point.count));
  if (finite(point.sum)) set(row, "sum", *point.sum);
  if (metric.kind == Kind::kSummary) {
    for (const auto& [quantile, value] : point.quantiles)
      if (std::isfinite(value) && std::isfinite(quantile)) set(row, bound_text(quantile), value);
    return "";
  }
  if (finite(point.least)) set(row, "min", *point.least);
  if (finite(point.most)) set(row, "max", *point.most);
  double up_to = 0;
  for (std::size_t i = 0; i < point.buckets.size(); ++i) {
    up_to += static_cast<double>(point.buckets[i]);
    set(row, i < point.bounds.size() ? bound_text(point.bounds[i]) : "+Inf", up_to);
  }
  return "";
}

// A point that the table names.
bool MetricRows::add_mapped(const Attributes& resource, const Metric& metric, const Point& point, UnixNanos time) {
  const bool number = metric.kind == Kind::kGauge || metric.kind == Kind::kSum;
  if (!number || metric.temporality == Temporality::kDelta) return false;
  const std::span<const Mapping> all = mappings();
  auto at = std::lower_bound(all.begin(), all.end(), metric.name,
                             [](const Mapping& one, std::string_view name) { return one.metric < name; });
  if (at == all.end() || at->metric != metric.name) return false;
  std::string_view state;
  for (const std::string_view key : kStateKeys)
    if (state.empty()) state = point.attributes.get(key);
  for (; at != all.end() && at->metric == metric.name; ++at) {
    if (at->state != state) continue;
    std::vector<metric::Tag> tags;
    add_tag(tags, "host", resource.get("host.name"));
    add_part(tags, at->part, resource, point.attributes);
    Row& row = row_of(std::string(at->measurement), std::move(tags), time);
    set(row, std::string(at->field), point.value * at->scale);
    ++row.points;
    return true;
  }
  return false;
}

void MetricRows::add(const Attributes& resource, const Metric& metric, const Point& point) {
  if (metric.name.empty()) return refuse(metric, "it has no name");
  if (metric.name.size() > kMostNameBytes)
    return refuse(metric, "its name has more than " + std::to_string(kMostNameBytes) + " bytes");
  if (metric.kind == Kind::kExponentialHistogram)
    return refuse(metric, "exponential histograms are not stored; set the aggregation to explicit buckets");
  if (resource.too_many || point.attributes.too_many)
    return refuse(metric, "more than " + std::to_string(kMostAttributes) + " attributes, or too long ones");
  if (point.time > static_cast<std::uint64_t>(INT64_MAX)) return refuse(metric, "a time that is impossible");
  if (point.no_value) {
    ++report_.no_value;
    return;
  }
  const bool number = metric.kind == Kind::kGauge || metric.kind == Kind::kSum;
  if (number && !point.has_value) return refuse(metric, "a point without a value");
  if (number && !std::isfinite(point.value)) {
    ++report_.not_finite;
    return;
  }
  if (metric.kind == Kind::kHistogram) {
    if (metric.temporality == Temporality::kDelta)
      return refuse(metric, "histograms of deltas are not stored; set the temporality to cumulative");
    if (point.too_many_buckets) return refuse(metric, "more than " + std::to_string(kMostBuckets) + " buckets");
    if (!point.buckets.empty() && point.buckets.size() != point.bounds.size() + 1)
      return refuse(metric, "its buckets and bounds do not fit together");
    if (std::any_of(point.bounds.begin(), point.bounds.end(), [](double bound) { return !std::isfinite(bound); }))
      return refuse(metric, "a bound that is no finite number");
  }
  repeated_bytes_ += resource.bytes + point.attributes.bytes + metric.name.size();
  if (repeated_bytes_ > kMostRepeatedBytes)
    return refuse(metric, "the attributes of all points of the request are too much together; send smaller requests");
  const UnixNanos time = point.time == 0 ? now_ : static_cast<UnixNanos>(point.time);
  if (!add_mapped(resource, metric, point, time)) {
    std::vector<metric::Tag> tags;
    for (const Attribute& one : resource.all)
      if (is_kept(one.key)) add_tag(tags, one.key == "time" ? "time_" : one.key, one.value);
    add_tag(tags, "host", resource.get("host.name"));
    for (const Attribute& one : point.attributes.all) add_tag(tags, one.key == "time" ? "time_" : one.key, one.value);
    Row& row = row_of(metric.name, std::move(tags), time);
    if (std::string why = number ? add_number(row, metric, point) : add_histogram(row, metric, point); !why.empty())
      return refuse(metric, why);
    ++row.points;
  }
  ++report_.points;
}

void MetricRows::finish(metric::Batch& out) {
  out.pin(schemas_);
  for (Row& row : rows_) {
    if (row.values.empty()) continue;
    std::map<std::string_view, const Value*> values;  // of one name the last counts
    for (const Value& value : row.values) values[value.field] = &value;
    std::vector<metric::Field> fields;
    for (const auto& [name, value] : values) fields.push_back({std::string(name), value->type});
    row.schema.fields = std::move(fields);
    const auto schema = schemas_.intern(row.schema);
    if (!schema) {
      report_.points -= row.points;
      report_.refused += row.points;
      if (report_.first_refusal.empty()) report_.first_refusal = schema.error().message;
      continue;
    }
    metric::RowWriter writer = out.add(*schema, values.size(), row.time);
    std::size_t place = 0;
    for (const auto& [name, value] : values) writer.set_cell(place++, value->cell);
  }
  rows_.clear();
  known_.clear();
}

}  // namespace resmon::otlp
