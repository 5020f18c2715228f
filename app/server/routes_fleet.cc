#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <optional>

#include "app.h"
#include "json.h"
#include "routes.h"

namespace resmon::server {

namespace {

constexpr auto kLiveEvery = std::chrono::seconds(1);

std::int64_t to_milliseconds(UnixNanos time) {
  return time / 1'000'000;
}

std::string version_of(const std::string& software) {
  const std::size_t space = software.rfind(' ');
  return space == std::string::npos ? software : software.substr(space + 1);
}

std::string to_json(const fleet::Host& host, UnixNanos now) {
  const fleet::Summary& s = host.summary;
  JsonObject summary;
  summary.decimal("cpu_percent", s.cpu_percent, 2)
      .decimal("memory_percent", s.memory_percent, 2)
      .decimal("swap_percent", s.swap_percent, 2)
      .decimal("disk_percent", s.disk_percent, 2)
      .text("disk_path", s.disk_path)
      .decimal("network_receive_bytes_per_second", s.network_receive_bytes_per_second, 1)
      .decimal("network_send_bytes_per_second", s.network_send_bytes_per_second, 1)
      .decimal("pressure_percent", s.pressure_percent, 2)
      .text("pressure_resource", s.pressure_resource)
      .decimal("load1", s.load1, 2)
      .raw("n_cpus", s.n_cpus ? std::to_string(*s.n_cpus) : "null")
      .raw("uptime_seconds", s.uptime_seconds ? std::to_string(*s.uptime_seconds) : "null");
  JsonObject tags;
  for (const metric::Tag& tag : host.tags) tags.text(tag.key, tag.value);
  std::optional<double> lag;
  if (host.newest_sample > 0) lag = std::max(0.0, static_cast<double>(now - host.newest_sample) / 1e9);
  return JsonObject()
      .text("host", host.name)
      .text("state", fleet::state_name(host.state))
      .boolean("up", host.state != fleet::State::kDown)
      .boolean("connected", host.connected)
      .number("connected_since", to_milliseconds(host.connected_since))
      .decimal("last_seen_seconds", static_cast<double>(now - host.last_seen) / 1e9, 3)
      .number("last_seen", to_milliseconds(host.last_seen))
      .number("first_seen", to_milliseconds(host.first_seen))
      .decimal("lag_seconds", lag, 3)
      .text("address", host.address)
      .text("version", version_of(host.software))
      .decimal("interval_seconds", static_cast<double>(host.interval.count()) / 1e9, 3)
      .decimal("clock_skew_seconds", static_cast<double>(host.clock_skew.count()) / 1e9, 3)
      .raw("tags", tags.finish())
      .number("backlog_samples", host.backlog_samples)
      .number("dropped_samples", host.dropped_samples)
      .number("refused_samples", host.refused_samples)
      .text("last_refusal", host.last_refusal)
      .number("received_samples", host.received_samples)
      .raw("summary", summary.finish())
      .finish();
}

std::string to_json(const std::vector<fleet::Host>& hosts, UnixNanos now) {
  std::string out = "[";
  for (const fleet::Host& host : hosts) {
    if (out.size() > 1) out += ',';
    out += to_json(host, now);
  }
  return out += ']';
}

boost::asio::awaitable<http::Response> hosts(const App& app) {
  const UnixNanos now = Clock::system().wall();
  co_return http::Response::json(JsonObject()
                                     .number("server_time", to_milliseconds(now))
                                     .raw("hosts", to_json(app.fleet().hosts(), now))
                                     .finish() +
                                 "\n");
}

// Everything once, then what changed, once a second at most. The client's messages are read only to notice that it
// left.
boost::asio::awaitable<void> live(const App& app, std::shared_ptr<http::Socket> socket) {
  std::uint64_t version = app.fleet().version();
  UnixNanos at = Clock::system().wall();
  const auto message = [](std::string_view type, const std::vector<fleet::Host>& hosts, UnixNanos now) {
    return JsonObject()
        .text("type", type)
        .number("server_time", to_milliseconds(now))
        .raw("hosts", to_json(hosts, now))
        .finish();
  };
  std::string text = message("snapshot", app.fleet().hosts(), at);
  while (!app.stopping()) {
    Status sent = co_await socket->send(std::move(text));
    if (!sent) co_return;
    std::vector<fleet::Host> changed;
    UnixNanos now = at;
    std::uint64_t next_version = version;
    while (changed.empty() && !app.stopping()) {
      const auto until = std::chrono::steady_clock::now() + kLiveEvery;
      for (auto left = kLiveEvery + std::chrono::milliseconds(0); left.count() > 0;
           left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now())) {
        auto received = co_await socket->receive(left);
        if (!received) co_return;
      }
      next_version = app.fleet().version();
      now = Clock::system().wall();
      changed = app.fleet().changed(version, at);
    }
    version = next_version;
    at = now;
    text = message("update", changed, now);
  }
}

}  // namespace

void add_fleet_routes(App& app, http::Router& router) {
  router.add("GET", "/api/v1/hosts", http::Access::kRead,
             [&app](std::shared_ptr<const http::Request>) { return hosts(app); });
  router.add_socket("/api/v1/live", http::Access::kRead,
                    [&app](std::shared_ptr<const http::Request>, std::shared_ptr<http::Socket> socket) {
                      return live(app, std::move(socket));
                    });
}

}  // namespace resmon::server
