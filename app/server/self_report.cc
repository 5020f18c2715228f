#include "self_report.h"

#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>

#include "app.h"
#include "base/log.h"
#include "net/certificate.h"
#include "routes.h"

namespace resmon::server {

namespace {

using metric::FieldType;

// In the order in which write() sets them.
const std::vector<metric::Field> kServerFields = {{"clients", FieldType::kInteger},
                                                  {"connections", FieldType::kInteger},
                                                  {"refused_connections", FieldType::kInteger},
                                                  {"received_bytes", FieldType::kInteger},
                                                  {"batches", FieldType::kInteger},
                                                  {"samples", FieldType::kInteger},
                                                  {"duplicate_batches", FieldType::kInteger},
                                                  {"missing_batches", FieldType::kInteger},
                                                  {"log_bytes", FieldType::kInteger},
                                                  {"store_disk_bytes", FieldType::kInteger},
                                                  {"store_samples", FieldType::kInteger},
                                                  {"store_refused_samples", FieldType::kInteger},
                                                  {"store_backlog_entries", FieldType::kInteger},
                                                  {"http_requests", FieldType::kInteger},
                                                  {"http_failures", FieldType::kInteger},
                                                  {"memory_resident_bytes", FieldType::kInteger},
                                                  {"cpu_seconds", FieldType::kFloat},
                                                  {"uptime_seconds", FieldType::kFloat},
                                                  {"log_limit_bytes", FieldType::kInteger},
                                                  {"store_limit_bytes", FieldType::kInteger},
                                                  {"certificate_seconds", FieldType::kInteger},
                                                  {"line_connections", FieldType::kInteger},
                                                  {"line_batches", FieldType::kInteger},
                                                  {"lines", FieldType::kInteger}};
const std::vector<metric::Field> kSinkFields = {
    {"sent_samples", FieldType::kInteger},    {"refused_samples", FieldType::kInteger},
    {"lost_samples", FieldType::kInteger},    {"retries", FieldType::kInteger},
    {"backlog_entries", FieldType::kInteger}, {"lag_seconds", FieldType::kFloat}};

const std::vector<metric::Field> kRuleFields = {{"in", FieldType::kInteger},
                                                {"out", FieldType::kInteger},
                                                {"dropped", FieldType::kInteger},
                                                {"series", FieldType::kInteger}};

double rounded(double seconds) {
  return std::round(seconds * 1000) / 1000;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

// 0 where /proc cannot be read.
std::int64_t resident_bytes() {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/proc/self/statm", "re"), &std::fclose);
  long long pages = 0;
  if (!file || std::fscanf(file.get(), "%*s %lld", &pages) != 1) return 0;
  return pages * sysconf(_SC_PAGESIZE);
}

std::string machine_name() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "unknown";
  return name;
}

}  // namespace

SelfReport::SelfReport(App& app, boost::asio::io_context& context, std::chrono::nanoseconds interval)
    : app_(app), timer_(context), interval_(interval) {}

void SelfReport::start() {
  const metric::Tag server{"server", machine_name()};
  server_ = {"internal_server", {server}, kServerFields};
  for (const SinkUnit& unit : app_.sinks())
    sinks_.push_back({"internal_sink", {server, {"sink", unit.sink->stats().name}}, kSinkFields});
  arm();
}

void SelfReport::stop() {
  boost::asio::post(timer_.get_executor(), [this] { timer_.cancel(); });
}

// At round times, as clients sample, so that all that is drawn together has the same times.
void SelfReport::arm() {
  const std::int64_t step = interval_.count();
  timer_.expires_after(std::chrono::nanoseconds(step - Clock::system().wall() % step));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || app_.stopping()) return;
    write();
    arm();
  });
}

void SelfReport::write_rules(metric::Batch& batch, UnixNanos time) {
  const auto add = [&](const std::string& place, const std::vector<rule::RuleStats>& rules) {
    for (const rule::RuleStats& one : rules) {
      metric::Schema schema{"internal_rule", {{"place", place}, {"rule", one.name}, server_.tags[0]}, kRuleFields};
      const auto id = app_.schemas().intern(std::move(schema), metric::SchemaTable::Room::kBeyondLimit);
      metric::RowWriter row = batch.add(id.value(), kRuleFields.size(), time);
      row.set(0, static_cast<std::int64_t>(one.in));
      row.set(1, static_cast<std::int64_t>(one.out));
      row.set(2, static_cast<std::int64_t>(one.dropped));
      row.set(3, static_cast<std::int64_t>(one.series));
    }
  };
  if (app_.rules() != nullptr) add("server", app_.rules()->stats());
  for (const SinkUnit& unit : app_.sinks())
    if (unit.rules) add("sink." + unit.sink->stats().name, unit.rules->stats());
}

void SelfReport::write_server(metric::RowWriter row, UnixNanos now) {
  std::size_t field = 0;
  const auto count = [&](std::uint64_t value) { row.set(field++, static_cast<std::int64_t>(value)); };
  const ingest::ServerStats& in = app_.ingest().stats();
  const http::ServerStats& web = app_.http().stats();
  const store::Stats store = app_.store().stats();
  for (const std::uint64_t value :
       {static_cast<std::uint64_t>(in.clients.load()), static_cast<std::uint64_t>(in.connections.load()),
        static_cast<std::uint64_t>(in.refused.load()), static_cast<std::uint64_t>(in.received_bytes.load()),
        static_cast<std::uint64_t>(in.batches.load()), static_cast<std::uint64_t>(in.samples.load()),
        static_cast<std::uint64_t>(in.duplicate_batches.load()), static_cast<std::uint64_t>(in.missing_batches.load()),
        static_cast<std::uint64_t>(app_.log().stats().disk_bytes), static_cast<std::uint64_t>(store.disk_bytes),
        static_cast<std::uint64_t>(store.stored_samples), static_cast<std::uint64_t>(store.refused_samples),
        static_cast<std::uint64_t>(app_.pipeline().stats().backlog_entries),
        static_cast<std::uint64_t>(web.requests.load()), static_cast<std::uint64_t>(web.failures.load())})
    count(value);
  row.set(field++, resident_bytes());
  row.set(field++, rounded(cpu_seconds()));
  row.set(field++, rounded(app_.uptime_seconds()));
  const Options& options = app_.options();
  row.set(field++, static_cast<std::int64_t>(options.journal_limit_bytes));
  if (options.store_disk_limit_bytes > 0) row.set(field, static_cast<std::int64_t>(options.store_disk_limit_bytes));
  ++field;
  if (options.listen_tls || options.http_tls)
    if (const auto end = net::certificate_end(options.tls_certificate_file))
      row.set(field, (*end - now) / 1'000'000'000);
  ++field;
  count(static_cast<std::uint64_t>(in.line_connections.load()));
  count(static_cast<std::uint64_t>(in.line_batches.load()));
  count(static_cast<std::uint64_t>(in.lines.load()));
}

void SelfReport::write() {
  const UnixNanos now = Clock::system().wall();
  const UnixNanos time = now / interval_.count() * interval_.count();
  metric::Batch batch;
  batch.pin(app_.schemas());
  const auto begin = [&](const metric::Schema& schema) {
    const auto id = app_.schemas().intern(schema, metric::SchemaTable::Room::kBeyondLimit);
    return batch.add(id.value(), schema.fields.size(), time);
  };
  write_server(begin(server_), now);
  for (std::size_t i = 0; i < sinks_.size(); ++i) {
    const SinkUnit& unit = app_.sinks()[i];
    const sink::Stats stats = unit.sink->stats();
    metric::RowWriter sink_row = begin(sinks_[i]);
    std::size_t field = 0;
    const auto count = [&](std::uint64_t value) { sink_row.set(field++, static_cast<std::int64_t>(value)); };
    count(stats.sent_samples);
    count(stats.refused_samples);
    const ingest::LogReader::Stats backlog = unit.reader->stats();
    count(backlog.lost_samples);
    count(stats.retries);
    count(backlog.backlog_entries);
    sink_row.set(field, rounded(lag_seconds(unit)));
  }
  for (const door::DoorStats& stats : app_.inputs().stats())
    door::write_stats(stats, begin(door::stats_schema({{"input", stats.name}, server_.tags[0]})));
  write_rules(batch, time);
  // A log that is full makes clients wait; what the server says of itself is not worth waiting for.
  if (auto appended = app_.mutable_log().append(batch, now); !appended)
    log::debug("server", "its own numbers were not taken", {{"reason", appended.error().message}});
}

}  // namespace resmon::server
