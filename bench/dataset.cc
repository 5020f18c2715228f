#include "dataset.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <map>
#include <numeric>

#include "base/file.h"
#include "collect/gather.h"
#include "lineproto/decoder.h"
#include "lineproto/encoder.h"

namespace resmon::bench {

namespace {

constexpr std::size_t kMaxRecordingBytes = std::size_t{2} << 30U;
constexpr double kMostScale = 1e4;  // of a float's decimals

std::size_t width_of(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  return static_cast<std::size_t>(std::bit_width(value < 0 ? 0 - bits : bits));
}

// Where in the recording a host begins: spread evenly, then shuffled by the seed.
std::uint64_t phase(std::uint64_t seed, std::uint32_t host, std::uint64_t gathers) {
  std::uint64_t x = (seed * 1'000'003 + host) * 0x9e3779b97f4a7c15U;
  x ^= x >> 29U;
  return x % gathers;
}

// Of few differences a common divisor says nothing: there the grain is that of smaller values.
void find_grains(const std::array<std::int64_t, 65>& grains, const std::array<std::size_t, 65>& steps,
                 std::array<std::int64_t, 65>& out) {
  constexpr std::size_t kEnough = 32;
  std::int64_t grain = 0;
  std::size_t seen = 0;
  std::array<std::size_t, 65> from{};
  for (std::size_t width = out.size(); width-- > 0;) {
    grain = std::gcd(grain, grains[width]);
    seen += steps[width];
    out[width] = std::max<std::int64_t>(grain, 1);
    from[width] = seen;
  }
  for (std::size_t width = 1; width < out.size(); ++width)
    if (from[width] < kEnough) out[width] = out[width - 1];
}

}  // namespace

std::string Dataset::host_name(std::uint32_t host) {
  char name[16];
  std::snprintf(name, sizeof name, "host%05u", host);
  return name;
}

Result<std::unique_ptr<Dataset>> Dataset::open(const DatasetOptions& options, metric::SchemaTable& schemas) {
  std::unique_ptr<Dataset> data(new Dataset(options, schemas));
  RESMON_TRY(data->load());
  return data;
}

Status Dataset::load() {
  RESMON_ASSIGN(const std::string text, read_file(options_.recording, kMaxRecordingBytes));
  metric::Batch all;
  lineproto::LineDecoder decoder(schemas_);
  const lineproto::DecodeReport report = decoder.decode(text, {}, all);
  if (report.refused_lines > 0) return fail(ErrorKind::kInvalid, options_.recording + ": " + report.error_text());
  UnixNanos time = INT64_MIN;
  for (const metric::Row& row : all.rows()) {
    if (row.time != time) gathers_.emplace_back();
    time = row.time;
    metric::RowWriter writer = gathers_.back().add(row.schema, row.fields, row.time);
    for (std::size_t field = 0; field < row.fields; ++field) {
      if (!all.has(row, field)) continue;
      if (schemas_[row.schema].fields[field].type == metric::FieldType::kString)
        writer.set(field, all.string(row, field));
      else
        writer.set_cell(field, all.value(row, field));
    }
  }
  if (gathers_.size() < 2) return fail(ErrorKind::kInvalid, options_.recording + ": holds fewer than two gathers");
  look_at_fields();
  return {};
}

void Dataset::look_at_fields() {
  struct Seen {
    std::int64_t first = 0, last = 0;
    // By the width of the smaller of two neighbours: of their differences, what all are multiples of, and how many.
    std::array<std::int64_t, 65> grains{};
    std::array<std::size_t, 65> steps{};
    bool any = false, falls = false;
    double scale = 1;
    std::int64_t units = 0, unit_grain = 0;  // of a float, in ten thousandths
  };
  std::map<std::pair<metric::SchemaId, std::size_t>, Seen> seen;
  metric::SchemaId newest = 0;
  for (const metric::Batch& gather : gathers_)
    for (const metric::Row& row : gather.rows()) {
      newest = std::max(newest, row.schema);
      for (std::size_t field = 0; field < row.fields; ++field) {
        if (!gather.has(row, field)) continue;
        Seen& of = seen[{row.schema, field}];
        const metric::FieldType type = schemas_[row.schema].fields[field].type;
        if (type == metric::FieldType::kFloat) {
          const double v = metric::as_float(gather.value(row, field));
          while (of.scale > 0 && std::nearbyint(v * of.scale) / of.scale != v)
            of.scale = of.scale < kMostScale ? of.scale * 10 : 0;
          if (std::abs(v) < 1e12) {
            const std::int64_t units = std::llround(v * kMostScale);
            if (of.any) of.unit_grain = std::gcd(of.unit_grain, units - of.units);
            of.units = units;
          }
          of.any = true;
        }
        if (type != metric::FieldType::kInteger) continue;
        const std::int64_t value = metric::as_integer(gather.value(row, field));
        if (!of.any) of.first = value;
        if (of.any && value != of.last) {
          const std::size_t width = std::min(width_of(value), width_of(of.last));
          of.grains[width] = std::gcd(of.grains[width], value - of.last);
          ++of.steps[width];
        }
        of.falls = of.falls || (of.any && value < of.last);
        of.last = value;
        of.any = true;
      }
    }
  places_.resize(gathers_.size());
  for (std::size_t i = 0; i < gathers_.size(); ++i) {
    places_[i].resize(newest + 1);
    for (std::size_t row = 0; row < gathers_[i].rows().size(); ++row)
      places_[i][gathers_[i].rows()[row].schema] = static_cast<std::uint32_t>(row + 1);
  }
  fields_.resize(newest + 1);
  of_host_.resize(newest + 1);
  for (metric::SchemaId id = 0; id <= newest; ++id) {
    const metric::Schema& schema = schemas_[id];
    fields_[id].resize(schema.fields.size());
    for (std::size_t field = 0; field < schema.fields.size(); ++field) {
      const Seen& of = seen[{id, field}];
      FieldKind& kind = fields_[id][field];
      find_grains(of.grains, of.steps, kind.grains);
      kind.scale = of.scale;
      if (of.scale > 0)
        kind.step = std::max(1.0, std::nearbyint(static_cast<double>(of.unit_grain) / (kMostScale / of.scale)));
      if (schema.fields[field].type != metric::FieldType::kInteger || !of.any || of.falls || of.last == of.first)
        continue;
      const std::uint64_t all = static_cast<std::uint64_t>(of.last) - static_cast<std::uint64_t>(of.first);
      const std::uint64_t step = all / (gathers_.size() - 1);
      const auto grain = static_cast<std::uint64_t>(kind.grains[width_of(of.first)]);
      kind.growth = all + step / grain * grain;
    }
    for (std::uint32_t host = 0; host < options_.hosts; ++host) {
      metric::Schema mine = schema;
      std::vector<metric::Tag> tags = schema.tags;
      std::erase_if(tags, [](const metric::Tag& tag) { return tag.key == "host"; });
      tags.push_back({"host", host_name(host)});
      metric::normalise_tags(tags);
      mine.tags = std::move(tags);
      const auto interned = schemas_.intern(std::move(mine));
      if (interned) of_host_[id].push_back(*interned);
    }
  }
}

void Dataset::gather(std::uint32_t host, std::uint64_t tick, UnixNanos time, metric::Batch& out) const {
  const std::uint64_t at = tick + phase(options_.seed, host, gathers_.size());
  const std::size_t index = at % gathers_.size();
  const metric::Batch& from = gathers_[index];
  const metric::Batch& before = gathers_[index == 0 ? 0 : index - 1];
  const std::vector<std::uint32_t>& places = places_[index == 0 ? 0 : index - 1];
  const std::uint64_t turns = at / gathers_.size();
  std::uint64_t random = (at * 0x2545f4914f6cdd1dU) ^ (std::uint64_t{host} << 32U) ^ options_.seed;
  for (const metric::Row& row : from.rows()) {
    random = (random ^ (random >> 30U)) * 0xbf58476d1ce4e5b9U + row.schema;
    random ^= random >> 27U;
    const double quarter = static_cast<double>(random >> 40U) / static_cast<double>(1U << 26U);  // below a quarter
    const double part = gathers_.size() < kRepeatsBelow ? quarter : 0;
    const metric::Row* const last = places[row.schema] == 0 ? nullptr : &before.rows()[places[row.schema] - 1];
    metric::RowWriter writer = out.add(of_host_[row.schema][host], row.fields, time);
    const metric::Schema& schema = schemas_[row.schema];
    for (std::size_t field = 0; field < row.fields; ++field) {
      if (!from.has(row, field)) continue;
      metric::Cell cell = from.value(row, field);
      const FieldKind& kind = fields_[row.schema][field];
      const bool stepped = last != nullptr && before.has(*last, field) && before.value(*last, field) != cell;
      switch (schema.fields[field].type) {
        case metric::FieldType::kString:
          writer.set(field, from.string(row, field));
          continue;
        case metric::FieldType::kFloat:
          if (stepped && kind.scale > 0) {
            const double now = std::nearbyint(metric::as_float(cell) * kind.scale);
            const double then = std::nearbyint(metric::as_float(before.value(*last, field)) * kind.scale);
            const double back = std::nearbyint((now - then) / kind.step * part) * kind.step;
            cell = metric::cell_of((now - back) / kind.scale);
          }
          break;
        case metric::FieldType::kInteger:
          if (stepped) {
            const std::int64_t now = metric::as_integer(cell);
            const std::int64_t then = metric::as_integer(before.value(*last, field));
            const std::int64_t fine = kind.grains[std::min(width_of(now), width_of(then))];
            const std::int64_t back = std::llround(static_cast<double>((now - then) / fine) * part) * fine;
            const std::int64_t grain = kind.grains[std::min(width_of(now), width_of(now - back))];
            cell -= static_cast<metric::Cell>(back / grain * grain);
          }
          cell += turns * kind.growth;
          break;
        default:
          break;
      }
      writer.set_cell(field, cell);
    }
  }
}

Status record(const std::string& path, std::size_t count, std::chrono::nanoseconds interval) {
  metric::SchemaTable schemas;
  collect::GatherOptions options;
  options.interval = interval;
  RESMON_ASSIGN(const std::unique_ptr<collect::Gatherer> gatherer,
                collect::Gatherer::make(std::move(options), schemas));
  lineproto::LineEncoder encoder(schemas, {.extra_tags = {{"host", "recorded"}}});
  std::FILE* const file = std::fopen(path.c_str(), "w");
  if (file == nullptr) return fail(system_error(path, errno));
  metric::Batch batch;
  std::string lines;
  // The first gather has no rates and is left out.
  for (std::size_t i = 0; i <= count; ++i) {
    const UnixNanos now = Clock::system().wall();
    const UnixNanos next = (now / interval.count() + 1) * interval.count();
    const UnixNanos wait = next - now;
    const timespec pause{wait / 1'000'000'000, wait % 1'000'000'000};
    ::nanosleep(&pause, nullptr);
    batch.clear();
    lines.clear();
    gatherer->gather_all(next, batch);
    if (i == 0) continue;
    encoder.append(batch, lines);
    std::fwrite(lines.data(), 1, lines.size(), file);
  }
  if (std::fclose(file) != 0) return fail(system_error(path, errno));
  return {};
}

}  // namespace resmon::bench
