#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <optional>
#include <utility>

#include "app.h"
#include "base/log.h"
#include "fleet/fleet.h"
#include "fleet_memory.h"
#include "host_list.h"
#include "host_settings.h"
#include "json.h"
#include "json_body.h"
#include "listeners.h"
#include "logs/store.h"
#include "net/spawn.h"
#include "options.h"
#include "peers.h"
#include "pipeline.h"
#include "routes.h"
#include "row_intake.h"
#include "row_writer.h"
#include "storage.h"
#include "work_pools.h"

namespace resmon::server {

namespace {

namespace asio = boost::asio;

constexpr auto kLiveEvery = std::chrono::seconds(1);
constexpr std::string_view kHosts = "/api/v1/hosts/";

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
  std::optional<double> lag;
  if (host.newest_sample > 0) lag = std::max(0.0, static_cast<double>(now - host.newest_sample) / 1e9);
  JsonObject out;
  if (host.settings) out.raw("settings", host_settings_json(*host.settings));
  if (!host.server.empty()) out.text("server", host.server).boolean("server_away", host.server_away);
  if (!host.also_on.empty()) out.text("also_on", host.also_on);
  return out.text("host", host.name)
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
      .raw("tags", tags_json(host.tags))
      .number("backlog_samples", host.backlog_samples)
      .number("dropped_samples", host.dropped_samples)
      .number("refused_samples", host.refused_samples)
      .text("last_refusal", host.last_refusal)
      .number("received_samples", host.received_samples)
      .raw("summary", summary.finish())
      .finish();
}

std::string to_json(const std::vector<fleet::Host>& hosts, UnixNanos now) {
  JsonArray out;
  for (const fleet::Host& host : hosts) out.raw(to_json(host, now));
  return out.finish();
}

std::string peers_json(const App& app) {
  JsonArray out;
  for (const Peers::View& peer : app.peers().views())
    out.object(JsonObject()
                   .text("name", peer.shown)
                   .text("address", peer.address)
                   .boolean("away", peer.away)
                   .text("reason", peer.reason)
                   .number("answered", to_milliseconds(peer.answered)));
  return out.finish();
}

// The state of one viewer: which changes it has received, and the next messages.
struct Told {
  std::uint64_t version = 0;
  UnixNanos at = 0;
  std::vector<std::string> next;
};

// What a viewer has received, as a text that only this run of the server reads.
std::string cursor_text(const App& app, const Told& told) {
  return fmt::format("{}-{}-{}", app.peers().instance(), told.version, told.at);
}

// Nothing: of another run, or no cursor.
std::optional<Told> read_cursor(const App& app, std::string_view text) {
  std::array<std::uint64_t, 3> numbers{};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::uint64_t& number : numbers) {
    if (&number != numbers.data() && (at == end || *at++ != '-')) return std::nullopt;
    const auto [stop, error] = std::from_chars(at, end, number);
    if (error != std::errc()) return std::nullopt;
    at = stop;
  }
  if (at != end || numbers[0] != app.peers().instance() || numbers[1] > app.hosts().fleet().version())
    return std::nullopt;
  return Told{numbers[1], static_cast<UnixNanos>(numbers[2]), {}};
}

asio::awaitable<http::Response> hosts(const App& app, bool all) {
  const Told told{app.hosts().fleet().version(), Clock::system().wall(), {}};
  const UnixNanos now = told.at;
  const fleet::Scope scope = all ? fleet::Scope::kAll : fleet::Scope::kOwn;
  JsonObject out;
  out.number("server_time", to_milliseconds(now)).raw("thresholds", thresholds_json(app.hosts().fleet().thresholds()));
  if (all)
    out.text("name", app.peers().own_name())
        .raw("peers", peers_json(app))
        .text("partial", app.lacking())
        .text("cursor", cursor_text(app, told));
  co_return http::Response::json(out.raw("hosts", to_json(app.hosts().fleet().hosts(scope), now)).finish() + "\n");
}

// Of twenty thousand hosts it is 20 MB: no network thread waits for that.
asio::awaitable<http::Response> hosts_on_worker(App& app, std::shared_ptr<const http::Request> request) {
  const std::string_view all = request->parameter("all");
  co_return co_await net::run(app.listeners().http_workers().get_executor(), hosts(app, all == "1" || all == "true"));
}

std::string removed_message(const std::vector<std::string>& names) {
  JsonArray list;
  for (const std::string& name : names) list.text(name);
  return JsonObject().text("type", "removed").raw("hosts", list.finish()).finish();
}

std::string hosts_message(std::string_view type, const App& app, const std::vector<fleet::Host>& hosts, UnixNanos now) {
  return JsonObject()
      .text("type", type)
      .number("server_time", to_milliseconds(now))
      .raw("thresholds", thresholds_json(app.hosts().fleet().thresholds()))
      .text("partial", app.lacking())
      .raw("hosts", to_json(hosts, now))
      .finish();
}

asio::awaitable<Told> snapshot(const App& app) {
  Told out{app.hosts().fleet().version(), Clock::system().wall(), {}};
  out.next.push_back(hosts_message("snapshot", app, app.hosts().fleet().hosts(fleet::Scope::kAll), out.at));
  co_return out;
}

// The messages about what has changed since; where nothing has, it is as it was.
asio::awaitable<Told> update(const App& app, Told told) {
  const fleet::Fleet& fleet = app.hosts().fleet();
  Told out{fleet.version(), Clock::system().wall(), {}};
  if (const auto removed = fleet.removed(told.version); !removed)
    out.next.push_back(hosts_message("snapshot", app, fleet.hosts(fleet::Scope::kAll), out.at));
  else if (!removed->empty())
    out.next.push_back(removed_message(*removed));
  if (const auto changed = fleet.changed(told.version, told.at, fleet::Scope::kAll); !changed.empty())
    out.next.push_back(hosts_message("update", app, changed, out.at));
  co_return out.next.empty() ? told : out;
}

// The first message: what changed since `known`, also where that is nothing, so that the viewer learns that the feed
// has begun.
asio::awaitable<Told> resume(const App& app, Told known) {
  Told out = co_await update(app, std::move(known));
  if (out.next.empty()) out.next.push_back(hosts_message("update", app, {}, Clock::system().wall()));
  co_return out;
}

// Everything once, or what changed since the cursor of an answer with all hosts; then what changed, once a second at
// most. The client's messages are read only to notice that it left.
asio::awaitable<void> live(App& app, std::shared_ptr<const http::Request> request,
                           std::shared_ptr<http::Socket> socket) {
  const auto worker = app.listeners().http_workers().get_executor();
  std::optional<Told> known = read_cursor(app, request->parameter("since"));
  asio::awaitable<Told> first = known ? resume(app, *std::move(known)) : snapshot(app);
  Told told = co_await net::run(worker, std::move(first));
  while (!app.stopping()) {
    std::vector<std::string> messages = std::exchange(told.next, {});
    for (std::string& message : messages) {
      Status sent = co_await socket->send(std::move(message));
      if (!sent) co_return;
    }
    while (told.next.empty() && !app.stopping()) {
      const auto until = std::chrono::steady_clock::now() + kLiveEvery;
      for (auto left = kLiveEvery + std::chrono::milliseconds(0); left.count() > 0;
           left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now())) {
        auto received = co_await socket->receive(left);
        if (!received) co_return;
      }
      told = co_await net::run(worker, update(app, std::move(told)));
    }
  }
}

std::string who_asks(const http::Request& request) {
  return request.user ? request.user->name : "token";
}

// Every series with the tag host=NAME; how many there were.
Result<std::uint64_t> purge(App& app, const std::string& name) {
  store::Deletion deletion;
  deletion.takes = [name](std::string_view, const std::vector<metric::Tag>& tags) {
    return store::tag_value(tags, "host") == name;
  };
  const auto removed =
      app.intake().remove(std::move(deletion), std::chrono::steady_clock::now() + app.options().query_timeout);
  if (!removed) return fail(Error(removed.error()));
  return removed->series;
}

http::Response no_such_host(const App& app, const std::string& name) {
  const std::string server = app.hosts().fleet().server_of(name);
  if (server.empty()) return http::Response::error(404, "no host has this name");
  return http::Response::error(404, "this server has no host of this name, but " + server + " has: ask that one");
}

// DELETE /api/v1/hosts/NAME: off the list, on disk before the answer.
http::Response forget(App& app, const http::Request& request) {
  const std::string name = request.path.substr(kHosts.size());
  const std::string_view purges = request.parameter("purge");
  if (!purges.empty() && purges != "true" && purges != "false")
    return http::Response::error(400, "purge must be true or false");
  const fleet::Fleet::Forgotten done = app.hosts().fleet().forget(name);
  if (done == fleet::Fleet::Forgotten::kConnected)
    return http::Response::error(409, "its client is connected: stop the client first, or the host returns at once");
  const bool known = done == fleet::Fleet::Forgotten::kDone;
  if (known)
    if (Status saved = app.hosts().memory().save(); !saved)
      return http::Response::error(
          503, "removed from the list, but the change cannot be written to disk: " + saved.error().message);
  std::uint64_t series = 0;
  if (purges == "true") {
    const auto purged = purge(app, name);
    if (!purged) return http::Response::error(503, "its data are not deleted: " + purged.error().message);
    series = *purged;
  }
  std::uint64_t lines = 0;
  if (purges == "true" && app.storage().logs() != nullptr) {
    const auto forgotten = app.storage().logs()->forget(name);
    if (!forgotten) return http::Response::error(503, "its log lines are not deleted: " + forgotten.error().message);
    lines = *forgotten;
  }
  if (!known && series == 0 && lines == 0) return no_such_host(app, name);
  log::info("server", "host forgotten",
            {{"host", name},
             {"deleted_series", series},
             {"deleted_lines", lines},
             {"by", who_asks(request)},
             {"address", request.client}});
  return http::Response::no_content();
}

constexpr std::size_t kSettingsBytes = 64U << 10U;

// Nothing: it is one.
std::optional<http::Response> no_json_object(const http::Request& request, boost::json::object& body) {
  if (request.body.size() > kSettingsBytes) return http::Response::error(413, "at most 64 KiB");
  auto read = json_body(request);
  if (!read) return http::Response::error(400, read.error().message);
  body = *std::move(read);
  return std::nullopt;
}

// What was changed is on disk before the answer.
std::optional<http::Response> not_saved(App& app) {
  if (Status saved = app.hosts().memory().save(); !saved)
    return http::Response::error(503, "changed, but the change cannot be written to disk: " + saved.error().message);
  return std::nullopt;
}

// PATCH /api/v1/hosts/NAME: what people say of a host.
http::Response change_host(App& app, const http::Request& request) {
  const std::string name = request.path.substr(kHosts.size());
  boost::json::object body;
  if (auto problem = no_json_object(request, body)) return *std::move(problem);
  std::string now;
  Status changed = app.hosts().fleet().change_settings(name, [&](fleet::HostSettings& settings) -> Status {
    RESMON_TRY(apply_host_settings(body, settings));
    now = host_settings_json(settings);
    return {};
  });
  if (!changed && changed.error().kind == ErrorKind::kNotFound) return no_such_host(app, name);
  if (!changed) return http::Response::error(400, changed.error().message);
  if (auto problem = not_saved(app)) return *std::move(problem);
  log::info("server", "host settings changed", {{"host", name}, {"by", who_asks(request)}});
  return http::Response::json(now + "\n");
}

// PUT /api/v1/thresholds: the fleet's, in place of those that were set.
http::Response set_thresholds(App& app, const http::Request& request) {
  boost::json::object body;
  if (auto problem = no_json_object(request, body)) return *std::move(problem);
  auto thresholds = thresholds_of(std::move(body));
  if (!thresholds) return http::Response::error(400, thresholds.error().message);
  const std::string now = thresholds_json(*thresholds);
  app.hosts().fleet().set_thresholds(*std::move(thresholds));
  if (auto problem = not_saved(app)) return *std::move(problem);
  log::info("server", "thresholds changed", {{"thresholds", now}, {"by", who_asks(request)}});
  return http::Response::json(now + "\n");
}

using FleetWork = http::Response (*)(App&, const http::Request&);

boost::asio::awaitable<http::Response> fleet_work(App& app, FleetWork work,
                                                  std::shared_ptr<const http::Request> request) {
  co_return work(app, *request);
}

// These wait for the disk.
http::Handler fleet_pooled(App& app, FleetWork work) {
  return [&app, work](std::shared_ptr<const http::Request> request) {
    return net::run(app.pools().query().get_executor(), fleet_work(app, work, std::move(request)));
  };
}

asio::awaitable<http::Response> fleet_thresholds(const App& app) {
  co_return http::Response::json(thresholds_json(app.hosts().fleet().thresholds()) + "\n");
}

}  // namespace

void add_fleet_routes(App& app, http::Router& router) {
  router.add("GET", "/api/v1/hosts", http::Access::kRead,
             [&app](std::shared_ptr<const http::Request> request) { return hosts_on_worker(app, std::move(request)); });
  router.add_under("DELETE", std::string(kHosts), http::Access::kWrite, fleet_pooled(app, forget));
  router.add_under("PATCH", std::string(kHosts), http::Access::kAdmin, fleet_pooled(app, change_host));
  router.add("GET", "/api/v1/thresholds", http::Access::kRead,
             [&app](std::shared_ptr<const http::Request>) { return fleet_thresholds(app); });
  router.add("PUT", "/api/v1/thresholds", http::Access::kAdmin, fleet_pooled(app, set_thresholds), kSettingsBytes);
  router.add_socket("/api/v1/live", http::Access::kRead,
                    [&app](std::shared_ptr<const http::Request> request, std::shared_ptr<http::Socket> socket) {
                      return live(app, std::move(request), std::move(socket));
                    });
}

}  // namespace resmon::server
