#include "log_meters.h"

#include <fnmatch.h>

#include <algorithm>

namespace resmon::client {

void LogMetricOptions::declare(config::Settings& settings, const std::string& prefix) {
  settings.text(prefix + ".source", &source,
                "A shell pattern: the lines of each [logs.NAME] whose name matches it count.");
  settings.text(
      prefix + ".pattern", &pattern,
      "A regular expression (RE2). Lines that match it count; secrets in them are already replaced. Empty: all lines. "
      "Its named groups can be tags and numbers: \"took (?P<seconds>[0-9.]+) s\".");
  settings.choice(prefix + ".level", &level,
                  {"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug", "all"},
                  "The least severe level that counts. all: also lines without a level.");
  settings.text(prefix + ".measurement", &measurement, "The measurement of the rows. Empty: the table's name.");
  settings.list(
      prefix + ".tags", &tags,
      "Tags of the rows, each the name of a group or of a field of the line, or level, unit, or source. A tag should "
      "have few values, because each makes a series.");
  settings.list(
      prefix + ".numbers", &numbers,
      "Named groups or fields that contain numbers. Each becomes the fields NAME_min, NAME_mean, NAME_max and "
      "NAME_count.");
  settings.integer(prefix + ".max_series", &max_series, 1, 10'000,
                   "The most combinations of tag values. Lines with further ones are not counted in the rows, only in "
                   "uncounted_lines of internal_logs.");
}

Status LogMetricOptions::check(const std::string& name) const {
  if (const auto meter = tail::LineMeter::make(meter_options()); !meter)
    return fail(Error(meter.error()).wrap("pattern"));
  const std::string& called = measurement.empty() ? name : measurement;
  if (called.starts_with("internal_")) return fail(ErrorKind::kInvalid, "measurement: '" + called + "' is reserved");
  for (const std::string& tag : tags)
    if (tag.empty() || tag == "host" || tag == "time")
      return fail(ErrorKind::kInvalid, "tags: '" + tag + "' is reserved");
  for (const auto* list : {&tags, &numbers})
    for (const std::string& one : *list)
      if (std::count(list->begin(), list->end(), one) > 1 || one.empty())
        return fail(ErrorKind::kInvalid, "'" + one + "' is given twice, or empty");
  return {};
}

tail::MeterOptions LogMetricOptions::meter_options() const {
  tail::MeterOptions out;
  out.pattern = pattern;
  out.least = level == "all" ? logline::Level::kNone : logline::parse_level(level);
  out.tags = tags;
  out.numbers = numbers;
  out.max_series = static_cast<std::size_t>(max_series);
  return out;
}

Result<LogMeters> LogMeters::make(const LogMetrics& options) {
  LogMeters out;
  for (const auto& [name, one] : options) {
    auto meter = tail::LineMeter::make(one.meter_options());
    if (!meter) return fail(std::move(meter).error().wrap("log_metrics." + name));
    out.meters_.push_back({one.source, one.measurement.empty() ? name : one.measurement, std::move(*meter)});
  }
  return out;
}

void LogMeters::attach(const std::string& source, tail::Shaper& shaper) const {
  std::vector<tail::LineMeter*> interested;
  for (const Meter& one : meters_)
    if (::fnmatch(one.source.c_str(), source.c_str(), 0) == 0) interested.push_back(one.meter.get());
  if (interested.empty()) return;
  shaper.watch([source, interested](const logline::Line& line, std::string_view text) {
    for (tail::LineMeter* meter : interested) meter->see(source, line, text);
  });
}

void LogMeters::report(UnixNanos time, metric::SchemaTable& schemas, metric::Batch& batch) {
  using metric::FieldType;
  for (Meter& one : meters_) {
    const tail::MeterOptions& options = one.meter->options();
    std::vector<metric::Field> fields{{"lines", FieldType::kInteger}};
    for (const std::string& name : options.numbers) {
      for (const char* end : {"_min", "_mean", "_max"}) fields.push_back({name + end, FieldType::kFloat});
      fields.push_back({name + "_count", FieldType::kInteger});
    }
    for (const auto& [values, series] : one.meter->series()) {
      std::vector<metric::Tag> tags;
      for (std::size_t i = 0; i < values.size(); ++i) tags.push_back({options.tags[i], values[i]});
      metric::normalise_tags(tags);
      const auto id = schemas.intern({one.measurement, std::move(tags), fields});
      if (!id) continue;
      metric::RowWriter row = batch.add(*id, fields.size(), time);
      row.set(0, series.lines);
      for (std::size_t i = 0; i < series.numbers.size(); ++i) {
        const tail::LineMeter::Number& number = series.numbers[i];
        row.set(4 * i + 4, number.count);
        if (number.count == 0) continue;
        row.set(4 * i + 1, number.least);
        row.set(4 * i + 2, number.sum / static_cast<double>(number.count));
        row.set(4 * i + 3, number.most);
      }
    }
    one.meter->begin_interval();
  }
}

std::uint64_t LogMeters::refused_lines() const {
  std::uint64_t out = 0;
  for (const Meter& one : meters_) out += one.meter->refused_lines();
  return out;
}

}  // namespace resmon::client
