#include "shared_hosts.h"

#include <boost/json.hpp>
#include <chrono>
#include <cmath>
#include <optional>
#include <vector>

#include "app.h"
#include "base/json_members.h"
#include "base/log.h"
#include "fleet/fleet.h"
#include "host_list.h"
#include "ingest/log.h"
#include "net/spawn.h"
#include "options.h"
#include "peer/influx.h"
#include "peers.h"
#include "storage.h"
#include "work_pools.h"

namespace resmon::server {

namespace {

constexpr std::string_view kMeasurement = "internal_host";
constexpr std::string_view kServerField = "hosts";  // of the row that a server writes of itself, with all of its hosts
constexpr auto kEvery = std::chrono::seconds(2);    // those that came or went
constexpr std::uint64_t kAllEvery = 5;              // times that: all that are connected
constexpr UnixNanos kSilence = 30'000'000'000;      // of a server that writes no more
constexpr std::size_t kMostTaken = 1'000'000;
constexpr UnixNanos kFirstLook = 24 * 3600'000'000'000;
constexpr UnixNanos kLaterLook = 60'000'000'000;

// Calls visit(name, member) for each field of a row.
template <class Host, class Visit>
void each_field(Host& host, const Visit& visit) {
  visit("connected", host.connected);
  visit("connected_since", host.connected_since);
  visit("first_seen", host.first_seen);
  visit("last_seen", host.last_seen);
  visit("newest_sample", host.newest_sample);
  visit("interval_seconds", host.interval);
  visit("clock_skew_seconds", host.clock_skew);
  visit("address", host.address);
  visit("software", host.software);
  visit("backlog_samples", host.backlog_samples);
  visit("dropped_samples", host.dropped_samples);
  auto& summary = host.summary;
  visit("cpu_percent", summary.cpu_percent);
  visit("memory_percent", summary.memory_percent);
  visit("swap_percent", summary.swap_percent);
  visit("disk_percent", summary.disk_percent);
  visit("disk_path", summary.disk_path);
  visit("network_receive_bytes_per_second", summary.network_receive_bytes_per_second);
  visit("network_send_bytes_per_second", summary.network_send_bytes_per_second);
  visit("pressure_percent", summary.pressure_percent);
  visit("pressure_resource", summary.pressure_resource);
  visit("load1", summary.load1);
  visit("n_cpus", summary.n_cpus);
  visit("uptime_seconds", summary.uptime_seconds);
}

// The fields of a schema, from what they are in a Host.
struct FieldsOf {
  std::vector<metric::Field>& out;
  void add(std::string_view name, metric::FieldType type) const { out.push_back({std::string(name), type}); }
  void operator()(std::string_view name, bool) const { add(name, metric::FieldType::kBoolean); }
  void operator()(std::string_view name, std::int64_t) const { add(name, metric::FieldType::kInteger); }
  void operator()(std::string_view name, std::chrono::nanoseconds) const { add(name, metric::FieldType::kFloat); }
  void operator()(std::string_view name, const std::string&) const { add(name, metric::FieldType::kString); }
  void operator()(std::string_view name, const std::optional<double>&) const { add(name, metric::FieldType::kFloat); }
  void operator()(std::string_view name, const std::optional<std::int64_t>&) const {
    add(name, metric::FieldType::kInteger);
  }
};

class RowOf {
 public:
  explicit RowOf(metric::RowWriter& row) : row_(row) {}
  void operator()(std::string_view, bool value) const { row_.set(next_++, value); }
  void operator()(std::string_view, std::int64_t value) const { row_.set(next_++, value); }
  void operator()(std::string_view, std::chrono::nanoseconds value) const {
    row_.set(next_++, static_cast<double>(value.count()) / 1e9);
  }
  void operator()(std::string_view, const std::string& value) const { row_.set(next_++, std::string_view(value)); }
  template <class T>
  void operator()(std::string_view, const std::optional<T>& value) const {
    if (value) row_.set(next_, *value);
    ++next_;
  }

 private:
  metric::RowWriter& row_;
  mutable std::size_t next_ = 0;
};

// A row of an answer, by the names of its columns. What is missing, or of another type, stays as it is.
class HostOf {
 public:
  HostOf(const boost::json::array& columns, const boost::json::array& row) {
    for (std::size_t i = 0; i < columns.size() && i < row.size(); ++i)
      if (columns[i].is_string()) values_[{columns[i].get_string().data(), columns[i].get_string().size()}] = &row[i];
  }
  bool has(std::string_view name) const { return number(name).has_value(); }
  std::optional<double> number(std::string_view name) const {
    const boost::json::value* const value = find(name);
    return value != nullptr && value->is_number() ? std::optional(value->to_number<double>()) : std::nullopt;
  }
  void operator()(std::string_view name, bool& out) const {
    if (const auto* const value = find(name); value != nullptr && value->is_bool()) out = value->get_bool();
  }
  void operator()(std::string_view name, std::int64_t& out) const {
    if (const auto* const value = find(name); value != nullptr && value->is_int64()) out = value->get_int64();
  }
  void operator()(std::string_view name, std::chrono::nanoseconds& out) const {
    if (const auto value = number(name); value && std::abs(*value) < 1e9)
      out = std::chrono::nanoseconds(static_cast<std::int64_t>(*value * 1e9));
  }
  void operator()(std::string_view name, std::string& out) const {
    const auto* const value = find(name);
    if (value != nullptr && value->is_string()) out.assign(value->get_string().data(), value->get_string().size());
  }
  void operator()(std::string_view name, std::optional<double>& out) const { out = number(name); }
  void operator()(std::string_view name, std::optional<std::int64_t>& out) const {
    const auto* const value = find(name);
    if (value != nullptr && value->is_int64()) out = value->get_int64();
  }

 private:
  const boost::json::value* find(std::string_view name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? nullptr : found->second;
  }
  std::map<std::string, const boost::json::value*, std::less<>> values_;
};

const std::vector<metric::Field>& host_fields() {
  static const std::vector<metric::Field> fields = [] {
    std::vector<metric::Field> out;
    const fleet::Host host;
    each_field(host, FieldsOf{out});
    return out;
  }();
  return fields;
}

}  // namespace

SharedHosts::SharedHosts(App& app) : app_(app), off_(!app.options().peers.addresses.empty()) {}

void SharedHosts::start() {
  if (off_) return;
  timer_ = std::make_unique<boost::asio::steady_timer>(app_.network());
  arm();
}

void SharedHosts::stop() {
  if (timer_) net::post(timer_->get_executor(), [this] { timer_->cancel(); });
}

void SharedHosts::arm() {
  timer_->expires_after(kEvery);
  timer_->async_wait([this](const boost::system::error_code& error) {
    if (error || app_.stopping()) return;
    // Ten thousand hosts take a while: no thread of the network does that.
    net::post(app_.pools().write().get_executor(), [this] {
      if (app_.stopping()) return;
      write();
      net::post(timer_->get_executor(), [this] {
        if (!app_.stopping()) arm();
      });
    });
  });
}

void SharedHosts::write() {
  const UnixNanos now = Clock::system().wall();
  const bool all = round_++ % kAllEvery == 0;
  metric::Batch batch;
  batch.pin(app_.storage().schemas());
  const auto intern = [&](std::vector<metric::Tag> tags, std::vector<metric::Field> fields) {
    return app_.storage()
        .schemas()
        .intern({std::string(kMeasurement), std::move(tags), std::move(fields)},
                metric::SchemaTable::Room::kBeyondLimit)
        .value();
  };
  const std::string& name = app_.peers().own_name();
  const std::vector<fleet::Host> hosts = app_.hosts().fleet().hosts();
  std::map<std::string, UnixNanos> connected;
  for (const fleet::Host& host : hosts) {
    const auto before = connected_.find(host.name);
    const bool changed = host.connected ? before == connected_.end() || before->second != host.connected_since
                                        : before != connected_.end();
    if (host.connected) connected[host.name] = host.connected_since;
    if (!changed && !(all && host.connected)) continue;
    const auto schema = intern({{"client", host.name}, {"server", name}}, host_fields());
    metric::RowWriter row = batch.add(schema, host_fields().size(), now);
    each_field(host, RowOf(row));
  }
  connected_ = std::move(connected);
  if (all) {
    metric::RowWriter row =
        batch.add(intern({{"server", name}}, {{std::string(kServerField), metric::FieldType::kInteger}}), 1, now);
    row.set(0, static_cast<std::int64_t>(connected_.size()));
  }
  if (batch.empty()) return;
  // As with what the server says of itself: it is not worth waiting for.
  if (auto appended = app_.storage().journal().append(batch, now); !appended)
    log::debug("query", "the list of hosts was not written", {{"reason", appended.error().message}});
}

std::string SharedHosts::statement() const {
  if (off_) return peer::influx_measurements_statement();
  const UnixNanos now = Clock::system().wall();
  const UnixNanos since = answered_ == 0 ? now - kFirstLook : std::max(answered_ - kLaterLook, now - kFirstLook);
  return "SELECT * FROM " + peer::influx_name(kMeasurement) + " WHERE time >= " + std::to_string(since) +
         " AND \"server\" <> " + peer::influx_text(app_.peers().own_name()) +
         " GROUP BY \"client\", \"server\" ORDER BY time DESC LIMIT 1";
}

Status SharedHosts::take(const std::string& answer) {
  RESMON_ASSIGN(const boost::json::array read, peer::read_influx_series(answer));
  if (off_) return {};
  const UnixNanos now = answered_ = Clock::system().wall();
  std::map<std::string, fleet::PeerReport> reports;
  for (const boost::json::value& series : read) {
    if (!series.is_object()) continue;
    std::string client, server;
    each_text(series.get_object(), "tags", [&](const std::string& key, const std::string& value) {
      if (key == "client") client = value;
      if (key == "server") server = value;
    });
    const auto* const columns = series.get_object().if_contains("columns");
    const auto* const values = series.get_object().if_contains("values");
    if (server.empty() || columns == nullptr || !columns->is_array() || values == nullptr || !values->is_array() ||
        values->get_array().empty() || !values->get_array()[0].is_array())
      continue;
    const HostOf row(columns->get_array(), values->get_array()[0].get_array());
    fleet::PeerReport& report = reports[server];
    if (client.empty()) {
      UnixNanos time = 0;
      row("time", time);
      if (row.has(kServerField)) servers_[server] = std::max(servers_[server], time);
      continue;
    }
    // What was taken already comes again for a while; the list of hosts must not change by it.
    UnixNanos time = 0;
    row("time", time);
    if (taken_.size() > kMostTaken) taken_.clear();
    if (std::exchange(taken_[{server, client}], time) == time) continue;
    fleet::Host& host = report.hosts.emplace_back();
    host.name = client;
    each_field(host, row);
  }
  for (auto& [server, report] : reports) servers_.try_emplace(server, 0);
  for (const auto& [server, wrote] : servers_) {
    const std::string peer = "internal_host of " + server;
    if (const auto found = reports.find(server); found != reports.end() && wrote != 0) {
      found->second.peer = peer;
      found->second.shown = server;
      // Its hosts' states are those of this moment, by its own clock.
      found->second.now = wrote;
      log_doubled(app_.hosts().fleet().peer_says(found->second));
    }
    app_.hosts().fleet().peer_away(peer, now - wrote > kSilence);
  }
  return {};
}

}  // namespace resmon::server
