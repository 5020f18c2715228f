#include "inputs.h"

#include <algorithm>

#include "base/log.h"

namespace resmon::client {

using std::chrono::hours;
using std::chrono::seconds;

void InputOptions::declare(config::Settings& settings, const std::string& prefix) {
  settings.boolean(prefix + ".enabled", &enabled, "Whether it listens.");
  settings.text(
      prefix + ".url", &url,
      "Where: unix:/run/resmon/in.sock, tcp:127.0.0.1:8094 or udp:127.0.0.1:8094. Programs of this machine only.");
  settings.choice(prefix + ".format", &format, {"influx", "json", "graphite", "statsd"},
                  "What a line holds: Influx line protocol; a JSON object, or an array of them; PATH VALUE [SECONDS]; "
                  "or NAME:VALUE|TYPE.");
  settings.choice(prefix + ".precision", &precision, {"ns", "us", "ms", "s"},
                  "influx: the unit of timestamps. Lines without one get the time at which they come.");
  settings.choice(
      prefix + ".framing", &framing, {"line", "length"},
      "tcp and unix: a line feed ends each line, or its length in bytes stands before it, as four bytes with "
      "the highest first.");
  settings.boolean(
      prefix + ".ack", &ack,
      "Answer each line over tcp and unix: \"ok N\" once its N samples are in the spool, or \"error REASON\".");
  settings.duration(prefix + ".flush_interval", &flush_interval, seconds(1), hours(1),
                    "statsd: how often what came is added up and sent.");
  settings.text(prefix + ".measurement", &measurement, "json: the measurement. Empty: the input's name.");
  settings.text(prefix + ".measurement_key", &measurement_key,
                "json: the member that is the measurement, where it is there.");
  settings.list(prefix + ".tag_keys", &tag_keys,
                "json: members that are tags. A tag should have few values: each makes a series.");
  settings.text(prefix + ".time_key", &time_key, "json: the member that is the time. Empty: none is.");
  settings.choice(prefix + ".time_unit", &time_unit, {"auto", "s", "ms", "us", "ns", "rfc3339"},
                  "json: of the time. auto: texts are RFC 3339, and a number's size says its unit.");
  settings.map(prefix + ".tags", &tags, "Tags added to all its rows.");
  settings.bytes(prefix + ".max_line_bytes", &max_line_bytes, 256, 1U << 20U, "Longer lines are refused, and counted.");
  settings.integer(
      prefix + ".max_series", &max_series, 1, 100'000,
      "Different measurements, tags and fields that are taken from it; further ones are refused, and counted.");
  settings.integer(prefix + ".rate_limit", &rate_limit, 0, 10'000'000,
                   "Lines a second; more are refused, and counted. 0: no limit.");
  settings.integer(prefix + ".max_connections", &max_connections, 1, 10'000, "At once; more are closed, and counted.");
  settings.duration(prefix + ".idle_timeout", &idle_timeout, seconds(1), hours(24),
                    "A connection that sends nothing for this long is closed.");
}

Status InputOptions::check() const {
  if (!enabled) return {};
  RESMON_TRY(door::check_url(url));
  for (const auto& [key, value] : tags)
    if (key == "host" || key == "time") return fail(ErrorKind::kInvalid, "tags." + key + ": this name is reserved");
  if (ack && format == "statsd")
    return fail(ErrorKind::kInvalid,
                "ack: StatsD's values are added up first, so no answer could say that they are safe");
  if (ack && url.starts_with("udp:"))
    return fail(ErrorKind::kInvalid, "ack: datagrams are not answered; use tcp or unix");
  return {};
}

door::DoorOptions InputOptions::door_options(const std::string& name) const {
  door::DoorOptions out;
  out.name = name;
  out.url = url;
  out.ack = ack;
  out.framing = framing == "length" ? door::Framing::kLength : door::Framing::kLine;
  out.max_connections = max_connections;
  out.idle_timeout = idle_timeout;
  out.flush_interval = flush_interval;
  // Checked when they were read.
  out.taker.format = door::parse_format(format).value_or(door::Format::kInflux);
  out.taker.precision = lineproto::parse_precision(precision).value_or(lineproto::Precision::kNanosecond);
  out.taker.shape.measurement = measurement.empty() ? name : measurement;
  out.taker.shape.measurement_key = measurement_key;
  out.taker.shape.tag_keys = tag_keys;
  out.taker.shape.time_key = time_key;
  out.taker.shape.time_unit = time_unit;
  for (const auto& [key, value] : tags) out.taker.tags.push_back({key, value});
  out.taker.max_line_bytes = max_line_bytes;
  out.taker.max_series = max_series;
  out.taker.rate_limit = rate_limit;
  return out;
}

Inputs::Inputs(const boost::asio::any_io_executor& executor, const InputSettings& settings,
               metric::SchemaTable& schemas, const Deliver& deliver) {
  using metric::FieldType;
  for (const auto& [name, options] : settings) {
    if (!options.enabled) continue;
    auto door = door::Door::open(executor, options.door_options(name), schemas, deliver);
    if (!door) {
      log::error("input", "cannot listen; nothing is taken there", {{"input", name}, {"reason", door.error().message}});
      continue;
    }
    log::info("input", "listening", {{"input", name}, {"url", options.url}, {"format", options.format}});
    const metric::SchemaId schema = schemas
                                        .intern({"internal_input",
                                                 {{"input", name}},
                                                 {{"connections", FieldType::kInteger},
                                                  {"refused_connections", FieldType::kInteger},
                                                  {"lines", FieldType::kInteger},
                                                  {"samples", FieldType::kInteger},
                                                  {"refused_lines", FieldType::kInteger}}})
                                        .value_or(0);
    inputs_.push_back({std::move(*door), schema});
  }
}

void Inputs::start() {
  for (const One& one : inputs_) one.door->start();
}

void Inputs::stop() {
  for (const One& one : inputs_) one.door->stop();
}

void Inputs::report(UnixNanos time, metric::Batch& batch) const {
  for (const One& one : inputs_) {
    const door::DoorStats stats = one.door->stats();
    metric::RowWriter row = batch.add(one.schema, 5, time);
    row.set(0, static_cast<std::int64_t>(stats.connections));
    row.set(1, static_cast<std::int64_t>(stats.refused_connections));
    row.set(2, static_cast<std::int64_t>(stats.taken.lines));
    row.set(3, static_cast<std::int64_t>(stats.taken.samples));
    row.set(4, static_cast<std::int64_t>(stats.taken.refused_lines));
  }
}

}  // namespace resmon::client
